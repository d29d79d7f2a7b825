"""Looking for new records with a hook: what a trigger does in the triggerer, and a sensor in a task."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec

from airflow_provider_integry.authorizations.steps import Steps, arun_steps, run_steps
from airflow_provider_integry.authorizations.trigger_client import open_poll, plan_poll, settle_poll
from airflow_provider_integry.authorizations.trigger_messages import (
    MAX_EVENTS,
    Consumer,
    PollAnswer,
    PollName,
    PollOpenRequest,
    PollPlanRequest,
    PollSettleRequest,
)
from airflow_provider_integry.connectors.polling import Found, Look, PollCall, Progress, load_progress
from airflow_provider_integry.connectors.spec import Poll
from airflow_provider_integry.errors import ActivityError, UnknownActivityError

if TYPE_CHECKING:
    from airflow_provider_integry.hooks.integry import IntegryHook

# A process that has died is waited for this long, beyond the time of its next look.
HOLD_S = 120.0
# A round travels in one request, with room for what JSON makes of its texts.
MAX_ROUND_BYTES = 6 * 1024 * 1024


@dataclass(frozen=True)
class Wanted:
    """Which records are looked for.

    Attributes:
        activity: A poll of the connector.
        inputs: Its inputs, without the one that is given the cursor.
        name: What tells it from other polls of the same; None for the only one.
        from_start: Whether records that are there at the first look are new.
        batch_size: Most records of one event (> 0).
        interval_s: Seconds between two looks; None for the connector's.
    """

    activity: str
    inputs: Mapping[str, Any]
    name: str | None = None
    from_start: bool = False
    batch_size: int = 1
    interval_s: float | None = None


class Poller:
    """Looks for new records on behalf of one consumer. Used by one task or trigger.

    Args:
        hook: The connection, its connection looked up already.
        wanted: Which records.
        consumer: Who they are for.
    """

    def __init__(self, hook: IntegryHook, wanted: Wanted, consumer: Consumer) -> None:
        self._hook = hook
        self._wanted = wanted
        self._consumer = consumer
        self._holder = uuid4().hex
        digest = hashlib.sha256(msgspec.json.encode(dict(wanted.inputs), order="deterministic")).hexdigest()
        self._poll = PollName(hook.integry_conn_id, wanted.activity, digest, hook.end_user, hook.account, wanted.name)

    @property
    def spec(self) -> Poll:
        """The poll as the connector describes it. Reads a file.

        Raises:
            UnknownActivityError: The connector has no such poll.
        """
        connector = self._hook.connector
        found = connector.activities.get(self._wanted.activity)
        if not isinstance(found, Poll):
            known = sorted(name for name, one in connector.activities.items() if isinstance(one, Poll))
            raise UnknownActivityError(connector.name, self._wanted.activity, known)
        return found

    @property
    def interval_s(self) -> float:
        """Seconds between two looks. Reads a file."""
        return self._wanted.interval_s or self.spec.interval_s

    def open(self) -> Steps[PollAnswer]:
        """Begin to look, and learn how far the poll has come.

        Raises:
            BrokerError, StoreError: Nobody tells.
        """
        asked = PollOpenRequest(self._poll, self._consumer, self._holder, self._hold_s())
        return open_poll(self._hook.settings, asked)

    def plan(self, before: PollAnswer, found: Found) -> Steps[PollAnswer]:
        """Keep what was found, before anybody is told of it.

        Raises:
            PollTakenError: Somebody else looks now.
            ActivityError: It is too much to be kept.
        """
        events = self.split(found.records)
        asked = PollPlanRequest(
            self._poll, self._consumer, self._holder, before.version or 0, found.progress.dump(), events, self._hold_s()
        )
        if len(msgspec.json.encode(asked)) > MAX_ROUND_BYTES:
            raise ActivityError(
                self._wanted.activity,
                f"the new records have more than {MAX_ROUND_BYTES} bytes; look more often, select less with 'result',"
                " or declare 'new.cursor' in the connector",
            )
        return plan_poll(self._hook.settings, asked)

    def settle(self) -> Steps[PollAnswer]:
        """Ask which events were accepted.

        Raises:
            PollTakenError: Somebody else looks now.
        """
        return settle_poll(self._hook.settings, PollSettleRequest(self._poll, self._consumer, self._holder))

    def split(self, records: Sequence[Any]) -> list[list[Any]]:
        """Return records as events: of as many as are wanted, or of more where there would be too many events."""
        size = max(1, self._wanted.batch_size, -(-len(records) // MAX_EVENTS))
        return [list(records[start : start + size]) for start in range(0, len(records), size)]

    def look(self, state: Mapping[str, Any] | None) -> Found:
        """Read the list once, and return what is new since `state`."""
        call, look = self._begin(state)
        for page in self._hook.pages(call):
            if not look.take(page):
                break
        return self._finish(call, look)

    async def alook(self, state: Mapping[str, Any] | None) -> Found:
        """Do what `look` does, without blocking the event loop."""
        # Connector files are read in a thread.
        call, look = await asyncio.to_thread(self._begin, state)
        pages = self._hook.apages(call)
        try:
            async for page in pages:
                if not look.take(page):
                    break
        finally:
            await pages.aclose()
        return self._finish(call, look)

    def _begin(self, state: Mapping[str, Any] | None) -> tuple[PollCall, Look]:
        before = load_progress(state) if state is not None else None
        if before is None and self._wanted.from_start:
            before = Progress()
        call = self._hook.start_poll(self._wanted.activity, self._wanted.inputs, before)
        return call, Look(self._wanted.activity, self.spec.new, before)

    def _finish(self, call: PollCall, look: Look) -> Found:
        found = look.finish(call.answer_cursor)
        limit = len(found.records)
        # Fewer at once, where the poll can go on from any record.
        while limit > 1 and len(msgspec.json.encode(found.records)) > MAX_ROUND_BYTES // 2:
            limit //= 2
            found = look.finish(call.answer_cursor, limit)
            if len(found.records) > limit:
                break
        return found

    def _hold_s(self) -> float:
        return min(self.interval_s, 86_400.0) + HOLD_S


def find_for_task(poller: Poller) -> list[Any] | None:
    """Look once for a task, and return the records that are its own now; None where there are none yet.

    Raises:
        IntegryError: It failed.
    """
    answer = run_steps(poller.open())
    if answer.version is None:
        return None
    if answer.events:
        return _join(answer)
    found = poller.look(answer.state)
    if found.records or found.progress.dump() != answer.state:
        run_steps(poller.plan(answer, found))
    return found.records or None


async def afind_for_task(poller: Poller) -> bool:
    """Look once for a task, and return whether there are records for it now; it fetches them by `find_for_task`.

    Raises:
        IntegryError: It failed.
    """
    answer = await arun_steps(poller.open())
    if answer.version is None:
        return False
    if answer.events:
        return True
    found = await poller.alook(answer.state)
    if found.records or found.progress.dump() != answer.state:
        await arun_steps(poller.plan(answer, found))
    return bool(found.records)


def _join(answer: PollAnswer) -> list[Any]:
    return [record for event in answer.events for record in event.records]
