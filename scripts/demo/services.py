"""Start, watch and stop what the demo needs: Airflow and the made-up service."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import psutil
import requests

from scripts.demo.airflow_api import AirflowApi
from scripts.demo.connections import Connections
from scripts.demo.console import DemoError, say
from scripts.demo.processes import Processes, describe, is_alive
from scripts.demo.saas.accounts import Accounts
from scripts.demo.sandbox import ROOT, Sandbox, find_airflow, private_file

START_TIMEOUT_S = 150
STOP_TIMEOUT_S = 25
PARTS = ("scheduler", "dag-processor", "api-server", "triggerer")


class Services:
    """Airflow and the made-up service of one run."""

    def __init__(self, box: Sandbox) -> None:
        self._box = box
        self._env = box.environment()
        self._processes = Processes()
        self._standalone: subprocess.Popen[bytes] | None = None
        self._parts: dict[str, psutil.Process] = {}
        self._airflow = find_airflow()

    @property
    def airflow_log(self) -> Path:
        """What ``airflow standalone`` printed."""
        return self._box.logs / "airflow.log"

    def start_acme(self, accounts: Accounts, ledger: Path | None) -> None:
        """Start the made-up service and wait until it answers.

        Args:
            accounts: Credentials that it accepts.
            ledger: File in which it notes tokens; None for none.
        """
        log = self._box.logs / "acme.log"
        command = [sys.executable, "-m", "scripts.demo.saas", "--port", str(self._box.ports.acme)]
        command += ["--ledger", str(ledger)] if ledger else []
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
        command = [self._airflow, *arguments]
        return self._processes.run(name, command, env=self._env, cwd=self._box.folder, log=self.log_of(*arguments))

    def log_of(self, *arguments: str) -> Path:
        """Return where the output of an ``airflow`` command goes."""
        return self._box.logs / f"{'-'.join(arguments[:2])}.log"

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
            if up and not told:
                api.warm_up()
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
            DemoError: It ended, or one of its parts did.
        """
        self._processes.look()
        if self._standalone is None:
            return
        if (code := self._standalone.poll()) is not None:
            raise DemoError(f"Airflow ended by itself (exit code {code}).", self.airflow_log)
        # `airflow standalone` goes on without a part that died.
        for process in self._processes.children_of("airflow"):
            if part := _part_name(process):
                self._parts.setdefault(part, process)
        for part, process in self._parts.items():
            if not is_alive(process):
                raise DemoError(f"Airflow's {part} ended by itself.", self.airflow_log)

    def stop(self) -> bool:
        """Stop everything, by force where asking does not help, and tell whether nothing is left."""
        # SIGTERM would end `airflow standalone` without its children.
        self._processes.stop("airflow", signal.SIGINT, STOP_TIMEOUT_S)
        self._processes.stop("acme", signal.SIGTERM, 10)
        # Airflow's scheduler waits for its idle workers, and now and then one does not hear of it.
        if left := self._processes.find_left(grace_s=3):
            say(f"Ended by force: {', '.join(describe(process) for process in left)}")
            self._processes.end(left)
        left = self._processes.find_left(grace_s=5)
        say(f"Still there: {', '.join(describe(process) for process in left)}" if left else "No process is left.")
        return not left


def _part_name(process: psutil.Process) -> str | None:
    with suppress(psutil.Error):
        command = " ".join(process.cmdline()).replace("_", "-")
        return next((part for part in PARTS if f" {part}" in command), None)
    return None


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False
