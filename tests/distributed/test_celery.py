"""The broker in a real Airflow on PostgreSQL with two API servers and two Celery workers."""

from __future__ import annotations

import importlib.util
import time

import pytest
from real.expectations import check_database, check_deferred, check_leaks, check_metrics, check_stampede
from real.installation import Installation
from real.play import perform
from real.statsd import StatsD
from servers.databases import PostgresServer
from servers.redis import RedisServer

_NEEDED = ("celery", "redis", "psycopg2", "asyncpg", "statsd")
_ABSENT = [
    f"no package {name} ('make test-distributed' installs it)" for name in _NEEDED if not importlib.util.find_spec(name)
]
_MISSING = [reason for reason in (*_ABSENT, PostgresServer.missing(), RedisServer.missing()) if reason]

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(_MISSING), reason="; ".join(_MISSING)),
]


def settings_of(database, redis):
    """Return Airflow's options for tasks that run on other machines."""
    return {
        "core": {"executor": "CeleryExecutor"},
        "celery": {
            "broker_url": redis.url,
            "result_backend": f"db+{database}",
            "worker_concurrency": "20",
            # Each worker takes half of the tasks, so that all forty run at one time.
            "worker_prefetch_multiplier": "1",
        },
    }


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """Perform the play once, and stop Airflow."""
    folder = tmp_path_factory.mktemp("celery")
    with PostgresServer(folder) as postgres, RedisServer(folder) as redis, StatsD() as statsd:
        database = postgres.create_database("airflow")
        settings = {**statsd.settings, **settings_of(database, redis)}
        installation = Installation(folder / "airflow", database=database, api_servers=2, settings=settings)
        started = time.monotonic()
        installation.migrate()
        try:
            installation.start_servers()
            start_workers(installation)
            installation.wait_until_healthy()
            up_s = time.monotonic() - started
            seen = perform(installation, statsd, folder / "rows.txt")
        finally:
            left = installation.stop()
        seen.left = left
        seen.figures |= {"until Airflow was up, s": up_s, "in all, s": time.monotonic() - started}
        print(seen.figures, seen.token_requests, f"{seen.refusals} refusals")
        yield seen, statsd, installation, folder


def start_workers(installation):
    """Start a worker for each API server, which its tasks talk to."""
    for number, url in enumerate(installation.urls):
        installation.start(
            f"worker-{number}",
            *("celery", "worker", "--celery-hostname", f"worker-{number}@%h", "--skip-serve-logs", "--without-gossip"),
            AIRFLOW__CORE__EXECUTION_API_SERVER_URL=f"{url}/execution/",
        )


def test_forty_tasks_on_two_workers_cause_one_refresh_for_each_end_of_a_token(played):
    check_stampede(played[0])


def test_both_workers_and_both_api_servers_had_a_part(played):
    installation = played[2]
    logs = {name: installation.log(name).read_text("utf-8", "replace") for name in ("api-server-0", "api-server-1")}
    assert all("path=/integry/v1/credentials" in log for log in logs.values())
    hosts = {
        installation.log(f"worker-{number}").read_text("utf-8", "replace").count("succeeded in") > 5
        for number in (0, 1)
    }
    assert hosts == {True}


def test_sensors_and_activities_in_the_triggerer_use_a_grant_that_was_pasted_meanwhile(played):
    check_deferred(played[0])


def test_pasted_refresh_tokens_are_blanked_and_grants_kept(played):
    check_database(played[0])


def test_metrics_arrive_from_both_api_servers(played):
    check_metrics(played[1])


def test_no_secret_is_in_a_log_an_xcom_or_the_database(played):
    seen, _, installation, folder = played
    check_leaks(seen, [*installation.written_files, folder / "rows.txt"])


def test_no_process_is_left(played):
    assert played[0].left == []
