"""Credentials of the made-up service: generated at start, handed over on standard input."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass, fields


@dataclass(frozen=True)
class Accounts:
    """Every credential that the service knows.

    Attributes:
        client_id, client_secret: OAuth 2.0 client that acts for itself (client_credentials).
        web_client_id, web_client_secret: OAuth 2.0 client that acts for Ada (refresh_token).
        refresh_token: Ada's first refresh token; each one works once.
        calendar_client_id, calendar_client_secret: OAuth 2.0 client that asks people for consent.
        api_key: Key of the shop.
        stock_key, stock_secret: Key and secret of the warehouse.
        login, password: User of the billing department.
        consumer_key, consumer_secret, oauth_token, oauth_token_secret: OAuth 1.0a, for the photos.
    """

    client_id: str
    client_secret: str
    web_client_id: str
    web_client_secret: str
    refresh_token: str
    calendar_client_id: str
    calendar_client_secret: str
    api_key: str
    stock_key: str
    stock_secret: str
    login: str
    password: str
    consumer_key: str
    consumer_secret: str
    oauth_token: str
    oauth_token_secret: str

    def __repr__(self) -> str:
        return f"Accounts({', '.join(item.name for item in fields(self))})"

    def secrets(self) -> dict[str, str]:
        """Return what must never be seen in a log, by name."""
        shown = {"client_id", "web_client_id", "calendar_client_id", "login", "consumer_key"}
        return {name: value for name, value in asdict(self).items() if name not in shown}


def generate_accounts() -> Accounts:
    """Make new credentials.

    They hold characters that change when they are encoded, as real ones do.
    """

    def secret() -> str:
        return f"{secrets.token_hex(8)}+/={secrets.token_urlsafe(12)}"

    return Accounts(
        client_id="acme-nightly-sync",
        client_secret=secret(),
        web_client_id="acme-web",
        web_client_secret=secret(),
        refresh_token=secrets.token_urlsafe(36),
        calendar_client_id="acme-calendar-reader",
        calendar_client_secret=secret(),
        api_key=f"shop_{secrets.token_urlsafe(24)}",
        stock_key=f"stock_{secrets.token_urlsafe(18)}",
        stock_secret=secret(),
        login="ada@acme.example",
        password=f"pässword-{secrets.token_urlsafe(16)}",
        consumer_key="acme-photo-wall",
        consumer_secret=secret(),
        oauth_token=secrets.token_urlsafe(18),
        oauth_token_secret=secret(),
    )
