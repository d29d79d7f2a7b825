"""The broker in a real Airflow on SQLite with LocalExecutor: stampede, deferral, metrics, no leaks."""

from __future__ import annotations

import time

import pytest
from real.expectations import check_database, check_deferred, check_leaks, check_metrics, check_stampede
from real.installation import Installation
from real.play import perform
from real.statsd import StatsD

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """Perform the play once, and stop Airflow."""
    folder = tmp_path_factory.mktemp("broker")
    started = time.monotonic()
    with StatsD() as statsd:
        installation = Installation(folder / "airflow", settings=statsd.settings)
        installation.migrate()
        try:
            installation.start_servers()
            installation.wait_until_healthy()
            up_s = time.monotonic() - started
            seen = perform(installation, statsd, folder / "rows.txt")
        finally:
            left = installation.stop()
    seen.left = left
    seen.figures |= {"until Airflow was up, s": up_s, "in all, s": time.monotonic() - started}
    print(seen.figures, seen.token_requests, f"{seen.refusals} refusals")
    return seen, statsd, installation, folder


def test_forty_tasks_with_a_refused_and_an_expired_token_cause_one_refresh_each(played):
    check_stampede(played[0])


def test_sensors_and_activities_in_the_triggerer_use_a_grant_that_was_pasted_meanwhile(played):
    check_deferred(played[0])


def test_pasted_refresh_tokens_are_blanked_and_grants_kept(played):
    check_database(played[0])


def test_metrics_arrive_from_the_api_server(played):
    check_metrics(played[1])


def test_no_secret_is_in_a_log_an_xcom_or_the_database(played):
    seen, _, installation, folder = played
    check_leaks(seen, [*installation.written_files, folder / "rows.txt"])


def test_what_was_searched_is_what_could_have_leaked(played):
    seen, _, installation, folder = played
    logs = "".join(path.read_text("utf-8", "replace") for path in installation.written_files if path.suffix == ".log")
    assert '"level":"debug"' in logs
    assert "/integry/v1/credentials" in logs
    rows = (folder / "rows.txt").read_text("utf-8")
    for table in ("xcom", "rendered_task_instance_fields", "connection", "integry_authorization", "log"):
        assert f"\n{table}: " in rows or rows.startswith(f"{table}: ")
    # A pasted token and the pairs of three refreshes; two pasted ones and the pair of one refresh each.
    assert len([name for name in seen.secrets if " token " in name]) == 13
    assert "password of integry_installation" in seen.secrets


def test_no_process_is_left(played):
    assert played[0].left == []
