"""Two thousand sensors wait on one triggerer of a real Airflow: what they ask of the broker, and of the triggerer."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import airflow
import pytest
from real.installation import Installation
from real.play import Provider
from real.readiness import DAGS, connect, wait_until

pytestmark = pytest.mark.timeout(3600)
# In `ready_dags`, DAG `crowd`.
SENSORS, POLL_S = 5, 20.0
# Airflow 3.2 begins no task in the triggerer: there each of them takes a worker first, which is a second or two.
RUNS = 400 if airflow.__version__ >= "3.3" else 40
MANY = SENSORS * RUNS
INTERVALS = 6
SETTINGS = {
    "triggerer": {"capacity": str(2 * MANY)},
    "core": {"max_active_runs_per_dag": "1000", "max_active_tasks_per_dag": "4000", "parallelism": "8"},
    "logging": {"logging_level": "INFO"},
    "integry": {"connectors_folder": str(Path(__file__).parent.parent / "real" / "connectors")},
}


class Crowd:
    """An Airflow in which they wait."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._runs: list[str] = []

    def come(self) -> float:
        """Let all of them wait; return how long it took until the triggerer had begun them all."""
        began = time.monotonic()
        for number in range(RUNS):
            self._runs.append(self._installation.begin_run("crowd", {"group": f"group-{number}"}))
        wait_until(lambda: self.waiting() == MANY, "all wait in the triggerer", 1800)
        return time.monotonic() - began

    def waiting(self) -> int:
        """Return how many sensors the triggerer has begun: each has a log of its own."""
        return sum(1 for _ in (self._installation.box.airflow_home / "logs").rglob("*.trigger.*.log"))

    def requests(self, since: datetime) -> list[float]:
        """Return when the broker was asked for statuses, in seconds since a moment."""
        lines = [line for line in self._log("api-server-0").splitlines() if "path=/integry/v1/status" in line]
        times = [datetime.fromisoformat(line.split()[0].replace("Z", "+00:00")) for line in lines]
        return [(at - since).total_seconds() for at in times if at >= since]

    def blocked(self) -> list[str]:
        """Return what Airflow says about a blocked triggerer: when, and for how long."""
        lines = [line for line in self._log("triggerer").splitlines() if "thread was blocked" in line]
        return [f"{line.split()[0]}: {line.split('blocked for ')[1].split(' seconds')[0]} s" for line in lines]

    def resume(self, api: Any) -> float:
        """Authorize one of them; return the seconds until its sensor has gone on."""
        path = self._installation.box.folder / "refresh-token.txt"
        path.write_text(api.authorize(), encoding="utf-8")
        user, run = "group-7-3", self._runs[7]
        self._installation.run("integry", "import", "acme", "--end-user", user, "--file", str(path))
        (row,) = self._installation.query("SELECT created_at FROM integry_authorization")
        wait_until(lambda: self._installation.states(run)["wait_3"] != "deferred", "it goes on")
        return time.time() - float(row["created_at"])

    def _log(self, name: str) -> str:
        return self._installation.log(name).read_text("utf-8", "replace")


def test_two_thousand_sensors_on_one_triggerer(tmp_path, postgres):
    database = postgres.create_database("crowd")
    installation = Installation(tmp_path / "airflow", database=database, dags=DAGS, settings=SETTINGS)
    installation.migrate()
    crowd = Crowd(installation)
    with Provider().serving() as provider:
        try:
            installation.start_servers()
            installation.wait_until_healthy()
            installation.prefer("triggerer")
            connect(installation, provider)
            began = datetime.now(timezone.utc)
            came_s = crowd.come()
            print(f"\n{MANY} sensors came in {came_s:.0f} s; blocked meanwhile: {crowd.blocked()}")
            # Whoever came last has been looked at.
            time.sleep(POLL_S)
            before, settled = len(crowd.blocked()), datetime.now(timezone.utc)
            time.sleep(INTERVALS * POLL_S)
            blocked, regular, requests = crowd.blocked()[before:], crowd.requests(settled), crowd.requests(began)
            print(f"then {len(regular)} status requests in {INTERVALS} intervals of {POLL_S:.0f} s; blocked: {blocked}")
            print(f"all requests at {[round(at, 1) for at in requests]}")
            resumed_s = crowd.resume(provider.api)
            print(f"one of them was authorized and went on after {resumed_s:.1f} s")
        finally:
            installation.stop()

    # One per five hundred and interval, wherever the interval begins, while they come as well.
    allowed = max(5, MANY // 500)
    assert max(sum(at <= other < at + POLL_S for other in requests) for at in requests) <= allowed
    assert INTERVALS - 1 <= len(regular) <= (INTERVALS + 1) * max(1, MANY // 1000)
    assert blocked == []
    assert resumed_s < POLL_S + 5
