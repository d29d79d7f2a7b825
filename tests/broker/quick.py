"""An installation whose processes are forked from warm parents, so that hundreds start within seconds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from servers.live import LiveServer
from servers.oauth2 import Client, OAuth2Api, Rotation
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from broker.rig import HERE, MIGRATE, Rig, free_port

WARM = {
    "conn_type": "integry_oauth2",
    "host": "https://example.com",
    "extra": {"exchange_url": "https://example.com/token", "client_id": "id", "client_secret": "secret"},
}


class WatchedServer(LiveServer):
    """A server that tells what has arrived before it is answered."""

    def __init__(self, app: Any) -> None:
        super().__init__(app)
        self._arrivals: dict[str, int] = {}
        self._changed = threading.Condition()

    def arrived(self, path: str = "/token") -> int:
        with self._changed:
            return self._arrivals.get(path, 0)

    def wait_arrived(self, count: int, path: str = "/token", timeout_s: float = 30.0) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._arrivals.get(path, 0) >= count, timeout_s), "nothing arrived"

    def _answer(self, path: str, environ: dict[str, Any]) -> Any:
        with self._changed:
            self._arrivals[path] = self._arrivals.get(path, 0) + 1
            self._changed.notify_all()
        return super()._answer(path, environ)


@contextmanager
def token_service(
    rotation: Rotation, latency_s: float = 0.0, client_secret: str = "secret-1", **options: Any
) -> Iterator[tuple[OAuth2Api, Any]]:
    """Serve an authorization server; it knows client `client-1` with this secret."""
    api = OAuth2Api(Client("client-1", client_secret), rotation=rotation, latency_s=latency_s, **options)
    with WatchedServer(api.build()) as server:
        yield api, server


class Parent:
    """A warm process that answers one line of JSON with one line of JSON."""

    def __init__(self, script: str, *args: str, environment: dict[str, str], log: Path) -> None:
        self._log = log
        self._lock = threading.Lock()
        # Whether it has answered all that it was told.
        self.is_idle = True
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, HERE / script, *args],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                # With its children a group of its own: all end together.
                start_new_session=True,
            )
        # Airflow's logging writes to the standard output while it is loaded.
        while (line := self._read()) != "ready":
            if not line and self._process.poll() is not None:
                self.close()
                raise AssertionError(self.errors())
            with self._log.open("a") as said:
                said.write(f"{line}\n")

    def errors(self) -> str:
        return self._log.read_text("utf-8", "replace")[-3000:]

    def send(self, command: dict[str, Any]) -> None:
        self.is_idle = False
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def receive(self) -> Any:
        line = self._read()
        assert line, self.errors()
        self.is_idle = True
        return json.loads(line)

    def call(self, command: dict[str, Any]) -> Any:
        with self._lock:
            self.send(command)
            return self.receive()

    def close(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


class Server:
    """One broker process."""

    def __init__(self, parent: Parent, port: int, pid: int, log: Path) -> None:
        self.port, self.pid, self._parent, self._log = port, pid, parent, log
        self.is_dead = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait_dead(self, timeout_s: float = 30.0) -> int:
        """Wait for its end; return its exit status, negative for a signal."""
        self.is_dead = True
        deadline = time.monotonic() + timeout_s
        while (status := self._parent.call({"reap": self.pid})) is None:
            assert time.monotonic() < deadline, "the broker lives on"
            time.sleep(0.02)
        return int(status)

    def kill(self) -> None:
        if not self.is_dead:
            self.signal(signal.SIGKILL)
            self.wait_dead()


class Askers:
    """Processes that ask as tasks do, all at once."""

    def __init__(self, parent: Parent, number: int) -> None:
        self._parent, self._number = parent, number

    def go(self, **command: Any) -> None:
        self._parent.send({"group": self._number, **command})

    def results(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._parent.receive()
        return found

    def ask(self, **command: Any) -> list[dict[str, Any]]:
        self.go(**command)
        return self.results()

    def ask_one(self, **command: Any) -> dict[str, Any]:
        return self.ask(**command, only=1)[0]


class QuickRig(Rig):
    """An installation; a context manager.

    Args:
        folder: Where it keeps its files.
        database: URL of an empty database; None for SQLite in the folder.
        environment: Further variables of all its processes.
    """

    def __init__(self, folder: Path, database: str | None = None, **environment: str) -> None:
        super().__init__(folder, database)
        self._more = environment
        self.quick: list[Server] = []
        self._broker_parent: Parent | None = None
        self._asker_parents: list[Parent] = []
        self._idle_parents: list[Parent] = []

    def __enter__(self) -> QuickRig:
        return self

    def __exit__(self, *_: object) -> None:
        for parent in [*self._asker_parents, self._broker_parent]:
            if parent is not None:
                parent.close()
        self.stop()

    @property
    def brokers(self) -> Parent:
        if self._broker_parent is None:
            environment = self.server_environment(**self._more)
            log = self.folder / "brokers.log"
            self._broker_parent = Parent("serve_and_die.py", environment=environment, log=log)
        return self._broker_parent

    def migrate(self) -> None:
        assert self.brokers.call({"run": MIGRATE}) == 0, self.brokers.errors()

    def spawn(self, port: int | None = None, **environment: str) -> Server:
        """Start a broker process; it knows the connections that were made before."""
        port = port or free_port()
        log = self.folder / f"server-{port}.log"
        command = {"port": port, "log": str(log), "environment": {**self.connection_variables(), **environment}}
        server = Server(self.brokers, port, int(self.brokers.call(command)), log)
        self.quick.append(server)
        wait_until(lambda: is_healthy(port), 30.0, "no health")
        return server

    def kill_servers(self) -> None:
        """End every broker process."""
        for server in self.quick:
            server.kill()
        self.quick.clear()

    @contextmanager
    def askers(self, count: int, conn_id: str, *servers: Server, **environment: str) -> Iterator[Askers]:
        """Start processes that ask these servers, in turn."""
        parent = self._free_parent()
        command = {
            "start": count,
            "conn_id": conn_id,
            "urls": [server.url for server in servers],
            "environment": {**self.connection_variables(), **environment},
        }
        number = parent.call(command)
        try:
            yield Askers(parent, number)
        finally:
            # A group that is still asking is ended with its parent.
            if parent.is_idle:
                parent.call({"stop": number})
                self._idle_parents.append(parent)
            else:
                self._asker_parents.remove(parent)
                parent.close()

    def connection_variables(self) -> dict[str, str]:
        return {name: value for name, value in self._common().items() if name.startswith("AIRFLOW_CONN_")}

    def _free_parent(self) -> Parent:
        """Return a parent of askers: each group has its own, so that two can ask at the same time."""
        if self._idle_parents:
            return self._idle_parents.pop()
        warm = {"AIRFLOW_CONN_WARM": json.dumps(WARM)}
        log = self.folder / f"askers-{len(self._asker_parents)}.log"
        parent = Parent("ask_many.py", environment={**self.task_environment(1), **warm, **self._more}, log=log)
        self._asker_parents.append(parent)
        return parent

    # -- the database ------------------------------------------------------------------------------

    def sql(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        """Run one statement; return its rows."""
        engine = create_engine(self.database, poolclass=NullPool)
        with engine.begin() as connection:
            found = connection.execute(text(statement), values)
            return [dict(row) for row in found.mappings()] if found.returns_rows else []

    def row(self, conn_id: str = "acme") -> dict[str, Any]:
        (found,) = self.sql("SELECT * FROM integry_authorization WHERE conn_id = :conn_id", conn_id=conn_id)
        return found

    def age(self, seconds: float, conn_id: str = "acme") -> None:
        """Let that much time go by for a row, as far as its token goes."""
        columns = ("expires_at", "advise_at", "require_at", "refreshed_at", "forced_at", "cool_until")
        moved = ", ".join(f"{name} = {name} - :seconds" for name in columns)
        self.sql(f"UPDATE integry_authorization SET {moved} WHERE conn_id = :conn_id", seconds=seconds, conn_id=conn_id)

    def journal(self, digest: str = "") -> list[str]:
        """Names of what is in the journal (of one authorization)."""
        return sorted(path.name for path in (self.folder / "journal").glob(f"{digest}*"))


def is_healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/integry/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def wait_until(is_true: Callable[[], bool], timeout_s: float, problem: str) -> float:
    """Wait for something; return the seconds that it took."""
    started = time.monotonic()
    while not is_true():
        assert time.monotonic() - started < timeout_s, f"{problem} after {timeout_s:.0f} s"
        time.sleep(0.02)
    return time.monotonic() - started


def show_table(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table for people."""
    cells = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    print(f"\n{title}")
    for row in cells:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
