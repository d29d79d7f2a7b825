"""An Airflow with nothing but its pages and its database, in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import requests
from cryptography.fernet import Fernet

START_TIMEOUT_S = 90
STOP_TIMEOUT_S = 30


class AirflowSite:
    """One `airflow api-server` with a home, a port and a Fernet key of its own.

    Args:
        folder: Its home.
        prefix: Path under which Airflow is, as behind a proxy that serves other things too.
        environment: Further options of Airflow, as environment variables.
    """

    def __init__(self, folder: Path, prefix: str = "", **environment: str) -> None:
        self._folder = folder
        self._more = environment
        self._key = Fernet.generate_key()
        self._port = _find_free_port()
        self.url = f"http://127.0.0.1:{self._port}{prefix}"

    @contextmanager
    def run(self):
        """Make the database, serve the pages, and stop."""
        with self._start("db", "migrate") as migration:
            assert migration.wait(START_TIMEOUT_S) == 0, self.read_output("db")
        with self._start("api-server") as server:
            try:
                self._wait_until_up(server)
                yield self
            finally:
                _stop(server)

    def read_connection(self, conn_id: str) -> dict[str, Any]:
        """Return what is stored: columns as they are in the database, `password` and `extra` decrypted."""
        with closing(sqlite3.connect(self._database, timeout=30)) as database:
            database.row_factory = sqlite3.Row
            row = dict(database.execute("SELECT * FROM connection WHERE conn_id = ?", (conn_id,)).fetchone())
        password = self._decrypt(row["password"]) if row["is_encrypted"] else row["password"]
        assert row["is_extra_encrypted"]
        return {**row, "password": password, "extra": json.loads(self._decrypt(row["extra"]))}

    def add_connection(self, conn_id: str, columns: dict[str, Any]) -> None:
        """Add a connection as a command line does."""
        with self._start("connections", "add", conn_id, "--conn-json", json.dumps(columns)) as command:
            assert command.wait(START_TIMEOUT_S) == 0, self.read_output("connections")

    def read_output(self, command: str) -> str:
        """Return what a command printed."""
        return self._log_of(command).read_text(encoding="utf-8", errors="replace")

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL of its database."""
        return f"sqlite:///{self._database}"

    @property
    def _database(self) -> Path:
        return self._folder / "airflow.db"

    def _log_of(self, command: str) -> Path:
        return self._folder / f"{command}.log"

    def _decrypt(self, token: str) -> str:
        return Fernet(self._key).decrypt(token.encode()).decode()

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with self._log_of(arguments[0]).open("wb") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "airflow", *arguments],
                cwd=self._folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "PYTEST_"))}
        return {
            **kept,
            "AIRFLOW_HOME": str(self._folder),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__FERNET_KEY": self._key.decode(),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self._database}",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self._port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API_AUTH__JWT_SECRET": Fernet.generate_key().decode() * 2,
            **self._more,
        }

    def _wait_until_up(self, server: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        with requests.Session() as session:
            session.trust_env = False
            while not _answers(session, f"{self.url}/api/v2/version"):
                assert server.poll() is None, self.read_output("api-server")
                assert time.monotonic() < deadline, self.read_output("api-server")
                time.sleep(0.1)


def _answers(session: requests.Session, url: str) -> bool:
    try:
        return session.get(url, timeout=5).ok
    except requests.RequestException:
        return False


def _stop(server: subprocess.Popen[bytes]) -> None:
    """End the server and what it started."""
    for number in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(server.pid, number)
        with suppress(subprocess.TimeoutExpired):
            server.wait(STOP_TIMEOUT_S)


def _find_free_port() -> int:
    with socket.socket() as item:
        item.bind(("127.0.0.1", 0))
        return int(item.getsockname()[1])
