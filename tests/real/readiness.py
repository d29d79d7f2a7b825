"""What an Airflow is made to do about readiness: DAGs that wait for somebody, start with them, and fail without."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from servers.oauth2 import OAuth2Api

from real.installation import Installation
from real.play import Provider

DAGS = Path(__file__).parent / "ready_dags"
USER = "a/../b é%2F 1"
POLL_S = 4
STARTED = ("on_ready", "on_own", "on_lost", "on_any", "per_user")
WAITING = ("deferred", "from_trigger", "templated", "mapped[0]")


@dataclass
class Seen:
    """What was seen of one play.

    Attributes:
        link: The link that mends it, for the end user.
        runs: What the task of each DAG that was started returned, by DAG, after each step.
        resumed_s: Seconds from the import to the moment at which each waiting task was no longer deferred.
        links: Extra links of tasks, by task.
        tabs: What the tab of a task shows, by task, as (status, text).
        waiting, failing: States of the two runs' tasks in the end.
        tries: How often each task of the failing run was tried.
        logs: Logs of tasks.
        audit: Our entries in Airflow's audit log.
        events: Rows of Airflow's table of asset events.
        secrets: Every secret that was in play.
    """

    link: str = ""
    runs: dict[str, dict[str, list[Any]]] = field(default_factory=dict)
    resumed_s: dict[str, float] = field(default_factory=dict)
    links: dict[str, str | None] = field(default_factory=dict)
    tabs: dict[str, tuple[int, str]] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)
    failing: dict[str, str] = field(default_factory=dict)
    tries: dict[str, int] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    audit: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)


def perform(installation: Installation) -> Seen:
    """Perform the play on an Airflow that is up."""
    seen = Seen(link=f"{installation.urls[0]}/integry/authorize?{urlencode({'conn_id': 'acme', 'end_user': USER})}")
    with Provider().serving() as provider:
        connect(installation, provider)
        for dag_id in STARTED:
            unpause(installation, dag_id)
        waiting = installation.begin_run("waiting", {"user": USER})
        for task in (*WAITING, "mapped[1]"):
            installation.wait_for_state(waiting, task, "deferred")
        installation.wait_for_state(waiting, "hopeless", "failed")
        _look_at(installation, seen, waiting, "while they wait")
        # One look, at least, that finds nothing.
        time.sleep(POLL_S + 1)
        seen.resumed_s = _import_and_watch(installation, provider.api, waiting)
        wait_until(lambda: set(count_runs(installation)) >= {"on_ready", "on_any", "per_user"}, "DAGs were started")
        seen.runs["after the end user"] = _read_runs(installation)
        import_grant(installation, provider.api, None)
        wait_until(lambda: count_runs(installation).get("on_any") == 2, "DAGs were started")
        seen.runs["after the connection's own"] = _read_runs(installation)
        installation.run("integry", "revoke", "acme", "--end-user", USER, "--yes", "--local-only")
        wait_until(lambda: "on_lost" in count_runs(installation), "a DAG was started")
        seen.runs["after the loss"] = _read_runs(installation)
        failing = installation.begin_run("failing", {})
        installation.finish_run(failing)
        _look_at(installation, seen, failing, "failed")
        import_grant(installation, provider.api, "user-2")
        installation.finish_run(waiting)
        seen.waiting, seen.failing = installation.states(waiting), installation.states(failing)
        found = installation.call("GET", f"{failing}/taskInstances")["task_instances"]
        seen.tries = {one["task_id"]: one["try_number"] for one in found}
        seen.logs = {
            **{task: read_log(installation, failing, task) for task in seen.failing},
            **{task: read_log(installation, waiting, task) for task in ("deferred", "from_trigger", "hopeless")},
        }
        seen.secrets = {**provider.secrets, **installation.secrets}
    entries = installation.query("SELECT event, extra, owner FROM log WHERE event LIKE 'integry.%' ORDER BY id")
    seen.audit = entries
    seen.events = installation.query("SELECT extra, partition_key FROM asset_event ORDER BY id")
    return seen


def connect(installation: Installation, provider: Provider) -> None:
    """Make the connections: one that needs somebody's consent, and one that acts for the application alone."""
    extra = {**provider.extra(""), "authorize_url": f"{provider.server.url}/authorize"}
    installation.save_connection("acme", provider.server.url, extra)
    extra = {**provider.extra(""), "grant_type": "client_credentials"}
    installation.save_connection("machine", provider.server.url, extra)


def import_grant(installation: Installation, api: OAuth2Api, end_user: str | None) -> None:
    """Import a grant as an administrator does on the command line."""
    path = installation.box.folder / "refresh-token.txt"
    path.write_text(api.authorize(), encoding="utf-8")
    whose = () if end_user is None else ("--end-user", end_user)
    installation.run("integry", "import", "acme", "--file", str(path), *whose)
    path.unlink()


def unpause(installation: Installation, dag_id: str) -> None:
    """Let a DAG be started, once Airflow has read it."""
    known = lambda: dag_id in {dag["dag_id"] for dag in installation.call("GET", "/api/v2/dags")["dags"]}  # noqa: E731
    wait_until(known, f"DAG {dag_id} was read")
    installation.call("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})


def wait_until(is_true: Callable[[], bool], what: str, timeout_s: float = 90) -> None:
    """Wait for something."""
    deadline = time.monotonic() + timeout_s
    while not is_true():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(0.3)


def _import_and_watch(installation: Installation, api: OAuth2Api, run: str) -> dict[str, float]:
    """Import the end user's grant; return how long each waiting task stayed deferred after that."""
    path = installation.box.folder / "refresh-token.txt"
    path.write_text(api.authorize(), encoding="utf-8")
    installation.start("import", "integry", "import", "acme", "--end-user", USER, "--file", str(path))
    wait_until(lambda: bool(installation.query("SELECT id FROM integry_authorization")), "the grant is there")
    began, resumed = time.monotonic(), dict[str, float]()
    while len(resumed) < len(WAITING):
        assert time.monotonic() - began < 60, f"not resumed: {installation.states(run)}"
        states = installation.states(run)
        for task in WAITING:
            if states[task] != "deferred":
                resumed.setdefault(task, time.monotonic() - began)
        time.sleep(0.1)
    path.unlink()
    return resumed


def count_runs(installation: Installation) -> dict[str, int]:
    """Return how many runs of each started DAG have ended well."""
    rows = installation.query("SELECT dag_id, count(*) AS n FROM dag_run WHERE state = 'success' GROUP BY dag_id")
    return {row["dag_id"]: row["n"] for row in rows if row["dag_id"] in STARTED}


def _read_runs(installation: Installation) -> dict[str, list[Any]]:
    # Whatever else was started would be there by now.
    time.sleep(3)
    found = {}
    for dag_id in STARTED:
        runs = installation.call("GET", f"/api/v2/dags/{dag_id}/dagRuns?order_by=id")["dag_runs"]
        paths = [f"/api/v2/dags/{dag_id}/dagRuns/{quote(run['dag_run_id'], safe='')}" for run in runs]
        found[dag_id] = [installation.xcom(path, "tell") for path in paths]
    return found


def _look_at(installation: Installation, seen: Seen, run: str, when: str) -> None:
    """Look at the links and the tab of each task of a run."""
    dag_id, run_id = run.split("/")[4], run.split("/")[6]
    for one in installation.call("GET", f"{run}/taskInstances?limit=100")["task_instances"]:
        task, place = one["task_id"], one["map_index"]
        name = f"{task}[{place}]" if place >= 0 else task
        links = installation.call("GET", f"{run}/taskInstances/{task}/links?map_index={place}")["extra_links"]
        seen.links[f"{name} {when}"] = links.get("Authorize")
        query = urlencode({"dag_id": dag_id, "run_id": run_id, "task_id": task, "map_index": place})
        seen.tabs[f"{name} {when}"] = installation.look(f"/integry/task?{query}")


def read_log(installation: Installation, run: str, task: str) -> str:
    """Return a task's log."""
    answer = installation.call("GET", f"{run}/taskInstances/{task}/logs/1?full_content=true")
    return json.dumps(answer["content"], ensure_ascii=False)
