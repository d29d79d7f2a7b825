"""Which events of a poll were accepted: what Airflow's own tables say of assets and tasks.

An asset event carries the round and the number that it was announced with, so that it says itself that it was
accepted: how far a poll has come is read back from there. A task has accepted its records when it has succeeded.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from airflow_provider_integry.authorizations.asset_queue import queue_all_events
from airflow_provider_integry.authorizations.database_errors import database_errors
from airflow_provider_integry.authorizations.trigger_messages import Consumer

if TYPE_CHECKING:
    from sqlalchemy import Engine

Planned = dict[str, Any]


class Mark(NamedTuple):
    """What events of one round have in common.

    Attributes:
        digest: Their poll.
        round: Number of the round.
        total: How many there are.
    """

    digest: str
    round: int
    total: int


class AcceptanceJudge:
    """Reads Airflow's tables.

    Args:
        get_engine: Returns the engine of Airflow's database; asked at each use.
    """

    def __init__(self, get_engine: Callable[[], Engine]) -> None:
        self._get_engine = get_engine

    def name_of(self, consumer: Consumer) -> str:
        """Return what is the same for a consumer and whoever takes its place: a new process, or the next try.

        A trigger gets a new number when its DAG says something else of it; its assets stay.
        """
        if consumer.trigger_id is None:
            return f"task:{consumer.dag_id}:{consumer.task_id}:{consumer.map_index}"[:255]
        assets = self._assets_of(consumer)
        return f"assets:{','.join(map(str, assets))}"[:255] if assets else f"trigger:{consumer.trigger_id}"

    def plan(self, consumer: Consumer) -> Planned:
        """Return what is kept of who a round is for."""
        if consumer.trigger_id is None:
            return {"task": [consumer.dag_id, consumer.task_id, consumer.run_id, consumer.map_index]}
        # Airflow numbers events as they come: those of the round come later than this.
        return {"assets": self._assets_of(consumer), "after": self._last_event()}

    def take_over(self, planned: Planned, consumer: Consumer) -> Planned:
        """Return what is kept when a round goes on to another consumer: assets are added, a task is replaced."""
        if consumer.trigger_id is not None and "assets" in planned:
            return {**planned, "assets": sorted({*planned["assets"], *self._assets_of(consumer)})}
        return self.plan(consumer)

    def find_accepted(self, planned: Planned, consumer: Consumer, mark: Mark) -> Collection[int]:
        """Return the numbers of the events that were accepted.

        Args:
            planned: Who they were planned for.
            consumer: Who asks.
            mark: By which they are known.
        """
        if "task" in planned:
            is_same = planned == self.plan(consumer)
            # A second try of one task is given what the first one was.
            return range(mark.total) if not is_same and self._has_succeeded(planned["task"]) else ()
        assets = {*planned["assets"], *self._assets_of(consumer)}
        return self._find_announced(assets, int(planned["after"]), mark)

    def hand_on(self, planned: Planned) -> None:
        """See to it that DAGs are started by all events of a round that was accepted, and soon."""
        if assets := planned.get("assets"):
            with database_errors(), Session(self._get_engine()) as session, session.begin():
                queue_all_events(session, assets)

    def _assets_of(self, consumer: Consumer) -> list[int]:
        # Lazy for start-up cost: the models are needed by processes with the database alone.
        from airflow.models.asset import AssetWatcherModel as Watcher

        if consumer.trigger_id is None:
            return []
        query = select(Watcher.asset_id).where(Watcher.trigger_id == consumer.trigger_id)
        with database_errors(), self._get_engine().connect() as connection:
            return sorted(connection.scalars(query))

    def _last_event(self) -> int:
        # Lazy for start-up cost, as above.
        from airflow.models.asset import AssetEvent

        with database_errors(), self._get_engine().connect() as connection:
            return int(connection.scalar(select(func.max(AssetEvent.id))) or 0)

    def _find_announced(self, assets: Collection[int], after: int, mark: Mark) -> set[int]:
        # Lazy for start-up cost, as above.
        from airflow.models.asset import AssetEvent

        query = select(AssetEvent.extra).where(AssetEvent.asset_id.in_(assets), AssetEvent.id > after)
        with database_errors(), self._get_engine().connect() as connection:
            found = {_read_index(extra, mark) for extra in connection.scalars(query)}
        return {index for index in found if index is not None}

    def _has_succeeded(self, task: list[Any]) -> bool:
        # Lazy for start-up cost, as above.
        from airflow.models.taskinstance import TaskInstance

        dag_id, task_id, run_id, map_index = task
        query = select(TaskInstance.state).where(
            TaskInstance.dag_id == dag_id,
            TaskInstance.task_id == task_id,
            TaskInstance.run_id == run_id,
            TaskInstance.map_index == map_index,
        )
        with database_errors(), self._get_engine().connect() as connection:
            return connection.scalar(query) == "success"


def _read_index(extra: Any, mark: Mark) -> int | None:
    """Return the number of an event of this round; None for all others."""
    payload = extra.get("payload") if isinstance(extra, Mapping) else None
    poll = payload.get("poll") if isinstance(payload, Mapping) else None
    if not isinstance(poll, Mapping) or poll.get("key") != mark.digest or poll.get("round") != mark.round:
        return None
    index = poll.get("index")
    return index if isinstance(index, int) else None
