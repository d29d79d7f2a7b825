"""A list that grows, and triggerers of Airflow that look at it and are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from broker.rig import wait_healthy
from integration.hooked import SET_UP, Hooked

SERVE = Path(__file__).parent.parent / "broker" / "serve.py"
CONNECTOR = """
name: lists
title: Lists
base_url: URL
activities:
  made:
    kind: trigger
    mode: poll
    path: /records
    inputs: {since: {in: query, type: string}}
    paging: {kind: page, param: page, start: 1, size: 50, size_param: size}
    result: items
    new: {id: id, cursor: made_at, since: since}
  listed:
    kind: trigger
    mode: poll
    path: /records
    paging: {kind: page, param: page, start: 1, size: 50, size_param: size}
    result: items
    new: {id: id}
  newest:
    kind: trigger
    mode: poll
    path: /newest
    paging: {kind: page, param: page, start: 1, size: 50, size_param: size}
    result: items
    new: {id: id, newest_first: true}
  synced:
    kind: trigger
    mode: poll
    path: /synced
    inputs: {token: {in: query, type: string}}
    paging: {kind: page, param: page, start: 1, size: 50, size_param: size}
    result: items
    new: {answer_cursor: next_token, since: token}
"""
WATCH = """
import json
from airflow.models.asset import AssetActive, AssetModel, AssetWatcherModel
from airflow.models.trigger import Trigger
from airflow.utils.session import create_session
from airflow_provider_integry.triggers.activity import PollTrigger

with create_session() as session:
    trigger = Trigger.from_object(PollTrigger("list", **json.loads(ARGUMENTS)))
    model = AssetModel(name=NAME, uri=f"integry://test/{NAME}", group="asset")
    session.add_all([trigger, model])
    session.add(AssetActive.for_asset(model))
    session.flush()
    session.add(AssetWatcherModel(name=NAME, asset_id=model.id, trigger_id=trigger.id))
"""


class ListServer:
    """A service with a list; another second brings several records with the same time."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.looks: Counter[str] = Counter()
        self.failures = 0
        self._lock = threading.Lock()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status, body = owner.answer(self.path)
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def add(self, count: int, *, per_moment: int = 7) -> None:
        with self._lock:
            for _ in range(count):
                number = len(self.records)
                made_at = f"2026-01-01T00:{number // per_moment // 60 % 60:02d}:{number // per_moment % 60:02d}Z"
                self.records.append({"id": number, "made_at": made_at, "text": f"record {number}"})

    def answer(self, path: str) -> tuple[int, Any]:
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        with self._lock:
            self.looks[parts.path] += 1
            if self.failures:
                self.failures -= 1
                return 500, {"error": "try again"}
            found = list(self.records)
        if parts.path == "/newest":
            found.reverse()
        # At or after: what has the same moment as the last one is sent again.
        found = [one for one in found if one["made_at"] >= query.get("since", "")]
        if parts.path == "/synced":
            found = found[int(query.get("token", "0")) :]
        size = int(query.get("size", "50"))
        start = (int(query.get("page", "1")) - 1) * size
        # As of now: it grows while it is read.
        return 200, {"items": found[start : start + size], "next_token": str(int(query.get("token", "0")) + len(found))}

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Polled(Hooked):
    """A rig with a connection `list`, and triggerers."""

    def __init__(self, folder: Path, url: str) -> None:
        super().__init__(folder)
        (folder / "lists.yaml").write_text(CONNECTOR.replace("URL", url), encoding="utf-8")
        self.connections["list"] = {
            "conn_type": "integry_api_key",
            "host": url,
            "password": "key-1",
            "extra": {"connector": str(folder / "lists.yaml"), "allow_http": True, "max_retries": 0},
        }
        self._triggerer: subprocess.Popen[bytes] | None = None

    def watch(self, name: str, /, **arguments: Any) -> None:
        """Make an asset with a trigger, as the DAG processor does."""
        code = WATCH.replace("ARGUMENTS", repr(json.dumps(arguments))).replace("NAME", repr(name))
        self.run(code)

    def restart_server(self) -> None:
        """Start the API server again, at the port that it had."""
        port = self.ports[0]
        log = (self.folder / f"server-{port}.log").open("ab")
        process = subprocess.Popen(
            [sys.executable, SERVE, str(port)], env=self.server_environment(), stdout=log, stderr=subprocess.STDOUT
        )
        log.close()
        self.servers[0] = process
        wait_healthy(port, process, self.folder / f"server-{port}.log")

    def start_triggerer(self) -> None:
        log = (self.folder / "triggerer.log").open("ab")
        self._triggerer = subprocess.Popen(
            [sys.executable, "-m", "airflow", "triggerer", "--skip-serve-logs"],
            env=self.server_environment(
                AIRFLOW__INTEGRY__API_URL=f"http://127.0.0.1:{self.ports[0]}",
                AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC="1",
                AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD="3",
                AIRFLOW__TRIGGERER__TRIGGERER_HEARTBEAT_SEC="1",
                # Airflow's own modules are checked against these tables, which were made without migrations.
                AIRFLOW__CORE__UNIT_TEST_MODE="False",
                AIRFLOW__DATABASE__CHECK_MIGRATIONS="False",
            ),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        log.close()

    def kill_triggerer(self) -> None:
        """End it with everything that it has started, in the middle of whatever it does."""
        if self._triggerer is not None:
            os.killpg(self._triggerer.pid, signal.SIGKILL)
            self._triggerer.wait(timeout=10)
            self._triggerer = None

    def triggerer_log(self) -> str:
        return (self.folder / "triggerer.log").read_text("utf-8", "replace")

    def payloads(self, name: str) -> list[dict[str, Any]]:
        return [extra["payload"] for found, extra in self.events() if found == name]

    def announced(self, name: str) -> list[int]:
        """Return the ids of all records that were announced, in their order."""
        return [record["id"] for payload in self.payloads(name) for record in payload["records"]]

    def progress(self) -> list[Any]:
        return self.read("SELECT activity, version, round, pending, looked_at FROM integry_poll")

    def wait_for(self, what: Any, seconds: float = 60.0) -> None:
        deadline = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < deadline, self.triggerer_log()[-4000:] + self.server_log(self.ports[0])[-2000:]
            time.sleep(0.1)

    def stop(self) -> None:
        self.kill_triggerer()
        super().stop()


def prepare(folder: Path, url: str) -> Polled:
    """Return a rig with its tables and an API server."""
    rig = Polled(folder, url)
    rig.run(SET_UP)
    rig.start_server()
    return rig
