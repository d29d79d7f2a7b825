"""Requests that no connector describes, files both ways, and Python tasks with a session."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import parse_qsl

import pytest
from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred
from integration.loopback import CONN_ID, Answer, Raw, to_json

from airflow_provider_integry.decorators.integry import integry_task
from airflow_provider_integry.errors import ConnectionBrokenError, ServerError
from airflow_provider_integry.operators.activity import IntegryActivityOperator
from airflow_provider_integry.operators.request import IntegryRequestOperator
from airflow_provider_integry.triggers.activity import ActivityTrigger

# Airflow drops what it is to add to an empty context.
CONTEXT = {"ds": "2031-01-01"}


@pytest.fixture
def serve(answer_with, set_connection):
    """Start a server that answers as told, and the connection to it."""

    def start(*answers, **fields):
        server = answer_with(*answers)
        set_connection(server.url, **{"max_retries": 0, **fields})
        return server

    return start


def records_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def run(path, **fields):
    operator = IntegryRequestOperator(task_id="t", integry_conn_id=CONN_ID, path=path, deferrable=False, **fields)
    return operator.execute({})


def test_any_path_can_be_called(serve):
    server = serve(to_json({"data": {"id": 7}}))

    result = run(
        "/contacts/7", query={"expand": ["a", "b"], "filter": {"x": 1}}, headers={"X-Trace": "t"}, result="data"
    )

    (sent,) = server.requests
    assert result == {"id": 7}
    assert sent.query == {"expand": ["a", "b"], "filter[x]": ["1"]}
    assert sent.headers["X-Trace"] == "t"
    assert "key-1" in sent.text


@pytest.mark.parametrize(
    ("given", "content_type", "body"),
    [
        ({"json": {"a": [1, None]}}, "application/json", b'{"a":[1,null]}'),
        ({"form": {"a.b": "x y", "m": {"k": "v"}}}, "application/x-www-form-urlencoded", b"a.b=x+y&m%5Bk%5D=v"),
        ({"body": "plain"}, "text/plain; charset=utf-8", b"plain"),
        ({"body": {"base64": "AP8=", "type": "image/png"}}, "image/png", b"\x00\xff"),
    ],
)
def test_every_kind_of_body_is_sent(serve, given, content_type, body):
    server = serve(to_json({}))

    run("/things", method="post", **given)

    (sent,) = server.requests
    assert (sent.method, sent.headers["Content-Type"], sent.body) == ("POST", content_type, body)


def test_a_file_is_read_from_object_storage_and_sent(serve, tmp_path):
    server = serve(to_json({"id": 1}))
    (tmp_path / "photo.png").write_bytes(b"\x89PNG\x00")

    run("/photos", method="POST", form={"title": "x"}, files={"file": {"path": f"file://{tmp_path}/photo.png"}})

    (sent,) = server.requests
    assert b'name="file"; filename="photo.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG\x00\r\n' in sent.body
    assert sent.headers["Content-Type"].startswith("multipart/form-data; boundary=")


def test_a_file_that_is_not_there_is_told_before_anything_is_sent(serve):
    server = serve(to_json({}))

    with pytest.raises(AirflowFailException, match="cannot be read"):
        run("/photos", method="POST", files={"file": {"path": "file:///not/there.png"}})

    assert server.requests == []


def test_pages_of_any_path_stream_to_a_file(serve, tmp_path):
    serve(to_json({"items": [{"id": 1}], "next": "2"}), to_json({"items": [{"id": 2}], "next": None}))

    result = run(
        "/items",
        result="items",
        paging={"kind": "cursor", "param": "cursor", "cursor": "next"},
        output_path=f"file://{tmp_path}/items.jsonl",
    )

    assert result["records"] == 2
    assert records_of(tmp_path / "items.jsonl") == [{"id": 1}, {"id": 2}]


def test_csv_becomes_json_lines(serve, tmp_path):
    serve(Answer(200, b"id,name\n1,Ada\n2,Mary\n", {"Content-Type": "text/csv"}))

    run("/report", answer="csv", output_path=f"file://{tmp_path}/report.jsonl")

    assert records_of(tmp_path / "report.jsonl") == [{"id": "1", "name": "Ada"}, {"id": "2", "name": "Mary"}]


def test_an_answer_goes_to_a_file_as_it_comes(serve, tmp_path):
    content = bytes(range(256)) * 20_000
    serve(Answer(200, content, {"Content-Type": "image/png"}))

    result = run("/photo", answer="file", output_path=f"file://{tmp_path}/photo.png")

    path = f"file://{tmp_path}/photo.png"
    assert result == {"path": path, "bytes": len(content), "content_type": "image/png"}
    assert (tmp_path / "photo.png").read_bytes() == content


def test_nothing_is_left_of_a_file_that_broke_off(serve, tmp_path):
    serve(Raw((b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n", b"x" * 2_000_000)))

    with pytest.raises(ConnectionBrokenError):
        run("/photo", answer="file", output_path=f"file://{tmp_path}/photo.png")

    assert list(tmp_path.iterdir()) == []


def test_a_failure_is_no_file(serve, tmp_path):
    serve(to_json({"message": "down"}, 503))

    with pytest.raises(ServerError, match="down"):
        run("/photo", answer="file", output_path=f"file://{tmp_path}/photo.png")

    assert list(tmp_path.iterdir()) == []


def test_a_file_needs_a_place(serve):
    server = serve(Answer(200, b"x"))

    with pytest.raises(AirflowFailException, match="answers with a file"):
        run("/photo", answer="file")

    assert server.requests == []


def test_a_path_on_another_host_is_refused(serve):
    server = serve(to_json({}))

    with pytest.raises(AirflowFailException, match="not the connector's"):
        run("https://evil.example/steal")
    with pytest.raises(AirflowFailException, match="one body"):
        run("/x", json={}, body="y")

    assert server.requests == []


def test_headers_and_hosts_of_the_connector_hold_for_any_path(serve, tmp_path):
    (tmp_path / "shop.yaml").write_text(
        "name: shop\ntitle: Shop\nheaders: {X-Api-Version: '9'}\nactivities: {a: {kind: action, path: /a}}\n"
    )
    server = serve(to_json({}), connector=str(tmp_path / "shop.yaml"))

    run("/other")

    assert server.requests[0].headers["X-Api-Version"] == "9"


def test_it_runs_in_the_triggerer_too(serve, tmp_path):
    server = serve(to_json([{"id": 1}]))
    operator = IntegryRequestOperator(
        task_id="t",
        integry_conn_id=CONN_ID,
        path="/items",
        query={"page": 1},
        paging={"kind": "none"},
        output_path=f"file://{tmp_path}/items.jsonl",
        deferrable=True,
    )
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute({})
    _, arguments = deferred.value.trigger.serialize()
    trigger = ActivityTrigger(**json.loads(json.dumps(arguments)))

    async def fire():
        return [event.payload async for event in trigger.run()]

    (event,) = asyncio.run(fire())

    assert event["status"] == "done", event
    assert records_of(tmp_path / "items.jsonl") == [{"id": 1}]
    assert server.requests[0].query == {"page": ["1"]}
    assert operator.execute_complete({}, event)["records"] == 1


def test_an_activity_takes_files_as_well(serve, tmp_path):
    (tmp_path / "files.yaml").write_text(
        "name: files\ntitle: Files\nactivities:\n  put:\n    kind: action\n    method: PUT\n    path: /raw\n"
        "    body_format: raw\n    inputs: {content: {in: body, whole: true, file: true, required: true}}\n"
    )
    (tmp_path / "a.csv").write_bytes(b"a,b\n")
    server = serve(to_json({}), connector=str(tmp_path / "files.yaml"))

    operator = IntegryActivityOperator(
        task_id="t", integry_conn_id=CONN_ID, activity="put", inputs={"content": {"path": f"{tmp_path}/a.csv"}}
    )
    operator.execute({})

    assert (server.requests[0].body, server.requests[0].headers["Content-Type"]) == (b"a,b\n", "text/csv")


# -- @task.integry -----------------------------------------------------------------------------------


def build(function, *args, **kwargs):
    with DAG("d", schedule=None) as dag:
        integry_task(function, integry_conn_id=CONN_ID)(*args, **kwargs)
    (operator,) = dag.tasks
    return operator


def test_a_function_gets_the_session_wherever_it_stands(serve):
    server = serve(to_json({"id": 7}))

    def read(session, contact_id, *, hook, fields="id"):
        return session.get(f"/contacts/{contact_id}", params={"f": fields}).json(), hook.integry_conn_id

    operator = build(read, 7, fields="name")

    assert operator.execute(CONTEXT) == ({"id": 7}, CONN_ID)
    assert server.requests[0].target == "/contacts/7?f=name"
    assert "key-1" in server.requests[0].text


def test_an_async_function_gets_the_async_session(serve):
    serve(to_json({"id": 7}))

    async def read(session, contact_id):
        async with session.get(f"/contacts/{contact_id}") as answer:
            return await answer.json()

    assert build(read, contact_id=7).execute(CONTEXT) == {"id": 7}


def test_airflow_knows_the_decorator_and_maps_it(serve):
    serve(to_json({"id": 7}))
    with DAG("d", schedule=None) as dag:

        @task.integry(integry_conn_id=CONN_ID, end_user="{{ params.u }}")
        def read(contact_id, session):
            return session.get(f"/contacts/{contact_id}").json()

        read.expand(contact_id=[1, 2])

    (mapped,) = dag.tasks
    assert mapped.operator_name == "@task.integry"
    assert {"integry_conn_id", "end_user"} <= set(mapped.template_fields)


def test_an_error_that_no_retry_mends_fails_the_task_at_once(serve):
    serve(to_json({}), connector="not_there")

    def read(hook):
        return hook.run("x")

    with pytest.raises(AirflowFailException, match="no connector 'not_there'"):
        build(read).execute(CONTEXT)


def test_a_function_without_session_is_told_at_once():
    with pytest.raises(TypeError, match="takes neither 'session' nor 'hook'"):
        build(lambda x: x, 1)
    with pytest.raises(TypeError, match="missing a required argument"):
        build(lambda session, x: x)


def test_form_bodies_are_read_back_the_same(serve):
    server = serve(to_json({}))

    run("/f", method="POST", form={"a": ["1", "2"], "ü": "x&y=z"})

    assert parse_qsl(server.requests[0].body.decode()) == [("a", "1"), ("a", "2"), ("ü", "x&y=z")]


# -- incremental reads -------------------------------------------------------------------------------


class Runs:
    """The XComs of a task over several runs, as Airflow keeps them."""

    dag_id, run_id, task_id = "d", "r", "t"
    map_index = -1

    def __init__(self):
        self.kept = None

    def xcom_pull(self, *, task_ids, key, map_indexes, include_prior_dates):
        assert (task_ids, key, map_indexes, include_prior_dates) == ("t", "integry_cursor", -1, True)
        return self.kept

    def xcom_push(self, *, key, value):
        self.kept = value


def read_new(runs, **fields):
    operator = IntegryRequestOperator(
        task_id="t",
        integry_conn_id=CONN_ID,
        path="/items",
        paging={"kind": "none"},
        incremental={"field": "meta.at", "param": "since", "initial": "2031-01-01"},
        deferrable=False,
        **fields,
    )
    return operator.execute({"ti": runs})


@pytest.mark.parametrize("suffix", [None, ".jsonl"])
def test_each_run_asks_for_what_is_new(serve, tmp_path, suffix):
    items = [{"meta": {"at": "2031-02-01"}}, {"meta": {"at": "2031-03-01"}}, {"meta": {"at": "2031-01-15"}}]
    server = serve(to_json(items), to_json([]), to_json([]))
    runs = Runs()
    fields = {"output_path": f"file://{tmp_path}/items{suffix}"} if suffix else {}

    first = read_new(runs, **fields)
    read_new(runs, **fields)

    assert [request.query["since"] for request in server.requests] == [["2031-01-01"], ["2031-03-01"]]
    assert runs.kept == "2031-03-01"
    assert first == items if suffix is None else first["newest"] == "2031-03-01"


def test_a_failed_run_moves_nothing(serve):
    server = serve(to_json([{"id": 1}]), to_json({"message": "down"}, 500))
    runs = Runs()

    with pytest.raises(AirflowFailException, match=r"field 'meta.at' of 'incremental' is missing"):
        read_new(runs)
    with pytest.raises(ServerError):
        read_new(runs)

    assert runs.kept is None
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"incremental": {"field": "a"}, "paging": {"kind": "none"}}, "lacks 'param'"),
        (
            {"incremental": {"field": "a", "param": "b", "initail": 1}, "paging": {"kind": "none"}},
            "unknown key 'initail'",
        ),
        ({"incremental": {"field": "a", "param": "b"}}, "needs records"),
    ],
)
def test_a_wrong_incremental_is_told_before_anything_is_sent(serve, fields, words):
    server = serve(to_json([]))

    with pytest.raises(AirflowFailException, match=words):
        run("/items", **fields)

    assert server.requests == []
