"""The DAG in a real Airflow: what it emits, when it is skipped, and when it fails."""

from __future__ import annotations

import json
import shutil
import time
from datetime import datetime, timedelta, timezone

import pytest
from airflow import __version__ as airflow_version
from packaging.version import Version
from servers.live import LiveServer
from servers.oauth2 import Client, OAuth2Api

from airflow_provider_integry.keep_alive import (
    GRANTS_ENDING,
    build_keep_alive_dag,
    choose_announced,
    count_days,
    find_lasting_problem,
)
from broker.proofs import Installation
from broker.rig import ROOT

DAY_S = 86_400.0

_RUN = """
import json, sys
from datetime import datetime, timezone
from airflow.models.asset import AssetEvent
from airflow.utils.session import create_session
from sqlalchemy import select
sys.path.insert(0, {folder!r})
from keep_alive import dag
run = dag.test(logical_date=datetime(2026, 11, {day}, tzinfo=timezone.utc))
with create_session(scoped=False) as session:
    states = {{one.task_id: str(one.state) for one in run.get_task_instances(session=session)}}
    events = [[one.uri, one.extra] for one in session.scalars(select(AssetEvent).order_by(AssetEvent.id))]
print("FOUND" + json.dumps([states, events]))
"""


@pytest.fixture(scope="module")
def airflow(tmp_path_factory):
    """An installation with all of Airflow's tables, and two grants."""
    if Version(airflow_version) < Version("3.3"):
        pytest.skip("dag.test() of Airflow 3.2 fails with any DAG: its API inside the process finds no registry")
    api = OAuth2Api(Client("client-1", "secret-1"), rotation="strict")
    with LiveServer(api.build()) as service:
        found = Installation(tmp_path_factory.mktemp("airflow"), service, api)
        found.connect("acme", grant_lifetime_days=365)
        # What the how-to page says: this file, and nothing else, in the DAGs folder.
        (found.rig.home / "dags").mkdir()
        shutil.copy(ROOT / "example_dags" / "keep_alive.py", found.rig.home / "dags")
        found.rig.run("from airflow.utils.db import initdb; initdb()")
        found.rig.migrate()
        found.grant("acme", "anna", "bert")
        yield found


def run(airflow, day):
    out = airflow.rig.run(_RUN.format(day=day, folder=str(airflow.rig.home / "dags")))
    states, events = json.loads(out.rpartition("FOUND")[2])
    return states, events


def set_ends(airflow, days, where="1 = 1"):
    airflow.rig.run(
        "from airflow import settings\nfrom sqlalchemy import text\n"
        "with settings.engine.begin() as c:\n"
        f"    ends_at = {time.time() + days * DAY_S}\n"
        f"    c.execute(text(f'update integry_authorization set grant_ends_at = {{ends_at}} where {where}'))\n"
    )


def test_the_dag_renews_and_emits_one_event_a_day_for_what_ends(airflow):
    first = run(airflow, 1)
    set_ends(airflow, 9.5, "id = 1")
    second = run(airflow, 2)
    third = run(airflow, 3)

    quiet = {"renew_idle_grants": "success", "announce_ends": "skipped", "demand_action": "success"}
    assert first == (quiet, [])
    assert airflow.service.count("/token", status=200) == 2
    states, ((uri, extra),) = second
    assert states == {**quiet, "announce_ends": "success"}
    assert uri == GRANTS_ENDING.uri
    (grant,) = extra["grants"]
    assert set(grant) == {"authorization_id", "conn_id", "ends_at"}
    assert datetime.fromisoformat(grant["ends_at"]).timestamp() == pytest.approx(time.time() + 9.5 * DAY_S, abs=300)
    assert third == (quiet, second[1])


def test_what_nobody_but_a_person_can_mend_fails_the_run_and_is_named(airflow):
    airflow.service.fail("/token", 401, times=2, body=b'{"error": "invalid_client"}', Content_Type="application/json")
    columns = ("refreshed_at", "expires_at", "advise_at", "require_at")
    changes = ", ".join(f"{name} = {name} - 100000" for name in columns)
    airflow.rig.run(
        "from airflow import settings\nfrom sqlalchemy import text\n"
        f"with settings.engine.begin() as c:\n    c.execute(text('update integry_authorization set {changes}'))\n"
    )

    states, _ = run(airflow, 4)

    assert (states["renew_idle_grants"], states["demand_action"]) == ("success", "failed")


def test_the_default_schedule_leaves_time_before_the_shortest_idle_limit():
    dag = build_keep_alive_dag()

    assert (dag.dag_id, dag.schedule, dag.catchup, dag.max_active_runs) == (
        "integry_keep_alive",
        "0 */3 * * *",
        False,
        1,
    )
    assert list(dag.task_ids) == ["renew_idle_grants", "announce_ends", "demand_action"]


@pytest.mark.parametrize("wrong", [{"idle": timedelta(minutes=59)}, {"warn": timedelta(days=-1)}])
def test_a_wrong_argument_is_refused_when_the_file_is_parsed(wrong):
    with pytest.raises(ValueError, match=f"^{next(iter(wrong))} is "):
        build_keep_alive_dag(**wrong)


def test_arguments_of_the_dag_are_passed_on():
    dag = build_keep_alive_dag(
        "mine", schedule=None, tags=["ours"], start_date=datetime(2027, 1, 1, tzinfo=timezone.utc)
    )

    assert (dag.dag_id, dag.schedule, dag.tags) == ("mine", None, {"ours"})


@pytest.mark.parametrize(
    ("left_days", "before", "is_announced"),
    [
        (9.5, {}, True),
        (9.5, {"1": 9}, False),
        (8.99, {"1": 9}, True),
        (9.5, {"2": 9}, True),
        # It was moved away and comes near again.
        (13.9, {"1": 2}, True),
        (0.01, {"1": 0}, False),
        (-0.01, {"1": 0}, True),
    ],
)
def test_a_grant_is_announced_at_first_sight_and_once_a_day(left_days, before, is_announced):
    now = 1_800_000_000.0
    ending = [{"conn_id": "acme", "authorization_id": 1, "ends_at": now + left_days * DAY_S}]

    assert bool(choose_announced(ending, count_days(ending, now), before)) == is_announced


def test_a_passing_failure_is_nobody_s_to_mend():
    failed = [{"conn_id": "a", "authorization_id": 1, "reason": "X", "is_passing": True}]

    assert find_lasting_problem(failed) is None
    problem = find_lasting_problem([*failed, {**failed[0], "conn_id": "b", "is_passing": False}])
    assert problem is not None
    assert "b (X)" in problem
    assert "a (X)" not in problem
