"""Asset events about authorizations, for processes with the database: they start the DAGs that wait for one.

Events hold ids, scopes and readiness; never a name of a person and never a secret. Whatever goes wrong is logged
and never fails the caller: the grant is stored, whoever is told of it or not.
"""

from __future__ import annotations

import inspect
import logging
import time
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_integry import config
from airflow_provider_integry.auth.readiness import Readiness
from airflow_provider_integry.authorizations.asset_names import AssetNames, any_names, lost_names, ready_names
from airflow_provider_integry.authorizations.asset_queue import queue_all_events

if TYPE_CHECKING:
    from airflow.models.asset import AssetModel
    from sqlalchemy.orm import Session

    from airflow_provider_integry.authorizations.grant import Authorization

# Which of the DAGs that are scheduled on an asset an event is for.
Audience = Literal["any", "partitioned", "ordinary"]
log = logging.getLogger(__name__)
# Airflow's columns for partition keys have this many characters.
MAX_PARTITION_KEY = 250
# A database that is busy at this moment is tried again: an event that is not written starts no DAG, ever.
_TRIES, _PAUSE_S = 3, 0.5


def announce_ready(row: Authorization, *, imported: bool = False) -> None:
    """Tell DAGs that an authorization is ready.

    Args:
        row: The authorization.
        imported: Whether a refresh token was pasted just now: what the row knows of account and scopes is then
            about the grant before it.
    """
    extra = _describe(row, Readiness.READY)
    if imported:
        extra.update(account_id=None, scopes=None)
    _announce(row, ready_names(row.conn_id, row.end_user), extra)
    whole = any_names(row.conn_id)
    if row.end_user is None or len(row.end_user) > MAX_PARTITION_KEY:
        _announce(row, whole, extra)
        return
    # In this order: an ordinary DAG's run is given all events since the last one, and begins with the second.
    _announce(row, whole, {**extra, "partition_key": row.end_user}, "partitioned", row.end_user)
    _announce(row, whole, extra, "ordinary")


def announce_lost(row: Authorization, cause: str) -> None:
    """Tell DAGs that an authorization is lost.

    Args:
        row: The authorization.
        cause: One word: a cause of `ReauthorizationNeededError`, or `revoked`.
    """
    readiness = Readiness.REVOKED if cause == "revoked" else Readiness.NEEDS_REAUTHORIZATION
    extra = {**_describe(row, readiness), "cause": cause}
    _announce(row, lost_names(row.conn_id, row.end_user), extra)


def register_event(session: Session, names: AssetNames, extra: dict[str, Any], team: str | None) -> bool:
    """Write one event in a session of the caller's; return whether any DAG uses the asset.

    Args:
        session: It is the caller who commits it.
        names: The asset.
        extra: What the event says.
        team: Team of the connection that it is about.
    """
    # Lazy for start-up cost, as below.
    from airflow.assets.manager import asset_manager

    known = _find_asset(session, names)
    if known is None:
        return False
    asset_manager.register_asset_change(asset=known, extra=extra, session=session, **_origin(team))
    queue_all_events(session, [known.id])
    return True


def _find_asset(session: Session, names: AssetNames) -> AssetModel | None:
    """Return an asset that a DAG uses; None for others. Airflow warns about each event of one that it does not know."""
    # Lazy for start-up cost, as below.
    from airflow.models.asset import AssetModel
    from airflow.sdk import Asset
    from sqlalchemy import select

    asset = Asset(**names._asdict())
    known = session.scalar(select(AssetModel).where(AssetModel.name == asset.name, AssetModel.uri == asset.uri))
    return known if known is not None and known.active else None


def _describe(row: Authorization, readiness: Readiness) -> dict[str, Any]:
    return {
        "conn_id": row.conn_id,
        "end_user": row.end_user,
        "account": row.account,
        "authorization_id": row.id,
        "account_id": row.account_id,
        "scopes": row.scopes.split() if row.scopes is not None else None,
        "readiness": str(readiness),
    }


def _announce(
    row: Authorization,
    names: AssetNames,
    extra: dict[str, Any],
    audience: Audience = "any",
    partition_key: str | None = None,
) -> None:
    # Lazy for start-up cost: the models are needed by processes with the database alone.
    from sqlalchemy.exc import OperationalError

    for left in reversed(range(_TRIES)):
        try:
            _register(row, names, extra, audience, partition_key)
        except OperationalError as error:
            if left:
                time.sleep(_PAUSE_S)
                continue
            log.error("Asset '%s' has no event, as Airflow's database does not answer: %s", names.name, error.orig)  # noqa: TRY400 - the statement is of no use here
        except Exception:
            log.exception("Asset '%s' has no event.", names.name)
        return


def _register(
    row: Authorization, names: AssetNames, extra: dict[str, Any], audience: Audience, partition_key: str | None
) -> None:
    """Write one event, in a session of its own; nothing where no DAG uses the asset."""
    # Lazy for start-up cost, as above.
    from airflow.assets.manager import asset_manager
    from airflow.utils.session import create_session

    with create_session(scoped=False) as session:
        known = _find_asset(session, names)
        if known is None or not _has_audience(session, known, audience):
            return
        asset_manager.register_asset_change(
            asset=known, extra=extra, session=session, partition_key=partition_key, **_origin(row.team_name)
        )
        queue_all_events(session, [known.id])
    log.info("Connection '%s': asset '%s' has an event (authorization %s).", row.conn_id, names.name, row.id)


def _has_audience(session: Session, asset: AssetModel, audience: Audience) -> bool:
    """Return whether an event is for one of the DAGs that are scheduled on an asset.

    Airflow complains about an event without a key for a DAG that wants one, and shows one with a key to ordinary
    DAGs as well, when they are started by another.
    """
    # Lazy for start-up cost, as above.
    from airflow.models.dag import DagModel
    from sqlalchemy import or_, select

    if audience == "any":
        return True
    is_scheduled = or_(
        DagModel.schedule_asset_references.any(asset_id=asset.id),
        DagModel.schedule_asset_name_references.any(name=asset.name),
        DagModel.schedule_asset_uri_references.any(uri=asset.uri),
    )
    kinds = set(session.scalars(select(DagModel.timetable_partitioned).where(is_scheduled).distinct()))
    return True in kinds if audience == "partitioned" else kinds != {True}


def _origin(team: str | None) -> dict[str, Any]:
    """Return who sends the event, for Airflow's rules between teams, where it has them (3.3 and later)."""
    if not _knows_origin():
        return {}
    teams = {team} if team and config.multi_team() else set()
    return {"source_is_api": True, "api_user_teams": teams}


@cache
def _knows_origin() -> bool:
    # Lazy for start-up cost, as above.
    from airflow.assets.manager import AssetManager

    return "source_is_api" in inspect.signature(AssetManager.register_asset_change).parameters
