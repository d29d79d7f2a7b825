"""The few calls of Airflow's REST API that the demo makes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

from scripts.demo.console import DemoError, say

Json = dict[str, Any]
# SQLite gives up waiting for its one write lock after 5 s.
LOCK_WAIT_S = 4.5
MOST_TRIES = 5
# So that whoever waited meanwhile gets the lock: others give up too.
PAUSE_S = 1.0
_REPEATABLE = frozenset({"GET", "PATCH"})


def send(
    session: requests.Session,
    method: str,
    url: str,
    body: Mapping[str, Any] | None = None,
    *,
    lock_wait_s: float = LOCK_WAIT_S,
) -> requests.Response:
    """Send a request to Airflow on SQLite, again where its database was locked and that does no harm.

    Airflow's API server writes the audit entry of a request on its event loop. If a task's request holds
    SQLite's only write lock at that moment, and needs the loop to be through, each waits for the other until
    SQLite gives up after five seconds: the answer is 500, and the task's request goes on. Waiting for the
    lock longer does not help, asking again does. With a database that locks rows it cannot happen.

    Args:
        session: Logged in.
        method: GET and PATCH are repeated.
        url: Where to.
        body: Sent as JSON.
        lock_wait_s: A 500 that took less time has another cause and is final.
    Returns:
        The last answer, whatever its status.
    """
    for left in reversed(range(MOST_TRIES)):
        answer = session.request(method, url, json=body, timeout=60)
        waited_s = answer.elapsed.total_seconds()
        if answer.status_code != 500 or waited_s < lock_wait_s or method not in _REPEATABLE or not left:
            break
        say(f"  Airflow answered 500 to {method} after {waited_s:.1f} s, as when SQLite is locked: asking again")
        time.sleep(PAUSE_S)
    return answer


class AirflowApi:
    """A logged-in user of one Airflow.

    Args:
        url: Of its API server.
        user, password: To log in with.
        log: Where the API server logs; shown where it fails.
    """

    def __init__(self, url: str, user: str, password: str, log: Path | None = None) -> None:
        self._url = url
        self._log = log
        self._login = {"username": user, "password": password}
        self._session = requests.Session()
        self._session.trust_env = False

    def read_health(self) -> dict[str, str]:
        """Return the status of each part of Airflow; empty while nothing answers."""
        try:
            answer = self._session.get(f"{self._url}/api/v2/monitor/health", timeout=5)
            parts = answer.json().items()
        except (requests.RequestException, ValueError):
            return {}
        return {name: str(part.get("status")) for name, part in parts}

    def warm_up(self) -> None:
        """Make the part of the API that tasks use get ready now, rather than at the first task's call."""
        self._call("GET", "/execution/health")

    def log_in(self) -> None:
        """Get a token for the calls below."""
        self._session.headers["Authorization"] = f"Bearer {self.make_token()}"

    def make_token(self) -> str:
        """Return a new token of this user."""
        return str(self._call("POST", "/auth/token", self._login)["access_token"])

    def list_runs(self, dag_id: str) -> list[str]:
        """Return the ids of a DAG's runs."""
        return [str(run["dag_run_id"]) for run in self.get(f"/api/v2/dags/{dag_id}/dagRuns")["dag_runs"]]

    def get(self, path: str) -> Any:
        """Return the answer of a GET below the root."""
        return self._call("GET", path)

    def list_dags(self) -> set[str]:
        """Return the ids of the DAGs that are known."""
        return {dag["dag_id"] for dag in self.get("/api/v2/dags?limit=100")["dags"]}

    def list_import_errors(self) -> list[Json]:
        """Return the DAG files that could not be read."""
        found: list[Json] = self.get("/api/v2/importErrors")["import_errors"]
        return found

    def trigger(self, dag_id: str, conf: Json) -> str:
        """Make a run of a DAG, which begins when the DAG is not paused, and return the run's id."""
        run = self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf})
        return str(run["dag_run_id"])

    def unpause(self, dag_id: str) -> None:
        """Let a DAG's runs begin."""
        self._call("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})

    def read_run(self, dag_id: str, run_id: str) -> str:
        """Return the state of a run."""
        return str(self.get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def list_tasks(self, dag_id: str, run_id: str) -> list[Json]:
        """Return the task instances of a run."""
        found: list[Json] = self.get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=100")[
            "task_instances"
        ]
        return found

    def read_xcom(self, task: Json) -> Any:
        """Return what a task instance returned; None when nothing."""
        path = f"/api/v2/dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}/taskInstances/{task['task_id']}"
        try:
            entry = self.get(f"{path}/xcomEntries/return_value?map_index={task['map_index']}&deserialize=true")
        except DemoError:
            return None
        return entry["value"]

    def update_connection(self, conn_id: str, conn_type: str, host: str, extra: str) -> None:
        """Store a connection, as the page with its form does."""
        body = {"connection_id": conn_id, "conn_type": conn_type, "host": host, "extra": extra}
        self._call("PATCH", f"/api/v2/connections/{conn_id}", body)

    def _call(self, method: str, path: str, body: Json | None = None) -> Any:
        try:
            answer = send(self._session, method, f"{self._url}{path}", body)
        except requests.RequestException as error:
            raise DemoError(f"Airflow did not answer {method} {path}: {type(error).__name__}.") from None
        if not answer.ok:
            log = self._log if answer.status_code >= 500 else None
            raise DemoError(f"Airflow answered {answer.status_code} to {method} {path}: {answer.text[:300]}", log)
        return answer.json()
