"""Run the demo as its user does, in a process of its own, and speak with the Airflow that it started."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import requests

from scripts.demo.airflow_api import send

ROOT = Path(__file__).resolve().parents[2]
# The value of every extra field of the connections whose masking is looked at.
PLAIN = "shown-as-it-is"
DAGS = Path(__file__).parent / "dags"


def start_demo(folder: Path, *arguments: str, python: str = sys.executable, **env: str) -> subprocess.Popen[bytes]:
    """Start ``python -m scripts.demo``; its output goes to ``output.txt`` in the folder."""
    command = [python, "-m", "scripts.demo", *arguments, "--folder", str(folder / "demo")]
    with (folder / "output.txt").open("wb") as output:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def read_output(folder: Path) -> str:
    """Return what the demo has printed so far."""
    return (folder / "output.txt").read_text(encoding="utf-8")


def wait_for(condition, what: str, timeout_s: float, pause_s: float = 0.5) -> Any:
    """Return the first true value of a condition."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen within {timeout_s} s"
        time.sleep(pause_s)
    return value


def find_processes(folder: Path) -> list[str]:
    """Return the processes that work in the folder or below, whatever they call themselves."""
    found = [process for process in psutil.process_iter() if _works_in(process, folder)]
    return [f"{process.pid} {process.name()}" for process in found]


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        is_there = Path(process.cwd()).is_relative_to(folder) or str(folder) in " ".join(process.cmdline())
        return is_there and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError):
        return False


class RunningDemo:
    """A demo that runs in a folder, seen from outside."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self.folder = folder
        self.process = process
        self.session = requests.Session()
        self.session.trust_env = False
        self.report: dict[str, Any] = {}
        self.secrets: dict[str, str] = {}

    def wait_until_up(self, report: Path, timeout_s: float) -> None:
        """Wait until the demo's flows are through, and log in."""
        wait_for(lambda: report.exists() or self.process.poll() is not None, "the end of the flows", timeout_s)
        assert report.exists(), f"the demo ended early:\n{read_output(self.folder)}"
        self.report = json.loads(report.read_text(encoding="utf-8"))
        self.secrets = json.loads((self.folder / "secrets" / "accounts.json").read_text(encoding="utf-8"))
        login = {"username": self.report["user"], "password": self.secrets["airflow_password"]}
        token = self.call("POST", "/auth/token", login)["access_token"]
        self.session.headers["Authorization"] = f"Bearer {token}"
        self.secrets["jwt_of_these_tests"] = token

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call Airflow."""
        with send(self.session, method, f"{self.report['url']}{path}", body) as answer:
            assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
            return answer.json() if answer.content else None

    def run_dag(self, dag_id: str, timeout_s: float) -> str:
        """Run a DAG to its end and return its state."""
        wait_for(lambda: self.session.get(f"{self.report['url']}/api/v2/dags/{dag_id}", timeout=10).ok, dag_id, 60)
        self.call("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})
        run = self.call("POST", f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": None})
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run['dag_run_id']}"
        ended = {"success", "failed"}
        wait_for(lambda: self.call("GET", path)["state"] in ended, f"the end of {dag_id}", timeout_s, 1)
        return str(self.call("GET", path)["state"])

    def read_xcom(self, dag_id: str, task_id: str) -> Any:
        """Return what a task of the only run of a DAG returned."""
        path = f"/api/v2/dags/{dag_id}/dagRuns"
        run_id = self.call("GET", path)["dag_runs"][0]["dag_run_id"]
        return self.call("GET", f"{path}/{run_id}/taskInstances/{task_id}/xcomEntries/return_value")["value"]

    def stop(self) -> int:
        """Send Ctrl-C and return the exit code."""
        self.session.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=120)
