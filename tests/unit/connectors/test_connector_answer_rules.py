"""What a connector declares of an API's answers: each kind of failure is an error of its own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_integry.auth.wire import HttpResponse
from airflow_provider_integry.connectors.judgement import Judge, Judgement
from airflow_provider_integry.connectors.load import parse_connector
from airflow_provider_integry.connectors.run import ActivityCall
from airflow_provider_integry.connectors.spec import Connector
from airflow_provider_integry.connectors.user_info import build_user_info_call, parse_user_info
from airflow_provider_integry.errors import (
    ConnectorFormatError,
    FailureAnsweredError,
    HttpStatusError,
    PassingFailureError,
    ResponseFormatError,
    SchemaMismatchError,
    ServerError,
    ThrottledError,
    TokenExpiredError,
)

RULES: dict[str, Any] = {
    "failed_when": "ok == `false`",
    "code": "error",
    "message": "response_metadata.messages[0]",
    "expired_codes": ["token_expired", "token_revoked"],
    "expired_statuses": [419],
    "throttled_codes": ["ratelimited"],
    "throttled_statuses": [420],
    "retry_codes": ["internal_error", 7],
}


def build(**more: Any) -> Connector:
    activities = {
        "list": {"kind": "query", "path": "/list", "result": "items"},
        "make": {"kind": "action", "path": "/make"},
        **more.pop("activities", {}),
    }
    base = {"name": "chat", "title": "Chat", "base_url": "https://api.example.com", "errors": RULES}
    return Connector.model_validate({**base, **more, "activities": activities})


def answer(value: Any, status: int = 200, **headers: str) -> HttpResponse:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return HttpResponse(status, (("Content-Type", "application/json"), *headers.items()), body)


def receive(response: HttpResponse, activity: str = "make", connector: Connector | None = None) -> Any:
    return ActivityCall(connector or build(), activity, {}, base_url=None).receive(response, 0.0)


@pytest.mark.parametrize(
    ("response", "kind", "code"),
    [
        (answer({"ok": False, "error": "channel_not_found"}), FailureAnsweredError, "channel_not_found"),
        (answer({"ok": False}), FailureAnsweredError, None),
        (answer({"ok": False, "error": "token_expired"}), TokenExpiredError, "token_expired"),
        (answer({"error": "token_revoked"}, 403), TokenExpiredError, "token_revoked"),
        (answer({}, 419), TokenExpiredError, None),
        (answer(b"<html>", 419), TokenExpiredError, None),
        (answer({"ok": False, "error": "ratelimited"}), ThrottledError, "ratelimited"),
        (answer({"error": "ratelimited"}, 403), ThrottledError, "ratelimited"),
        (answer({}, 420), ThrottledError, None),
        (answer({}, 429), ThrottledError, None),
        (answer({"ok": False, "error": "internal_error"}), PassingFailureError, "internal_error"),
        (answer({"error": 7}, 400), PassingFailureError, "7"),
        (answer({"error": "other"}, 400), HttpStatusError, "other"),
        (answer({"error": "other"}, 503), ServerError, "other"),
        (answer({"error": {"nested": 1}}, 400), HttpStatusError, None),
    ],
)
def test_each_kind_of_failure_is_an_error_of_its_own(response: HttpResponse, kind: type, code: str | None) -> None:
    with pytest.raises(HttpStatusError) as caught:
        receive(response)

    assert type(caught.value) is kind
    assert (caught.value.code, caught.value.status) == (code, response.status)


def test_an_error_says_status_code_message_and_request() -> None:
    told = {"ok": False, "error": "invalid_arguments", "response_metadata": {"messages": ["missing field: channel"]}}

    with pytest.raises(FailureAnsweredError) as caught:
        receive(answer(told, **{"X-Request-Id": "r-1"}))

    assert str(caught.value) == (
        "Activity 'make': the API answered 200 (request id r-1): code invalid_arguments: missing field: channel"
    )
    assert caught.value.retryable is False


def test_messages_and_codes_that_look_like_tokens_are_not_shown() -> None:
    token = "sk_live_51HxYzAbCdEfGhIjKlMnOpQrStUvWx"
    told = {"ok": False, "error": token, "response_metadata": {"messages": [f"bad {token} {'x ' * 400}"]}}

    with pytest.raises(FailureAnsweredError) as caught:
        receive(answer(told))

    assert token not in str(caught.value)
    assert len(caught.value.detail) <= 200


def test_a_declared_code_is_shown_however_it_looks() -> None:
    rules = {"code": "error", "throttled_codes": ["REQUEST_LIMIT_EXCEEDED"]}

    with pytest.raises(ThrottledError, match="code REQUEST_LIMIT_EXCEEDED"):
        receive(answer({"error": "REQUEST_LIMIT_EXCEEDED"}, 403), connector=build(errors=rules))


@pytest.mark.parametrize("value", [{"ok": True}, {"ok": True, "error": "token_expired"}, {}, [], None, 7])
def test_an_answer_that_is_no_failure_is_the_output(value: Any) -> None:
    assert receive(answer(value)) == value


def test_an_answer_that_is_no_json_fails_as_it_always_did() -> None:
    with pytest.raises(ResponseFormatError):
        receive(answer(b"<html>"))


def test_without_rules_a_success_is_a_success() -> None:
    assert receive(answer({"ok": False}), connector=build(errors=None)) == {"ok": False}


def test_an_activitys_own_rules_take_the_place_of_the_connectors() -> None:
    own = {"kind": "action", "path": "/own", "errors": {"failed_when": "status == 'error'"}}
    connector = build(activities={"own": own})

    assert receive(answer({"ok": False}), "own", connector) == {"ok": False}
    with pytest.raises(FailureAnsweredError):
        receive(answer({"status": "error"}), "own", connector)


def test_a_failure_leaves_the_call_to_be_sent_again() -> None:
    call = ActivityCall(build(), "list", {}, base_url=None)
    with pytest.raises(ThrottledError):
        call.receive(answer({"ok": False, "error": "ratelimited"}))

    assert call.request is not None
    assert call.receive(answer({"ok": True, "items": [1]})) == [1]


def test_who_am_i_knows_a_failure_with_status_200() -> None:
    connector = build(user_info={"path": "/auth.test", "id": "user_id"})
    call = build_user_info_call(connector, base_url=None)
    assert call is not None

    with pytest.raises(TokenExpiredError):
        parse_user_info(call, answer({"ok": False, "error": "token_revoked"}))
    assert parse_user_info(call, answer({"ok": True, "user_id": "u1"})).id == "u1"


# -- schemas ----------------------------------------------------------------------------------------

RECORD = {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}


def test_a_record_that_does_not_fit_is_named_by_its_number() -> None:
    paged = {
        "kind": "query",
        "path": "/p",
        "result": "items",
        "record_schema": RECORD,
        "paging": {"kind": "page", "param": "page"},
    }
    call = ActivityCall(build(activities={"paged": paged}), "paged", {}, base_url=None)
    call.receive(answer({"items": [{"id": 1}, {"id": 2}]}))

    with pytest.raises(SchemaMismatchError) as caught:
        call.receive(answer({"items": [{"id": 3}, {"id": "secret text"}]}))
    assert str(caught.value) == (
        "Activity 'paged': record 4 does not fit 'record_schema': 'id' must be of type integer, is not shown (a string)"
    )


def test_an_answer_that_does_not_fit_is_refused() -> None:
    strict = {"kind": "action", "path": "/s", "answer_schema": {"type": "object", "required": ["id"]}}
    connector = build(activities={"strict": strict})

    assert receive(answer({"id": 1}), "strict", connector) == {"id": 1}
    with pytest.raises(SchemaMismatchError, match="'answer_schema': it lacks 'id'") as caught:
        receive(answer({"ok": True}), "strict", connector)
    assert caught.value.retryable is False


# -- what is refused in a connector -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "where", "told"),
    [
        ("errors: {retry_codes: [x]}", "errors.retry_codes", "needs 'code'"),
        ("errors: {code: 'a['}", "errors.code", "is not a JMESPath expression"),
        ("errors: {expired_statuses: [401]}", "errors.expired_statuses.0", "which always counts as expired"),
        ("errors: {expired_statuses: [200]}", "errors.expired_statuses.0", "from 400 to 599"),
        ("errors: {expired_statuses: [403], throttled_statuses: [403]}", "errors.throttled_statuses", "one thing only"),
        ("errors: {code: e, retry_codes: [a], expired_codes: [a]}", "errors.retry_codes", "one thing only"),
        ("errors: {faild_when: x}", "errors.faild_when", "did you mean 'failed_when'"),
        ("limits: {requests: 5}", "limits.requests", "needs 'per_s'"),
        ("limits: {per_s: 5}", "limits.per_s", "needs 'requests'"),
        ("limits: {requests: 0, per_s: 1}", "limits.requests", ""),
        ("limits: {requests: 5, per_s: 0}", "limits.per_s", ""),
        ("limits: {concurrency: 0}", "limits.concurrency", ""),
        ("limits: {reset_header: X-Reset}", "limits.reset_header", "needs 'reset_unit'"),
        ("limits: {reset_unit: seconds}", "limits.reset_unit", "needs 'reset_header'"),
        ("limits: {remaining_header: X-Left}", "limits.remaining_header", "needs 'reset_header'"),
        ("limits: {reset_header: 'X Reset', reset_unit: date}", "limits.reset_header", "is no header name"),
        ("limits: {policy: forever}", "limits.policy", "backoff, integry"),
        ("idempotency: {}", "idempotency", "says nothing"),
        ("limits: {reset_header: X-Reset, reset_unit: iso8601}", "limits.reset_unit", "iso"),
        ("idempotency: {body: a..b}", "idempotency.body", "an empty name"),
        ("idempotency: {body: key, header: X-Key}", "idempotency.body", "one place"),
        ("idempotency: {body: key, repeatable: true}", "idempotency.repeatable", "cannot stand beside 'body'"),
        ("idempotency: {header: Authorization}", "idempotency.header", "credentials"),
        ("idempotency: {header: X-Key, repeatable: true}", "idempotency.repeatable", "cannot stand beside"),
    ],
)
def test_a_wrong_key_is_named_with_its_line(text: str, where: str, told: str) -> None:
    head = "name: chat\ntitle: Chat\nactivities:\n  make: {kind: action, path: /make}\n"

    with pytest.raises(ConnectorFormatError) as caught:
        parse_connector(f"{head}{text}\n", "chat.yaml")
    assert (caught.value.key, caught.value.line) == (where, 5)
    assert told in str(caught.value)


@pytest.mark.parametrize("key", ["answer_schema", "record_schema"])
def test_a_schema_that_is_none_is_refused(key: str) -> None:
    text = f"name: c\ntitle: C\nactivities:\n  list:\n    kind: query\n    path: /l\n    {key}: {{type: integr}}\n"

    with pytest.raises(ConnectorFormatError) as caught:
        parse_connector(text, "c.yaml")
    assert caught.value.key == f"activities.list.{key}.type"


# -- what a session is told -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (answer({"ok": True}), Judgement()),
        (
            answer({"ok": False, "error": "token_expired"}),
            Judgement(is_expired=True, is_failure=True, told="token_expired"),
        ),
        (
            answer({"ok": False, "error": "ratelimited"}),
            Judgement(is_throttled=True, is_failure=True, told="ratelimited"),
        ),
        (answer({"error": "internal_error"}, 400), Judgement(is_passing=True, is_failure=True)),
        # What looks like a token is not told.
        (answer({"error": "x" * 100_000, "ok": False}), Judgement(is_failure=True, told="***")),
        (answer({"error": "token_expired", "more": "x" * 100_000}, 403), Judgement(is_failure=True)),
    ],
)
def test_a_session_is_told_what_an_answer_calls_for(response: HttpResponse, expected: Judgement) -> None:
    judge = Judge(build().errors, None)

    assert judge.needs_body(response.status)
    assert judge.judge(response.status, response.header, response.body, 0.0) == expected


def test_nothing_is_read_that_no_rule_looks_into() -> None:
    assert not Judge(None, None).needs_body(200)
    assert not Judge(build(errors={"expired_statuses": [419]}).errors, None).needs_body(419)
