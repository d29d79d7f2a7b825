"""One poll for all sensors of a triggerer: they wait together, and one of them asks for everybody.

Sensors with the same interval form a group, which looks once per interval: one request for each 1,000 of them. A
sensor that has just come is looked at within a second, together with others that come then; that happens once per
interval and 2,000 sensors, and twice for fewer than 1,000, so that however many come and whenever, an interval sees
one request per 500 sensors, or five where there are few. Others wait for their group's next look.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import Context
from weakref import WeakKeyDictionary

from airflow_provider_integry.auth.readiness import Readiness
from airflow_provider_integry.hooks.looks import Look, Looker, Outcome, Wanted
from airflow_provider_integry.hooks.probe import Findings

log = logging.getLogger(__name__)
# Sensors that come within this time are looked at together, for the first time.
GATHER_S = 1.0
# Each sensor that is told logs something, or has its task go on: no more than these at a time, so that the
# triggerer is not flooded with its own news.
_TOLD_AT_ONCE, _PAUSE_S = 20, 0.02
# A group that is due within this share of its interval joins another one's look.
_EARLY_SHARE = 0.1


class Seat:
    """One sensor's place in the pool.

    Args:
        wanted: What it waits for.
        group: Those that look as often.
    """

    def __init__(self, wanted: Wanted, group: _Group) -> None:
        self.wanted = wanted
        self.group = group
        # Whether somebody looks for it at this moment.
        self.is_asked = False
        self._outcome: Outcome | None = None
        self._has_outcome = asyncio.Event()
        self._pending: Findings | None = None

    async def look(self) -> Outcome:
        """Wait for the next look and return what was found."""
        await self._has_outcome.wait()
        self._has_outcome.clear()
        assert self._outcome is not None
        return self._outcome

    def tell(self, outcome: Outcome) -> bool:
        """Say what was found; an older outcome that nobody has read is forgotten.

        Returns:
            Whether it was news. A sensor that goes on waiting for the same reason is not woken: with thousands of
            them, what each waking leaves to Python's garbage collector would stop the event loop now and then.
        """
        pending = outcome.findings if isinstance(outcome, Look) and _is_waiting(outcome) else None
        if pending is not None and pending == self._pending:
            return False
        self._pending = pending
        self._outcome = outcome
        self._has_outcome.set()
        return True


class _Group:
    """Sensors with the same interval."""

    def __init__(self, interval_s: float, due_at: float) -> None:
        self.interval_s = interval_s
        self.due_at = due_at
        self.seats: set[Seat] = set()
        # First looks at newcomers since the last regular look.
        self.early_looks = 0

    def go_on(self, now: float) -> None:
        """Plan the look after this one; a look that comes late moves those after it."""
        self.due_at = max(self.due_at, now) + self.interval_s
        self.early_looks = 0


class StatusPool:
    """Looks for all sensors of one event loop.

    Args:
        looker: Looks at connections and asks the broker.
        clock: Seconds that never jump.
        scatter: Random numbers in [0, 1).
    """

    def __init__(
        self,
        looker: Looker | None = None,
        clock: Callable[[], float] = time.monotonic,
        scatter: Callable[[], float] = random.random,
    ) -> None:
        self._looker = looker or Looker()
        self._clock = clock
        self._scatter = scatter
        self._groups: dict[float, _Group] = {}
        self._newcomers: set[Seat] = set()
        self._newcomers_at: float | None = None
        self._worker: asyncio.Task[None] | None = None
        self._rounds: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._told = 0

    @contextmanager
    def join(self, wanted: Wanted, interval_s: float) -> Iterator[Seat]:
        """Wait with the others, for as long as the block lasts.

        Args:
            wanted: What is waited for.
            interval_s: Seconds between two looks (> 0).
        """
        group = self._groups.get(interval_s)
        if group is None:
            # Up to a tenth earlier, so that triggerers that began together spread out.
            first_s = interval_s * (1 - self._scatter() / 10)
            group = self._groups[interval_s] = _Group(interval_s, self._clock() + first_s)
        seat = Seat(wanted, group)
        group.seats.add(seat)
        self._welcome(seat)
        self._start()
        try:
            yield seat
        finally:
            self._leave(seat)

    @property
    def size(self) -> int:
        """How many sensors wait."""
        return sum(len(group.seats) for group in self._groups.values())

    def _welcome(self, seat: Seat) -> None:
        """Plan the first look at a sensor that has just come; without one it is looked at with its group."""
        if self._newcomers_at is None:
            allowed = 2 if self.size < 1000 else -(-self.size // 2000)
            if seat.group.early_looks >= allowed:
                return
            seat.group.early_looks += 1
            self._newcomers_at = self._clock() + min(GATHER_S, seat.group.interval_s / 10)
        self._newcomers.add(seat)

    def _leave(self, seat: Seat) -> None:
        self._newcomers.discard(seat)
        seat.group.seats.discard(seat)
        if not seat.group.seats:
            self._groups.pop(seat.group.interval_s, None)
        if not self._groups:
            self._stop()

    # -- the worker --------------------------------------------------------------------------------

    def _start(self) -> None:
        self._wake.set()
        if self._worker is None or self._worker.done():
            # In a context of its own: what it logs belongs to no sensor in particular.
            self._worker = Context().run(asyncio.ensure_future, self._work())

    def _stop(self) -> None:
        """Leave nothing behind."""
        self._newcomers_at = None
        for task in [self._worker, *self._rounds]:
            if task is not None:
                task.cancel()
        self._worker = None
        self._looker.close()
        # The one that was waited with belongs to its event loop.
        self._wake = asyncio.Event()

    async def _work(self) -> None:
        while True:
            self._wake.clear()
            wait_s = self._next_at() - self._clock()
            if wait_s > 0:
                try:
                    await asyncio.wait_for(self._wake.wait(), wait_s)
                except asyncio.TimeoutError:
                    pass
                else:
                    continue
            seats = self._take_due()
            if seats:
                task = asyncio.create_task(self._look(seats))
                self._rounds.add(task)
                task.add_done_callback(self._rounds.discard)

    def _next_at(self) -> float:
        times = [group.due_at for group in self._groups.values()]
        if self._newcomers_at is not None:
            times.append(self._newcomers_at)
        return min(times)

    def _take_due(self) -> list[Seat]:
        """Return the sensors to look for now, and plan their groups' next look."""
        now = self._clock()
        seats: set[Seat] = set()
        if self._newcomers_at is not None and self._newcomers_at <= now:
            seats |= self._newcomers
            self._newcomers, self._newcomers_at = set(), None
        for group in self._groups.values():
            if group.due_at <= now + group.interval_s * _EARLY_SHARE:
                seats |= group.seats
                group.go_on(now)
        return [seat for seat in seats if not seat.is_asked]

    async def _tell(self, seats: Iterable[Seat], outcome: Outcome) -> None:
        for seat in seats:
            seat.is_asked = False
            self._told += seat.tell(outcome)
            if self._told >= _TOLD_AT_ONCE:
                self._told = 0
                await asyncio.sleep(_PAUSE_S)

    async def _look(self, seats: Iterable[Seat]) -> None:
        by_wanted: dict[Wanted, list[Seat]] = defaultdict(list)
        for seat in seats:
            seat.is_asked = True
            by_wanted[seat.wanted].append(seat)
        try:
            async for outcomes in self._looker.look(by_wanted):
                # Those whose waiting is over first.
                for wanted, outcome in sorted(outcomes, key=_is_pending):
                    await self._tell(by_wanted.pop(wanted), outcome)
        except Exception as error:
            log.exception("A look at %d authorizations failed in an unexpected way.", len(by_wanted))
            for left in by_wanted.values():
                for seat in left:
                    seat.tell(error)
        finally:
            for left in by_wanted.values():
                for seat in left:
                    seat.is_asked = False


def _is_pending(found: tuple[Wanted, Outcome]) -> bool:
    outcome = found[1]
    return isinstance(outcome, Look) and _is_waiting(outcome)


def _is_waiting(look: Look) -> bool:
    return look.findings.readiness is not Readiness.READY


_pools: WeakKeyDictionary[asyncio.AbstractEventLoop, StatusPool] = WeakKeyDictionary()


def pool_of_running_loop() -> StatusPool:
    """Return the pool that all sensors of the running event loop share."""
    loop = asyncio.get_running_loop()
    pool = _pools.get(loop)
    if pool is None:
        pool = _pools[loop] = StatusPool()
    return pool
