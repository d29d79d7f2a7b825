"""An OAuth 2.0 authorization server and the API that its tokens open, both Authlib's."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import unquote_plus

from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector
from authlib.oauth2.rfc6749 import ClientMixin, OAuth2Error, TokenMixin
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant, RefreshTokenGrant
from authlib.oauth2.rfc6750 import BearerTokenValidator
from flask import Flask, Response, request

from servers.api import build_api

# Authlib refuses http otherwise; these servers listen on loopback alone.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

AUTH_METHODS = ["client_secret_basic", "client_secret_post", "none"]
# What happens to a refresh token that was used: it stays good; it is replaced and stays good for a
# while; it is replaced, and using it again revokes the whole grant (RFC 9700 section 4.14).
Rotation = Literal["none", "grace", "strict"]


@dataclass(frozen=True)
class Client(ClientMixin):  # type: ignore[misc]
    """A registered application."""

    client_id: str
    client_secret: str
    auth_method: str = "client_secret_basic"
    scopes: tuple[str, ...] = ("contacts.read", "contacts.write")

    def get_client_id(self) -> str:
        """Return the id."""
        return self.client_id

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """Return the scopes that are granted; None refuses all."""
        if not scope:
            return " ".join(self.scopes)
        asked = scope.split()
        return scope if set(asked) <= set(self.scopes) else None

    def check_client_secret(self, client_secret: str) -> bool:
        """Return whether the secret is right."""
        return secrets.compare_digest(client_secret.encode(), self.client_secret.encode())

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Return whether the client may authenticate like this."""
        return method == self.auth_method

    def check_grant_type(self, grant_type: str) -> bool:
        """Return whether the client may use this grant."""
        return grant_type in ("client_credentials", "refresh_token")


@dataclass
class Grant(TokenMixin):  # type: ignore[misc]
    """One generation of tokens; `family` is shared by all that came out of one authorization."""

    access_token: str
    refresh_token: str | None
    client_id: str
    scope: str
    expires_at: float
    family: str
    user: str
    is_used: bool = False
    used_at: float = 0.0
    is_dead: bool = False

    def check_client(self, client: Client) -> bool:
        """Return whether the grant belongs to this client."""
        return self.client_id == client.client_id

    def get_scope(self) -> str:
        """Return the scopes."""
        return self.scope

    def get_expires_in(self) -> float:
        """Return the seconds that are left."""
        return self.expires_at - time.time()

    def is_expired(self) -> bool:
        """Return whether the access token has expired."""
        return time.time() >= self.expires_at

    def is_revoked(self) -> bool:
        """Return whether the grant was revoked."""
        return self.is_dead


@dataclass
class OAuth2Api:
    """State of authorization server and API.

    Attributes:
        client: The application that is registered.
        lifetime_s: Lifetime of access tokens; None leaves `expires_in` out of the answer.
        rotation: What happens to a refresh token that was used.
        grace_s: For "grace": how long a used refresh token stays good.
        latency_s: How long the token endpoint takes.
        decodes_basic: Whether client id and secret are form-decoded after base64 (RFC 6749 section
            2.3.1); Authlib's own way is to take them raw.
        grants: Every generation of tokens so far.
        family_revocations: How often a refresh token was used twice.
    """

    client: Client
    lifetime_s: float | None = 3600.0
    rotation: Rotation = "none"
    grace_s: float = 10.0
    latency_s: float = 0.0
    decodes_basic: bool = False
    grants: list[Grant] = field(default_factory=list)
    family_revocations: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)

    def authorize(self, user: str = "ada", scope: str = "contacts.read") -> str:
        """Hand out a refresh token, as a consent would."""
        with self.lock:
            grant = Grant("", secrets.token_urlsafe(24), self.client.client_id, scope, 0.0, secrets.token_hex(8), user)
            self.grants.append(grant)
        return str(grant.refresh_token)

    def expire_access_tokens(self) -> None:
        """End the life of every access token that is out there."""
        with self.lock:
            for grant in self.grants:
                grant.expires_at = 0.0

    def revoke_all(self) -> None:
        """Revoke every grant."""
        with self.lock:
            for grant in self.grants:
                grant.is_dead = True

    def build(self) -> Flask:
        """Build the application: ``/token`` and, behind its tokens, the API."""
        self._protector = ResourceProtector()
        self._protector.register_token_validator(_Validator(self))
        app = build_api("Bearer", self._verify, open_paths=self.open_paths)
        app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True
        server = AuthorizationServer(app, self._find_client, self._save)
        if self.decodes_basic:
            server.register_client_auth_method("client_secret_basic", _authenticate_decoded)
        server.register_grant(_ClientCredentials)
        server.register_grant(type("Refresh", (_Refresh,), {"api": self}))

        @app.post("/token")
        def token() -> Response:
            if self.latency_s:
                time.sleep(self.latency_s)
            # One request at a time, as a database with row locks would have it.
            with self.lock:
                return server.create_token_response()

        self._extend(app, server)
        return app

    @property
    def open_paths(self) -> frozenset[str]:
        """Paths of the authorization server, which need no token."""
        return frozenset({"/token"})

    def _extend(self, app: Flask, server: AuthorizationServer) -> None:
        """Add further grants and endpoints."""

    def _find_client(self, client_id: str) -> Client | None:
        return self.client if client_id == self.client.client_id else None

    def _save(self, token: dict[str, Any], oauth: Any) -> None:
        parent: Grant | None = getattr(oauth, "refresh_token", None)
        if self.lifetime_s is None:
            token.pop("expires_in", None)
        else:
            token["expires_in"] = int(self.lifetime_s) if self.lifetime_s >= 1 else self.lifetime_s
        self.grants.append(
            Grant(
                token["access_token"],
                token.get("refresh_token") or (parent.refresh_token if parent else None),
                self.client.client_id,
                token.get("scope", ""),
                time.time() + (3600.0 if self.lifetime_s is None else self.lifetime_s),
                parent.family if parent else secrets.token_hex(8),
                parent.user if parent else oauth.user or self.client.client_id,
            )
        )

    def _verify(self) -> str | None:
        try:
            return str(self._protector.acquire_token().user)
        except OAuth2Error:
            return None


class _ClientCredentials(ClientCredentialsGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS


class _Refresh(RefreshTokenGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS
    api: OAuth2Api

    @property
    def INCLUDE_NEW_REFRESH_TOKEN(self) -> bool:  # noqa: N802 - Authlib's name
        return self.api.rotation != "none"

    def authenticate_refresh_token(self, refresh_token: str) -> Grant | None:
        grant = next((one for one in self.api.grants if one.refresh_token == refresh_token), None)
        if grant is None or grant.is_dead:
            return None
        if not grant.is_used:
            return grant
        if self.api.rotation == "grace" and time.time() - grant.used_at <= self.api.grace_s:
            return grant
        self.api.family_revocations += 1
        for one in self.api.grants:
            one.is_dead = one.is_dead or one.family == grant.family
        return None

    def authenticate_user(self, refresh_token: Grant) -> str:
        return refresh_token.user

    def revoke_old_credential(self, refresh_token: Grant) -> None:
        if self.api.rotation != "none":
            refresh_token.is_used, refresh_token.used_at = True, time.time()


class _Validator(BearerTokenValidator):  # type: ignore[misc]
    def __init__(self, api: OAuth2Api) -> None:
        super().__init__()
        self._api = api

    def authenticate_token(self, token_string: str) -> Grant | None:
        with self._api.lock:
            return next((one for one in self._api.grants if token_string and one.access_token == token_string), None)


def _authenticate_decoded(query_client: Any, oauth: Any) -> Client | None:
    """Authenticate by Basic with form-encoded id and secret (RFC 6749 section 2.3.1)."""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, client_secret = base64.b64decode(text, validate=True).decode("ascii").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    client = query_client(unquote_plus(client_id))
    return client if client and client.check_client_secret(unquote_plus(client_secret)) else None
