"""Events that come close together: a DAG that one of them has queued is given those right behind it too.

Airflow 3.2 and 3.3 keep, for each DAG and asset, when the first event came that no run has had. The next run is given
the events up to that moment. What came later, but before that run was made, would lie there until yet another event
comes, be it next week (apache/airflow#54659 and #56050).
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

# A later Airflow names the events themselves in its queue, and needs no help.
_KNOWN_COLUMNS = {"asset_id", "target_dag_id", "created_at"}


def queue_all_events(session: Session, asset_ids: Iterable[int]) -> None:
    """Have the next run of each DAG that is scheduled on these assets begin soon, and be given all their events.

    Args:
        session: It is the caller who commits it; the events must be written.
        asset_ids: The assets.
    """
    # Lazy for start-up cost: the models are needed by processes with the database alone.
    from airflow.models.asset import AssetDagRunQueue, AssetEvent
    from sqlalchemy import func, select

    if set(AssetDagRunQueue.__table__.c.keys()) != _KNOWN_COLUMNS:
        return
    session.flush()
    for asset_id in asset_ids:
        # Events with a partition's key have a queue of their own, which names them.
        mine = (AssetEvent.asset_id == asset_id, AssetEvent.partition_key.is_(None))
        newest = session.scalar(select(func.max(AssetEvent.timestamp)).where(*mine))
        if newest is not None:
            for dag_id in _dags_of(session, asset_id):
                _queue(session, asset_id, dag_id, newest)


def _dags_of(session: Session, asset_id: int) -> list[str]:
    """Return the DAGs that an event of an asset starts; those that are paused are started by none."""
    # Lazy for start-up cost, as above.
    from airflow.models.dag import DagModel
    from sqlalchemy import select

    is_mine = DagModel.schedule_asset_references.any(asset_id=asset_id)
    query = select(DagModel.dag_id).where(is_mine, DagModel.is_paused.is_(False))
    return list(session.scalars(query.where(DagModel.timetable_partitioned.is_not(True))))


def _queue(session: Session, asset_id: int, dag_id: str, newest: datetime) -> None:
    """Queue a DAG for the events up to the newest, unless it is, or a run has had them."""
    # Lazy for start-up cost, as above.
    from airflow.models.asset import AssetDagRunQueue as Queue
    from airflow.models.dagrun import DagRun
    from airflow.utils.types import DagRunType
    from sqlalchemy import func, select, update

    is_mine = (Queue.asset_id == asset_id, Queue.target_dag_id == dag_id)
    # Waits for a scheduler that is just making the run.
    later = update(Queue).where(*is_mine, Queue.created_at < newest).values(created_at=newest)
    session.execute(later, execution_options={"synchronize_session": False})
    if session.scalar(select(Queue.created_at).where(*is_mine)) is not None:
        return
    by_assets = (DagRun.dag_id == dag_id, DagRun.run_type == DagRunType.ASSET_TRIGGERED)
    last_run = session.scalar(select(func.max(DagRun.run_after)).where(*by_assets))
    if last_run is not None and last_run < newest:
        _add(session, Queue(asset_id=asset_id, target_dag_id=dag_id, created_at=newest))


def _add(session: Session, row: object) -> None:
    # Lazy for start-up cost, as above.
    from sqlalchemy.exc import IntegrityError

    # Somebody else may have queued it at this moment.
    with suppress(IntegrityError), session.begin_nested():
        session.add(row)
