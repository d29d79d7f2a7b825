"""A write whose answer is lost: done once where the API can tell, and not sent again where it cannot."""

from __future__ import annotations

import asyncio
import json
import re
from types import SimpleNamespace
from urllib.parse import parse_qsl

import pytest
from airflow.sdk.exceptions import AirflowFailException
from integration.loopback import CONN_ID, Answer, Raw, TokenServer, oauth2, to_json

from airflow_provider_integry.errors import (
    ConnectFailedError,
    ConnectionBrokenError,
    CredentialsRejectedError,
    FailureAnsweredError,
    HttpStatusError,
    InvalidInputError,
    OutcomeUnknownError,
    PassingFailureError,
    RequestTimeoutError,
    ServerError,
    ThrottledError,
)
from airflow_provider_integry.hooks.integry import IntegryHook
from airflow_provider_integry.operators.activity import IntegryActivityOperator

CONNECTOR = """\
name: bank
title: Bank
errors: {failed_when: "status == 'error'", code: code, expired_codes: [stale], retry_codes: [hiccup]}
activities:
  charge: {kind: action, path: /charge}
  charge_once: {kind: action, path: /charge, idempotency: {header: Charge-Key}}
  charge_json:
    kind: action
    path: /charge
    idempotency: {body: request.key}
    inputs: {key: {in: body, name: request.key, type: string}}
  charge_form: {kind: action, path: /charge, body_format: form, idempotency: {body: "charge.key"}}
  charge_parts: {kind: action, path: /charge, body_format: multipart, idempotency: {body: key}}
  charge_lines:
    kind: action
    path: /charge
    idempotency: {body: key}
    inputs: {lines: {in: body, whole: true, type: array}}
  upsert: {kind: action, path: /upsert, idempotency: {repeatable: true}}
  replace: {kind: action, method: PUT, path: /replace}
  charge_by_input: {kind: action, path: /charge, inputs: {key: {in: header, name: Idempotency-Key, type: string}}}
  find: {kind: query, method: POST, path: /find, result: items}
"""
LOST = Raw(())
HALF = Raw((b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",))
NEVER = Raw((30.0,))


def run_async(activity, inputs=None, **fields):
    async def run():
        hook = IntegryHook(CONN_ID)
        await hook.asettings()
        return [page async for page in hook.apages(hook.start(activity, inputs, **fields))]

    return asyncio.run(run())


def run_sync(activity, inputs=None, **fields):
    hook = IntegryHook(CONN_ID)
    return list(hook.pages(hook.start(activity, inputs, **fields)))


@pytest.fixture(params=[run_sync, run_async], ids=["sync", "async"])
def run(request):
    """Run an activity in each of the two ways; return its pages."""
    return request.param


@pytest.fixture
def bank(answer_with, set_connection, tmp_path):
    """Start a server that answers as told, and the connection to it."""
    (tmp_path / "bank.yaml").write_text(CONNECTOR)

    def start(*answers, **fields):
        server = answer_with(*answers)
        set_connection(server.url, **{"connector": str(tmp_path / "bank.yaml"), "timeout_s": 1, **fields})
        return server

    return start


@pytest.fixture(params=["charge_once", "charge_json", "charge_form", "charge_parts"])
def keyed(request):
    """Return an activity that takes a key: in a header, in JSON, in a form, in a multipart form."""
    return request.param


def keys(server):
    """Return the keys that arrived, wherever they were."""
    return [one.headers["Charge-Key"] or key_in_body(one.body) for one in server.requests]


def key_in_body(body):
    if body.startswith(b"{"):
        return json.loads(body)["request"]["key"]
    if body.startswith(b"--"):
        return re.search(rb'name="key"\r\n\r\n(.*)\r\n', body)[1].decode()
    return dict(parse_qsl(body.decode())).get("charge.key")


# -- without a key ----------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [LOST, HALF, NEVER, Answer(500), Answer(502), Answer(503), Answer(504), Answer(408)])
def test_a_write_that_may_have_happened_is_not_sent_again(bank, run, answer):
    server = bank(answer)

    with pytest.raises(OutcomeUnknownError) as caught:
        run("charge")

    assert len(server.requests) == 1
    assert caught.value.retryable is False
    assert caught.value.request == f"POST {server.url}/charge"
    assert "Look there whether what this activity does has happened" in str(caught.value)
    assert "declare 'idempotency' in the connector" in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(400), HttpStatusError),
        (Answer(429), ThrottledError),
        (Answer(425), ServerError),
        (Answer(503, b"", {"Retry-After": "60"}), ServerError),
        (to_json({"status": "error", "code": "declined"}), FailureAnsweredError),
        (to_json({"status": "error", "code": "hiccup"}), PassingFailureError),
    ],
)
def test_a_write_that_was_refused_is_known_not_to_have_happened(bank, run, answer, error):
    bank(answer, max_retries=0)

    with pytest.raises(error) as caught:
        run("charge")
    assert not isinstance(caught.value, OutcomeUnknownError)


def test_a_write_that_was_never_sent_may_be_sent_again(set_connection, bank, run):
    bank(Answer()).__exit__()

    with pytest.raises(ConnectFailedError):
        run("charge")


def test_a_query_is_only_read_and_asked_again_whatever_its_method(bank, run):
    server = bank(LOST, Answer(503), to_json({"items": [{"id": 1}]}))

    assert run("find") == [[{"id": 1}]]
    assert len(server.requests) == 3


@pytest.mark.parametrize("activity", ["upsert", "replace"])
def test_what_may_be_sent_twice_is_sent_twice(bank, run, activity):
    server = bank(LOST, to_json({"id": 1}))

    assert run(activity) == [{"id": 1}]
    assert len(server.requests) == 2


def test_what_may_be_sent_twice_fails_so_that_airflow_tries_again(bank, run):
    bank(LOST, max_retries=0)

    with pytest.raises(ConnectionBrokenError):
        run("upsert")


@pytest.mark.parametrize("answer", [LOST, HALF, NEVER])
def test_that_holds_without_any_rules_about_errors(bank, run, answer, tmp_path):
    server = bank(answer)
    path = tmp_path / "bank.yaml"
    path.write_text("".join(line for line in CONNECTOR.splitlines(keepends=True) if not line.startswith("errors:")))

    with pytest.raises(OutcomeUnknownError):
        run("charge")
    assert len(server.requests) == 1


# -- with a key -------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [LOST, HALF, NEVER, Answer(500), Answer(503)])
def test_a_write_with_a_key_is_sent_again_with_the_same_one(bank, run, keyed, answer):
    server = bank(answer, to_json({"id": 1}))

    assert run(keyed) == [{"id": 1}]
    assert len(server.requests) == 2
    assert len(set(keys(server))) == 1


def test_each_call_without_a_key_of_its_own_has_another_one(bank, run, keyed):
    server = bank(to_json({"id": 1}))
    run(keyed)
    run(keyed)

    assert len(set(keys(server))) == 2


def test_where_the_key_dies_with_the_call_a_lost_answer_is_told(bank, run, keyed):
    """A second run would come with another key."""
    bank(LOST, max_retries=1)

    with pytest.raises(OutcomeUnknownError):
        run(keyed)


@pytest.mark.parametrize(("answer", "error"), [(LOST, ConnectionBrokenError), (NEVER, RequestTimeoutError)])
def test_with_a_key_that_stays_airflow_may_run_it_again(bank, run, keyed, answer, error):
    server = bank(answer, max_retries=1)

    with pytest.raises(error) as caught:
        run(keyed, idempotency_key="order 7")
    assert caught.value.retryable is True
    assert keys(server) == ["order 7"] * 2


def test_a_key_that_somebody_puts_into_an_input_counts(bank, run):
    server = bank(LOST, to_json({"id": 1}))

    assert run("charge_by_input", {"key": "order 7"}) == [{"id": 1}]
    assert [one.headers["Idempotency-Key"] for one in server.requests] == ["order 7"] * 2


def test_a_key_that_the_inputs_put_into_its_place_stays(bank, run):
    server = bank(LOST, to_json({"id": 1}))

    assert run("charge_json", {"key": "order 7"}) == [{"id": 1}]
    assert keys(server) == ["order 7"] * 2


def test_a_body_that_has_no_place_for_the_key_is_not_sent_again(bank, run):
    server = bank(LOST)

    with pytest.raises(OutcomeUnknownError):
        run("charge_lines", {"lines": [1]})
    assert [one.body for one in server.requests] == [b"[1]"]


def test_a_key_for_an_activity_without_a_place_for_it_is_refused_before_anything_is_sent(bank, run):
    server = bank(Answer())

    for activity in ("charge", "upsert", "find", "charge_lines"):
        with pytest.raises(InvalidInputError, match="declares no place for it"):
            run(activity, {"lines": []} if activity == "charge_lines" else None, idempotency_key="order 7")
    assert server.connections == 0


# -- expired, as the connector declares it ----------------------------------------------------------


def test_a_token_that_is_refused_with_status_200_is_renewed_and_nothing_is_lost(set_connection, tmp_path, run):
    (tmp_path / "bank.yaml").write_text(CONNECTOR)
    with TokenServer() as server:
        set_connection(oauth2(server, connector=str(tmp_path / "bank.yaml")))
        stale = to_json({"status": "error", "code": "stale"})
        fresh = to_json({"id": 1})
        server.api_answer = fresh
        first = run("charge")
        issued = server.token_requests

        def answer(request):
            return server._serve(request) if request.path == "/token" or server.token_requests > issued else stale

        server.script(answer)

        assert first == [{"id": 1}]
        assert run("charge") == [{"id": 1}]
        assert server.token_requests == issued + 1


def test_a_credential_that_stays_refused_is_told_with_its_connection(bank, run):
    bank(to_json({"status": "error", "code": "stale"}))

    with pytest.raises(CredentialsRejectedError, match=f"Connection '{CONN_ID}'"):
        run("charge")


# -- as a task --------------------------------------------------------------------------------------


def execute(map_index=-1, max_tries=2, run_id="r1", **fields):
    task = SimpleNamespace(dag_id="d", run_id=run_id, task_id="t", map_index=map_index, max_tries=max_tries)
    operator = IntegryActivityOperator(
        task_id="t", **{"integry_conn_id": CONN_ID, "activity": "charge_once", "deferrable": False, **fields}
    )
    return operator.execute({"ti": task})


def test_a_task_has_one_key_for_all_its_tries(bank, keyed):
    server = bank(to_json({"id": 1}))
    for _ in range(3):
        execute(activity=keyed)
    assert len(set(keys(server))) == 1


def test_another_run_another_map_index_and_another_activity_have_other_keys(bank):
    server = bank(to_json({"id": 1}))
    execute()
    execute(run_id="r2")
    execute(map_index=0)
    execute(map_index=1)
    assert len(set(keys(server))) == 4


def test_a_cleared_task_has_the_same_key_unless_a_new_one_is_asked_for(bank):
    server = bank(to_json({"id": 1}))
    execute(max_tries=2)
    execute(max_tries=5)
    execute(max_tries=2, new_key_on_clear=True)
    execute(max_tries=5, new_key_on_clear=True)

    same, again, one, another = keys(server)
    assert same == again
    assert len({same, one, another}) == 3


def test_a_key_that_was_chosen_is_sent(bank, keyed):
    server = bank(to_json({"id": 1}))
    execute(activity=keyed, idempotency_key="order 7")
    assert keys(server) == ["order 7"]


def test_a_key_is_sent_with_actions_that_take_one_alone(bank):
    server = bank(to_json({"items": []}))
    execute(activity="find")
    execute(activity="charge")
    assert keys(server) == [None, None]


def test_a_task_whose_write_may_have_happened_is_not_tried_again(bank):
    bank(LOST)
    with pytest.raises(AirflowFailException, match="OutcomeUnknownError: Activity 'charge'"):
        execute(activity="charge")
