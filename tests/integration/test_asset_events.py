"""Asset events in Airflow's database: what they say, to which assets they come, and that they never fail anybody."""

from __future__ import annotations

import json

import pytest
from broker.rig import Rig

# Written once into a process of its own, which has all of Airflow's tables.
_SET_UP = """
import json, logging, sys
from airflow import settings
from airflow.models import import_all_models
from airflow.models.asset import AssetActive, AssetEvent, AssetModel, DagScheduleAssetReference
from airflow.models.base import Base
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.utils.session import create_session
from airflow_provider_integry.assets import any_authorization_asset, authorization_asset, authorization_lost_asset
from airflow_provider_integry.authorizations import asset_events
from airflow_provider_integry.authorizations.asset_events import announce_lost, announce_ready
from airflow_provider_integry.authorizations.grant import Authorization
from sqlalchemy import select

import_all_models()
Base.metadata.create_all(settings.engine)

def row(**values):
    nothing = dict.fromkeys(Authorization.__dataclass_fields__)
    known = {"id": 7, "conn_id": "acme", "account": "main", "account_id": "u1", "account_name": "Ada Lovelace"}
    known |= {"scopes": "contacts.read contacts.write", "sealed": "sealed-secret", "token_fingerprint": "f1"}
    return Authorization(**{**nothing, **known, **values})

def use(*assets, dag_id=None, is_partitioned=False):
    with create_session() as session:
        if dag_id:
            session.merge(DagBundleModel(name="b"))
            session.flush()
            session.add(DagModel(dag_id=dag_id, bundle_name="b", timetable_partitioned=is_partitioned, is_paused=True))
            session.flush()
        for asset in assets:
            model = session.scalar(select(AssetModel).where(AssetModel.name == asset.name))
            if model is None:
                model = AssetModel(name=asset.name, uri=asset.uri, group=asset.group)
                session.add(model)
                session.add(AssetActive.for_asset(model))
                session.flush()
            if dag_id:
                session.add(DagScheduleAssetReference(dag_id=dag_id, asset_id=model.id))

def events():
    with create_session() as session:
        found = session.execute(
            select(AssetModel.name, AssetEvent.partition_key, AssetEvent.extra)
            .join(AssetEvent, AssetEvent.asset_id == AssetModel.id).order_by(AssetEvent.id)
        )
        return [list(one) for one in found]
"""


@pytest.fixture
def run(tmp_path):
    """Run code in such a process; return what it leaves in `result`, and what it logged."""
    rig = Rig(tmp_path)

    def go(code, **environment):
        printed = rig.run(f"{_SET_UP}\n{code}\nprint('RESULT' + json.dumps(result))", **environment)
        logged, _, result = printed.rpartition("RESULT")
        # Airflow 3.2 uses what SQLAlchemy 2.1 has deprecated.
        lines = [line for line in logged.splitlines() if "``noload``" not in line]
        return json.loads(result), "\n".join(lines)

    return go


def test_an_event_holds_ids_scopes_and_readiness_and_nothing_else(run):
    found, logged = run("""
use(authorization_asset("acme", "user 1"), authorization_lost_asset("acme", "user 1"))
announce_ready(row(end_user="user 1"))
announce_ready(row(end_user="user 1"), imported=True)
announce_lost(row(end_user="user 1"), "invalid_grant")
announce_lost(row(end_user="user 1"), "revoked")
result = events()
""")

    ids = {"conn_id": "acme", "end_user": "user 1", "account": "main", "authorization_id": 7, "account_id": "u1"}
    known = {**ids, "scopes": ["contacts.read", "contacts.write"]}
    assert found == [
        ["integry:authorization:acme:user%201", None, {**known, "readiness": "ready"}],
        # What the row knows is about the grant before it.
        [
            "integry:authorization:acme:user%201",
            None,
            {**ids, "account_id": None, "scopes": None, "readiness": "ready"},
        ],
        [
            "integry:authorization-lost:acme:user%201",
            None,
            {**known, "readiness": "needs_reauthorization", "cause": "invalid_grant"},
        ],
        [
            "integry:authorization-lost:acme:user%201",
            None,
            {**known, "readiness": "revoked", "cause": "revoked"},
        ],
    ]
    assert "Ada" not in logged
    assert "sealed-secret" not in logged


def test_assets_that_no_dag_uses_get_nothing_and_nobody_is_warned(run):
    found, logged = run("""
use(authorization_asset("acme"))
with create_session() as session:
    session.delete(session.scalar(select(AssetActive)))
announce_ready(row(end_user="user 1"))
announce_ready(row())
announce_lost(row(), "invalid_grant")
result = events()
""")

    assert found == []
    assert "warning" not in logged.lower()
    assert "error" not in logged.lower()


def test_ordinary_dags_that_wait_for_anybody_get_one_event_without_a_key(run):
    found, _ = run("""
use(any_authorization_asset("acme"), dag_id="ordinary")
announce_ready(row(end_user="user 1"))
announce_ready(row(end_user="x" * 255))
announce_ready(row())
result = [[name, key, extra["end_user"]] for name, key, extra in events()]
""")

    name = "integry:authorization-any:acme"
    assert found == [[name, None, "user 1"], [name, None, "x" * 255], [name, None, None]]


def test_partitioned_dags_that_wait_for_anybody_get_one_event_with_the_end_user_as_key(run):
    found, logged = run("""
use(any_authorization_asset("acme"), dag_id="partitioned", is_partitioned=True)
announce_ready(row(end_user="user 1"))
announce_ready(row(end_user="é" * 250))
result = [[key, extra["end_user"], extra["partition_key"]] for _, key, extra in events()]
""")

    assert found == [["user 1"] * 3, ["é" * 250] * 3]
    # What Airflow says about an event without a key for such a DAG.
    assert "no partition key" not in logged


def test_dags_of_both_kinds_get_an_event_each(run):
    found, _ = run("""
use(any_authorization_asset("acme"), dag_id="partitioned", is_partitioned=True)
use(any_authorization_asset("acme"), dag_id="ordinary")
announce_ready(row(end_user="user 1"))
result = [[key, extra.get("partition_key")] for _, key, extra in events()]
""")

    assert found == [["user 1", "user 1"], [None, None]]


@pytest.mark.parametrize("error", ["RuntimeError('no')", "OperationalError('s', {}, Exception('locked'))"])
def test_whatever_goes_wrong_is_logged_and_fails_nobody(run, error):
    found, logged = run(f"""
from airflow.assets.manager import AssetManager
from sqlalchemy.exc import OperationalError
use(authorization_asset("acme"), any_authorization_asset("acme"))
asset_events._PAUSE_S = 0.01
tries = []
def fail(*args, **kwargs):
    tries.append(kwargs["asset"].name)
    raise {error}
AssetManager.register_asset_change = fail
announce_ready(row())
result = [tries, events()]
""")

    tries = 3 if "Operational" in error else 1
    ready, whole = "integry:authorization:acme", "integry:authorization-any:acme"
    assert found == [[ready] * tries + [whole] * tries, []]
    assert f"Asset '{ready}' has no event" in logged
    assert f"Asset '{whole}' has no event" in logged


def test_a_database_that_is_busy_for_a_moment_loses_no_event(run):
    found, _ = run("""
from airflow.assets.manager import AssetManager
from sqlalchemy.exc import OperationalError
use(authorization_asset("acme"))
asset_events._PAUSE_S = 0.01
register, tries = AssetManager.register_asset_change, []
def fail_once(manager, **kwargs):
    tries.append(1)
    if len(tries) == 1:
        raise OperationalError("s", {}, Exception("database is locked"))
    return register(**kwargs)
AssetManager.register_asset_change = fail_once
announce_ready(row())
result = [len(tries), len(events())]
""")

    assert found == [2, 1]


def test_where_there_is_no_database_at_all_nobody_fails(run):
    found, logged = run("""
settings.engine.dispose()
Base.metadata.drop_all(settings.engine)
asset_events._PAUSE_S = 0.01
announce_ready(row(end_user="user 1"))
announce_lost(row(), "invalid_grant")
result = "went on"
""")

    assert found == "went on"
    assert "has no event" in logged


def test_airflow_is_told_which_team_an_event_is_of(run):
    found, _ = run(
        """
from airflow.assets.manager import AssetManager
told = []
def see(*args, **kwargs):
    told.append([kwargs.get("source_is_api"), sorted(kwargs.get("api_user_teams") or [])])
AssetManager.register_asset_change = see
use(authorization_asset("acme"))
asset_events._knows_origin = lambda: True
announce_ready(row(team_name="red"))
result = told
""",
        AIRFLOW__CORE__MULTI_TEAM="True",
    )

    assert found == [[True, ["red"]]]


def test_airflow_is_told_nothing_that_it_does_not_know(run):
    found, _ = run("""
import airflow
result = [airflow.__version__ >= "3.3", asset_events._knows_origin(), sorted(asset_events._origin(row()))]
""")

    knows, is_told, names = found
    assert is_told is knows
    assert names == (["api_user_teams", "source_is_api"] if knows else [])


_QUEUE = """
import time
from airflow.models.asset import AssetDagRunQueue
from airflow.models.dagrun import DagRun
from airflow.utils.types import DagRunType
from airflow_provider_integry.assets import webhook_asset
from airflow_provider_integry.authorizations.asset_names import webhook_names
from airflow_provider_integry.authorizations.asset_queue import queue_all_events

use(webhook_asset("svc", "signed"), dag_id="waiting")
use(webhook_asset("svc", "signed"), dag_id="paused")

def tell(*numbers):
    for number in numbers:
        with create_session(scoped=False) as session:
            asset_events.register_event(session, webhook_names("svc", "signed"), {"number": number}, None)
        time.sleep(0.01)

def begin_run():
    # As the scheduler does: up to when the DAG was queued.
    with create_session() as session:
        [queued] = session.scalars(select(AssetDagRunQueue))
        floor = session.scalar(select(DagRun.run_after).order_by(DagRun.run_after.desc()))
        found = select(AssetEvent).where(AssetEvent.timestamp <= queued.created_at).order_by(AssetEvent.id)
        found = [one.extra["number"] for one in session.scalars(found) if floor is None or one.timestamp > floor]
        session.add(DagRun(dag_id="waiting", run_id=queued.created_at.isoformat(), run_type=DagRunType.ASSET_TRIGGERED,
                           run_after=queued.created_at, logical_date=None))
        session.delete(queued)
    return found

def look():
    with create_session() as session:
        queue_all_events(session, [1])
        return [row.target_dag_id for row in session.scalars(select(AssetDagRunQueue))]

with create_session() as session:
    session.get(DagModel, "waiting").is_paused = False
"""


def test_a_run_is_given_all_events_that_came_before_it(run):
    found, _ = run(f"{_QUEUE}\ntell(1, 2, 3)\nresult = [begin_run(), look()]")

    assert found == [[1, 2, 3], []]


def test_events_that_came_while_a_run_was_made_start_another_one(run):
    """The trigger's events are written by Airflow alone, which leaves the later ones where they are."""
    found, _ = run(f"""{_QUEUE}
asset_events.queue_all_events = lambda *args: None
tell(1, 2, 3)
result = [begin_run(), look(), begin_run(), look()]
""")

    assert found == [[1], ["waiting"], [2, 3], []]


def test_a_dag_that_no_event_has_started_yet_is_not_started_by_old_ones(run):
    found, _ = run(f"""{_QUEUE}
tell(1)
with create_session() as session:
    session.delete(session.scalars(select(AssetDagRunQueue)).one())
result = look()
""")

    assert found == []
