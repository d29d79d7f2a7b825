"""One request for something new, however many threads and event loops of this process want it at once."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import NamedTuple

from airflow_provider_integry.authorizations.supply import Supplied, Supplier
from airflow_provider_integry.errors import AuthorizationError, IntegryError, RequestTimeoutError
from airflow_provider_integry.transport.limits import TOKEN_DEADLINE_S

# A waiter gives up a little after the request it waits for would have.
WAIT_S = 40.0
# A token that still works is used when no new one can be had, and another try is made after this long.
GRACE_S = 5.0


class _Ticket(NamedTuple):
    """What a caller gets: a token that is good, or a flight to wait for, to be led if it is the first."""

    supplied: Supplied | None
    flight: Future[Supplied | None] | None
    is_leader: bool


class SharedSupply:
    """What one supplier gives, shared by a process.

    Args:
        conn_id: The connection, for messages.
        supplier: Where tokens come from.
        now: Clock, UTC epoch seconds.
        wait_s: Seconds that a caller waits for the one who asks.
    """

    def __init__(
        self, conn_id: str, supplier: Supplier, now: Callable[[], float] = time.time, wait_s: float = WAIT_S
    ) -> None:
        self._conn_id = conn_id
        self._now = now
        self._supplier = supplier
        self._wait_s = wait_s
        self._lock = threading.Lock()
        self._held: Supplied | None = None
        self._flight: Future[Supplied | None] | None = None
        self._leading_thread = 0

    def obtain(self, rejected: str | None = None) -> Supplied:
        """Return a token that is good now, in this thread's own time or somebody else's.

        Args:
            rejected: Fingerprint of a token that the API has just refused.
        Raises:
            IntegryError: There is none.
        """
        # Lazy for start-up cost: an async process never needs requests.
        from airflow_provider_integry.transport.sockets import time_left

        while True:
            supplied, flight, is_leader = self._board(rejected)
            if flight is None:
                assert supplied is not None
                return supplied
            if is_leader:
                return self._lead(flight, rejected)
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
                return arrived

    async def aobtain(self, rejected: str | None = None) -> Supplied:
        """Do what `obtain` does, without blocking the event loop."""
        while True:
            supplied, flight, is_leader = self._board(rejected)
            if flight is None:
                assert supplied is not None
                return supplied
            if is_leader:
                return await self._alead(flight, rejected)
            try:
                # Shielded: a waiter that is cancelled must not cancel the flight of the others.
                arrived = await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(flight)), self._wait_s)
            except asyncio.TimeoutError:
                raise self._too_slow() from None
            if arrived:
                return arrived

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

    def _too_slow(self) -> RequestTimeoutError:
        return RequestTimeoutError(f"Connection '{self._conn_id}'", "no token in the time that there was to wait")


def _is_good(supplied: Supplied, now: float) -> bool:
    return supplied.good_until is None or now < supplied.good_until
