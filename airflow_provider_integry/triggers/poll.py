"""Looking for new records in the triggerer: for assets that start DAGs, and for sensors that wait."""

from __future__ import annotations

import asyncio
import importlib
import json
import random
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowException
from airflow.triggers.base import BaseEventTrigger, BaseTrigger, TriggerEvent

from airflow_provider_integry.errors import IntegryError, PollTakenError

if TYPE_CHECKING:
    from airflow_provider_integry.authorizations.trigger_messages import Consumer, PollAnswer
    from airflow_provider_integry.hooks.polls import Poller

# After a failure there is a pause that doubles, up to this.
MAX_PAUSE_S = 600.0
FIRST_PAUSE_S = 5.0
# Between two questions whether Airflow has written the events that were fired.
SETTLE_S, MAX_SETTLE_S = 0.3, 5.0
# While somebody else looks, it is asked again after at most this.
MAX_WAIT_S = 60.0


class _Polling:
    """What both triggers share: which records, how to get at them, and what to do when that fails."""

    integry_conn_id: str
    activity: str
    inputs: dict[str, Any]
    end_user: str | None
    account: str | None
    connector: str | None
    name: str | None
    from_start: bool
    batch_size: int
    interval_s: float | None
    _said: str = ""

    async def _build_poller(self, consumer_values: Mapping[str, Any]) -> Poller:
        # Lazy for start-up cost: DAG files import this module. In a thread: it takes half a second the first time,
        # for which the triggerer's loop must not stand still.
        await asyncio.to_thread(importlib.import_module, "airflow_provider_integry.hooks.polls")
        from airflow_provider_integry.authorizations.trigger_messages import Consumer
        from airflow_provider_integry.hooks.integry import IntegryHook
        from airflow_provider_integry.hooks.polls import Poller, Wanted

        hook = IntegryHook(self.integry_conn_id, self.end_user, self.account, self.connector)
        await hook.asettings()
        # A connector is a file: it is read here once, and not on the loop.
        await asyncio.to_thread(lambda: hook.connector)
        wanted = Wanted(self.activity, self.inputs, self.name, self.from_start, self.batch_size, self.interval_s)
        consumer: Consumer = Consumer(**consumer_values)
        return Poller(hook, wanted, consumer)


class PollTrigger(_Polling, BaseEventTrigger):
    """Fire an event for each new record of a poll, or for each batch of them; for `AssetWatcher`.

    An event's payload is ``{"conn_id", "end_user", "account", "activity", "records": […], "poll": {"key", "round",
    "index", "of"}}``. New records are kept in the API server's database before the first of them is announced, and
    the poll moves on when Airflow has written all their events: a triggerer that dies in the middle loses none of
    them and repeats none.

    Args:
        integry_conn_id: The Airflow connection.
        activity: A trigger of its connector, of mode poll.
        inputs: Its inputs.
        end_user: End user whose authorization is used; None for the connection's own account.
        account: Which of several accounts of that end user.
        connector: Name or path of the connector; None for the connection's own.
        name: What tells this poll from another one of the same records that starts other DAGs.
        batch_size: Most records of one event.
        interval_s: Seconds between two looks; None for the connector's.
        from_start: Whether records that are there at the very first look are new too.
    """

    def __init__(  # noqa: PLR0913 - Airflow rebuilds it from keywords
        self,
        integry_conn_id: str,
        activity: str,
        inputs: Mapping[str, Any] | str | None = None,
        *,
        end_user: str | None = None,
        account: str | None = None,
        connector: str | None = None,
        name: str | None = None,
        batch_size: int = 1,
        interval_s: float | None = None,
        from_start: bool = False,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's base class is untyped
        self.integry_conn_id = integry_conn_id
        self.activity = activity
        self.inputs = json.loads(inputs) if isinstance(inputs, str) else dict(inputs or {})
        self.end_user = end_user
        self.account = account
        self.connector = connector
        self.name = name
        self.batch_size = batch_size
        self.interval_s = interval_s
        self.from_start = from_start
        # What this process has fired of one round: Airflow may still be about to write it.
        self._fired: tuple[int, set[int]] = (0, set())
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, is {batch_size}")
        if interval_s is not None and interval_s <= 0:
            raise ValueError(f"interval_s must be greater than 0, is {interval_s}")

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and arguments; plain texts and numbers, no secret.

        Inputs are one text: Airflow finds a trigger again by what its arguments look like when they are written.
        """
        return (
            "airflow_provider_integry.triggers.poll.PollTrigger",
            {
                "integry_conn_id": self.integry_conn_id,
                "activity": self.activity,
                "inputs": json.dumps(self.inputs, sort_keys=True),
                "end_user": self.end_user,
                "account": self.account,
                "connector": self.connector,
                "name": self.name,
                "batch_size": self.batch_size,
                "interval_s": self.interval_s,
                "from_start": self.from_start,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look, fire, and look again, for as long as the triggerer lets it.

        Nothing that goes wrong ends it: Airflow would begin it anew at once. It says so, and tries again later.
        """
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                async for event in self._rounds():
                    pause_s = FIRST_PAUSE_S
                    yield event
            except PollTakenError as error:
                self.log.info("%s", error)
            except (IntegryError, AirflowException) as error:
                self.log.error("Looking for new records of '%s' failed, and goes on: %s", self.activity, error)  # noqa: TRY400 - it says itself what is wrong
                if not getattr(error, "retryable", True):
                    pause_s = max(pause_s, 60.0)
            except Exception:
                # Whatever it is: without a pause Airflow would begin anew at once, and again.
                self.log.exception("Looking for new records of '%s' failed in an unexpected way.", self.activity)
            await asyncio.sleep(pause_s)
            pause_s = min(MAX_PAUSE_S, pause_s * 2)

    async def _rounds(self) -> AsyncIterator[TriggerEvent]:
        """Look with one connection as it is now, until something fails."""
        poller = await self._build_poller({"trigger_id": self.trigger_id or 0})
        # Lazy for start-up cost, as above; imported by now.
        from airflow_provider_integry.authorizations.steps import arun_steps

        while True:
            answer = await arun_steps(poller.open())
            if answer.version is None:
                self.log.info("Somebody else looks for new records of '%s'; waiting.", self.activity)
                await asyncio.sleep(min(MAX_WAIT_S, answer.held_s + 1.0))
                continue
            if answer.events:
                self.log.info("%d of %d events were not accepted yet.", len(answer.events), answer.total)
                for left in answer.events:
                    if self._is_first(answer, left.index):
                        yield self._build_event(answer, left.index, left.records)
                answer = await self._settle(poller, len(answer.events))
            found = await poller.alook(answer.state)
            is_told = not found.records and found.progress.dump() == answer.state
            planned = answer if is_told else await arun_steps(poller.plan(answer, found))
            for index, records in enumerate(poller.split(found.records)):
                self._is_first(planned, index)
                yield self._build_event(planned, index, records)
            if found.records:
                self.log.info("%d new records of '%s' in %d events.", len(found.records), self.activity, planned.total)
                await self._settle(poller, planned.total)
            if found.is_all:
                await asyncio.sleep(poller.interval_s * random.uniform(0.95, 1.05))  # noqa: S311 - scatter, no secret
                # A connection or connector that was edited is seen at the next look.
                poller = await self._build_poller({"trigger_id": self.trigger_id or 0})

    async def _settle(self, poller: Poller, count: int) -> PollAnswer:
        """Wait until Airflow has written the events that were fired; fired again is nothing."""
        # Lazy for start-up cost, as above.
        from airflow_provider_integry.authorizations.steps import arun_steps

        pause_s = SETTLE_S + count / 1000
        while True:
            await asyncio.sleep(pause_s)
            answer = await arun_steps(poller.settle())
            if not answer.events:
                return answer
            pause_s = min(MAX_SETTLE_S, pause_s * 1.5)

    def _is_first(self, answer: PollAnswer, index: int) -> bool:
        """Return whether this process fires an event for the first time, and note that it does."""
        if self._fired[0] != answer.round:
            self._fired = (answer.round, set())
        is_first = index not in self._fired[1]
        self._fired[1].add(index)
        return is_first

    def _build_event(self, answer: PollAnswer, index: int, records: list[Any]) -> TriggerEvent:
        return TriggerEvent(
            {
                "conn_id": self.integry_conn_id,
                "end_user": self.end_user,
                "account": self.account,
                "activity": self.activity,
                "records": records,
                "poll": {"key": answer.key, "round": answer.round, "index": index, "of": answer.total},
            }
        )


class RecordTrigger(_Polling, BaseTrigger):
    """Fire when there are new records for a task; they are kept, and the task fetches them.

    The event is ``{"status": "found"}``, or ``{"status": "failed", "message", "retryable"}``.

    Args:
        integry_conn_id, activity, inputs, end_user, account, connector, name, from_start: As `PollTrigger` has them.
        interval_s: Seconds between two looks.
        consumer: The task instance: ``dag_id``, ``task_id``, ``run_id``, ``map_index``.
    """

    def __init__(  # noqa: PLR0913 - Airflow rebuilds it from keywords
        self,
        integry_conn_id: str,
        activity: str,
        inputs: Mapping[str, Any] | None,
        consumer: Mapping[str, Any],
        *,
        end_user: str | None = None,
        account: str | None = None,
        connector: str | None = None,
        name: str | None = None,
        interval_s: float = 60.0,
        from_start: bool = False,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's base class is untyped
        self.integry_conn_id = integry_conn_id
        self.activity = activity
        self.inputs = dict(inputs or {})
        self.consumer = dict(consumer)
        self.end_user = end_user
        self.account = account
        self.connector = connector
        self.name = name
        self.interval_s = interval_s
        self.from_start = from_start
        self.batch_size = 1000

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and arguments; plain JSON, no secret."""
        return (
            "airflow_provider_integry.triggers.poll.RecordTrigger",
            {
                "integry_conn_id": self.integry_conn_id,
                "activity": self.activity,
                "inputs": self.inputs,
                "consumer": self.consumer,
                "end_user": self.end_user,
                "account": self.account,
                "connector": self.connector,
                "name": self.name,
                "interval_s": self.interval_s,
                "from_start": self.from_start,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look again and again, and fire once."""
        while True:
            try:
                if await self._look():
                    yield TriggerEvent({"status": "found"})
                    return
            except IntegryError as error:
                if not error.retryable:
                    message = f"{type(error).__name__}: {error}"
                    yield TriggerEvent({"status": "failed", "message": message, "retryable": False})
                    return
                self.log.warning("%s", error)
            except AirflowException as error:
                yield TriggerEvent({"status": "failed", "message": str(error), "retryable": True})
                return
            await asyncio.sleep(self.interval_s or 60.0)

    async def _look(self) -> bool:
        poller = await self._build_poller(self.consumer)
        # Lazy for start-up cost, as above.
        from airflow_provider_integry.hooks.polls import afind_for_task

        return await afind_for_task(poller)
