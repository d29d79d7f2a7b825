"""What a broker process sends to StatsD."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from broker.rig import Rig
from real.statsd import StatsD
from servers.live import LiveServer
from servers.oauth2 import Client, OAuth2Api


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """Let one token be read, renewed, waited for and refused, and return what arrived."""
    rig = Rig(tmp_path_factory.mktemp("metrics"))
    api = OAuth2Api(Client("client-1", "secret-1"), rotation="strict", latency_s=0.3)
    with StatsD() as statsd, LiveServer(api.build()) as server:
        options = {f"AIRFLOW__METRICS__{name.upper()}": value for name, value in statsd.settings["metrics"].items()}
        rig.connect("acme", server.url, grant_type="refresh_token", refresh_token=api.authorize())
        rig.connect("down", server.url, grant_type="refresh_token", refresh_token=api.authorize())
        rig.migrate()
        try:
            rig.start_server(AIRFLOW__METRICS__METRICS_ALLOW_LIST="integry", **options)
            with rig.tasks(2, "acme") as tasks:
                for task in tasks:
                    task.go()
                assert len({task.result()["token"] for task in tasks}) == 1
                tasks[0].ask()
            server.fail("/token", 503, times=20)
            with rig.tasks(1, "down") as (task,):
                assert task.ask()["error"] == "TokenEndpointUnavailableError"
            time.sleep(0.3)
        finally:
            rig.stop()
    return statsd


def test_refreshes_are_counted_and_timed(seen):
    assert seen.count("integry.refresh.success") == 1
    (duration_ms,) = seen.timings_ms("integry.refresh.duration")
    assert 300 <= duration_ms < 10_000


def test_an_imported_grant_is_counted(seen):
    assert seen.count("integry.grant.imported") == 2


def test_failures_are_counted_by_their_class(seen):
    assert seen.count("integry.refresh.failure.TokenEndpointUnavailableError") >= 1
    assert {"integry.refresh.failure.TokenEndpointUnavailableError"} == seen.names("integry.refresh.failure")


def test_waits_are_timed_and_reads_counted(seen):
    assert seen.count("integry.broker.read") == 3
    assert max(seen.timings_ms("integry.broker.wait")) >= 200


def test_a_server_that_has_its_metrics_keeps_them():
    """A second start would leave two exporters in Airflow 3.3's API server."""
    code = (
        "from airflow_provider_integry.authorizations import metrics\n"
        "from airflow._shared.observability.metrics.stats import Stats\n"
        "import inspect\n"
        "made = []\n"
        "class Logger:\n"
        "    def __init__(self): made.append(self)\n"
        "    def incr(self, *a, **k): pass\n"
        "has_legacy = 'export_legacy_names' in str(inspect.signature(Stats.initialize))\n"
        "more = {'export_legacy_names': True} if has_legacy else {}\n"
        "Stats.initialize(factory=Logger, **more)\n"
        "metrics.count('broker.read')\n"
        "print(len(made))\n"
    )
    env = {**os.environ, "AIRFLOW__METRICS__STATSD_ON": "True"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1:] == ["1"], done.stderr[-2000:]
