"""The OAuth 2.0 server: Authlib's, with refresh tokens that work once.

Using one a second time revokes all that descend from it, as OAuth 2.0 servers should do with a
stolen token (RFC 9700 section 4.14.2).
"""

from __future__ import annotations

import hmac
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector
from authlib.oauth2.rfc6749 import ClientMixin, TokenMixin, grants
from authlib.oauth2.rfc6750 import BearerTokenValidator
from flask import Flask
from typing_extensions import override

from scripts.demo.saas.accounts import Accounts
from scripts.demo.saas.consent import add_consent

SCOPES = frozenset({"contacts.read", "contacts.write"})
CALENDAR_SCOPES = frozenset({"calendar.read"})
# What a consent gives first lives longer than the others, so that clicking through it needs no hurry.
CONSENT_LIFE_S = 3600
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True)
class Client(ClientMixin):
    """An application that may ask for tokens.

    Attributes:
        grant_types: How it may ask.
        owner: For whom; empty where people are asked.
        scopes: What it may ask for.
    """

    client_id: str
    client_secret: str = field(repr=False)
    grant_types: tuple[str, ...]
    owner: str
    scopes: frozenset[str] = SCOPES

    @override
    def get_client_id(self) -> str:
        return self.client_id

    @override
    def get_allowed_scope(self, scope: str | None) -> str:
        asked = set(scope.split()) if scope else self.scopes
        return " ".join(sorted(asked & self.scopes))

    @override
    def get_default_redirect_uri(self) -> None:
        """Return none: each request has to name it."""

    @override
    def check_redirect_uri(self, redirect_uri: str) -> bool:
        # A real service compares with what is registered; the demo's Airflow has another port each time.
        return urlsplit(redirect_uri).hostname in _LOOPBACK

    @override
    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and "authorization_code" in self.grant_types

    @override
    def check_client_secret(self, client_secret: str) -> bool:
        return hmac.compare_digest(self.client_secret.encode(), client_secret.encode())

    @override
    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in {"client_secret_basic", "client_secret_post"}

    @override
    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.grant_types


@dataclass
class Grant(TokenMixin):
    """A pair of tokens that was handed out; `family` ties it to those it came from."""

    client: Client
    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    scope: str
    expires_at: float
    family: int
    owner: str
    is_used: bool = False
    is_void: bool = False

    @override
    def check_client(self, client: Client) -> bool:
        return client.client_id == self.client.client_id

    @override
    def get_scope(self) -> str:
        return self.scope

    @override
    def get_expires_in(self) -> float:
        return self.expires_at - time.time()

    @override
    def is_expired(self) -> bool:
        return time.time() >= self.expires_at

    @override
    def is_revoked(self) -> bool:
        return self.is_void

    @override
    def get_user(self) -> str:
        return self.owner

    @override
    def get_client(self) -> Client:
        return self.client


class Grants:
    """All grants, and how often each kind of request was answered.

    Args:
        accounts: The clients, and Ada's first refresh token.
        ledger: File to note every token in that is handed out; None for none.
    """

    def __init__(self, accounts: Accounts, ledger: Path | None = None) -> None:
        self._ledger = ledger
        self.clients = {
            client.client_id: client
            for client in (
                Client(accounts.client_id, accounts.client_secret, ("client_credentials",), "Nightly sync"),
                Client(accounts.web_client_id, accounts.web_client_secret, ("refresh_token",), "Ada Lovelace"),
                Client(
                    accounts.calendar_client_id,
                    accounts.calendar_client_secret,
                    ("authorization_code", "refresh_token"),
                    "",
                    CALENDAR_SCOPES,
                ),
            )
        }
        self.counts = {"client_credentials": 0, "refresh_token": 0, "authorization_code": 0, "refused_reuse": 0}
        self._lock = threading.RLock()
        # Ada's consent was given before the service started; what she got then is expired by now.
        web = self.clients[accounts.web_client_id]
        self._all = [Grant(web, "", accounts.refresh_token, " ".join(sorted(SCOPES)), 0.0, 0, web.owner)]

    def save(self, token: dict[str, Any], request: Any) -> None:
        """Keep what the server hands out."""
        with self._lock:
            parent: Grant | None = getattr(request, "refresh_token", None)
            self.counts[request.payload.grant_type] += 1
            self._all.append(
                Grant(
                    request.client,
                    token["access_token"],
                    token.get("refresh_token"),
                    token.get("scope", ""),
                    time.time() + token["expires_in"],
                    parent.family if parent else len(self._all),
                    request.user or request.client.owner,
                )
            )
            self.note(*(token[name] for name in ("access_token", "refresh_token") if name in token))

    def note(self, *texts: str) -> None:
        """Write what must never be seen in a log into the ledger."""
        with self._lock:
            if self._ledger is not None:
                with self._ledger.open("a", encoding="utf-8") as handle:
                    handle.writelines(f"{text}\n" for text in texts)

    def find_access(self, text: str) -> Grant | None:
        """Return the grant of an access token."""
        with self._lock:
            return next((grant for grant in self._all if text and grant.access_token == text), None)

    def take_refresh(self, text: str) -> Grant | None:
        """Return the grant of a refresh token and mark it used; a second use revokes its family."""
        with self._lock:
            found = next((grant for grant in self._all if text and grant.refresh_token == text), None)
            if found is None or found.is_void:
                return None
            if found.is_used:
                self.counts["refused_reuse"] += 1
                self.revoke(found.family)
                return None
            found.is_used = True
            return found

    def revoke(self, family: int) -> None:
        """Make all tokens of a family worthless."""
        for grant in self._all:
            grant.is_void = grant.is_void or grant.family == family


def protect(app: Flask, grants_: Grants, lifetime_s: int) -> ResourceProtector:
    """Give the application a token endpoint and a consent page, and return what guards its resources.

    Args:
        app: The service.
        grants_: Where tokens are kept.
        lifetime_s: Seconds that an access token lives.
    """

    class RefreshGrant(grants.RefreshTokenGrant):
        INCLUDE_NEW_REFRESH_TOKEN = True
        TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")

        @override
        def authenticate_refresh_token(self, refresh_token: str) -> Grant | None:
            return grants_.take_refresh(refresh_token)

        @override
        def authenticate_user(self, refresh_token: Grant) -> str:
            return refresh_token.get_user()

        @override
        def revoke_old_credential(self, refresh_token: Grant) -> None:
            """Keep it: it was marked as used when it was taken."""

    class ClientGrant(grants.ClientCredentialsGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")

    class Validator(BearerTokenValidator):
        @override
        def authenticate_token(self, token_string: str) -> Grant | None:
            return grants_.find_access(token_string)

    app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True
    app.config["OAUTH2_TOKEN_EXPIRES_IN"] = {
        "client_credentials": lifetime_s,
        "refresh_token": lifetime_s,
        "authorization_code": CONSENT_LIFE_S,
    }
    server = AuthorizationServer(app, grants_.clients.get, grants_.save)
    server.register_grant(RefreshGrant)
    server.register_grant(ClientGrant)
    add_consent(app, server, grants_)
    app.add_url_rule("/oauth/token", view_func=server.create_token_response, methods=["POST"])
    guard = ResourceProtector()
    guard.register_token_validator(Validator())
    return guard
