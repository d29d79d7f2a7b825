"""The example DAGs and connectors can be loaded, and the demo has what they name."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from airflow.sdk import DAG

from scripts.demo import flows
from scripts.demo.connections import build_connections
from scripts.demo.saas.accounts import generate_accounts
from scripts.demo.sandbox import Ports, Sandbox

EXAMPLES = Path(__file__).resolve().parents[2] / "example_dags"
FILES = sorted(EXAMPLES.glob("*.py"))
CONNECTORS = sorted((EXAMPLES / "connectors").glob("*.yaml"))


def _load(path: Path) -> list[DAG]:
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    seen: list[DAG] = []
    original = DAG.__enter__

    def remember(dag: DAG) -> DAG:
        seen.append(dag)
        return original(dag)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DAG, "__enter__", remember)
        spec.loader.exec_module(module)
    return seen


@pytest.fixture(scope="module")
def dags():
    return {dag.dag_id: dag for path in FILES for dag in _load(path)}


@pytest.fixture(scope="module")
def connections(tmp_path_factory):
    box = Sandbox(tmp_path_factory.mktemp("demo"), Ports(1, 2, 3, 4), "password")
    return build_connections(box, generate_accounts())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_an_example_holds_one_dag_with_tasks(path):
    [dag] = _load(path)
    assert dag.tasks
    assert path.stem in (dag.dag_id, "keep_alive")


@pytest.mark.parametrize("path", CONNECTORS, ids=lambda path: path.name)
def test_a_connector_of_the_examples_is_valid(path):
    from airflow_provider_integry.connectors import load_connector

    assert load_connector(str(path)).name == path.stem


def test_the_demo_runs_every_example_of_an_activity(dags):
    started = {flows.ON_CONSENT, flows.NEW_ORDERS, flows.PER_CUSTOMER, flows.REPORT}
    assert {*flows.FLOWS, *started} == set(dags) - {"integry_keep_alive"}


def test_the_demo_has_every_connection_that_the_examples_name(dags, connections):
    named = {getattr(task, "integry_conn_id", None) for dag in dags.values() for task in dag.tasks} - {None}
    assert named <= set(connections)


def test_connections_of_the_demo_are_valid(connections):
    from airflow.models.connection import Connection

    from airflow_provider_integry.settings import parse_connection, read_connection

    for conn_id, columns in connections.items():
        found = Connection.from_json(json.dumps(columns), conn_id=conn_id)
        assert parse_connection(read_connection(found)).conn_id == conn_id


def test_the_dag_of_the_tutorial_is_scheduled_on_the_consent_that_the_other_waits_for(dags):
    from airflow_provider_integry.assets import authorization_asset

    waited_for = dags["wait_for_consent"].get_task("wait_for_calendar").integry_conn_id
    assert dags["on_consent"].timetable.asset_condition == authorization_asset(waited_for)
