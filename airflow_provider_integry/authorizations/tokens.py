"""Tokens kept fresh inside one process: one request for a new one, however many threads and loops ask.

The process keeps one `TokenSource` per authorization. Where its tokens come from is a `Supplier`'s
affair: the token endpoint, Airflow's database, or the broker in the API server.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from airflow_provider_integry.auth.credentials import Credentials, OAuth1
from airflow_provider_integry.auth.grants import TokenSettings
from airflow_provider_integry.auth.jwt import JwtLogin, JwtSigning
from airflow_provider_integry.auth.oauth1_consent import OAuth1Consent
from airflow_provider_integry.auth.oauth2 import OAuth2Settings
from airflow_provider_integry.auth.source import CombinedSource, CredentialSource, Issued, StaticSource
from airflow_provider_integry.authorizations.issuing import build_credentials
from airflow_provider_integry.authorizations.shared_supply import WAIT_S, SharedSupply
from airflow_provider_integry.authorizations.subject import digest_of
from airflow_provider_integry.authorizations.supply import EndpointSupplier, Supplied, Supplier
from airflow_provider_integry.settings import ConnectionSettings, TransportSettings
from airflow_provider_integry.urls import origin_of

MAX_SOURCES = 1000
T = TypeVar("T")


class TokenSource(SharedSupply):
    """Credentials made of a token that is obtained when it is needed.

    Args:
        conn_id: The connection, for messages.
        settings: How the token is used, and how it is obtained where no supplier is given.
        transport: Proxy, certificates and timeouts of the token endpoint.
        now: Clock, UTC epoch seconds.
        supplier: Where tokens come from; None for the token endpoint.
        wait_s: Seconds that a caller waits for the one who asks.
    """

    def __init__(
        self,
        conn_id: str,
        settings: TokenSettings,
        transport: TransportSettings,
        now: Callable[[], float] = time.time,
        supplier: Supplier | None = None,
        wait_s: float = WAIT_S,
    ) -> None:
        super().__init__(conn_id, supplier or EndpointSupplier(conn_id, settings, transport, now), now, wait_s)
        self._settings = settings
        self._nonces: dict[str, str] = {}

    def get(self, rejected: str | None = None) -> Issued:
        """Return a credential with a token that is good now; see `CredentialSource.get`."""
        return self._issue(self.obtain(rejected))

    async def aget(self, rejected: str | None = None) -> Issued:
        """Return a credential with a token that is good now, without blocking the event loop."""
        return self._issue(await self.aobtain(rejected))

    def observe(self, url: str, nonce: str) -> None:
        """Remember a server's nonce; see `CredentialSource.observe`."""
        if len(self._nonces) < MAX_SOURCES:
            self._nonces[str(origin_of(url))] = nonce

    def _issue(self, supplied: Supplied) -> Issued:
        token = supplied.token
        credentials = build_credentials(self._settings, token, supplied.proof_key, dict(self._nonces))
        # With OAuth 1.0a nothing could be renewed: a 401 is the caller's to hear of.
        return Issued(credentials, None if isinstance(credentials, OAuth1) else token.fingerprint, supplied.kept)

    def __repr__(self) -> str:
        return f"TokenSource({self._conn_id!r})"


_sources: dict[str, Any] = {}
_sources_lock = threading.Lock()


def remember(key: str, build: Callable[[], T]) -> T:
    """Return what this process has under a key, made at the first use; the oldest is forgotten when there are many."""
    with _sources_lock:
        if key not in _sources:
            if len(_sources) >= MAX_SOURCES:
                _sources.pop(next(iter(_sources)))
            _sources[key] = build()
        found: T = _sources[key]
        return found


def source_for(
    settings: ConnectionSettings,
    build_supplier: Callable[[], Supplier] | None = None,
    *,
    name: str = "",
    wait_s: float = WAIT_S,
) -> CredentialSource:
    """Return the process's source of credentials for a connection.

    Two hooks of one connection share one; a connection that was edited gets a new one.

    Args:
        settings: The connection.
        build_supplier: Makes what tokens come from; None for the token endpoint.
        name: What the tokens are for, beside the connection, and where they come from.
        wait_s: Seconds that a caller waits for the one who asks.
    Raises:
        MissingFieldError: The connection has no account of its own.
    """
    auth = settings.auth
    source: CredentialSource
    if isinstance(auth, OAuth1Consent | OAuth2Settings | JwtSigning | JwtLogin):
        token_settings = auth

        def build() -> TokenSource:
            supplier = build_supplier() if build_supplier else None
            return TokenSource(settings.conn_id, token_settings, settings.transport, supplier=supplier, wait_s=wait_s)

        source = remember(f"{digest_of(settings)} {name}", build)
    else:
        settings.check_filled()
        assert isinstance(auth, Credentials)
        source = StaticSource(auth)
    return CombinedSource(source, settings.secret_headers) if settings.secret_headers else source


def forget_sources() -> None:
    """Drop every token of this process, as a new process would have it."""
    with _sources_lock:
        _sources.clear()
