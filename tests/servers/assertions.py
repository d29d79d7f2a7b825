"""Authlib's authorization server for clients that prove themselves by JWTs (RFC 7523), verified by joserfc."""

from __future__ import annotations

import json
import os
import threading
import time
from base64 import urlsafe_b64decode
from dataclasses import dataclass, field
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion, JWTBearerGrant
from flask import Flask, Response, jsonify, request
from joserfc import jwk

from servers.api import build_api

# Authlib refuses http otherwise; these servers listen on loopback alone.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

MAX_LIFE_S = 60


@dataclass(frozen=True)
class KeyClient(ClientMixin):  # type: ignore[misc]
    """An application that is registered with a public key."""

    client_id: str
    public_pem: str
    key_kind: str = "RSA"

    def get_allowed_scope(self, scope: str | None) -> str:
        """Return the scopes that are granted: those asked for."""
        return scope or ""

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Return whether the client may authenticate like this."""
        return True

    def check_grant_type(self, grant_type: str) -> bool:
        """Return whether the client may use this grant."""
        return True

    @property
    def key(self) -> Any:
        """The public key, as joserfc has it."""
        return jwk.import_key(self.public_pem.encode(), self.key_kind)


@dataclass
class AssertionApi:
    """State of such a server and the API that its tokens open.

    Attributes:
        client: The registered application.
        audience: What `aud` has to be, as one text; None takes the URL of the token endpoint.
        users: Whom a jwt-bearer grant may act for.
        key_id: What the header `kid` has to be; None takes any.
        assertions: Header and claims of each assertion that was accepted, oldest first.
        tokens: Access tokens that open the API, with whom they stand for.
    """

    client: KeyClient
    audience: str | None = None
    users: frozenset[str] = frozenset({"ada@example.com"})
    key_id: str | None = None
    assertions: list[tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    documents: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._used: set[str] = set()
        self._lock = threading.Lock()

    def build(self) -> Flask:
        """Build the application: ``/token``, the documents, and the API."""
        app = build_api("Bearer", self._verify, open_paths=frozenset({"/token", *self.documents}))
        server = AuthorizationServer(app, self._find_client, self._save)
        bound = {"api": self}
        server.register_client_auth_method("client_assertion_jwt", type("Auth", (_ClientAuth,), bound)(self))
        server.register_grant(type("Cc", (_ClientCredentials,), bound))
        server.register_grant(type("Jb", (_JwtBearer,), bound))

        @app.post("/token")
        def token() -> Response:
            return server.create_token_response()

        for path in self.documents:
            app.get(path, endpoint=path)(lambda path=path: jsonify(self.documents[path]))
        return app

    def check(self, assertion: str, claims: dict[str, Any]) -> bool:
        """Check what RFC 7523 section 3 leaves to the server, strictly; `jti` works once."""
        head, _, _ = assertion.partition(".")
        header = json.loads(urlsafe_b64decode(head + "=" * (-len(head) % 4)))
        with self._lock:
            is_new = bool(claims.get("jti")) and claims["jti"] not in self._used
            self._used.add(str(claims.get("jti")))
        is_good = (
            is_new
            and claims["aud"] == (self.audience or request.base_url)
            and time.time() < claims["exp"] <= time.time() + MAX_LIFE_S
            and claims["iat"] <= time.time()
            and (self.key_id is None or header.get("kid") == self.key_id)
        )
        if is_good:
            self.assertions.append((header, claims))
        return is_good

    def _find_client(self, client_id: str) -> KeyClient | None:
        return self.client if client_id == self.client.client_id else None

    def _save(self, token: dict[str, Any], oauth: Any) -> None:
        self.tokens[token["access_token"]] = str(oauth.user or oauth.client.client_id)

    def _verify(self) -> str | None:
        return self.tokens.get(request.headers.get("Authorization", "").removeprefix("Bearer "))


class _ClientAuth(JWTBearerClientAssertion):  # type: ignore[misc]
    CLIENT_AUTH_METHOD = "client_assertion_jwt"

    def __init__(self, api: AssertionApi) -> None:
        super().__init__(validate_jti=True)
        self._api = api

    def get_audiences(self) -> list[str]:
        return [self._api.audience or request.base_url]

    def validate_jti(self, claims: dict[str, Any], jti: str) -> bool:
        return self._api.check(request.form["client_assertion"], dict(claims))

    def resolve_client_public_key(self, client: KeyClient) -> Any:
        return client.key


class _ClientCredentials(ClientCredentialsGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_assertion_jwt",)


class _JwtBearer(JWTBearerGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_assertion_jwt", "none")
    api: AssertionApi

    def get_audiences(self) -> list[str]:
        return [self.api.audience or request.base_url]

    def resolve_issuer_client(self, issuer: str) -> KeyClient | None:
        return self.api._find_client(issuer)

    def resolve_client_public_key(self, client: KeyClient) -> Any:
        return client.key

    def process_assertion_claims(self, assertion: str) -> Any:
        if "client_assertion" in request.form:
            # Authlib leaves client authentication out of this grant.
            _ClientAuth(self.api)(self.api._find_client, self.request)
        claims = super().process_assertion_claims(assertion)
        return claims if self.api.check(assertion, dict(claims)) else {**claims, "sub": ""}

    def authenticate_user(self, subject: str) -> str | None:
        return subject if subject in self.api.users else None

    def has_granted_permission(self, client: KeyClient, user: str) -> bool:
        return True
