"""The few calls of Airflow's REST API that the demo makes."""

from __future__ import annotations

from typing import Any

import requests

from scripts.demo.console import DemoError

Json = dict[str, Any]


class AirflowApi:
    """A logged-in user of one Airflow."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._url = url
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

    def switch_on(self, dag_id: str) -> None:
        """Unpause a DAG."""
        self._call("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})

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
        """Unpause a DAG, start a run of it, and return the run's id."""
        self.switch_on(dag_id)
        run = self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf})
        return str(run["dag_run_id"])

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
            answer = self._session.request(method, f"{self._url}{path}", json=body, timeout=60)
        except requests.RequestException as error:
            raise DemoError(f"Airflow did not answer {method} {path}: {type(error).__name__}.") from None
        if not answer.ok:
            raise DemoError(f"Airflow answered {answer.status_code} to {method} {path}: {answer.text[:300]}")
        return answer.json()
