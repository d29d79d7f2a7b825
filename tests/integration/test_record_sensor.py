"""The sensor for new records, in DAGs that Airflow runs: each record once, and those of a failed run again."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from airflow import __version__ as airflow_version
from integration.polled import ListServer, Polled
from packaging.version import Version

HERE = Path(__file__).parent


class Runner:
    """A process that runs the DAG when it is told to."""

    def __init__(self, rig):
        self._log = rig.folder / "runner.log"
        with self._log.open("wb") as log:
            self._process = self._start(rig, log)
        self._read("READY")

    def _start(self, rig, log):
        return subprocess.Popen(
            [sys.executable, HERE / "run_sensor.py"],
            env=rig.server_environment(AIRFLOW__CORE__DAGS_FOLDER=str(HERE / "waiting_dags")),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )

    def run(self, path="", defers="no"):
        self._process.stdin.write(json.dumps({"WAITING_PATH": path, "WAITING_DEFERS": defers}) + "\n")
        self._process.stdin.flush()
        return json.loads(self._read("FOUND"))

    def _read(self, word):
        for line in self._process.stdout:
            if line.startswith(word):
                return line.removeprefix(word)
        raise AssertionError(self._log.read_text("utf-8", "replace")[-4000:])

    def stop(self):
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def server():
    found = ListServer()
    yield found
    found.stop()


@pytest.fixture
def runner(tmp_path, server):
    if Version(airflow_version) < Version("3.3"):
        pytest.skip("dag.test() of Airflow 3.2 fails with any DAG: its API inside the process finds no registry")
    found = Runner(Polled(tmp_path, server.url))
    yield found
    found.stop()


def ids(outcome):
    assert outcome["state"] == "success", outcome
    return [record["id"] for record in outcome["found"][0]]


def add_after_looks(server, looks, count):
    """Add records once somebody has looked so often, however long that takes."""
    while sum(server.looks.values()) < looks:
        time.sleep(0.1)
    server.add(count)


@pytest.mark.parametrize("defers", ["no", "yes"])
def test_each_run_has_what_no_run_before_it_had(runner, server, tmp_path, defers):
    server.add(10)
    # The first run remembers what is there, and waits.
    threading.Thread(target=add_after_looks, args=(server, 2, 3), daemon=True).start()
    first = ids(runner.run(defers=defers))
    server.add(4)
    second = ids(runner.run(defers=defers))
    server.add(5)
    failed = runner.run(path="relative/path.jsonl", defers=defers)
    written = runner.run(path=f"file://{tmp_path}/out.jsonl", defers=defers)

    assert (first, second) == ([10, 11, 12], [13, 14, 15, 16])
    assert failed["state"] == "failed"
    assert written["found"][0]["records"] == 5
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [17, 18, 19, 20, 21]
