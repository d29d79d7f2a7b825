"""The keeper of the photos: Authlib's OAuth 1.0a resource protection (RFC 5849)."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from authlib.integrations.flask_oauth1 import ResourceProtector
from authlib.oauth1 import ClientMixin, TokenCredentialMixin
from flask import Flask
from typing_extensions import override

from scripts.demo.saas.accounts import Accounts


@dataclass(frozen=True)
class Consumer(ClientMixin):
    """The application that signs."""

    secret: str = field(repr=False)

    @override
    def get_client_secret(self) -> str:
        return self.secret


@dataclass(frozen=True)
class Token(TokenCredentialMixin):
    """The account for which it signs."""

    token: str = field(repr=False)
    secret: str = field(repr=False)

    @override
    def get_oauth_token(self) -> str:
        return self.token

    @override
    def get_oauth_token_secret(self) -> str:
        return self.secret


def protect(app: Flask, accounts: Accounts) -> ResourceProtector:
    """Return what guards resources by OAuth 1.0a; a nonce works once."""
    seen: set[tuple[str, str, str, str]] = set()
    lock = threading.Lock()
    consumers = {accounts.consumer_key: Consumer(accounts.consumer_secret)}
    tokens = {(accounts.consumer_key, accounts.oauth_token): Token(accounts.oauth_token, accounts.oauth_token_secret)}

    def is_nonce_known(nonce: str, timestamp: str, client_id: str, oauth_token: str) -> bool:
        key = (nonce, timestamp, client_id, oauth_token)
        with lock:
            known = key in seen
            seen.add(key)
        return known

    def find_token(client_id: str, oauth_token: str) -> Token | None:
        return tokens.get((client_id, oauth_token))

    return ResourceProtector(app, query_client=consumers.get, query_token=find_token, exists_nonce=is_nonce_known)
