"""A delivery starts a DAG: an API server with our routes, and a scheduler of Airflow over one database."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from integration.hooked import Hooked, post, sign

FOLDER = Path(__file__).parent / "hooked_dags"
RUNS = "SELECT run_id, created_at, run_type FROM dag_run WHERE dag_id = 'hooked'"
OPTIONS = {
    "AIRFLOW__CORE__DAGS_FOLDER": str(FOLDER),
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
    # Runs are made, which is what is looked at; tasks would need the whole API.
    "AIRFLOW__CORE__PARALLELISM": "1",
    "AIRFLOW__DATABASE__CHECK_MIGRATIONS": "False",
}


@pytest.fixture
def hooked(tmp_path):
    rig = Hooked(tmp_path)
    rig.make_tables()
    done = subprocess.run(
        [sys.executable, "-m", "airflow", "dags", "reserialize"],
        env=rig.server_environment(**OPTIONS), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    path = rig.add_webhook("signed")
    port = rig.start_server()
    rig.url = f"http://127.0.0.1:{port}{path}"
    with (tmp_path / "scheduler.log").open("wb") as log:
        scheduler = subprocess.Popen(
            [sys.executable, "-m", "airflow", "scheduler", "--skip-serve-logs"],
            env=rig.server_environment(**OPTIONS), stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        yield rig
    finally:
        os.killpg(scheduler.pid, signal.SIGKILL)
        scheduler.wait(timeout=10)
        rig.stop()


def wait_for(what, seconds, log):
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, log.read_text("utf-8", "replace")[-4000:]
        time.sleep(0.1)
    return found


def test_a_delivery_starts_a_dag_within_five_seconds(hooked, tmp_path):
    log = tmp_path / "scheduler.log"
    heartbeat = "SELECT 1 FROM job WHERE job_type = 'SchedulerJob' AND state = 'running'"
    wait_for(lambda: hooked.read(heartbeat), 60, log)
    # Its first rounds take longer.
    time.sleep(3)
    body = json.dumps({"id": "evt-1"}).encode()

    started = time.monotonic()
    answer = post(hooked.url, body, sign(body))
    [run] = wait_for(lambda: hooked.read(RUNS), 30, log)
    waited_s = time.monotonic() - started

    assert answer.json()["status"] == "accepted"
    assert run.run_type == "asset_triggered"
    assert waited_s < 5
