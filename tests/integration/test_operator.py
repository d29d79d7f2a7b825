"""Activities as tasks: executed by hand for their details, and by Airflow for what only it can show."""

from __future__ import annotations

import asyncio
import json

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferred
from airflow.sdk.serde import deserialize, serialize
from integration.flows_server import CONNECTOR
from integration.loopback import CONN_ID, Answer, Raw, to_json

from airflow_provider_integry.errors import (
    ConnectFailedError,
    CredentialsRejectedError,
    InvalidInputError,
    RequestTimeoutError,
    ServerError,
    ThrottledError,
    UnknownActivityError,
)
from airflow_provider_integry.operators.activity import IntegryActivityOperator
from airflow_provider_integry.triggers.activity import ActivityTrigger

PAGES = [
    to_json({"items": [{"id": 1, "name": "Ada ☃"}, {"id": 2}], "next_page": "2"}),
    to_json({"items": [{"id": 3}], "next_page": None}),
]
# As they were sent: escapes, spaces and all.
LINES = b'{"id": 1, "name": "Ada \\u2603"}\n{"id": 2}\n{"id": 3}\n'


@pytest.fixture
def shop(tmp_path_factory):
    path = tmp_path_factory.mktemp("connectors") / "shop.yaml"
    path.write_text(CONNECTOR)
    return str(path)


@pytest.fixture
def serve_pages(answer_with, set_connection, shop):
    """Start a server that answers as told, and the connection to it."""

    def start(*answers, **fields):
        server = answer_with(*answers)
        set_connection(server.url, **{"connector": shop, "max_retries": 0, **fields})
        return server

    return start


def run(**fields):
    operator = IntegryActivityOperator(
        task_id="t", **{"integry_conn_id": CONN_ID, "activity": "list_items", "deferrable": False, **fields}
    )
    return operator.execute({})


# -- records to object storage ----------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_records_go_to_a_file_as_json_lines(serve_pages, tmp_path, scheme):
    serve_pages(*PAGES)
    target = tmp_path / "deep" / "down" / "items.jsonl"

    result = run(output_path=f"{scheme}{target}")

    assert result == {
        "path": f"{scheme}{target}",
        "records": 3,
        "bytes": len(LINES),
        "pages": 2,
        "cursor": "2",
    }
    assert target.read_bytes() == LINES
    assert [path.name for path in target.parent.iterdir()] == ["items.jsonl"]


def test_no_records_make_an_empty_file(serve_pages, tmp_path):
    serve_pages(to_json({"items": [], "next_page": None}))

    assert run(output_path=f"{tmp_path}/items.jsonl")["records"] == 0
    assert (tmp_path / "items.jsonl").read_bytes() == b""


def test_the_output_of_an_action_is_one_line(serve_pages, tmp_path):
    serve_pages(to_json({"created": 7}))

    result = run(activity="create", inputs={"name": "Ada"}, output_path=f"{tmp_path}/created.jsonl")

    assert result["records"] == 1
    assert (tmp_path / "created.jsonl").read_bytes() == b'{"created":7}\n'


@pytest.mark.parametrize(
    "failure", [Answer(404), Answer(503), Raw(()), to_json({"items": 7}), Answer(200, b"<html>"), PAGES[0]]
)
def test_an_error_on_the_way_leaves_nothing_behind(serve_pages, tmp_path, failure):
    serve_pages(PAGES[0], failure)

    with pytest.raises(Exception, match=r"."):
        run(output_path=f"{tmp_path}/items.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_an_error_on_the_way_leaves_the_file_of_an_earlier_run_as_it_was(serve_pages, tmp_path):
    (tmp_path / "items.jsonl").write_text("earlier\n")
    serve_pages(PAGES[0], Answer(503))

    with pytest.raises(ServerError):
        run(output_path=f"{tmp_path}/items.jsonl")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["earlier\n"]


def test_a_second_run_replaces_the_file(serve_pages, tmp_path):
    (tmp_path / "items.jsonl").write_text("x" * 1000)
    serve_pages(*PAGES)

    run(output_path=f"{tmp_path}/items.jsonl")

    assert (tmp_path / "items.jsonl").read_bytes() == LINES


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("{folder}", "is a folder"),
        ("{folder}/", "file name"),
        ("file://{folder}/", "file name"),
        ("{folder}/taken/items.jsonl", "File exists"),
        ("nowhere://bucket/items.jsonl", "nowhere"),
        ("{folder}/\0.jsonl", "null byte"),
    ],
)
def test_a_path_that_cannot_be_written_is_told_before_anything_is_sent(serve_pages, tmp_path, path, told):
    (tmp_path / "taken").write_text("a file")
    server = serve_pages(*PAGES)

    with pytest.raises(AirflowFailException, match=f"OutputPathError.*{told}"):
        run(output_path=path.format(folder=tmp_path))
    assert server.connections == 0
    assert [one.name for one in tmp_path.iterdir()] == ["taken"]


# -- records through XCom ---------------------------------------------------------------------------


def test_records_are_returned(serve_pages):
    serve_pages(*PAGES)

    assert run() == [{"id": 1, "name": "Ada ☃"}, {"id": 2}, {"id": 3}]


def test_too_much_for_xcom_is_refused_with_advice_and_not_read_to_its_end(serve_pages, monkeypatch):
    monkeypatch.setenv("AIRFLOW__INTEGRY__MAX_XCOM_BYTES", "40")
    server = serve_pages(PAGES[0], to_json({"items": [{"id": 3}], "next_page": "3"}), PAGES[1])

    with pytest.raises(AirflowFailException, match=r"40 bytes.*output_path.*max_xcom_bytes"):
        run()
    assert len(server.requests) == 2


def test_an_action_whose_output_is_too_much_for_xcom_is_refused(serve_pages, monkeypatch):
    monkeypatch.setenv("AIRFLOW__INTEGRY__MAX_XCOM_BYTES", "40")
    serve_pages(to_json({"text": "x" * 100}))

    with pytest.raises(AirflowFailException, match="output_path"):
        run(activity="create", inputs={"name": "Ada"})


# -- failures ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(503), ServerError),
        (Answer(429), ThrottledError),
        (Raw((30.0,)), RequestTimeoutError),
    ],
)
def test_what_a_retry_may_mend_is_left_to_the_tasks_retries(serve_pages, answer, expected):
    serve_pages(answer, timeout_s=0.2)

    with pytest.raises(expected):
        run()


def test_a_server_that_is_gone_is_left_to_the_tasks_retries(set_connection, shop):
    set_connection("http://127.0.0.1:1", connector=shop, max_retries=0)

    with pytest.raises(ConnectFailedError):
        run()


@pytest.mark.parametrize("answer", [Answer(400), Answer(401), Answer(403), Answer(404), Answer(200, b"<html>")])
def test_what_a_retry_cannot_mend_fails_at_once(serve_pages, answer):
    server = serve_pages(answer)

    with pytest.raises(AirflowFailException) as caught:
        run()
    assert str(caught.value).startswith(type(caught.value.__cause__).__name__)
    assert len(server.requests) == 1


def test_a_refused_credential_names_the_connection(serve_pages):
    serve_pages(Answer(401))

    with pytest.raises(AirflowFailException, match=CONN_ID) as caught:
        run()
    assert isinstance(caught.value.__cause__, CredentialsRejectedError)


@pytest.mark.parametrize("is_written", [False, True])
@pytest.mark.parametrize(
    ("fields", "expected", "told"),
    [
        ({"activity": "list_item"}, UnknownActivityError, "list_items"),
        ({"activity": ""}, UnknownActivityError, "list_items"),
        ({"activity": "create"}, InvalidInputError, "name"),
        ({"activity": "create", "inputs": {"name": 7}}, InvalidInputError, "name"),
        ({"activity": "create", "inputs": {"name": None}}, InvalidInputError, "name"),
        ({"activity": "create", "inputs": {"name": "Ada", "nam": 1}}, InvalidInputError, "nam"),
    ],
)
def test_a_wrong_activity_or_input_fails_with_nothing_sent_or_written(
    serve_pages, tmp_path, fields, expected, told, is_written
):
    server = serve_pages(*PAGES)

    with pytest.raises(AirflowFailException, match=told) as caught:
        run(**fields, output_path=f"{tmp_path}/items.jsonl" if is_written else None)
    assert isinstance(caught.value.__cause__, expected)
    assert (server.connections, list(tmp_path.iterdir())) == (0, [])


# -- in the triggerer -------------------------------------------------------------------------------


def defer(**fields):
    with pytest.raises(TaskDeferred) as caught:
        run(**{"deferrable": True, **fields})
    return caught.value


def fire(trigger):
    """Run a trigger to its first event, in an event loop of its own."""

    async def first():
        events = trigger.run()
        event = await anext(events)
        await events.aclose()
        return event

    return asyncio.run(first()).payload


def complete(event):
    operator = IntegryActivityOperator(task_id="t", integry_conn_id=CONN_ID, activity="list_items")
    return operator.execute_complete({}, event)


def test_a_deferred_query_is_written_by_the_trigger_and_returned_by_the_task(serve_pages, tmp_path):
    serve_pages(*PAGES)

    deferred = defer(output_path=f"{tmp_path}/items.jsonl")

    assert deferred.method_name == "execute_complete"
    event = fire(deferred.trigger)
    assert complete(event) == {
        "path": f"{tmp_path}/items.jsonl",
        "records": 3,
        "bytes": len(LINES),
        "pages": 2,
        "cursor": "2",
    }
    assert (tmp_path / "items.jsonl").read_bytes() == LINES


def test_the_inputs_of_a_deferred_query_are_checked_on_the_worker(serve_pages, tmp_path):
    server = serve_pages(*PAGES)

    with pytest.raises(AirflowFailException):
        run(deferrable=True, activity="list_item", output_path=f"{tmp_path}/items.jsonl")
    assert server.connections == 0


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({"activity": "create", "inputs": {"name": "Ada"}, "output_path": "{folder}/x.jsonl"}, to_json({})),
        ({"output_path": None}, to_json({"items": []})),
    ],
)
def test_what_cannot_be_deferred_runs_on_the_worker(serve_pages, tmp_path, fields, answer):
    server = serve_pages(answer)
    path = fields["output_path"]

    run(**{**fields, "deferrable": True, "output_path": path and path.format(folder=tmp_path)})

    assert len(server.requests) == 1


@pytest.mark.parametrize(("option", "is_deferred"), [("True", True), ("False", False)])
def test_airflows_option_decides_where_the_task_does_not(serve_pages, tmp_path, monkeypatch, option, is_deferred):
    monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE", option)
    serve_pages(*PAGES)
    path = f"{tmp_path}/items.jsonl"

    if is_deferred:
        assert isinstance(defer(output_path=path, deferrable=None).trigger, ActivityTrigger)
    else:
        assert run(output_path=path, deferrable=None)["records"] == 3


@pytest.mark.parametrize(
    ("answer", "retryable", "error"),
    [(Answer(503), True, AirflowException), (Answer(404), False, AirflowFailException)],
)
def test_a_failure_in_the_triggerer_says_whether_a_retry_may_help(serve_pages, tmp_path, answer, retryable, error):
    serve_pages(PAGES[0], answer)

    event = fire(defer(output_path=f"{tmp_path}/items.jsonl").trigger)

    assert (event["status"], event["retryable"]) == ("failed", retryable)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(AirflowException) as caught:
        complete(event)
    assert type(caught.value) is error


@pytest.mark.parametrize("event", [None, {}, {"status": "gone"}])
def test_an_event_that_says_nothing_fails_the_task(event):
    with pytest.raises(AirflowFailException, match="without saying why"):
        complete(event)


def test_the_trigger_survives_storage(serve_pages, tmp_path):
    serve_pages(*PAGES)
    trigger = defer(output_path=f"{tmp_path}/items.jsonl", end_user=None).trigger

    path, kwargs = trigger.serialize()
    again = ActivityTrigger(**deserialize(json.loads(json.dumps(serialize(kwargs)))))

    assert path == f"{ActivityTrigger.__module__}.{ActivityTrigger.__qualname__}"
    assert again.serialize() == trigger.serialize()
    assert fire(again)["status"] == "done"


def test_a_trigger_that_is_cancelled_leaves_nothing_behind(serve_pages, tmp_path):
    serve_pages(PAGES[0], Raw((30.0,)))
    trigger = defer(output_path=f"{tmp_path}/items.jsonl").trigger

    async def cancel_midway():
        running = asyncio.create_task(anext(trigger.run()))
        while not list(tmp_path.iterdir()):
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(cancel_midway())

    assert list(tmp_path.iterdir()) == []


# -- run by Airflow ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("templated[-1]", "success"),
        ("templated_inputs[-1]", "success"),
        ("templated_end_user[-1]", "failed"),
        ("returned[-1]", "success"),
        ("mapped_inputs[0]", "success"),
        ("mapped_inputs[1]", "success"),
        ("mapped_connections[0]", "success"),
        ("mapped_connections[1]", "success"),
        ("too_large[-1]", "failed"),
        ("wrong_input[-1]", "failed"),
        ("refused[-1]", "failed"),
        ("flaky[-1]", "success"),
        ("in_triggerer[-1]", "success"),
        ("broken_in_triggerer[-1]", "failed"),
        ("charged[-1]", "success"),
        ("charged_blindly[-1]", "failed"),
        ("busy[-1]", "success"),
        ("closed[-1]", "success"),
    ],
)
def test_each_task_ends_as_it_should(airflow_run, task, expected):
    assert airflow_run.states[task] == expected


def test_every_field_that_says_what_to_run_is_templated(airflow_run):
    folder = airflow_run.folder

    assert set(IntegryActivityOperator.template_fields) == set(airflow_run.rendered["templated[-1]"])
    assert airflow_run.rendered["templated[-1]"] == {
        "integry_conn_id": "acme",
        "activity": "list_items",
        "inputs": None,
        "connector": f"{folder}/shop.yaml",
        "end_user": None,
        "account": None,
        "output_path": f"file://{folder}/templated.jsonl",
        "cursor": None,
        "idempotency_key": None,
    }
    assert airflow_run.rendered["templated_inputs[-1]"]["inputs"] == {"name": "Ada flows"}
    end_user = airflow_run.rendered["templated_end_user[-1]"]
    assert (end_user["end_user"], end_user["account"]) == ("user-7", "user-7-account")


def test_rendered_inputs_are_what_is_sent(airflow_run):
    assert airflow_run.xcoms["templated_inputs[-1]"] == {"created": '{"name":"Ada flows"}'}


def test_inputs_and_connections_are_mapped(airflow_run):
    items = [{"id": number} for number in range(1, 7)]

    assert [airflow_run.xcoms[f"mapped_inputs[{index}]"]["created"] for index in range(2)] == [
        '{"name":"Ada"}',
        '{"name":"Grace"}',
    ]
    assert [airflow_run.xcoms[f"mapped_connections[{index}]"] for index in range(2)] == [items, items]


def test_a_file_is_named_in_xcom_and_complete(airflow_run):
    written = airflow_run.folder / "templated.jsonl"

    assert airflow_run.xcoms["templated[-1]"] == {
        "path": f"file://{written}",
        "records": 6,
        "bytes": 60,
        "pages": 3,
        "cursor": "3",
    }
    assert [json.loads(line) for line in written.read_text().splitlines()] == [{"id": n} for n in range(1, 7)]


def test_nothing_of_a_result_that_is_too_large_is_stored(airflow_run):
    assert "too_large[-1]" not in airflow_run.xcoms
    assert airflow_run.server.count("/many") == 2


@pytest.mark.parametrize("task", ["wrong_input[-1]", "refused[-1]"])
def test_a_task_that_a_retry_cannot_mend_is_not_retried(airflow_run, task):
    assert airflow_run.tries[task] == 1


def test_a_retry_of_the_task_writes_the_file_anew(airflow_run):
    assert airflow_run.tries["flaky[-1]"] == 2
    assert len((airflow_run.folder / "flaky.jsonl").read_text().splitlines()) == 6


def test_no_half_written_file_is_left(airflow_run):
    names = {path.name for path in airflow_run.folder.iterdir()}

    assert names == {
        "airflow",
        "closed.jsonl",
        "flaky.jsonl",
        "in_triggerer.jsonl",
        "results.json",
        "shop.yaml",
        "templated.jsonl",
    }


def test_the_triggerer_writes_the_same_file_as_a_worker(airflow_run):
    folder = airflow_run.folder

    assert (folder / "in_triggerer.jsonl").read_bytes() == (folder / "templated.jsonl").read_bytes()
    assert airflow_run.xcoms["in_triggerer[-1]"]["records"] == 6


def test_an_action_whose_answer_is_lost_is_done_once_although_airflow_runs_it_again(airflow_run):
    sent = [one.headers["Charge-Key"] for one in airflow_run.server.requests if one.path == "/charge"]

    assert airflow_run.tries["charged[-1]"] == 2
    assert len(sent) == 2
    assert len(set(sent)) == 1
    assert [body for key, body in airflow_run.server.charges.items() if key == sent[0]] == [b'{"amount":7}']
    assert airflow_run.xcoms["charged[-1]"] == {"charges": len(airflow_run.server.charges)}


def test_a_write_that_the_api_would_not_recognise_is_not_run_again(airflow_run):
    assert airflow_run.server.count("/charge_blindly") == 1
    assert airflow_run.tries["charged_blindly[-1]"] == 1
    assert "OutcomeUnknownError: Activity 'charge_blindly'" in airflow_run.output


def test_a_long_wait_is_spent_in_the_triggerer_and_the_task_goes_on(airflow_run):
    assert airflow_run.xcoms["busy[-1]"] == [{"id": number} for number in range(1, 7)]
    assert "The task waits in the triggerer for 3 s" in airflow_run.output
