"""What an Airflow is made to do with activities: wait without a slot, try again, act anew, and look for records."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from servers.live import LiveServer

from real.installation import Installation
from real.ledger import Ledger
from real.readiness import read_log, unpause, wait_for_dag, wait_until

DAGS = Path(__file__).parent / "activity_dags"
CHARGED = ("once", "blindly", "same_after_clear", "anew_after_clear")
CLEARED = CHARGED[2:]
# The answer to the first charge of these is lost.
LOST = ("once", "blindly", "anew_after_clear")


@dataclass
class Seen:
    """What was seen of one play.

    Attributes:
        pool: How many slots of the only one run, and how many wait, while one task waits and one stands at the gate.
        at_the_gate: What the API knew at that moment.
        results: What tasks returned, by name.
        waited_s: Seconds between a refusal and the next request, by name of the list, as the API saw them.
        states, tries: Of the charging tasks: at first, and in the end.
        charges: Keys under which each account was charged; at first, and in the end.
        requests: How many requests to each account there were, at first and in the end.
        told: The log of the task whose answer was lost.
        deferred: Which tasks were seen in the triggerer.
        records: Lines of the file that the triggerer wrote.
        folder: What was in its folder while it was written, and afterwards.
        sensed: Ids that each run of the sensor found.
        runs: Ids that each run was started by.
        secrets: What must not be found in clear.
    """

    pool: dict[str, Any] = field(default_factory=dict)
    at_the_gate: dict[str, Any] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    waited_s: dict[str, float] = field(default_factory=dict)
    states: list[dict[str, str]] = field(default_factory=list)
    tries: list[dict[str, int]] = field(default_factory=list)
    charges: list[dict[str, list[str]]] = field(default_factory=list)
    requests: list[Counter[str]] = field(default_factory=list)
    told: str = ""
    deferred: set[str] = field(default_factory=set)
    records: list[Any] = field(default_factory=list)
    folder: list[list[str]] = field(default_factory=list)
    sensed: list[list[int]] = field(default_factory=list)
    runs: list[list[int]] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)


def perform(installation: Installation, folder: Path, retry_after_s: dict[str, int]) -> Seen:
    """Perform the play on an Airflow that is up.

    Args:
        installation: The Airflow.
        folder: An empty folder, for what tasks write.
        retry_after_s: Seconds that the API tells to wait: `short`, and `long` if that is to be waited for too.
    """
    seen, api = Seen(), Ledger(retry_after_s)
    with LiveServer(api.build()) as server:
        _connect(installation, server, api)
        for account in LOST:
            server.drop(f"/charge/{account}", after=True)
        runs = _make_runs(installation, folder, with_long_wait="long" in retry_after_s)
        for dag_id in ("on_records", *runs):
            unpause(installation, dag_id)
        _see_slot(installation, api, runs["busy"][0], seen)
        _see_file(installation, api, runs["to_file"][0], folder, seen)
        _see_records(installation, api, runs["sensing"], seen)
        _see_end_of_wait(installation, api, runs["busy"][0], "short", seen)
        _see_charges(installation, server, api, runs["charging"][0], seen)
        if "long" in retry_after_s:
            _see_long_wait(installation, api, runs["long_wait"][0], seen)
        seen.secrets = {"the API's key": api.key, **installation.secrets}
    return seen


def _connect(installation: Installation, server: LiveServer, api: Ledger) -> None:
    extra = {"allow_http": True, "connector": "ledger", "max_retries": 0, "timeout_s": 100}
    body = {"connection_id": "ledger", "conn_type": "integry_api_key", "host": server.url, "password": api.key}
    installation.call("POST", "/api/v2/connections", {**body, "extra": json.dumps(extra)})
    pool = {"name": "one_slot", "slots": 1, "include_deferred": False}
    installation.call("POST", "/api/v2/pools", pool)
    api.add(4)


def _make_runs(installation: Installation, folder: Path, *, with_long_wait: bool) -> dict[str, list[str]]:
    """Make all runs before the first one begins: on SQLite a busy Airflow may refuse that, see `airflow_api.send`."""
    wanted: list[tuple[str, dict[str, str]]] = [
        ("busy", {"name": "short"}),
        ("charging", {}),
        ("to_file", {"path": f"file://{folder}/items.jsonl"}),
        ("sensing", {}),
        # This one waits until the first has ended.
        ("sensing", {}),
        *((("long_wait", {}),) if with_long_wait else ()),
    ]
    made: dict[str, list[str]] = {}
    for dag_id, conf in wanted:
        wait_for_dag(installation, dag_id)
        path = f"/api/v2/dags/{dag_id}/dagRuns"
        run = installation.call("POST", path, {"logical_date": None, "conf": conf})
        made.setdefault(dag_id, []).append(f"{path}/{run['dag_run_id']}")
    return made


# -- a wait that takes no slot ----------------------------------------------------------------------


def _see_slot(installation: Installation, api: Ledger, run: str, seen: Seen) -> None:
    """See one task wait in the triggerer, and another one in the slot that it has given back."""
    installation.wait_for_state(run, "wait", "deferred")
    wait_until(api.arrived.is_set, "another task has the slot")
    seen.pool["short"] = _read_pool(installation)
    api.gate.set()
    installation.wait_for_state(run, "meanwhile", "success")
    seen.at_the_gate = installation.xcom(run, "meanwhile")


def _read_pool(installation: Installation) -> dict[str, int]:
    pool = installation.call("GET", "/api/v2/pools/one_slot")
    return {name: pool[f"{name}_slots"] for name in ("running", "deferred")}


def _see_end_of_wait(installation: Installation, api: Ledger, run: str, name: str, seen: Seen) -> None:
    installation.finish_run(run)
    seen.results[f"{name} wait"] = installation.xcom(run, "wait")
    seen.waited_s[name] = api.free[name] - api.busy[name][0]


def _see_long_wait(installation: Installation, api: Ledger, run: str, seen: Seen) -> None:
    installation.wait_for_state(run, "wait", "deferred")
    seen.pool["long"] = _read_pool(installation)
    installation.finish_run(run, api.retry_after_s["long"] + 300)
    _see_end_of_wait(installation, api, run, "long", seen)


# -- answers that are lost, and tasks that are cleared ----------------------------------------------


def _see_charges(installation: Installation, server: LiveServer, api: Ledger, run: str, seen: Seen) -> None:
    installation.finish_run(run)
    _note_charges(installation, server, api, run, seen)
    seen.told = read_log(installation, run, "blindly")
    run_id = run.rpartition("/")[2]
    body = {"dry_run": False, "dag_run_id": run_id, "task_ids": list(CLEARED), "only_failed": False}
    installation.call("POST", "/api/v2/dags/charging/clearTaskInstances", body)
    wait_until(lambda: all(server.count(f"/charge/{one}") > seen.requests[0][one] for one in CLEARED), "done again")
    installation.finish_run(run)
    _note_charges(installation, server, api, run, seen)


def _note_charges(installation: Installation, server: LiveServer, api: Ledger, run: str, seen: Seen) -> None:
    found = installation.call("GET", f"{run}/taskInstances")["task_instances"]
    seen.states.append({one["task_id"]: one["state"] for one in found})
    seen.tries.append({one["task_id"]: one["try_number"] for one in found})
    seen.charges.append({account: list(keys) for account, keys in api.charges.items()})
    seen.requests.append(Counter({account: server.count(f"/charge/{account}") for account in CHARGED}))


# -- in the triggerer -------------------------------------------------------------------------------


def _see_file(installation: Installation, api: Ledger, run: str, folder: Path, seen: Seen) -> None:
    wait_until(api.paused.is_set, "the first page was read")
    installation.wait_for_state(run, "write", "deferred")
    seen.deferred.add("write")
    seen.folder.append(sorted(path.name for path in folder.iterdir()))
    api.resume.set()
    installation.finish_run(run)
    seen.folder.append(sorted(path.name for path in folder.iterdir()))
    seen.results["file"] = installation.xcom(run, "write")
    seen.records = [json.loads(line) for line in (folder / "items.jsonl").read_text("utf-8").splitlines()]


def _see_records(installation: Installation, api: Ledger, runs: list[str], seen: Seen) -> None:
    """Let the list grow twice; see what the sensor's runs found, and what runs were started."""
    for run, count in zip(runs, (5, 3), strict=True):
        installation.wait_for_state(run, "wait", "deferred")
        seen.deferred.add("sensor")
        wait_until(lambda: _looks(installation) == 2, "both have looked")
        api.add(count)
        installation.finish_run(run)
        seen.sensed.append([record["id"] for record in installation.xcom(run, "wait")])
    wait_until(lambda: sum(map(len, _list_started(installation))) >= 8, "DAGs were started")
    seen.runs = _list_started(installation)


def _looks(installation: Installation) -> int:
    return len(installation.query("SELECT activity FROM integry_poll WHERE looked_at IS NOT NULL"))


def _list_started(installation: Installation) -> list[list[int]]:
    path = "/api/v2/dags/on_records/dagRuns"
    runs = installation.call("GET", f"{path}?order_by=id&limit=100")["dag_runs"]
    return [
        installation.xcom(f"{path}/{quote(run['dag_run_id'], safe='')}", "tell")
        for run in runs
        if run["state"] == "success"
    ]
