"""In a real Airflow: one flow for 200 customers, each with its own credential, of whom three lose theirs."""

from __future__ import annotations

from collections import Counter

import pytest
from real.customers import COUNT, DAGS, NAMES, ODD, REVOKED_HERE, REVOKED_THERE, owner_of, perform
from real.installation import Installation

pytestmark = [pytest.mark.system, pytest.mark.timeout(2400)]
LOST = {REVOKED_HERE, *REVOKED_THERE}


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """Perform the play once, and stop Airflow."""
    settings = {"core": {"parallelism": "8"}}
    installation = Installation(tmp_path_factory.mktemp("customers") / "airflow", dags=DAGS, settings=settings)
    installation.migrate()
    try:
        installation.start_servers()
        installation.wait_until_healthy()
        seen = perform(installation)
    finally:
        left = installation.stop()
    seen.left = left
    return seen


def test_every_call_came_with_the_credential_of_its_own_customer(seen):
    expected = Counter(owner_of(name) for name in NAMES if name not in LOST)

    assert Counter(seen.callers) == expected
    assert seen.outputs == {place: owner_of(name) for place, name in enumerate(NAMES) if name not in LOST}


def test_there_was_one_token_request_for_each(seen):
    assert seen.token_requests == {"200": COUNT - len(LOST), "400": len(REVOKED_THERE)}


def test_customers_whose_grant_was_lost_fail_alone_and_are_not_retried(seen):
    failed = {task for task, state in seen.states["each"].items() if state != "success"}

    assert failed == {f"call[{NAMES.index(name)}]" for name in LOST} | {"end_user_outcomes[-1]"}
    assert seen.tries == {1}
    assert seen.runs["each"] == "failed"


def test_each_of_them_is_told_with_the_reason(seen):
    table = {one["end_user"]: one for one in seen.outcomes["each"]}

    assert list(table) == NAMES
    assert {name for name, one in table.items() if one["state"] != "success"} == LOST
    assert "it was revoked here" in table[REVOKED_HERE]["reason"]
    assert table[REVOKED_HERE]["reason"].startswith("NotAuthorizedError: ")
    for name in REVOKED_THERE:
        assert table[name]["reason"].startswith("ReauthorizationNeededError: ")
        assert f"end user '{name}'" in table[name]["reason"]
    assert {one["task_id"] for one in table.values()} == {"call"}


def test_airflows_grid_shows_whose_each_task_is(seen):
    shown = {place: name if len(name) <= 100 else f"{name[:100]}…" for place, name in enumerate(NAMES)}

    assert seen.shown == shown


def test_batches_tell_how_it_went_for_each(seen):
    expected = {name: "success" if name not in LOST else "failed" for name in NAMES if name not in REVOKED_THERE}

    for table in (seen.outcomes["batches"], seen.greeted, seen.by_hand):
        assert {one["end_user"]: one["state"] for one in table} == expected
    for table in (seen.greeted, seen.by_hand):
        names = {one["end_user"]: one["result"] for one in table}
        assert names == {name: owner_of(name) if name not in LOST else None for name in expected}


def test_one_of_many_fails_its_batch_and_not_the_run_where_that_is_asked_for(seen):
    states = Counter(state for task, state in seen.states["batches"].items() if task.startswith("greet["))

    assert states == {"success": 4, "failed": 1}
    assert {state for task, state in seen.states["batches"].items() if task.startswith("greet_by_hand")} == {"success"}


def test_a_function_is_mapped_over_end_users(seen):
    assert seen.runs["decorated"] == "success"
    assert seen.decorated == [[name, owner_of(name)] for name in ODD[:4]]


def test_each_goes_on_where_it_has_ended_whatever_place_it_has_in_the_next_run(seen):
    first, second = seen.since

    assert set(first.values()) == {"0"}
    assert set(second) == {"é", "1"}
    assert "0" not in second.values()


def test_nothing_is_left_of_it(seen):
    assert seen.left == []
