"""What the example DAGs did, shown and checked."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import requests

from scripts.demo.airflow_api import AirflowApi
from scripts.demo.console import DemoError, show
from scripts.demo.flows import Run
from scripts.demo.sandbox import Sandbox
from scripts.demo.services import Services

FIRST = 3


def show_states(runs: list[Run]) -> None:
    """Print the state of every task."""
    for run in runs:
        show(f"{run.dag_id}: {run.state}")
        for task in sorted(run.tasks, key=lambda task: (task["start_date"] or "", task["map_index"])):
            name = task["task_id"] if task["map_index"] < 0 else f"{task['task_id']}[{task['map_index']}]"
            seconds = f"{task['duration']:.1f} s" if task["duration"] is not None else ""
            show(f"  {name:<24}{task['state'] or 'not run':<12}{seconds:>8}")


def check_states(runs: list[Run], box: Sandbox, services: Services) -> None:
    """Refuse failed runs, naming the failed task and its log.

    Raises:
        DemoError: A run failed.
    """
    for run in runs:
        if run.state == "success":
            continue
        failed = next((task for task in run.tasks if task["state"] == "failed"), None)
        if failed is None:
            raise DemoError(f"{run.dag_id} failed.", services.airflow_log)
        raise DemoError(
            f"{run.dag_id}.{failed['task_id']} failed.", _task_log(box, run, failed) or services.airflow_log
        )


def show_records(api: AirflowApi, runs: list[Run], box: Sandbox) -> dict[str, Any]:
    """Print what was read and written, and return it by name.

    Raises:
        DemoError: A task gave something else than it should.
    """
    found: dict[str, Any] = {}
    by_dag = {run.dag_id: run for run in runs}

    def value(dag_id: str, task_id: str) -> Any:
        values = [api.read_xcom(task) for task in by_dag[dag_id].task(task_id)]
        return values[0] if len(values) == 1 else values

    found["contacts"] = _show_file(box.files / "contacts.jsonl", "contacts")
    found["created"] = value("crm_contacts", "create_contact")
    show(f"Created in the CRM: {_text(found['created'])}")
    found["orders"] = value("orders_by_region", "sum_up")
    for region, total in (found["orders"] or {}).items():
        show(f"Orders in {region}: {total['orders']}, {total['cents'] / 100:.2f} EUR")
    for name, task_id in (("invoices", "list_open_invoices"), ("photos", "list_photos"), ("articles", "list_articles")):
        found[name] = value("other_mechanisms", task_id)
        _show_list(name, found[name])
    found["greeting"] = value("late_authorization", "greet")
    show(f"After the late authorization: {found['greeting']}")
    found["events"] = value("wait_for_consent", "list_events")
    _show_list("events, read after the consent that the DAG waited for", found["events"])
    found["welcome"] = value("on_consent", "welcome")
    show(f"The DAG that the consent started: {found['welcome']}")
    found["customers"] = value("per_customer", "end_user_outcomes")
    _show_list("tasks of customers, and how they went", found["customers"])
    found["copied orders"] = _show_file(box.files / "orders.jsonl.gz", "orders")
    found["looked up"] = value("orders_to_files", "look_up")
    show(f"The order that a sensor waited for: {found['looked up']}")
    found["greeted"] = value("new_orders", "greet")
    show(f"The DAG that the same order started: {found['greeted']}")
    found["runs"] = value("airflow_report", "list_runs")
    _show_list("DAG runs, from Airflow's own API", found["runs"])
    found["variable"] = value("airflow_report", "write_report")
    empty = [name for name, item in found.items() if not item]
    if empty:
        raise DemoError(f"Nothing came back for: {', '.join(empty)}.")
    return found


def read_back(services: Services, variable: dict[str, Any]) -> str:
    """Read the Variable that the report wrote, by Airflow's own command, and compare.

    Raises:
        DemoError: It is another value.
    """
    key, written = str(variable["key"]), str(variable["value"])
    # Its log lines may be around the value.
    if written not in services.run_airflow("variables", "get", key).splitlines():
        raise DemoError(f"Variable {key} is not what was written: {written}", services.log_of("variables", "get"))
    show(f"Variable {key}, read back by 'airflow variables get': {written}")
    return written


def show_token_counts(box: Sandbox) -> dict[str, int]:
    """Print how many tokens the made-up service handed out."""
    counts: dict[str, int] = requests.get(f"{box.acme_url}/stats", timeout=5).json()
    show(
        f"Acme's OAuth 2.0 server gave {counts['client_credentials']} tokens by client_credentials,"
        f" {counts['authorization_code']} by authorization_code,"
        f" {counts['refresh_token']} by refresh_token, and refused {counts['refused_reuse']} used refresh tokens"
    )
    return counts


def _show_file(path: Path, name: str) -> list[Any]:
    if not path.is_file():
        raise DemoError(f"{path} was not written.")
    content = path.read_bytes()
    lines = (gzip.decompress(content) if path.suffix == ".gz" else content).splitlines()
    records = [json.loads(line) for line in lines]
    _show_list(f"{name} in {path}", records)
    return records


def _show_list(name: str, records: Any) -> None:
    if not isinstance(records, list):
        raise DemoError(f"{name}: expected a list, got {type(records).__name__}.")
    show(f"{len(records)} {name}; the first:")
    for record in records[:FIRST]:
        show(f"  {_text(record)}")


def _text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 150 else f"{text[:149]}…"


def _task_log(box: Sandbox, run: Run, task: dict[str, Any]) -> Path | None:
    folder = box.airflow_home / "logs" / f"dag_id={run.dag_id}" / f"run_id={run.run_id}" / f"task_id={task['task_id']}"
    logs = sorted(folder.rglob("attempt=*.log"), key=lambda path: path.stat().st_mtime)
    return logs[-1] if logs else None
