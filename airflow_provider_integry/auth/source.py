"""Where a session gets its credentials from: the small interface between sending and keeping.

A session asks before each request. When the API refuses what it got (status 401) it asks once more
and names the refused token, so that two hundred callers who see the same refusal cause one refresh.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

from airflow_provider_integry.auth.credentials import Combined, Credentials, main_of
from airflow_provider_integry.secret import Secret


class Issued(NamedTuple):
    """Credentials for one request.

    Attributes:
        credentials: What to put on the request.
        fingerprint: Name of the token inside, to report it as refused; None when there is nothing
            that could be renewed (a key, a password, OAuth 1.0a).
        kept: What is kept with the grant beside its tokens, by the names that the connection declares.
    """

    credentials: Credentials
    fingerprint: str | None = None
    kept: Mapping[str, str] = MappingProxyType({})


class CredentialSource(Protocol):
    """Hands out credentials; safe to share between threads and event loops."""

    def get(self, rejected: str | None = None) -> Issued:
        """Return credentials that are good now.

        Args:
            rejected: Fingerprint of a token that the API has just refused; it is renewed only if it
                is still the current one.
        Raises:
            AuthorizationError: There are none.
            TransportError: The token endpoint could not be reached.
        """
        ...

    async def aget(self, rejected: str | None = None) -> Issued:
        """Do what `get` does, without blocking the event loop."""
        ...

    def observe(self, url: str, nonce: str) -> None:
        """Remember the nonce that a server gave for the next proof (RFC 9449 section 8)."""
        ...


class CombinedSource:
    """Another source's credentials, with secret headers beside them."""

    def __init__(self, inner: CredentialSource, headers: tuple[tuple[str, Secret], ...]) -> None:
        self._inner = inner
        self._headers = headers

    def get(self, rejected: str | None = None) -> Issued:
        """Return the combined credentials."""
        return self._combine(self._inner.get(rejected))

    async def aget(self, rejected: str | None = None) -> Issued:
        """Return the combined credentials."""
        return self._combine(await self._inner.aget(rejected))

    def observe(self, url: str, nonce: str) -> None:
        """Pass a server's nonce on."""
        self._inner.observe(url, nonce)

    def _combine(self, issued: Issued) -> Issued:
        return Issued(Combined(main_of(issued.credentials), self._headers), issued.fingerprint, issued.kept)


class StaticSource:
    """Credentials that never change: keys, passwords, OAuth 1.0a."""

    def __init__(self, credentials: Credentials) -> None:
        self._issued = Issued(credentials)

    def get(self, rejected: str | None = None) -> Issued:
        """Return the credentials."""
        return self._issued

    async def aget(self, rejected: str | None = None) -> Issued:
        """Return the credentials."""
        return self._issued

    def observe(self, url: str, nonce: str) -> None:
        """Do nothing: these credentials prove nothing."""
