"""An OAuth 2.0 server with all that a consent needs, Authlib's as far as Authlib has it.

Beside the grants of `oauth2.py`: authorization code with PKCE, `iss` in the answer (RFC 9207), pushed
requests (RFC 9126), ``form_post`` answers, a consent page that refuses frames, metadata (RFC 8414),
revocation (RFC 7009) and the device flow (RFC 8628, in `oauth2_device.py`).
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from authlib.common.urls import add_params_to_uri
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import OAuth2Error
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc9207 import IssuerParameter
from flask import Flask, Response, jsonify, render_template_string, request

from servers.oauth2 import AUTH_METHODS, Client, Grant, OAuth2Api
from servers.oauth2_device import DEVICE_PATHS, DeviceDesk

CODE_LIFE_S = 60.0
_GRANT_TYPES = frozenset(
    {"authorization_code", "client_credentials", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"}
)
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

# Frames are refused twice over, as careful services do: consent has to leave Airflow's own frame.
_PAGE_HEADERS = {
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
_CONSENT_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Allow access?</title></head><body>
<h1>Allow {{ client_id }} to use your account?</h1><p>It asks for: <span id="scope">{{ scope }}</span></p>
<form method="post" action="/authorize">
{% for name, value in params %}<input type="hidden" name="{{ name }}" value="{{ value }}">
{% endfor %}<label>Account <input name="user" value="{{ user }}"></label>
<button id="allow" name="decision" value="allow">Allow</button>
<button id="deny" name="decision" value="deny">Deny</button>
</form></body></html>"""
_FORM_POST_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Going back</title></head>
<body onload="document.forms[0].submit()"><form method="post" action="{{ action }}">
{% for name, value in params %}<input type="hidden" name="{{ name }}" value="{{ value }}">
{% endfor %}<button>Continue</button></form></body></html>"""


@dataclass(frozen=True)
class ConsentClient(Client):
    """An application that people are asked to consent to.

    Attributes:
        redirect_uris: Its registered callbacks, compared as text; empty takes every one on loopback.
    """

    redirect_uris: tuple[str, ...] = ()

    def get_default_redirect_uri(self) -> str | None:
        """Return the callback when none is asked for."""
        return self.redirect_uris[0] if self.redirect_uris else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Return whether the callback is registered."""
        if self.redirect_uris:
            return redirect_uri in self.redirect_uris
        return urlsplit(redirect_uri).hostname in _LOOPBACK

    def check_response_type(self, response_type: str) -> bool:
        """Return whether the client may ask for this."""
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        """Return whether the client may use this grant."""
        return grant_type in _GRANT_TYPES


@dataclass
class Code:
    """An authorization code that was handed out."""

    code: str
    client_id: str
    redirect_uri: str | None
    scope: str
    user: str
    code_challenge: str | None
    code_challenge_method: str | None
    family: str
    expires_at: float
    is_used: bool = False

    def get_redirect_uri(self) -> str | None:
        """Return the callback that it was sent to."""
        return self.redirect_uri

    def get_scope(self) -> str:
        """Return the scopes that were consented to."""
        return self.scope


@dataclass
class ConsentApi(OAuth2Api):
    """State of a server that asks people for consent; `client` is to be a `ConsentClient`.

    Attributes:
        user: Account that is signed in at the service; the consent page can name another.
        requires_pkce: Whether a request without code challenge is refused.
        requires_pushed: Whether a request that was not pushed is refused (RFC 9126 section 5).
        sends_issuer: Whether `iss` is in the answer.
        answers_issuer: What `iss` says, where it is not to be the truth.
        callback_extra: Further parameters of the answer to the callback.
        answer_extra: Further members of the token endpoint's answer.
        revocable: Kinds of token that the revocation endpoint knows.
        unoffered: Members that are left out of the metadata.
        desk: The device flow.
        codes: Every code so far, by its text.
        pushed: Pushed requests that were not used yet, by request URI.
        token_requests: How often each grant type was asked of the token endpoint, whatever came of it.
        revocations: What was revoked, as (hint, kind of what was found); kind None for unknown tokens.
        code_reuses: How often a code was presented a second time, which revokes what it gave.
    """

    user: str = "ada"
    requires_pkce: bool = False
    requires_pushed: bool = False
    sends_issuer: bool = True
    answers_issuer: str | None = None
    callback_extra: dict[str, str] = field(default_factory=dict)
    answer_extra: dict[str, Any] = field(default_factory=dict)
    revocable: tuple[str, ...] = ("access_token", "refresh_token")
    unoffered: frozenset[str] = frozenset()
    desk: DeviceDesk = field(default_factory=DeviceDesk)
    codes: dict[str, Code] = field(default_factory=dict)
    pushed: dict[str, dict[str, str]] = field(default_factory=dict)
    token_requests: Counter[str] = field(default_factory=Counter)
    revocations: list[tuple[str | None, str | None]] = field(default_factory=list)
    code_reuses: int = 0

    @property
    def open_paths(self) -> frozenset[str]:
        """Paths of the authorization server, which need no token."""
        own = {"/authorize", "/par", "/revoke", "/.well-known/oauth-authorization-server"}
        return super().open_paths | own | DEVICE_PATHS

    def _extend(self, app: Flask, server: AuthorizationServer) -> None:
        challenge = CodeChallenge(required=True)
        server.register_grant(type("Codes", (_Codes,), {"api": self}), [challenge])
        server.register_endpoint(type("Revocation", (_Revocation,), {"api": self, **_kinds(self.revocable)}))
        server.register_hook("before_get_authorization_grant", self._resolve_pushed)
        server.register_extension(type("Issuer", (IssuerParameter,), {"get_issuer": lambda _: self._issuer_sent()})())
        self._add_authorize(app, server)
        self._add_endpoints(app, server)
        self.desk.extend(app, server, self._allowed_user)

        @app.before_request
        def count() -> None:
            if request.path == "/token":
                with self.lock:
                    self.token_requests[request.form.get("grant_type", "")] += 1

    def _add_authorize(self, app: Flask, server: AuthorizationServer) -> None:
        @app.get("/authorize")
        def ask() -> tuple[str | Response, int, dict[str, str]]:
            try:
                grant = server.get_consent_grant()
                self._check_policy(grant)
            except OAuth2Error as error:
                return server.handle_error_response(None, error), 400, _PAGE_HEADERS
            payload = grant.request.payload
            page = render_template_string(
                _CONSENT_PAGE,
                client_id=payload.client_id,
                scope=grant.request.scope,
                params=list(request.args.items(multi=True)),
                user=self.user,
            )
            return page, 200, _PAGE_HEADERS

        @app.post("/authorize")
        def decide() -> Response:
            with self.lock:
                return self._decide(server)

    def _decide(self, server: AuthorizationServer) -> Response:
        try:
            grant = server.get_consent_grant()
            self._check_policy(grant)
        except OAuth2Error as error:
            return server.handle_error_response(None, error)
        params = dict(grant.request.payload.data)
        if request.form.get("request_uri"):
            self.pushed.pop(request.form["request_uri"], None)
        user = self._allowed_user() if request.form.get("decision") == "allow" else None
        response = server.create_authorization_response(grant.request, grant_user=user, grant=grant)
        if params.get("response_mode") != "form_post" or not response.location:
            return response
        action, _, query = response.location.partition("?")
        page = render_template_string(_FORM_POST_PAGE, action=action, params=parse_qsl(query, keep_blank_values=True))
        return Response(page, 200, {**_PAGE_HEADERS, "Content-Type": "text/html; charset=utf-8"})

    def _check_policy(self, grant: Any) -> None:
        data = grant.request.payload.data
        if self.requires_pkce and not data.get("code_challenge"):
            raise OAuth2Error("invalid_request", "code_challenge is required")
        if self.requires_pushed and not request.values.get("request_uri"):
            raise OAuth2Error("invalid_request", "the request has to be pushed")

    def _allowed_user(self) -> str:
        return request.form.get("user") or self.user

    def _resolve_pushed(self, _server: AuthorizationServer, oauth: Any) -> None:
        """Put what was pushed in the place of what the browser sent (RFC 9126 section 4)."""
        uri = request.values.get("request_uri")
        if uri is None:
            return
        params = self.pushed.get(uri)
        if params is None or params.get("client_id") != oauth.payload.client_id:
            raise OAuth2Error("invalid_request", "request_uri is unknown, or was used")
        oauth.payload = BasicOAuth2Payload(params)

    def _add_endpoints(self, app: Flask, server: AuthorizationServer) -> None:
        @app.post("/par")
        def push() -> tuple[Response, int] | Response:
            """Answer as RFC 9126 section 2 has it; Authlib has none of its own."""
            oauth = server.create_oauth2_request(None)
            try:
                client = server.authenticate_client(oauth, AUTH_METHODS, "pushed_authorization_request")
                if "request_uri" in request.form:
                    raise OAuth2Error("invalid_request", "request_uri may not be pushed")
                server.get_authorization_grant(oauth).validate_consent_request()
            except OAuth2Error as error:
                return server.handle_error_response(oauth, error)
            uri = f"urn:ietf:params:oauth:request_uri:{secrets.token_urlsafe(16)}"
            self.pushed[uri] = {**request.form.to_dict(), "client_id": client.get_client_id()}
            self.pushed[uri].pop("client_secret", None)
            return jsonify(request_uri=uri, expires_in=90), 201

        @app.post("/revoke")
        def revoke() -> Response:
            with self.lock:
                return server.create_endpoint_response("revocation")

        @app.get("/.well-known/oauth-authorization-server")
        def metadata() -> Response:
            return jsonify(self._metadata())

    def _metadata(self) -> dict[str, Any]:
        base = request.host_url.rstrip("/")
        told = {
            "issuer": base,
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "pushed_authorization_request_endpoint": f"{base}/par",
            "require_pushed_authorization_requests": self.requires_pushed,
            "revocation_endpoint": f"{base}/revoke",
            "device_authorization_endpoint": f"{base}/device_authorization",
            "code_challenge_methods_supported": ["S256", "plain"],
            "authorization_response_iss_parameter_supported": self.sends_issuer,
            "response_types_supported": ["code"],
            "response_modes_supported": ["query", "form_post"],
            "grant_types_supported": sorted(_GRANT_TYPES),
            "token_endpoint_auth_methods_supported": AUTH_METHODS,
            "scopes_supported": list(self.client.scopes),
        }
        return {name: value for name, value in told.items() if name not in self.unoffered}

    def _issuer_sent(self) -> str | None:
        if not self.sends_issuer:
            return None
        return self.answers_issuer or request.host_url.rstrip("/")

    def _save(self, token: dict[str, Any], oauth: Any) -> None:
        super()._save(token, oauth)
        if oauth.authorization_code is not None:
            self.grants[-1].family = oauth.authorization_code.family
        token.update(self.answer_extra)


class _Codes(AuthorizationCodeGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS
    api: ConsentApi

    def create_authorization_response(self, redirect_uri: str, grant_user: str | None) -> Any:
        status, body, headers = super().create_authorization_response(redirect_uri, grant_user)
        [(name, uri)] = headers
        return status, body, [(name, add_params_to_uri(uri, list(self.api.callback_extra.items())))]

    def save_authorization_code(self, code: str, oauth: Any) -> None:
        data = oauth.payload.data
        self.api.codes[code] = Code(
            code,
            oauth.client.get_client_id(),
            oauth.payload.redirect_uri,
            oauth.scope or "",
            oauth.user,
            data.get("code_challenge"),
            data.get("code_challenge_method"),
            secrets.token_hex(8),
            time.time() + CODE_LIFE_S,
        )

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        found = self.api.codes.get(code)
        if found is None or found.client_id != client.client_id or found.expires_at < time.time():
            return None
        if found.is_used:
            # RFC 6749 section 4.1.2: what the code gave is revoked.
            self.api.code_reuses += 1
            _kill_family(self.api, found.family)
            return None
        return found

    def delete_authorization_code(self, authorization_code: Code) -> None:
        authorization_code.is_used = True

    def authenticate_user(self, authorization_code: Code) -> str:
        return authorization_code.user


class _Revocation(RevocationEndpoint):  # type: ignore[misc]
    CLIENT_AUTH_METHODS = AUTH_METHODS
    api: ConsentApi

    def query_token(self, token_string: str, token_type_hint: str | None) -> Grant | None:
        found = _find(self.api, token_string)
        self.api.revocations.append((token_type_hint, found[0] if found else None))
        return found[1] if found else None

    def revoke_token(self, token: Grant, oauth: Any) -> None:
        kind = self.api.revocations[-1][1]
        if kind == "refresh_token":
            _kill_family(self.api, token.family)
        else:
            token.expires_at = 0.0


def _find(api: ConsentApi, text: str) -> tuple[str, Grant] | None:
    for grant in reversed(api.grants):
        if grant.refresh_token == text:
            return "refresh_token", grant
        if grant.access_token == text:
            return "access_token", grant
    return None


def _kill_family(api: ConsentApi, family: str) -> None:
    for one in api.grants:
        one.is_dead = one.is_dead or one.family == family


def _kinds(kinds: tuple[str, ...]) -> dict[str, Any]:
    return {"SUPPORTED_TOKEN_TYPES": kinds}
