"""The authorization server of a service: Authlib's, with what the service documents differently put around it.

Authlib checks clients, callbacks, codes, verifiers and refresh tokens, and makes all of them; nothing here decides
whether somebody gets a token. The layer around it turns a request as the service documents it into one as RFC 6749
has it, and Authlib's answer into one of the documented shape. It refuses what the service does not document.

`authorize` of a table says: `url`; `pkce` (`allowed`, `required`, or `unknown` where the service has none); `params`
(beside those of RFC 6749; scopes as the service writes them); `callback` (what else comes back); `signs` (parameter
of an HMAC over the callback).
`token` says: `url`; `client` (basic or post); `format` (form or json); `grant_type`; `headers` that must arrive;
`refreshes`, `rotates`; `answer`, and `refreshed` where the answer to a refresh has another shape; `status`.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from catalog.paging import BadRequestError
from catalog.shapes import as_text, fill
from flask import Flask, Response, request
from servers.oauth2_consent import ConsentApi, ConsentClient
from werkzeug.test import Client as Caller
from werkzeug.test import TestResponse

# Where the service's consent page posts its form to.
DECISION = "/authorize"
# What RFC 6749 and RFC 7636 have for each grant, beside the client's id and secret.
_OF_GRANT = {
    "authorization_code": {"grant_type", "code", "redirect_uri", "code_verifier"},
    "refresh_token": {"grant_type", "refresh_token"},
    "client_credentials": {"grant_type"},
}


class CatalogAuthorization:
    """Authorization and token endpoint of one service.

    Args:
        auth: The table's entry for the connection type.
        form: What a person has filled in, with the client's id and secret.
    """

    def __init__(self, auth: Mapping[str, Any], form: Mapping[str, Any]) -> None:
        self.redirect_uris: list[str] = []
        self._consent, self._token = auth.get("authorize", {}), auth["token"]
        self._client_id, self._client_secret = form["client_id"], form["client_secret"]
        self._scopes = str(self._consent.get("params", {}).get("scope", ""))
        self.inner = ConsentApi(
            client=self._register(),
            rotation="strict" if self._token.get("rotates") else "none",
            lifetime_s=3600.0,
            requires_pkce=self._consent.get("pkce") == "required",
            sends_issuer=False,
        )
        self._app: Flask = self.inner.build()

    def _register(self, client_secret: str | None = None) -> ConsentClient:
        return ConsentClient(
            client_id=self._client_id,
            client_secret=client_secret or self._client_secret,
            auth_method=f"client_secret_{self._token['client']}",
            scopes=tuple(self._standard_scopes(self._scopes).split()),
            redirect_uris=tuple(self.redirect_uris),
        )

    def register(self, redirect_uri: str) -> None:
        """Register a callback, as a person does on the service's page."""
        self.redirect_uris.append(redirect_uri)
        self.inner.client = self._register()

    def close(self) -> None:
        """Give nobody a token any more: every grant is revoked, and the client has another secret."""
        self.inner.revoke_all()
        self.inner.expire_access_tokens()
        self.inner.client = self._register("another-secret")

    @property
    def access_tokens(self) -> list[str]:
        """Access tokens that are good."""
        return [one.access_token for one in self.inner.grants if not (one.is_expired() or one.is_revoked())]

    # -- the consent page --------------------------------------------------------------------------

    def show(self) -> Response:
        """Answer the browser with Authlib's page, which asks for a yes."""
        sent = request.args.to_dict()
        pkce = self._consent.get("pkce", "allowed")
        challenge, method = sent.get("code_challenge"), sent.get("code_challenge_method")
        if (pkce == "required" and method != "S256") or (pkce == "unknown" and challenge):
            raise BadRequestError(f"PKCE is {pkce}, and the method is {method}")
        own = {name: as_text(value) for name, value in self._consent.get("params", {}).items()}
        wanted = {"response_type": "code", "client_id": self._client_id, **own}
        standard = {"redirect_uri", "state", "code_challenge", "code_challenge_method"}
        found = {name: value for name, value in sent.items() if name not in standard}
        if found != wanted or not sent.get("state") or len(sent) != len(request.args.to_dict(flat=False)):
            raise BadRequestError(f"the consent page got {found}, documented is {wanted}")
        asked = {name: value for name, value in sent.items() if name in standard or name not in own}
        if "scope" in sent:
            asked["scope"] = self._standard_scopes(sent["scope"])
        return _taken(self._call("GET", f"{DECISION}?{urlencode(asked)}"))

    def decide(self) -> Response:
        """Answer the form of that page: back to the callback, with what the service adds."""
        answer = self._call("POST", DECISION, request.get_data(), {"Content-Type": request.content_type or ""})
        if answer.status_code != 302:
            return _taken(answer)
        address, _, query = answer.headers["Location"].partition("?")
        pairs = dict(parse_qsl(query, keep_blank_values=True)) | self._consent.get("callback", {})
        if "signs" in self._consent:
            text = "&".join(f"{name}={pairs[name]}" for name in sorted(pairs))
            pairs[self._consent["signs"]] = hmac.new(self._client_secret.encode(), text.encode(), "sha256").hexdigest()
        return Response("", 302, {"Location": f"{address}?{urlencode(pairs)}"})

    def _standard_scopes(self, text: str) -> str:
        """Return scopes with spaces between, as RFC 6749 section 3.3 has them."""
        return text.replace(",", " ")

    # -- the token endpoint ------------------------------------------------------------------------

    def give(self) -> Response:
        """Answer a token request."""
        sent = self._read()
        self._check(sent)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if "Authorization" in request.headers:
            headers["Authorization"] = request.headers["Authorization"]
        answer = self._call("POST", "/token", urlencode(sent).encode(), headers)
        if answer.status_code != 200:
            return _taken(answer)
        made = answer.get_json()
        values = {"access": made["access_token"], "refresh": made.get("refresh_token") or sent.get("refresh_token", "")}
        is_refresh = sent["grant_type"] == "refresh_token"
        shape = self._token.get("refreshed" if is_refresh else "answer", self._token["answer"])
        body = json.dumps(fill(shape, values))
        return Response(body, self._token.get("status", 200), content_type="application/json")

    def _read(self) -> dict[str, str]:
        """Return the parameters, which are where the service documents them."""
        kind = "application/json" if self._token.get("format") == "json" else "application/x-www-form-urlencoded"
        if request.method != "POST" or request.mimetype != kind or request.args:
            raise BadRequestError(f"the token endpoint takes POST with {kind}, and no query")
        if kind == "application/json":
            return dict(request.get_json())
        pairs = parse_qsl(request.get_data(as_text=True), keep_blank_values=True)
        if len(dict(pairs)) != len(pairs):
            raise BadRequestError("the token endpoint got a parameter twice")
        return dict(pairs)

    def _check(self, sent: Mapping[str, str]) -> None:
        """Refuse what is not documented; what is wrong is Authlib's to say."""
        grant = sent.get("grant_type", "")
        known = [self._token.get("grant_type", "authorization_code")] + ["refresh_token"] * self._token.get(
            "refreshes", False
        )
        if grant not in known:
            raise BadRequestError(f"the grant type is {grant}")
        if unknown := set(sent) - _OF_GRANT[grant] - {"client_id", "client_secret"}:
            raise BadRequestError(f"the token endpoint got {sorted(unknown)}, which is not documented")
        is_basic = self._token["client"] == "basic"
        if is_basic == ("client_secret" in sent) or is_basic != ("Authorization" in request.headers):
            raise BadRequestError(f"the client is not told as documented ({self._token['client']})")
        for name, value in self._token.get("headers", {}).items():
            if request.headers.get(name) != value:
                raise BadRequestError(f"header {name} is {request.headers.get(name)}, documented is {value}")

    def _call(
        self, method: str, path: str, data: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> TestResponse:
        """Ask Authlib's server, which has no address of its own."""
        return Caller(self._app).open(path, method=method, data=data, headers=dict(headers or {}))


def _taken(answer: TestResponse) -> Response:
    kept = ("Content-Type", "Location", "X-Frame-Options", "Content-Security-Policy", "WWW-Authenticate")
    headers = {name: answer.headers[name] for name in kept if name in answer.headers}
    return Response(answer.get_data(), answer.status_code, headers)


def basic_header(pair: str) -> str:
    """Return the value of header Authorization for a user name and a password (RFC 7617)."""
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
