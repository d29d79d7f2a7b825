"""Run the example DAGs and follow them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from scripts.demo.airflow_api import AirflowApi, Json
from scripts.demo.console import DemoError, say
from scripts.demo.services import Services

FLOW_TIMEOUT_S = 150
PARSE_TIMEOUT_S = 90
FLOWS = (
    "wait_for_consent",
    "late_authorization",
    "crm_contacts",
    "orders_by_region",
    "other_mechanisms",
    "orders_to_files",
)
# These write files.
_WITH_FILES = frozenset({"crm_contacts", "orders_to_files"})
# It counts the others' runs, so it starts when they have ended.
REPORT = "airflow_report"
# Nobody starts it: the consent that `wait_for_consent` waits for does.
ON_CONSENT = "on_consent"
# For the customers who have given their consent while the others ran.
PER_CUSTOMER = "per_customer"
# Nobody starts this one either: the order that `orders_to_files` waits for does.
NEW_ORDERS = "new_orders"
Authorize = Callable[[], None]
_ENDED = frozenset({"success", "failed"})


@dataclass
class Run:
    """One run of a DAG.

    Attributes:
        dag_id, run_id: Which one.
        state: Airflow's word.
        tasks: Its task instances, as the API gives them.
    """

    dag_id: str
    run_id: str
    state: str = "queued"
    tasks: list[Json] = field(default_factory=list)

    def task(self, task_id: str) -> list[Json]:
        """Return the instances of one task, in order of their map index."""
        return sorted((task for task in self.tasks if task["task_id"] == task_id), key=lambda task: task["map_index"])


def wait_for_dags(api: AirflowApi, services: Services) -> None:
    """Wait until Airflow has read all example DAGs.

    Raises:
        DemoError: One has an error, or they are not read in time.
    """
    deadline = time.monotonic() + PARSE_TIMEOUT_S
    while missing := {*FLOWS, REPORT, ON_CONSENT, NEW_ORDERS, PER_CUSTOMER} - api.list_dags():
        for error in api.list_import_errors():
            raise DemoError(f"{error['filename']} cannot be imported:\n{error['stack_trace']}")
        services.check_alive()
        if time.monotonic() > deadline:
            raise DemoError(f"Airflow has not read these DAGs: {', '.join(sorted(missing))}.", services.airflow_log)
        time.sleep(0.5)


def run_all(api: AirflowApi, services: Services, *, folder_url: str, authorize: dict[str, Authorize]) -> list[Run]:
    """Start every example DAG and follow them to their ends.

    Args:
        api: Logged in.
        services: Watched on the way.
        folder_url: Where DAGs write files.
        authorize: Called once each, when a sensor of the DAG waits.
    Returns:
        The runs, in the order in which they started; also failed ones.
    Raises:
        DemoError: They did not end in time.
    """
    api.unpause(ON_CONSENT)
    api.unpause(NEW_ORDERS)
    runs = _start(api, {dag_id: {"folder": folder_url} if dag_id in _WITH_FILES else {} for dag_id in FLOWS})
    _follow_to_end(api, services, runs, authorize)
    if any(run.state != "success" for run in runs):
        return runs
    started = [_find_started(api, services, ON_CONSENT, "consent"), _find_started(api, services, NEW_ORDERS, "order")]
    _follow_to_end(api, services, started, {})
    customers = _start(api, {PER_CUSTOMER: {}})
    _follow_to_end(api, services, customers, {})
    reports = _start(api, {REPORT: {}})
    _follow_to_end(api, services, reports, {})
    return [*runs, *started, *customers, *reports]


def _start(api: AirflowApi, confs: Mapping[str, Json]) -> list[Run]:
    # All runs are made before the first task begins: making one cannot be repeated, see `airflow_api.send`.
    runs = [Run(dag_id, api.trigger(dag_id, conf)) for dag_id, conf in confs.items()]
    for run in runs:
        api.unpause(run.dag_id)
        say(f"  {run.dag_id}: started")
    return runs


def _find_started(api: AirflowApi, services: Services, dag_id: str, cause: str) -> Run:
    """Wait for the run that an event has started."""
    deadline = time.monotonic() + FLOW_TIMEOUT_S
    while not (run_ids := api.list_runs(dag_id)):
        services.check_alive()
        if time.monotonic() > deadline:
            raise DemoError(f"The {cause} has not started {dag_id}.", services.airflow_log)
        time.sleep(0.7)
    say(f"  {dag_id}: was started by the {cause}")
    return Run(dag_id, run_ids[0])


def _follow_to_end(api: AirflowApi, services: Services, runs: list[Run], authorize: dict[str, Authorize]) -> None:
    waiting_for = dict(authorize)
    deadline = time.monotonic() + FLOW_TIMEOUT_S
    while open_runs := [run for run in runs if run.state not in _ENDED]:
        for run in open_runs:
            follow(api, run)
        for run in open_runs:
            if run.dag_id in waiting_for and _is_waiting(run):
                waiting_for.pop(run.dag_id)()
        services.check_alive()
        if time.monotonic() > deadline:
            slow = ", ".join(run.dag_id for run in open_runs)
            raise DemoError(f"Not done after {FLOW_TIMEOUT_S} s: {slow}.", services.airflow_log)
        time.sleep(0.7)


def follow(api: AirflowApi, run: Run) -> None:
    """Read how far a run is, and tell what changed."""
    state = api.read_run(run.dag_id, run.run_id)
    tasks = api.list_tasks(run.dag_id, run.run_id)
    before, now = _summaries(run.tasks), _summaries(tasks)
    for task_id, summary in now.items():
        if summary and before.get(task_id) != summary:
            say(f"  {run.dag_id}.{task_id}: {summary}")
    if state in _ENDED and run.state != state:
        say(f"  {run.dag_id}: {state}")
    run.state, run.tasks = state, tasks


def _is_waiting(run: Run) -> bool:
    return any(task["state"] == "deferred" for task in run.tasks)


def _summaries(tasks: list[Json]) -> dict[str, str]:
    """Return the states of each task, in words: ``success``, or ``2 success, 1 running``."""
    states: dict[str, Counter[str]] = {}
    for task in tasks:
        counter = states.setdefault(task["task_id"], Counter())
        if task["state"] not in (None, "scheduled", "queued"):
            counter[str(task["state"])] += 1
    return {task_id: _in_words(counter) for task_id, counter in states.items()}


def _in_words(states: Counter[str]) -> str:
    if states.total() == 1:
        return next(iter(states))
    return ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
