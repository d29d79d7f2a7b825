"""Broker processes over one database, and processes that ask them as tasks do."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
MIGRATE = """
from airflow import settings
from airflow.models.connection import Connection
from airflow.models.log import Log
from airflow.models.team import Team
from airflow_provider_integry.authorizations.end_user_tables import metadata

metadata.create_all(settings.engine)
Log.metadata.create_all(settings.engine, tables=[Team.__table__, Connection.__table__, Log.__table__])
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Rig:
    """One installation: a database, API servers, and the environment that tasks get.

    Args:
        folder: Where it keeps its files.
        database: URL of an empty database; None for SQLite in the folder.
    """

    def __init__(self, folder: Path, database: str | None = None) -> None:
        self.folder = folder
        self.home = folder / "airflow"
        self.home.mkdir(parents=True, exist_ok=True)
        self.database = database or f"sqlite:///{self.home / 'airflow.db'}"
        self.fernet_key = Fernet.generate_key().decode()
        self.installation_secret = secrets.token_hex(32)
        self.connections: dict[str, dict[str, Any]] = {}
        self.servers: list[subprocess.Popen[bytes]] = []
        self.ports: list[int] = []
        self._clean = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}

    # -- environments ------------------------------------------------------------------------------

    def server_environment(self, **more: str) -> dict[str, str]:
        """Environment of a process with the database."""
        return {
            **self._common(),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.database,
            "AIRFLOW__CORE__FERNET_KEY": self.fernet_key,
            "AIRFLOW__INTEGRY__JOURNAL_FOLDER": str(self.folder / "journal"),
            **more,
        }

    def task_environment(self, port: int, **more: str) -> dict[str, str]:
        """Environment of a process without the database."""
        return {
            **self._common(),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite://",
            "AIRFLOW__INTEGRY__API_URL": f"http://127.0.0.1:{port}",
            **more,
        }

    def _common(self) -> dict[str, str]:
        own = {"conn_type": "generic", "password": self.installation_secret}
        return {
            **self._clean,
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            **({"AIRFLOW_CONN_INTEGRY_INSTALLATION": json.dumps(own)} if self.installation_secret else {}),
            "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests"))),
            **{f"AIRFLOW_CONN_{name.upper()}": json.dumps(one) for name, one in self.connections.items()},
        }

    # -- the database ------------------------------------------------------------------------------

    def connect(self, conn_id: str, token_url: str, **extra: Any) -> None:
        """Make a connection known to servers and tasks."""
        self.connections[conn_id] = {
            "conn_type": "integry_oauth2",
            "host": token_url,
            "extra": {
                "exchange_url": f"{token_url}/token",
                "client_id": "client-1",
                "client_secret": "secret-1",
                "allow_http": True,
                **extra,
            },
        }

    def migrate(self) -> None:
        """Make the tables: Airflow's own are not needed for most tests, and take a while."""
        self.run(MIGRATE)

    def run(self, code: str, **more: str) -> str:
        """Run Python in a process with the database; return what it printed."""
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=self.server_environment(**more),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def rows(self) -> list[dict[str, Any]]:
        """Return every authorization as it is in the database."""
        code = (
            "import json\nfrom airflow import settings\nfrom sqlalchemy import text\n"
            "with settings.engine.connect() as c:\n"
            "    rows = c.execute(text('select * from integry_authorization order by id')).mappings()\n"
            "    print(json.dumps([dict(row) for row in rows]))\n"
        )
        found: list[dict[str, Any]] = json.loads(self.run(code).splitlines()[-1])
        return found

    # -- servers -----------------------------------------------------------------------------------

    def start_server(self, script: str = "serve.py", **more: str) -> int:
        """Start a broker process; return its port once it is healthy."""
        port = free_port()
        log = (self.folder / f"server-{port}.log").open("wb")
        process = subprocess.Popen(
            [sys.executable, HERE / script, str(port)],
            env=self.server_environment(**more),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        log.close()
        self.servers.append(process)
        self.ports.append(port)
        wait_healthy(port, process, self.folder / f"server-{port}.log")
        return port

    def server_log(self, port: int) -> str:
        return (self.folder / f"server-{port}.log").read_text("utf-8", "replace")

    def process_of(self, port: int) -> subprocess.Popen[bytes]:
        return self.servers[self.ports.index(port)]

    def stop(self) -> None:
        for process in self.servers:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait(timeout=10)

    # -- tasks -------------------------------------------------------------------------------------

    @contextmanager
    def tasks(self, count: int, conn_id: str, *, ports: Iterable[int] = (), **more: str) -> Iterator[list[Asker]]:
        """Start processes that ask when they are told to."""
        where = list(ports) or self.ports
        askers: list[Asker] = []
        try:
            for number in range(count):
                askers.append(Asker(self.task_environment(where[number % len(where)], **more), conn_id))
                if len(askers) % 16 == 0:
                    askers[-1].wait_ready()
            for asker in askers:
                asker.wait_ready()
            yield askers
        finally:
            for asker in askers:
                asker.stop()


class Asker:
    """A process that asks for tokens."""

    def __init__(self, environment: Mapping[str, str], conn_id: str, end_user: str | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, HERE / "ask.py", conn_id, *([end_user] if end_user else [])],
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._is_ready = False

    def wait_ready(self) -> None:
        if not self._is_ready:
            assert self._process.stdout is not None
            line = self._process.stdout.readline()
            assert line == "ready\n", self._process.communicate(timeout=10)[1][-3000:]
            self._is_ready = True

    def go(self, rejected: str | None = None, *, fresh: bool = True) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"rejected": rejected, "fresh": fresh}) + "\n")
        self._process.stdin.flush()

    def result(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        # Airflow logs to standard output too.
        while not (line := self._process.stdout.readline()).startswith("{"):
            assert line, self._process.communicate(timeout=10)[1][-3000:]
        found: dict[str, Any] = json.loads(line)
        return found

    def ask(self, rejected: str | None = None, *, fresh: bool = True) -> dict[str, Any]:
        self.go(rejected, fresh=fresh)
        return self.result()

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()


def wait_healthy(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text("utf-8", "replace")[-3000:]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/integry/health", timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"no health after a minute: {log.read_text('utf-8', 'replace')[-3000:]}")
