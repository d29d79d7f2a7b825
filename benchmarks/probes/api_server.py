"""A real API server of Airflow on a database of its own, with one connection whose tokens are kept."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

import psutil

AIRFLOW = str(Path(sys.executable).parent / "airflow")


class TokenEndpoint(ThreadingHTTPServer):
    """Hands out tokens, as slowly as it is told; a context manager from its base class.

    Attributes:
        count: Requests so far.
        latency_s: Seconds that each takes.
        lifetime_s: Of the tokens.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.count = 0
        self.latency_s = 0.0
        self.lifetime_s = 86400
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, TokenEndpoint)
        self.rfile.read(int(self.headers["Content-Length"]))
        server.count += 1
        time.sleep(server.latency_s)
        token = {"access_token": uuid4().hex, "token_type": "Bearer", "expires_in": server.lifetime_s}
        body = json.dumps({**token, "refresh_token": uuid4().hex}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class ApiServer:
    """One that runs.

    Attributes:
        port: TCP port.
        process: It has no other one.
    """

    port: int
    process: psutil.Process

    @property
    def cpu_s(self) -> float:
        """Seconds of CPU that it has used so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


@contextmanager
def serving_airflow() -> Generator[ApiServer, None, None]:
    """Make the tables and run one API server process."""
    log = Path(os.environ["AIRFLOW_HOME"]).with_suffix(".log")
    with log.open("wb") as output:
        subprocess.run([AIRFLOW, "db", "migrate"], stdout=output, stderr=output, check=True, timeout=300)
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = int(found.getsockname()[1])
        command = [AIRFLOW, "api-server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        with subprocess.Popen(command, stdout=output, stderr=output) as server:
            try:
                _wait(f"http://127.0.0.1:{port}/integry/health")
                _wait(f"http://127.0.0.1:{port}/execution/health")
                yield ApiServer(port, psutil.Process(server.pid))
            finally:
                server.terminate()


def _wait(url: str) -> None:
    deadline = time.monotonic() + 120
    while not _answers(url):
        if time.monotonic() > deadline:
            raise TimeoutError(url)
        time.sleep(0.2)


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=10).close()
    except OSError:
        return False
    return True


def add_connection(conn_id: str, token_url: str) -> None:
    """Put a connection with a pasted refresh token into Airflow's database."""
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    extra = {
        "grant_type": "refresh_token",
        "client_id": "bench",
        "client_secret": uuid4().hex,
        "refresh_token": uuid4().hex,
        "exchange_url": f"{token_url}/token",
        "allow_http": True,
    }
    with create_session(scoped=False) as session:
        session.add(Connection(conn_id=conn_id, conn_type="integry_oauth2", host=token_url, extra=json.dumps(extra)))


def proof_maker(conn_id: str) -> Callable[[], str]:
    """Return what makes proofs, each good for one request, as a task does."""
    from airflow_provider_integry.authorizations.broker import find_connection
    from airflow_provider_integry.authorizations.proof import build_claims, sign_proof

    known = find_connection(conn_id)
    assert known is not None
    claims = build_claims(conn_id, None, None)
    return lambda: sign_proof(known.key, claims, now=time.time(), nonce=uuid4().hex)


def make_task_token() -> str:
    """Return a token for Airflow's Execution API, made as an executor does for a task."""
    from airflow.executors.local_executor import LocalExecutor

    return LocalExecutor(parallelism=1).jwt_generator.generate({"sub": str(uuid4()), "scope": "execution"})
