"""The shipped connectors load, and say what the services they describe expect."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from airflow_provider_integry.auth.wire import HttpRequest, HttpResponse
from airflow_provider_integry.connectors.load import CATALOG, load_connector
from airflow_provider_integry.connectors.run import ActivityCall
from airflow_provider_integry.connectors.spec import Connector
from airflow_provider_integry.errors import InvalidInputError

BASE = "http://localhost:8080"
TRIGGER = {"logical_date": None, "note": "n"}


@pytest.fixture(scope="module")
def airflow() -> Connector:
    """Return the connector of Airflow's own API."""
    return load_connector("airflow")


def _request(connector: Connector, activity: str, inputs: Mapping[str, object]) -> HttpRequest:
    request = ActivityCall(connector, activity, inputs, base_url=BASE).request
    assert request is not None
    return request


@pytest.mark.parametrize("path", sorted(CATALOG.iterdir()), ids=lambda path: path.name)
def test_every_shipped_connector_is_valid_and_documented(path: object) -> None:
    """Name, source page, titles and descriptions are there."""
    connector = load_connector(str(path))
    assert connector.name == getattr(path, "stem")  # noqa: B009
    assert connector.docs_url
    assert all(activity.title and activity.description for activity in connector.activities.values())


@pytest.mark.parametrize(
    ("activity", "inputs", "method", "url", "body"),
    [
        ("list_dags", {"tags": ["a"]}, "GET", "/api/v2/dags?tags=a&order_by=dag_id&limit=100&offset=0", None),
        ("list_dag_runs", {"dag_id": "d"}, "GET", "/api/v2/dags/d/dagRuns?order_by=id&limit=100&cursor=", None),
        ("get_dag_run", {"dag_id": "d", "dag_run_id": "m:0+0"}, "GET", "/api/v2/dags/d/dagRuns/m%3A0%2B0", None),
        ("trigger_dag_run", {"dag_id": "d", "note": "n"}, "POST", "/api/v2/dags/d/dagRuns", TRIGGER),
        ("list_variables", {}, "GET", "/api/v2/variables?order_by=key&limit=100&offset=0", None),
        ("get_variable", {"key": "a/b"}, "GET", "/api/v2/variables/a%2Fb", None),
        ("set_variable", {"key": "k", "value": [1]}, "POST", "/api/v2/variables", {"key": "k", "value": [1]}),
        ("update_variable", {"key": "k", "value": "v"}, "PATCH", "/api/v2/variables/k", {"key": "k", "value": "v"}),
        ("delete_variable", {"key": "k"}, "DELETE", "/api/v2/variables/k", None),
    ],
)  # fmt: skip
def test_each_airflow_activity_sends_what_the_api_wants(
    airflow: Connector, activity: str, inputs: dict[str, object], method: str, url: str, body: object
) -> None:
    """Method, address and body are those of the OpenAPI document."""
    request = _request(airflow, activity, inputs)
    assert (request.method, request.url) == (method, BASE + url)
    assert (json.loads(request.body) if request.body else None) == body


def test_dag_runs_are_paged_by_cursor(airflow: Connector) -> None:
    """An empty cursor asks for the first page, null ends it."""
    call = ActivityCall(airflow, "list_dag_runs", {}, base_url=BASE)
    first = {
        "dag_runs": [{"dag_run_id": "a"}],
        "total_entries": 2,
        "next_cursor": "c1",
        "previous_cursor": None,
    }
    second = {
        "dag_runs": [{"dag_run_id": "b"}],
        "total_entries": 2,
        "next_cursor": None,
        "previous_cursor": "c0",
    }
    assert call.receive(HttpResponse(200, (), json.dumps(first).encode())) == [{"dag_run_id": "a"}]
    assert call.request is not None
    assert call.request.url == f"{BASE}/api/v2/dags/~/dagRuns?order_by=id&limit=100&cursor=c1"
    assert call.receive(HttpResponse(200, (), json.dumps(second).encode())) == [{"dag_run_id": "b"}]
    assert call.request is None


def test_wrong_airflow_inputs_are_refused(airflow: Connector) -> None:
    """A state that Airflow does not know never leaves."""
    with pytest.raises(InvalidInputError, match="'queued', 'running', 'success', 'failed', is 'done'") as caught:
        _request(airflow, "list_dag_runs", {"state": ["done"]})
    assert caught.value.path == "state.0"
