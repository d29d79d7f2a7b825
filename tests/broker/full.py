"""An installation whose brokers are whole API servers of Airflow, on a database that Airflow has migrated.

It is used like `QuickRig`. Connections are in the database, where an imported refresh token is emptied;
tasks have them, with the same fields, as variables of their environment.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests
from cryptography.fernet import Fernet

from broker.quick import QuickRig, Server, is_healthy
from broker.rig import free_port

START_S = 120.0
PLUGIN = """from broker.dying import arm, shorten

shorten()
arm()
"""


class FullServer(Server):
    """One process of ``airflow api-server``."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.port, self.pid, self.is_dead = port, process.pid, False
        self._process, self._log = process, log

    def wait_dead(self, timeout_s: float = 30.0) -> int:
        """Wait for its end; return its exit status, negative for a signal."""
        status = self._process.wait(timeout_s)
        self.is_dead = True
        # It leads a group of its own: whatever it has started ends with it.
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        return status

    def wait_healthy(self) -> None:
        """Wait until Airflow has started and this provider answers in it."""
        deadline = time.monotonic() + START_S
        while not is_healthy(self.port):
            assert self._process.poll() is None, self.log[-3000:]
            assert time.monotonic() < deadline, f"no health after {START_S:.0f} s: {self.log[-3000:]}"
            time.sleep(0.2)
        # Where the plugin is not mounted, Airflow answers any path with its pages.
        with urllib.request.urlopen(f"{self.url}/integry/health", timeout=30) as answer:
            kind = answer.headers["Content-Type"]
        assert kind == "application/json", f"this provider is not installed beside {sys.executable}: run 'make setup'"


class FullRig(QuickRig):
    """An installation of whole API servers; a context manager."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._jwt_secret = Fernet.generate_key().decode() * 2
        # What is in the database already: written anew, an emptied field would be full again.
        self._saved: set[str] = set()
        plugins = self.home / "plugins"
        plugins.mkdir()
        (plugins / "dying.py").write_text(PLUGIN, encoding="utf-8")

    def __exit__(self, *error: object) -> None:
        self.kill_servers()
        super().__exit__(*error)

    def server_environment(self, **more: str) -> dict[str, str]:
        """Environment of a process with the database: its connections are there and nowhere else."""
        found = {
            **super().server_environment(),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API_AUTH__JWT_SECRET": self._jwt_secret,
            **more,
        }
        return {name: value for name, value in found.items() if not name.startswith("AIRFLOW_CONN_")}

    def migrate(self) -> None:
        """Make the tables, as an administrator does."""
        log = self.folder / "migrate.log"
        status = self._start(log, self.server_environment(), "db", "migrate").wait(START_S)
        assert status == 0, log.read_text("utf-8", "replace")[-3000:]

    def spawn(self, port: int | None = None, **environment: str) -> FullServer:
        """Start an API server; new connections are put into the database through it."""
        port = port or free_port()
        log = self.folder / f"api-server-{port}.log"
        own = {"AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}", **environment}
        process = self._start(log, self.server_environment(**own), "api-server", "--port", str(port))
        server = FullServer(process, port, log)
        self.quick.append(server)
        server.wait_healthy()
        self._save_connections(server.url)
        return server

    def stored_extra(self, conn_id: str) -> dict[str, Any]:
        """Return a connection's fields as the database has them, decrypted."""
        (found,) = self.sql("SELECT extra FROM connection WHERE conn_id = :conn_id", conn_id=conn_id)
        fields: dict[str, Any] = json.loads(Fernet(self.fernet_key).decrypt(found["extra"].encode()))
        return fields

    def _save_connections(self, url: str) -> None:
        secret = {"conn_type": "generic", "password": self.installation_secret}
        wanted = {"integry_installation": secret, **self.connections}
        with requests.Session() as session:
            session.trust_env = False
            token = session.get(f"{url}/auth/token", timeout=30).json()["access_token"]
            session.headers["Authorization"] = f"Bearer {token}"
            for conn_id in wanted.keys() - self._saved:
                body: dict[str, Any] = {"connection_id": conn_id, **wanted[conn_id]}
                if "extra" in body:
                    body["extra"] = json.dumps(body["extra"])
                answer = session.post(f"{url}/api/v2/connections", json=body, timeout=30)
                assert answer.status_code == 201, answer.text[:500]
                self._saved.add(conn_id)

    def _start(self, log: Path, environment: dict[str, str], *arguments: str) -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "airflow", *arguments],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
