"""Start, watch and stop what the demo needs: Airflow and the made-up service."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import requests

from scripts.demo.airflow_api import AirflowApi
from scripts.demo.connections import Connections
from scripts.demo.console import DemoError, say, show
from scripts.demo.processes import Processes, describe
from scripts.demo.saas.accounts import Accounts
from scripts.demo.sandbox import ROOT, Sandbox, find_airflow, private_file

START_TIMEOUT_S = 150
STOP_TIMEOUT_S = 45


class Services:
    """Airflow and the made-up service of one run."""

    def __init__(self, box: Sandbox) -> None:
        self._box = box
        self._env = box.environment()
        self._processes = Processes()
        self._standalone: subprocess.Popen[bytes] | None = None
        self._airflow = find_airflow()

    @property
    def airflow_log(self) -> Path:
        """What ``airflow standalone`` printed."""
        return self._box.logs / "airflow.log"

    def start_acme(self, accounts: Accounts) -> None:
        """Start the made-up service and wait until it answers."""
        log = self._box.logs / "acme.log"
        command = [sys.executable, "-m", "scripts.demo.saas", "--port", str(self._box.ports.acme)]
        # On standard input: a command line is visible to everybody on the machine.
        stdin = json.dumps(asdict(accounts)).encode()
        child = self._processes.start("acme", command, env=self._env, cwd=ROOT, log=log, stdin=stdin)
        deadline = time.monotonic() + 30
        while not _answers(f"{self._box.acme_url}/health"):
            if child.poll() is not None or time.monotonic() > deadline:
                raise DemoError("The made-up service did not start.", log)
            time.sleep(0.1)

    def make_database(self) -> None:
        """Make Airflow's tables."""
        self.run_airflow("db", "migrate")

    def import_connections(self, connections: Connections) -> None:
        """Hand connections to Airflow; the file with their credentials is removed again."""
        path = self._box.folder / "connections.json"
        try:
            with private_file(path) as handle:
                json.dump(connections, handle)
            self.run_airflow("connections", "import", str(path))
        finally:
            path.unlink(missing_ok=True)

    def run_airflow(self, *arguments: str) -> str:
        """Run one ``airflow`` command and return what it printed."""
        name = f"airflow {' '.join(arguments[:2])}"
        log = self._box.logs / f"{'-'.join(arguments[:2])}.log"
        return self._processes.run(name, [self._airflow, *arguments], env=self._env, cwd=self._box.folder, log=log)

    def start_airflow(self) -> None:
        """Start ``airflow standalone``; `wait_until_healthy` waits for it."""
        self._standalone = self._processes.start(
            "airflow", [self._airflow, "standalone"], env=self._env, cwd=self._box.folder, log=self.airflow_log
        )

    def wait_until_healthy(self, api: AirflowApi) -> None:
        """Wait until all parts of Airflow are healthy, telling each as it comes up."""
        deadline = time.monotonic() + START_TIMEOUT_S
        told: set[str] = set()
        while True:
            health = api.read_health()
            up = {name for name, status in health.items() if status == "healthy"}
            for name in sorted(up - told):
                say(f"  {name.replace('_', ' ')} is up")
            told |= up
            if health and up == set(health):
                return
            self.check_alive()
            if time.monotonic() > deadline:
                missing = ", ".join(sorted(set(health) - up)) or "the API server"
                raise DemoError(f"Airflow is not up after {START_TIMEOUT_S} s; missing: {missing}.", self.airflow_log)
            time.sleep(0.3)

    def check_alive(self) -> None:
        """Look at the processes, and make sure that Airflow is still one of them.

        Raises:
            DemoError: It ended.
        """
        self._processes.look()
        if self._standalone is not None and (code := self._standalone.poll()) is not None:
            raise DemoError(f"Airflow ended by itself (exit code {code}).", self.airflow_log)

    def stop(self) -> bool:
        """Stop everything, end by force what is left, and tell whether nothing was."""
        # SIGTERM would end `airflow standalone` without its children.
        self._processes.stop("airflow", signal.SIGINT, STOP_TIMEOUT_S)
        self._processes.stop("acme", signal.SIGTERM, 10)
        left = self._processes.find_left()
        if left:
            say("These processes had to be ended by force:")
            for process in left:
                show(describe(process))
            self._processes.end(left)
        return not left


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False
