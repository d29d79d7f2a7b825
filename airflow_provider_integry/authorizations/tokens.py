"""Tokens kept fresh inside one process: one refresh, however many threads and event loops ask.

The process keeps one `TokenSource` per connection. Grants are not stored beyond it: a service that
rotates refresh tokens is warned about in the log.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import replace
from typing import NamedTuple
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from airflow_provider_integry.auth.credentials import ApiKey, BearerToken, DPoPToken
from airflow_provider_integry.auth.dpop import ProofKey
from airflow_provider_integry.auth.grants import Obtained, Steps, TokenSettings, obtain_token
from airflow_provider_integry.auth.jwt import JwtLogin, JwtSigning
from airflow_provider_integry.auth.oauth2 import OAuth2Settings
from airflow_provider_integry.auth.source import CombinedSource, CredentialSource, Issued, StaticSource
from airflow_provider_integry.auth.token import Token
from airflow_provider_integry.errors import AuthorizationError, RequestTimeoutError
from airflow_provider_integry.settings import ConnectionSettings, TransportSettings
from airflow_provider_integry.transport.limits import TOKEN_DEADLINE_S
from airflow_provider_integry.urls import origin_of

log = logging.getLogger(__name__)

# A waiter gives up a little after the request it waits for would have.
WAIT_S = 40.0
LEEWAY_S = 60.0
# A token of two minutes is renewed half a minute early, not a whole one: short tokens must not thrash.
LEEWAY_SHARE = 0.25
MAX_SOURCES = 1000


class _Ticket(NamedTuple):
    """What a caller gets: a token that is good, or a flight to wait for, to be led if it is the first."""

    token: Token | None
    flight: Future[Token | None] | None
    is_leader: bool


class TokenSource:
    """Credentials made of a token that is fetched, signed or refreshed when it is needed.

    Args:
        conn_id: The connection, for the log.
        settings: How tokens are obtained.
        transport: Proxy, certificates and timeouts of the token endpoint.
        now: Clock, UTC epoch seconds.
    """

    def __init__(
        self,
        conn_id: str,
        settings: TokenSettings,
        transport: TransportSettings,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._conn_id = conn_id
        self._settings = settings
        self._transport = transport
        self._now = now
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._leeway_s = LEEWAY_S
        self._flight: Future[Token | None] | None = None
        self._refresh_token = settings.refresh_token if isinstance(settings, OAuth2Settings) else None
        self._leading_thread = 0
        self._endpoint: str | None = None
        # RFC 9449 binds a token to a key, and the token lives in this process alone: so does the key.
        uses_dpop = isinstance(settings, OAuth2Settings) and settings.uses_dpop
        self._proof_key = ProofKey(generate_private_key(SECP256R1())) if uses_dpop else None
        self._nonces: dict[str, str] = {}
        self._token_nonce: str | None = None

    def get(self, rejected: str | None = None) -> Issued:
        """Return a credential with a token that is good now; see `CredentialSource.get`."""
        # Lazy for start-up cost: an async process never needs requests.
        from airflow_provider_integry.transport.sockets import time_left

        while True:
            token, flight, is_leader = self._board(rejected)
            if flight is None:
                return self._issue(token)
            if is_leader:
                return self._issue(self._lead(flight))
            if self._leading_thread == threading.get_ident():
                # A coroutine of this very thread leads: waiting here would keep it from ever arriving.
                raise AuthorizationError(
                    f"Connection '{self._conn_id}': a token is being fetched by async code of this thread, which a"
                    " synchronous call would block; use hook.get_async_conn() in async code."
                )
            try:
                arrived = flight.result(timeout=min(WAIT_S, time_left() or WAIT_S))
            except (TimeoutError, FutureTimeoutError):
                raise self._too_slow() from None
            if arrived:
                return self._issue(arrived)

    async def aget(self, rejected: str | None = None) -> Issued:
        """Return a credential with a token that is good now, without blocking the event loop."""
        while True:
            token, flight, is_leader = self._board(rejected)
            if flight is None:
                return self._issue(token)
            if is_leader:
                return self._issue(await self._alead(flight))
            try:
                # Shielded: a waiter that is cancelled must not cancel the flight of the others.
                arrived = await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(flight)), WAIT_S)
            except asyncio.TimeoutError:
                raise self._too_slow() from None
            if arrived:
                return self._issue(arrived)

    def observe(self, url: str, nonce: str) -> None:
        """Remember a server's nonce; see `CredentialSource.observe`."""
        if self._proof_key and len(self._nonces) < MAX_SOURCES:
            self._nonces[str(origin_of(url))] = nonce

    def _board(self, rejected: str | None) -> _Ticket:
        with self._lock:
            token = self._token
            if token and token.fingerprint != rejected and not token.is_expired(self._now(), self._leeway_s):
                return _Ticket(token, None, is_leader=False)
            if self._flight:
                return _Ticket(None, self._flight, is_leader=False)
            self._flight = Future()
            self._leading_thread = threading.get_ident()
            return _Ticket(None, self._flight, is_leader=True)

    def _lead(self, flight: Future[Token | None]) -> Token:
        # Lazy for start-up cost: an async process never needs requests.
        from airflow_provider_integry.transport.sockets import time_left
        from airflow_provider_integry.transport.sync import fetch

        is_short = (time_left() or TOKEN_DEADLINE_S) < TOKEN_DEADLINE_S
        started_at = self._now()
        steps = self._start()
        try:
            request = next(steps)
            while True:
                request = steps.send(fetch(request, self._transport))
        except StopIteration as end:
            return self._land(flight, end.value, started_at)
        except BaseException as error:
            # Those who wait may have more time than this caller had.
            self._fail(flight, error, is_own=is_short and isinstance(error, RequestTimeoutError))
            raise

    async def _alead(self, flight: Future[Token | None]) -> Token:
        # Lazy for start-up cost: a sync task never needs aiohttp.
        from airflow_provider_integry.transport.aio import afetch

        started_at = self._now()
        steps = self._start()
        try:
            request = next(steps)
            while True:
                request = steps.send(await afetch(request, self._transport))
        except StopIteration as end:
            return self._land(flight, end.value, started_at)
        except BaseException as error:
            self._fail(flight, error)
            raise

    def _start(self) -> Steps:
        return obtain_token(
            self._settings,
            refresh_token=self._refresh_token,
            endpoint=self._endpoint,
            now=self._now,
            unique=lambda: uuid4().hex,
            proof_key=self._proof_key,
            nonce=self._token_nonce,
        )

    def _land(self, flight: Future[Token | None], obtained: Obtained, started_at: float) -> Token:
        token = obtained.token
        lifetime_s = (token.expires_at - started_at) if token.expires_at else LEEWAY_S
        with self._lock:
            if self._refresh_token and token.refresh_token and token.refresh_token != self._refresh_token:
                self._warn_rotated()
                self._refresh_token = token.refresh_token
            self._token = replace(token, refresh_token=None)
            self._leeway_s = min(LEEWAY_S, max(0.0, lifetime_s) * LEEWAY_SHARE)
            self._endpoint = obtained.endpoint
            self._token_nonce = obtained.nonce
            self._flight = None
        flight.set_result(token)
        return token

    def _fail(self, flight: Future[Token | None], error: BaseException, *, is_own: bool = False) -> None:
        """End a flight without a token.

        Args:
            flight: The flight.
            error: What happened.
            is_own: Whether it is the leader's own affair, such as its own time being over.
        """
        with self._lock:
            self._flight = None
        if isinstance(error, Exception) and not is_own:
            flight.set_exception(error)
        else:
            # This caller alone was cancelled or interrupted: somebody else takes the lead.
            flight.set_result(None)

    def _issue(self, token: Token | None) -> Issued:
        assert token is not None
        settings = self._settings
        if isinstance(settings, JwtLogin) and settings.cookie_name:
            return Issued(ApiKey(token.access_token, "cookie", settings.cookie_name), token.fingerprint)
        if self._proof_key and token.token_type.lower() == "dpop":
            return Issued(DPoPToken(token.access_token, self._proof_key, dict(self._nonces)), token.fingerprint)
        return Issued(BearerToken(token.access_token, settings.header_name, settings.header_prefix), token.fingerprint)

    def _warn_rotated(self) -> None:
        log.warning(
            "Connection '%s': the service has replaced the pasted refresh token. The new one is kept until this"
            " process ends; if the service accepts each refresh token only once, the next task has to be given a new"
            " one.",
            self._conn_id,
        )

    def _too_slow(self) -> RequestTimeoutError:
        return RequestTimeoutError(f"Connection '{self._conn_id}'", "no token in the time that there was to wait")

    def __repr__(self) -> str:
        return f"TokenSource({self._conn_id!r})"


_sources: dict[str, TokenSource] = {}
_sources_lock = threading.Lock()


def source_for(settings: ConnectionSettings) -> CredentialSource:
    """Return the process's source of credentials for a connection.

    Two hooks of one connection share one; a connection that was edited gets a new one.
    """
    auth = settings.auth
    source: CredentialSource
    if isinstance(auth, OAuth2Settings | JwtSigning | JwtLogin):
        source = _token_source(settings, auth)
    else:
        source = StaticSource(auth)
    return CombinedSource(source, settings.secret_headers) if settings.secret_headers else source


def _token_source(settings: ConnectionSettings, auth: TokenSettings) -> TokenSource:
    key = _digest(settings)
    with _sources_lock:
        source = _sources.get(key)
        if source is None:
            if len(_sources) >= MAX_SOURCES:
                _sources.pop(next(iter(_sources)))
            source = _sources[key] = TokenSource(settings.conn_id, auth, settings.transport)
        return source


def forget_sources() -> None:
    """Drop every token of this process, as a new process would have it."""
    with _sources_lock:
        _sources.clear()


def _digest(settings: ConnectionSettings) -> str:
    """Name a connection's settings, secrets included, without keeping them."""
    parts = [repr((settings.conn_id, settings.auth, settings.transport))]
    parts += [secret.reveal() for secret in settings.secrets]
    return hashlib.sha256("\x00".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
