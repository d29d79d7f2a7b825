"""Activities in a real Airflow: waits take no slot, lost answers do no harm, new records start runs."""

from __future__ import annotations

import os

import pytest
from real.activities import CLEARED, DAGS, perform
from real.installation import Installation
from real.ledger import PAGES, PER_PAGE
from system.leaks import find_leaks

# With it, one task waits for ten minutes too.
LONG = "INTEGRY_LONG_WAIT"
RETRY_AFTER_S = {"short": 25, **({"long": 600} if os.environ.get(LONG) else {})}

pytestmark = [pytest.mark.system, pytest.mark.timeout(600 + RETRY_AFTER_S.get("long", 0))]


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """Perform the play once, and stop Airflow."""
    folder = tmp_path_factory.mktemp("activities")
    (folder / "files").mkdir()
    # What the API asks to wait is long enough to be spent elsewhere.
    installation = Installation(folder / "airflow", dags=DAGS, settings={"integry": {"defer_wait_s": "2"}})
    installation.migrate()
    try:
        installation.start_servers()
        installation.wait_until_healthy()
        seen = perform(installation, folder / "files", RETRY_AFTER_S)
    finally:
        left = installation.stop()
    seen.left = left
    return seen, installation


@pytest.fixture
def seen(played):
    return played[0]


def test_a_task_that_is_told_to_wait_gives_its_slot_to_another_one_and_goes_on(seen):
    assert seen.pool["short"] == {"running": 1, "deferred": 1}
    assert seen.at_the_gate == {"busy": {"short": 1}, "free": []}
    assert seen.results["short wait"] == [{"id": 1}, {"id": 2}]
    assert seen.waited_s["short"] >= RETRY_AFTER_S["short"]


@pytest.mark.skipif("long" not in RETRY_AFTER_S, reason=f"takes over ten minutes; set {LONG}=1 to have it run")
def test_ten_minutes_are_waited_for_without_a_slot(seen):
    assert seen.pool["long"] == {"running": 0, "deferred": 1}
    assert seen.results["long wait"] == [{"id": 1}, {"id": 2}]
    assert seen.waited_s["long"] >= 600


def test_an_action_with_a_key_whose_answer_is_lost_is_retried_by_airflow_and_done_once(seen):
    assert (seen.states[0]["once"], seen.tries[0]["once"]) == ("success", 2)
    assert seen.requests[0]["once"] == 2
    assert len(seen.charges[0]["once"]) == 1


def test_an_action_without_a_key_whose_answer_is_lost_is_not_sent_again_and_says_so(seen):
    assert (seen.states[0]["blindly"], seen.tries[0]["blindly"]) == ("failed", 1)
    assert (seen.requests[-1]["blindly"], len(seen.charges[-1]["blindly"])) == (1, 1)
    assert "OutcomeUnknownError: Activity 'charge_blindly'" in seen.told
    assert "Look there whether what this activity does has happened" in seen.told


def test_a_cleared_action_is_done_anew_only_where_that_is_asked_for(seen):
    assert {seen.states[-1][task] for task in CLEARED} == {"success"}
    # A lost answer, its retry, and once more after clearing.
    assert (seen.tries[0]["anew_after_clear"], seen.requests[-1]["anew_after_clear"]) == (2, 3)
    assert [len(charges["anew_after_clear"]) for charges in seen.charges] == [1, 2]
    assert seen.requests[-1]["same_after_clear"] == 2
    assert [len(charges["same_after_clear"]) for charges in seen.charges] == [1, 1]


def test_a_query_in_the_triggerer_writes_a_file_that_is_there_when_it_is_complete(seen):
    count = PAGES * PER_PAGE
    during, after = seen.folder
    assert "write" in seen.deferred
    assert [name for name in during if not (name.startswith(".items.jsonl.") and name.endswith(".part"))] == []
    assert after == ["items.jsonl"]
    assert seen.records == [{"id": number} for number in range(count)]
    assert (seen.results["file"]["records"], seen.results["file"]["pages"]) == (count, PAGES)


def test_the_sensor_finds_what_is_new_once(seen):
    assert "sensor" in seen.deferred
    assert seen.sensed == [[4, 5, 6, 7, 8], [9, 10, 11]]


def test_new_records_start_runs_and_each_starts_one(seen):
    assert [number for run in seen.runs for number in run] == list(range(4, 12))


def test_no_secret_is_in_what_was_written(played):
    seen, installation = played
    assert find_leaks(installation.written_files, seen.secrets) == []


def test_nothing_is_left_of_it(seen):
    assert seen.left == []
