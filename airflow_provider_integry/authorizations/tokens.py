"""Tokens kept fresh inside one process: one request for a new one, however many threads and loops ask.

The process keeps one `TokenSource` per authorization. Where its tokens come from is a `Supplier`'s
affair: the token endpoint, Airflow's database, or the broker in the API server.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import NamedTuple

from airflow_provider_integry.auth.credentials import OAuth1
from airflow_provider_integry.auth.grants import TokenSettings
from airflow_provider_integry.auth.jwt import JwtLogin, JwtSigning
from airflow_provider_integry.auth.oauth1_consent import OAuth1Consent
from airflow_provider_integry.auth.oauth2 import OAuth2Settings
from airflow_provider_integry.auth.source import CombinedSource, CredentialSource, Issued, StaticSource
from airflow_provider_integry.authorizations.issuing import build_credentials
from airflow_provider_integry.authorizations.subject import digest_of
from airflow_provider_integry.authorizations.supply import EndpointSupplier, Supplied, Supplier
from airflow_provider_integry.errors import AuthorizationError, IntegryError, RequestTimeoutError
from airflow_provider_integry.settings import ConnectionSettings, TransportSettings
from airflow_provider_integry.transport.limits import TOKEN_DEADLINE_S
from airflow_provider_integry.urls import origin_of

# A waiter gives up a little after the request it waits for would have.
WAIT_S = 40.0
# A token that still works is used when no new one can be had, and another try is made after this long.
GRACE_S = 5.0
MAX_SOURCES = 1000


class _Ticket(NamedTuple):
    """What a caller gets: a token that is good, or a flight to wait for, to be led if it is the first."""

    supplied: Supplied | None
    flight: Future[Supplied | None] | None
    is_leader: bool


class TokenSource:
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
        self._conn_id = conn_id
        self._settings = settings
        self._now = now
        self._supplier = supplier or EndpointSupplier(conn_id, settings, transport, now)
        self._wait_s = wait_s
        self._lock = threading.Lock()
        self._held: Supplied | None = None
        self._flight: Future[Supplied | None] | None = None
        self._leading_thread = 0
        self._nonces: dict[str, str] = {}

    def get(self, rejected: str | None = None) -> Issued:
        """Return a credential with a token that is good now; see `CredentialSource.get`."""
        # Lazy for start-up cost: an async process never needs requests.
        from airflow_provider_integry.transport.sockets import time_left

        while True:
            supplied, flight, is_leader = self._board(rejected)
            if flight is None:
                return self._issue(supplied)
            if is_leader:
                return self._issue(self._lead(flight, rejected))
            if self._leading_thread == threading.get_ident():
                # A coroutine of this very thread leads: waiting here would keep it from ever arriving.
                raise AuthorizationError(
                    f"Connection '{self._conn_id}': a token is being fetched by async code of this thread, which a"
                    " synchronous call would block; use hook.get_async_conn() in async code."
                )
            try:
                arrived = flight.result(timeout=min(self._wait_s, time_left() or self._wait_s))
            except (TimeoutError, FutureTimeoutError):
                raise self._too_slow() from None
            if arrived:
                return self._issue(arrived)

    async def aget(self, rejected: str | None = None) -> Issued:
        """Return a credential with a token that is good now, without blocking the event loop."""
        while True:
            supplied, flight, is_leader = self._board(rejected)
            if flight is None:
                return self._issue(supplied)
            if is_leader:
                return self._issue(await self._alead(flight, rejected))
            try:
                # Shielded: a waiter that is cancelled must not cancel the flight of the others.
                arrived = await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(flight)), self._wait_s)
            except asyncio.TimeoutError:
                raise self._too_slow() from None
            if arrived:
                return self._issue(arrived)

    def observe(self, url: str, nonce: str) -> None:
        """Remember a server's nonce; see `CredentialSource.observe`."""
        if len(self._nonces) < MAX_SOURCES:
            self._nonces[str(origin_of(url))] = nonce

    def _board(self, rejected: str | None) -> _Ticket:
        with self._lock:
            held = self._held
            if held and held.token.fingerprint != rejected and _is_good(held, self._now()):
                return _Ticket(held, None, is_leader=False)
            if self._flight:
                return _Ticket(None, self._flight, is_leader=False)
            self._flight = Future()
            self._leading_thread = threading.get_ident()
            return _Ticket(None, self._flight, is_leader=True)

    def _lead(self, flight: Future[Supplied | None], rejected: str | None) -> Supplied:
        # Lazy for start-up cost: an async process never needs requests.
        from airflow_provider_integry.transport.sockets import time_left

        is_short = (time_left() or TOKEN_DEADLINE_S) < TOKEN_DEADLINE_S
        try:
            return self._land(flight, self._supplier.supply(rejected))
        except BaseException as error:
            if spare := self._spare(error, rejected):
                return self._land(flight, spare)
            # Those who wait may have more time than this caller had.
            self._fail(flight, error, rejected, is_own=is_short and isinstance(error, RequestTimeoutError))
            raise

    async def _alead(self, flight: Future[Supplied | None], rejected: str | None) -> Supplied:
        try:
            return self._land(flight, await self._supplier.asupply(rejected))
        except BaseException as error:
            if spare := self._spare(error, rejected):
                return self._land(flight, spare)
            self._fail(flight, error, rejected)
            raise

    def _spare(self, error: BaseException, rejected: str | None) -> Supplied | None:
        """Return the token that is held, for a while longer, where it still works and no new one can be had."""
        held = self._held
        if held is None or not isinstance(error, IntegryError) or not error.retryable:
            return None
        now = self._now()
        if held.token.fingerprint == rejected or held.token.is_expired(now, 1.0):
            return None
        return held._replace(good_until=now + GRACE_S)

    def _land(self, flight: Future[Supplied | None], supplied: Supplied) -> Supplied:
        with self._lock:
            self._held = supplied
            self._flight = None
        flight.set_result(supplied)
        return supplied

    def _fail(
        self, flight: Future[Supplied | None], error: BaseException, rejected: str | None, *, is_own: bool = False
    ) -> None:
        """End a flight without a token.

        Args:
            flight: The flight.
            error: What happened.
            rejected: Token that the API has refused: it is not used again.
            is_own: Whether it is the leader's own affair, such as its own time being over.
        """
        with self._lock:
            self._flight = None
            if self._held and self._held.token.fingerprint == rejected:
                self._held = None
        if isinstance(error, Exception) and not is_own:
            flight.set_exception(error)
        else:
            # This caller alone was cancelled or interrupted: somebody else takes the lead.
            flight.set_result(None)

    def _issue(self, supplied: Supplied | None) -> Issued:
        assert supplied is not None
        token = supplied.token
        credentials = build_credentials(self._settings, token, supplied.proof_key, dict(self._nonces))
        # With OAuth 1.0a nothing could be renewed: a 401 is the caller's to hear of.
        return Issued(credentials, None if isinstance(credentials, OAuth1) else token.fingerprint, supplied.kept)

    def _too_slow(self) -> RequestTimeoutError:
        return RequestTimeoutError(f"Connection '{self._conn_id}'", "no token in the time that there was to wait")

    def __repr__(self) -> str:
        return f"TokenSource({self._conn_id!r})"


def _is_good(supplied: Supplied, now: float) -> bool:
    return supplied.good_until is None or now < supplied.good_until


_sources: dict[str, TokenSource] = {}
_sources_lock = threading.Lock()


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
    """
    auth = settings.auth
    source: CredentialSource
    if isinstance(auth, OAuth1Consent | OAuth2Settings | JwtSigning | JwtLogin):
        key = f"{digest_of(settings)} {name}"
        with _sources_lock:
            found = _sources.get(key)
            if found is None:
                if len(_sources) >= MAX_SOURCES:
                    _sources.pop(next(iter(_sources)))
                supplier = build_supplier() if build_supplier else None
                found = TokenSource(settings.conn_id, auth, settings.transport, supplier=supplier, wait_s=wait_s)
                _sources[key] = found
        source = found
    else:
        source = StaticSource(auth)
    return CombinedSource(source, settings.secret_headers) if settings.secret_headers else source


def forget_sources() -> None:
    """Drop every token of this process, as a new process would have it."""
    with _sources_lock:
        _sources.clear()
