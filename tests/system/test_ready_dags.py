"""Readiness in a real Airflow: DAGs start with an authorization, sensors go on, what fails says how to mend it."""

from __future__ import annotations

import html
import json

import pytest
from real.installation import Installation
from real.readiness import DAGS, POLL_S, USER, WAITING, perform

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
EXTRA = {"conn_id", "end_user", "account", "authorization_id", "account_id", "scopes", "readiness"}


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """Perform the play once, and stop Airflow."""
    installation = Installation(tmp_path_factory.mktemp("readiness") / "airflow", dags=DAGS)
    installation.migrate()
    try:
        installation.start_servers()
        installation.wait_until_healthy()
        seen = perform(installation)
    finally:
        left = installation.stop()
    seen.left = left
    print(f"resumed after {seen.resumed_s}")
    return seen


def extras(runs):
    return [extra for run in runs for extra in run["extras"]]


def test_a_dag_starts_when_its_end_user_is_authorized_and_at_nothing_else(seen):
    for step in ("after the end user", "after the connection's own", "after the loss"):
        (run,) = seen.runs[step]["on_ready"]
        (extra,) = run["extras"]
        assert set(extra) == EXTRA
        assert (extra["conn_id"], extra["end_user"], extra["readiness"]) == ("acme", USER, "ready")


def test_a_dag_starts_when_the_connection_itself_is_authorized(seen):
    assert seen.runs["after the end user"]["on_own"] == []
    assert [extra["end_user"] for extra in extras(seen.runs["after the loss"]["on_own"])] == [None]


def test_a_dag_starts_when_anybody_is_authorized(seen):
    runs = seen.runs["after the connection's own"]["on_any"]

    # A partitioned DAG is scheduled on the same asset; its events are told apart by their key.
    told = [[extra["end_user"] for extra in run["extras"] if "partition_key" not in extra] for run in runs]
    assert told == [[USER], [None]]


def test_a_partitioned_dag_starts_once_for_each_end_user(seen):
    (run,) = seen.runs["after the loss"]["per_user"]

    assert run["partition_key"] == USER


def test_a_dag_starts_when_an_authorization_is_lost(seen):
    assert seen.runs["after the connection's own"]["on_lost"] == []
    (extra,) = extras(seen.runs["after the loss"]["on_lost"])
    assert set(extra) == {*EXTRA, "cause"}
    assert (extra["end_user"], extra["readiness"], extra["cause"]) == (USER, "revoked", "revoked")


def test_sensors_go_on_within_their_interval_and_five_seconds(seen):
    assert set(seen.resumed_s) == set(WAITING)
    assert max(seen.resumed_s.values()) < POLL_S + 5
    assert {task: seen.waiting[task] for task in (*WAITING, "mapped[1]")} == dict.fromkeys(
        (*WAITING, "mapped[1]"), "success"
    )


def test_a_sensor_that_waits_in_vain_fails_at_once(seen):
    assert seen.waiting["hopeless"] == "failed"
    assert "leave end_user and account empty" in seen.logs["hopeless"]


def test_a_task_that_nobody_has_authorized_says_so_in_one_sentence_with_the_link_and_is_not_retried(seen):
    assert seen.failing == {"nobody": "failed", "revoked": "failed"}
    assert seen.tries == {"nobody": 1, "revoked": 1}
    told = "NotAuthorizedError: Connection 'acme' is not authorized for end user "
    assert f"{told}'nobody': " in seen.logs["nobody"]
    assert f" Authorize it: {seen.link.rpartition('=')[0]}=nobody" in seen.logs["nobody"]
    assert f"{told}'{USER}': it was revoked here. Authorize it: {seen.link}" in seen.logs["revoked"]


def test_the_log_of_a_task_that_waits_has_the_link(seen):
    for task in ("deferred", "from_trigger"):
        assert f"Authorize it: {seen.link}" in seen.logs[task]


def test_tasks_that_were_on_a_worker_have_the_link_as_a_button(seen):
    for task in ("deferred while they wait", "mapped[0] while they wait", "revoked failed"):
        assert seen.links[task] == seen.link


def test_every_task_that_waits_has_the_link_in_its_tab(seen):
    link = html.escape(seen.link[seen.link.index("/integry/") :])
    for task in ("deferred", "from_trigger", "mapped[0]"):
        status, text = seen.tabs[f"{task} while they wait"]
        assert status == 200
        assert f'href="{link}"' in text
    # What a template stands for is known to the triggerer alone; a worker may have rendered it, where Airflow
    # begins such tasks there.
    status, text = seen.tabs["templated while they wait"]
    assert status == 200
    assert "The task&#39;s log names" in text or "log names" in text or link in text


def test_events_and_audit_entries_hold_ids_and_no_secret(seen):
    told = json.dumps([seen.events, seen.audit], ensure_ascii=False, default=str)

    assert seen.events
    assert [name for name, secret in seen.secrets.items() if secret in told] == []
    assert [entry["event"] for entry in seen.audit] == [
        "integry.authorization.imported",
        "integry.authorization.imported",
        "integry.authorization.revoked",
        "integry.authorization.imported",
    ]
    assert all(set(json.loads(entry["extra"])) == {"conn_id", "authorization_id"} for entry in seen.audit)


def test_nothing_is_left_of_it(seen):
    assert seen.left == []
