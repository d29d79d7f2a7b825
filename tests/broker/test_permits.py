"""However many processes on however many machines call an API, its connector's limits hold: the API counts."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest
from servers.live import LiveServer

from airflow_provider_integry.authorizations.messages import PermitRequest
from broker.proofs import key_of, sign
from broker.quick import QuickRig
from broker.rig import HERE

CONNECTOR = """
name: counted
title: An API that counts
activities:
  list_items: {kind: query, path: /items, result: items, paging: PAGING}
"""


class CountingApi:
    """An API that notes when each request arrives, and how many are there at once."""

    def __init__(self, latency_s: float = 0.0, pages: int = 1) -> None:
        self.arrivals: list[float] = []
        self.most_at_once = 0
        self._latency_s, self._pages, self._inside, self._lock = latency_s, pages, 0, threading.Lock()

    def __call__(self, environ, start_response):
        with self._lock:
            self.arrivals.append(time.monotonic())
            self._inside += 1
            self.most_at_once = max(self.most_at_once, self._inside)
        time.sleep(self._latency_s)
        page = int((environ["QUERY_STRING"].partition("page=")[2] or "1").split("&")[0])
        with self._lock:
            self._inside -= 1
        items = [{"page": page}] if page <= self._pages else []
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps({"items": items}).encode()]

    def most_within(self, span_s: float) -> int:
        """Return the most requests that arrived in any span of time, wherever it begins."""
        times = sorted(self.arrivals)
        return max(sum(at <= other < at + span_s for other in times) for at in times)


def write_connector(folder: Path, limits: str, paging: str = "{kind: none}") -> Path:
    path = folder / "counted.yaml"
    path.write_text(f"{CONNECTOR.replace('PAGING', paging)}limits: {limits}\n")
    return path


def pace(rig: QuickRig, connector: Path, servers, *, processes: int, runs: int) -> list[str]:
    environment = rig.task_environment(1, URLS=" ".join(server.url for server in servers))
    done = subprocess.run(
        [sys.executable, HERE / "pace.py", "counted", connector, "list_items", str(processes), str(runs)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    # Airflow's logging writes to the standard output while it is loaded.
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


def proof_of(installation, conn_id: str) -> str:
    return sign(key_of(installation, conn_id), {"sub": conn_id})


def connect(rig: QuickRig, url: str) -> None:
    """Make a connection whose key is its own: its credentials are none of the broker's."""
    rig.connections["counted"] = {
        "conn_type": "integry_api_key",
        "host": url,
        "password": "key-1",
        "extra": {"allow_http": True},
    }


def test_twenty_processes_never_send_more_than_five_requests_in_any_second(rig: QuickRig, tmp_path: Path):
    api = CountingApi(latency_s=0.01)
    connector = write_connector(tmp_path, "{requests: 5, per_s: 1}")
    with LiveServer(api) as service:
        connect(rig, service.url)
        brokers = [rig.spawn() for _ in range(2 if "postgresql" in rig.database else 1)]
        started = time.monotonic()
        outcomes = pace(rig, connector, brokers, processes=20, runs=2)
        took_s = time.monotonic() - started

    assert outcomes == ["ok 1"] * 40
    assert len(api.arrivals) == 40
    print(f"{len(api.arrivals)} requests in {took_s:.1f} s, at most {api.most_within(1.0)} in any second")
    assert api.most_within(1.0) == 5
    # The limit is used: forty requests at five a second take seven seconds at least.
    span_s = max(api.arrivals) - min(api.arrivals)
    assert 7.0 <= span_s < 30.0


def test_no_more_requests_are_under_way_than_allowed(sqlite_rig: QuickRig, tmp_path: Path):
    api = CountingApi(latency_s=0.1)
    connector = write_connector(tmp_path, "{concurrency: 3}")
    with LiveServer(api) as service:
        connect(sqlite_rig, service.url)
        outcomes = pace(sqlite_rig, connector, [sqlite_rig.spawn()], processes=10, runs=3)

    assert outcomes == ["ok 1"] * 30
    assert api.most_at_once == 3


def test_a_large_limit_is_had_in_shares(sqlite_rig: QuickRig, tmp_path: Path):
    api = CountingApi(pages=60)
    connector = write_connector(tmp_path, "{requests: 500, per_s: 60}", "{kind: page, param: page}")
    with LiveServer(api) as service:
        connect(sqlite_rig, service.url)
        broker = sqlite_rig.spawn()
        sqlite_rig.sql("DELETE FROM integry_permit")
        outcomes = pace(sqlite_rig, connector, [broker], processes=1, runs=1)
        (row,) = sqlite_rig.sql("SELECT version, state FROM integry_permit")

    assert outcomes == ["ok 60"]
    held, spent = json.loads(row["state"])
    # Nothing is out any more, and all that was sent counts.
    assert (held, sum(count for _, count in spent)) == ({}, 61)
    # A request for each of the pages would be over a hundred changes.
    assert row["version"] < 30


def test_without_the_broker_a_process_keeps_the_limit_for_itself(sqlite_rig: QuickRig, tmp_path: Path):
    api = CountingApi(pages=7)
    connector = write_connector(tmp_path, "{requests: 5, per_s: 1}", "{kind: page, param: page}")
    with LiveServer(api) as service:
        connect(sqlite_rig, service.url)
        broker = sqlite_rig.spawn()
        broker.kill()
        outcomes = pace(sqlite_rig, connector, [broker], processes=1, runs=1)

    assert outcomes == ["ok 7"]
    assert api.most_within(1.0) == 5


@pytest.mark.parametrize(
    "change",
    [{"requests": 0}, {"requests": 10**7}, {"per_s": -1}, {"concurrency": 0}, {"bucket": ""}, {"bucket": "x" * 201}],
)
def test_limits_that_make_no_sense_are_refused(installation, change):
    body = msgspec.to_builtins(
        PermitRequest("acme", "crm", ask={"wanted": 1, "permit_id": "p1", "lease_s": 1.0})  # type: ignore[arg-type]
    )
    response = installation.post("/v1/permits", {**body, **change}, proof_of(installation, "acme"))

    assert response.status_code == 400


def test_a_permit_takes_a_proof(installation):
    body = msgspec.to_builtins(
        PermitRequest("acme", "crm", ask={"wanted": 1, "permit_id": "p1", "lease_s": 1.0})  # type: ignore[arg-type]
    )
    assert installation.post("/v1/permits", body).status_code == 404
    assert installation.post("/v1/permits", body, proof_of(installation, "globex")).status_code == 404
    assert installation.post("/v1/permits", body, proof_of(installation, "acme")).status_code == 200
