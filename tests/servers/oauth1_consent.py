"""A service whose accounts give consent by OAuth 1.0a (RFC 5849 section 2): oauthlib's own server.

oauthlib makes temporary credentials, verifiers and tokens, and checks every signature, timestamp and nonce;
here is only what it asks a service for: storage, and a page with two buttons.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from html import escape
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

from flask import Flask, Response, g, jsonify, request
from oauthlib.oauth1 import RequestValidator, WebApplicationServer
from oauthlib.oauth1.rfc5849.errors import OAuth1Error

from servers.api import build_api

METHODS = ("HMAC-SHA1", "HMAC-SHA256", "HMAC-SHA512", "RSA-SHA1", "RSA-SHA256", "RSA-SHA512", "PLAINTEXT")
INITIATE, AUTHORIZE, TOKEN = "/initiate", "/authorize", "/token"
_NOBODY = "nobody-has-this-name"
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Photos: consent</title></head>
<body><h1>Let {client} see the photos of {user}?</h1>
<form method="post" action="{action}"><input type="hidden" name="oauth_token" value="{token}">
<button type="submit" name="answer" value="allow" id="allow">Allow</button>
<button type="submit" name="answer" value="deny" id="deny">Deny</button></form></body></html>
"""


@dataclass
class Pending:
    """Temporary credentials; the verifier is there once somebody has said yes."""

    secret: str
    callback: str
    user: str = ""
    verifier: str = ""


@dataclass
class OAuth1Service:
    """State of the service, with one application; the attributes may be changed while it runs.

    Attributes:
        consumer, consumer_secret, public_pem: The application.
        user: Who is logged in in the browser, and so gives consent.
        denial: How a no is told: "denied" as Twitter, "problem" as Yahoo, "verifier" as Atlassian, "silence" as
            Evernote.
        confirms: Whether `oauth_callback_confirmed` is sent.
        extras: What else the token answer holds.
        callback_extras: What else the callback holds.
        pending: Temporary credentials by token.
        tokens: Secret and user by token.
        callbacks: Every callback URL that was signed for.
    """

    consumer: str = "consumer-1"
    consumer_secret: str = "c0nsumer/+%=&-91c4"
    public_pem: str = ""
    user: str = "ada"
    denial: str = "denied"
    confirms: bool = True
    extras: dict[str, str] = field(default_factory=lambda: {"user_id": "1815", "screen_name": "ada lovelace"})
    callback_extras: dict[str, str] = field(default_factory=dict)
    pending: dict[str, Pending] = field(default_factory=dict)
    tokens: dict[str, tuple[str, str]] = field(default_factory=dict)
    callbacks: list[str] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def revoke_all(self) -> None:
        """Take every token back."""
        with self.lock:
            self.tokens.clear()

    def build(self) -> Flask:
        """Build the application: the three endpoints and, behind its tokens, the API."""
        self._server = WebApplicationServer(_Validator(self))
        app = build_api("OAuth", self._verify, open_paths=frozenset({INITIATE, AUTHORIZE, TOKEN}))
        app.add_url_rule(INITIATE, "initiate", self._initiate, methods=["GET", "POST"])
        app.add_url_rule(AUTHORIZE, "authorize", self._show, methods=["GET"])
        app.add_url_rule(AUTHORIZE, "answer", self._answer, methods=["POST"])
        app.add_url_rule(TOKEN, "token", self._token, methods=["GET", "POST"])
        app.add_url_rule("/account", "account", lambda: jsonify(user={"id": f"id-{g.account}", "name": g.account}))
        return app

    # -- the endpoints -----------------------------------------------------------------------------

    def _initiate(self) -> Response:
        with self.lock:
            headers, body, status = self._server.create_request_token_response(*_request())
        if not self.confirms and status == 200:
            body = body.replace("&oauth_callback_confirmed=true", "")
        return Response(body or "", status, headers)

    def _show(self) -> Response | tuple[Response, int]:
        token = request.args.get("oauth_token", "")
        if token not in self.pending:
            return jsonify(error="unknown oauth_token"), 400
        page = _PAGE.format(
            client=escape(self.consumer), user=escape(self.user), action=AUTHORIZE, token=escape(token, quote=True)
        )
        # Real consent pages refuse to be framed.
        headers = {"X-Frame-Options": "DENY", "Content-Security-Policy": "frame-ancestors 'none'"}
        return Response(page, 200, headers, content_type="text/html; charset=utf-8")

    def _answer(self) -> Response | tuple[Response, int]:
        uri, method, body, headers = _request()
        token = request.form.get("oauth_token", "")
        with self.lock:
            waiting = self.pending.get(token)
            if waiting is None:
                return jsonify(error="unknown oauth_token"), 400
            if request.form.get("answer") != "allow":
                del self.pending[token]
                return _redirect(waiting.callback, self._deny(token))
            try:
                sent, text, status = self._server.create_authorization_response(
                    uri, method, body, headers, credentials=dict(self.callback_extras)
                )
            except OAuth1Error as error:
                return jsonify(error=error.error), 400
            waiting.user = self.user
        return Response(text or "", status, sent)

    def _deny(self, token: str) -> dict[str, str]:
        return {
            "denied": {"denied": token},
            "problem": {"oauth_token": token, "oauth_problem": "permission_denied"},
            "verifier": {"oauth_token": token, "oauth_verifier": "denied"},
            "silence": {"oauth_token": token},
        }[self.denial]

    def _token(self) -> Response:
        with self.lock:
            headers, body, status = self._server.create_access_token_response(*_request(), credentials=self.extras)
        return Response(body or "", status, headers)

    def _verify(self) -> str | None:
        with self.lock:
            is_valid, found = self._server.validate_protected_resource_request(*_request(), realms=[])
            return self.tokens[found.resource_owner_key][1] if is_valid else None


class _Validator(RequestValidator):  # type: ignore[misc]
    """What oauthlib asks a service for."""

    enforce_ssl = False
    allowed_signature_methods = METHODS
    client_key_length = verifier_length = request_token_length = access_token_length = (1, 200)
    nonce_length = (6, 200)
    dummy_client = dummy_request_token = dummy_access_token = _NOBODY

    def __init__(self, service: OAuth1Service) -> None:
        super().__init__()
        self._service = service
        self._nonces: set[tuple[str, ...]] = set()
        # What the unknown are compared with.
        self._nothing = secrets.token_hex()

    @property
    def safe_characters(self) -> set[str]:
        return {chr(code) for code in range(0x21, 0x7F)}

    def check_realms(self, realms: list[str]) -> bool:
        return True

    def validate_client_key(self, client_key: str, request: Any) -> bool:
        return client_key == self._service.consumer

    def get_client_secret(self, client_key: str, request: Any) -> str:
        return self._service.consumer_secret if client_key == self._service.consumer else self._nothing

    def get_rsa_key(self, client_key: str, request: Any) -> str:
        return self._service.public_pem

    def validate_timestamp_and_nonce(
        self,
        client_key: str,
        timestamp: str,
        nonce: str,
        request: Any,
        request_token: str | None = None,
        access_token: str | None = None,
    ) -> bool:
        entry = (client_key, timestamp, nonce, request_token or "", access_token or "")
        is_new = entry not in self._nonces
        self._nonces.add(entry)
        return is_new

    def validate_redirect_uri(self, client_key: str, redirect_uri: str, request: Any) -> bool:
        return redirect_uri.startswith(("http://", "https://"))

    def get_default_realms(self, client_key: str, request: Any) -> list[str]:
        return []

    def validate_requested_realms(self, client_key: str, realms: list[str], request: Any) -> bool:
        return True

    def validate_realms(
        self, client_key: str, token: str, request: Any, uri: str | None = None, realms: list[str] | None = None
    ) -> bool:
        return True

    def get_realms(self, token: str, request: Any) -> list[str]:
        return []

    # -- temporary credentials ---------------------------------------------------------------------

    def save_request_token(self, token: dict[str, str], request: Any) -> None:
        self._service.callbacks.append(request.redirect_uri)
        self._service.pending[token["oauth_token"]] = Pending(token["oauth_token_secret"], request.redirect_uri)

    def verify_request_token(self, token: str, request: Any) -> bool:
        return token in self._service.pending

    def validate_request_token(self, client_key: str, token: str, request: Any) -> bool:
        return token in self._service.pending

    def get_request_token_secret(self, client_key: str, token: str, request: Any) -> str:
        waiting = self._service.pending.get(token)
        return waiting.secret if waiting else self._nothing

    def get_redirect_uri(self, token: str, request: Any) -> str:
        return self._service.pending[token].callback

    def save_verifier(self, token: str, verifier: dict[str, str], request: Any) -> None:
        self._service.pending[token].verifier = verifier["oauth_verifier"]

    def validate_verifier(self, client_key: str, token: str, verifier: str, request: Any) -> bool:
        waiting = self._service.pending.get(token)
        return bool(waiting and waiting.verifier) and secrets.compare_digest(waiting.verifier, verifier)  # type: ignore[union-attr]

    def invalidate_request_token(self, client_key: str, request_token: str, request: Any) -> None:
        del self._service.pending[request_token]

    # -- tokens ------------------------------------------------------------------------------------

    def save_access_token(self, token: dict[str, str], request: Any) -> None:
        user = self._service.pending[request.resource_owner_key].user
        self._service.tokens[token["oauth_token"]] = (token["oauth_token_secret"], user)

    def validate_access_token(self, client_key: str, token: str, request: Any) -> bool:
        return token in self._service.tokens

    def get_access_token_secret(self, client_key: str, token: str, request: Any) -> str:
        return self._service.tokens.get(token, (self._nothing, ""))[0]


def _request() -> tuple[str, str, str, dict[str, str]]:
    """Return the request as oauthlib takes it: URL as sent, method, body, headers."""
    # oauthlib refuses some characters that browsers and clients send as they are.
    uri = quote(request.host_url.rstrip("/") + request.environ["RAW_URI"], safe="!#$%&'()*+,/:;=?@~")
    return uri, request.method, request.get_data(as_text=True), dict(request.headers)


def _redirect(callback: str, parameters: dict[str, str]) -> Response:
    mark = "&" if "?" in callback else "?"
    return Response("", 302, {"Location": f"{callback}{mark}{urlencode(parameters)}"})


def give_consent(authorize_url: str, answer: str = "allow") -> dict[str, list[str]]:
    """Do what a browser does on the consent page; return the parameters of the callback, which is not called."""
    # Lazy, so that the server alone needs no client.
    import requests

    page = requests.get(authorize_url, timeout=10)
    assert page.status_code == 200, page.text
    assert page.headers["X-Frame-Options"] == "DENY"
    token = page.text.partition('name="oauth_token" value="')[2].partition('"')[0]
    url = authorize_url.partition(AUTHORIZE)[0] + AUTHORIZE
    done = requests.post(url, data={"oauth_token": token, "answer": answer}, timeout=10, allow_redirects=False)
    assert done.status_code == 302, done.text
    return parse_qs(done.headers["Location"].partition("?")[2], keep_blank_values=True)
