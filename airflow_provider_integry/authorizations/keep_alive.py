"""Grants that nobody uses are renewed before they die of it: the broker's part.

One request does what it can in the time that a request may take and tells how to go on. What is still
under way when that is over goes on by itself; the next request names it and is told what came of it.
Nothing is remembered between requests but that, so they may reach different API servers.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

from airflow_provider_integry.authorizations.grant import Authorization
from airflow_provider_integry.authorizations.messages import (
    PATIENCE_S,
    EndingGrant,
    KeepAliveAnswer,
    KeepAliveRequest,
    UnkeptGrant,
)
from airflow_provider_integry.authorizations.refresh import Refresher
from airflow_provider_integry.authorizations.status import read_error
from airflow_provider_integry.authorizations.steps import Do, Pause, Steps, arun_steps, run_in_thread
from airflow_provider_integry.authorizations.subject import Subject
from airflow_provider_integry.errors import IntegryError, NotAuthorizedError, ReauthorizationNeededError

log = logging.getLogger(__name__)
# Renewals at one time, in one process: tasks come first.
MOST_AT_ONCE = 4
PAGE = 100
# A grant that failed less than this ago is not tried again: the next run will.
RECENT_S = 600.0
# What was renewed less than this ago is not idle, whatever the service tells.
_LEAST_S = 60.0

Outcome = Literal["renewed", "failed", "lost", "skipped", "lasting"]
Resolve = Callable[[Authorization], Awaitable["Subject | None"]]


@dataclass(frozen=True, slots=True)
class Kept:
    """What came of one grant; see `UnkeptGrant` for the reason.

    One that has nothing to be renewed with is `lasting`, and left as it is: it does not die of idleness.
    """

    outcome: Outcome
    reason: str = ""
    is_passing: bool = True


@dataclass(slots=True)
class _Tally:
    """What one request has to tell."""

    renewed: int = 0
    unkept: dict[str, list[UnkeptGrant]] = field(
        default_factory=lambda: {"failed": [], "lost": [], "skipped": []},
    )

    def add(self, row: Authorization, kept: Kept) -> None:
        """Count one grant."""
        if kept.outcome == "renewed":
            self.renewed += 1
        if kept.outcome in ("renewed", "lasting"):
            return
        told = UnkeptGrant(row.id, row.conn_id, kept.reason, kept.is_passing)
        self.unkept[kept.outcome].append(told)


class GrantKeeper:
    """Renews idle grants, a few at a time.

    Args:
        refresher: Renews them.
        resolve: Returns what a row is renewed with; None where its connection is missing.
        run: Runs the steps of one renewal.
        patience_s: Seconds that one request may take.
    """

    def __init__(
        self,
        refresher: Refresher,
        resolve: Resolve,
        run: Callable[[Steps[Kept]], Awaitable[Kept]] = arun_steps,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._refresher = refresher
        self._store = refresher.store
        self._resolve = resolve
        self._run = run
        self._patience_s = patience_s
        self._flights: dict[int, asyncio.Task[Kept]] = {}

    async def step(self, asked: KeepAliveRequest) -> KeepAliveAnswer:
        """Renew grants for a few seconds, and tell how to go on.

        Raises:
            StoreError: Kept grants cannot be read.
        """
        ends_at = time.monotonic() + self._patience_s
        is_first = not asked.after_id and not asked.pending
        ending = await run_in_thread(lambda: self._list_ending(asked.warn_s)) if is_first else []
        pending = await run_in_thread(lambda: self._store.list_by_ids(asked.pending)) if asked.pending else []
        page = await run_in_thread(lambda: self._store.list_idle(asked.idle_s, after_id=asked.after_id, limit=PAGE))
        waiting = {row.id for row in pending}
        rows = pending + [row for row in page if row.id not in waiting]
        started = await self._start(rows, asked.idle_s, ends_at)
        if flights := [flight for _, flight in started]:
            await asyncio.wait(flights, timeout=max(0.0, ends_at - time.monotonic()))
        tally, unfinished = _Tally(), [row.id for row in pending[len(started) :]]
        for row, flight in started:
            if flight.done():
                tally.add(row, flight.result())
            else:
                unfinished.append(row.id)
        next_id = _next_id(asked.after_id, page, rows[len(started) :])
        return KeepAliveAnswer(tally.renewed, **tally.unkept, pending=unfinished, next_id=next_id, ending=ending)

    async def _start(
        self, rows: list[Authorization], idle_s: float, ends_at: float
    ) -> list[tuple[Authorization, asyncio.Task[Kept]]]:
        """Start renewals as others end, in the order of the rows, until the time is over."""
        started: list[tuple[Authorization, asyncio.Task[Kept]]] = []
        for row in rows:
            flight = self._flights.get(row.id)
            while flight is None and len(self._flights) >= MOST_AT_ONCE:
                left_s = ends_at - time.monotonic()
                if left_s <= 0:
                    return started
                await asyncio.wait(self._flights.values(), timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
                flight = self._flights.get(row.id)
            if flight is None:
                if time.monotonic() >= ends_at:
                    return started
                flight = self._flights[row.id] = asyncio.create_task(self._keep(row, idle_s))
                flight.add_done_callback(lambda _, row_id=row.id: self._flights.pop(row_id, None))  # type: ignore[misc]
            started.append((row, flight))
        return started

    async def _keep(self, row: Authorization, idle_s: float) -> Kept:
        try:
            subject = await self._resolve(row)
            if subject is None:
                return Kept("skipped", "connection_missing")
            return await self._run(keep_one(self._refresher, subject, idle_s))
        except NotAuthorizedError:
            return Kept("skipped", "connection_changed")
        except IntegryError as error:
            return Kept("failed", type(error).__name__, is_passing=error.retryable)
        except Exception as error:
            log.exception("Authorization %s could not be kept alive, for a reason that is not known.", row.id)
            return Kept("failed", type(error).__name__, is_passing=False)

    def _list_ending(self, warn_s: float) -> list[EndingGrant]:
        found: list[EndingGrant] = []
        after_id = 0
        while page := self._store.list_ending(warn_s, after_id=after_id):
            found += [EndingGrant(row.id, row.conn_id, row.grant_ends_at or 0.0) for row in page]
            after_id = page[-1].id
        return found


def keep_one(refresher: Refresher, subject: Subject, idle_s: float) -> Steps[Kept]:
    """Renew one grant, or wait for somebody else who is doing so.

    Raises:
        NotAuthorizedError: The connection was changed after the grant was given.
        StoreError: The row cannot be read or written.
    """
    while True:
        row: Authorization = yield Do(lambda: refresher.open(subject))
        if kept := judge_kept(row, idle_s):
            return kept
        if refresher.read_secrets(row).refresh_token is None:
            return Kept("lasting")
        if row.has_live_lease:
            yield Pause(0.5)
        else:
            yield from refresher.renew(subject, row)


def judge_kept(row: Authorization, idle_s: float) -> Kept | None:
    """Return what came of a grant; None while it is still to be renewed."""
    error = read_error(row)
    if row.state != "active":
        cause = error.cause if isinstance(error, ReauthorizationNeededError) else row.state
        return Kept("lost", cause, is_passing=False)
    if not _is_idle(row, idle_s):
        return Kept("renewed")
    if row.failures and row.error_at is not None and row.now - row.error_at < RECENT_S:
        return Kept("failed", type(error).__name__, is_passing=error is not None and error.retryable)
    return None


def _is_idle(row: Authorization, idle_s: float) -> bool:
    """Tell the same as `AuthorizationStore.list_idle`, for one row."""
    if row.refreshed_at is None:
        return True
    told_s = row.idle_limit_s
    if told_s is None and row.grant_ends_at is not None:
        told_s = row.grant_ends_at - row.refreshed_at
    limit_s = idle_s if told_s is None else max(_LEAST_S, min(idle_s, told_s / 2))
    return row.now - row.refreshed_at > limit_s


def _next_id(after_id: int, page: list[Authorization], unstarted: list[Authorization]) -> int | None:
    """Return where the next request goes on."""
    left = {row.id for row in unstarted}
    done = [row.id for row in page if row.id not in left]
    if len(done) < len(page):
        return done[-1] if done else after_id
    return page[-1].id if len(page) == PAGE else None
