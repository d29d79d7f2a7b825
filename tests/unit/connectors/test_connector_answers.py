"""Answers become outputs and records, or one typed error that says what the API said."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from airflow_provider_integry.auth.wire import HttpResponse, parse_retry_after
from airflow_provider_integry.connectors.failures import build_status_error, find_detail
from airflow_provider_integry.connectors.run import ActivityCall
from airflow_provider_integry.connectors.select import decode_answer
from airflow_provider_integry.connectors.spec import Connector
from airflow_provider_integry.errors import HttpStatusError, ResponseFormatError, ServerError, ThrottledError
from airflow_provider_integry.secret import build_excerpt

Answer = Callable[..., HttpResponse]
TOKEN = "sk_live_51HxYzAbCdEfGhIjKlMnOpQrStUvWx"


def _raw(body: bytes, status: int = 200, content_type: str = "application/json") -> HttpResponse:
    return HttpResponse(status, (("Content-Type", content_type),), body)


def _action(crm: Connector) -> ActivityCall:
    return ActivityCall(crm, "get_contact", {"contact_id": 1}, base_url=None)


def _query(crm: Connector) -> ActivityCall:
    return ActivityCall(crm, "list_contacts", {}, base_url=None)


def test_an_action_returns_what_its_result_selects(crm: Connector, answer: Answer) -> None:
    """The call is complete after one answer."""
    call = _action(crm)
    assert call.receive(answer({"contact": {"id": 1}})) == {"id": 1}
    assert (call.request, call.is_query) == (None, False)


def test_an_action_without_result_returns_the_whole_answer(crm: Connector, answer: Answer) -> None:
    """No expression, no change."""
    call = ActivityCall(crm, "sign_in", {"user": "a"}, base_url=None)
    assert call.receive(answer([1, {"a": None}], 201)) == [1, {"a": None}]


@pytest.mark.parametrize("response", [_raw(b"", 204), _raw(b"", 200), _raw(b" \n", 202), HttpResponse(204)])
def test_an_empty_answer_of_an_action_is_none(crm: Connector, response: HttpResponse) -> None:
    """Actions often answer with nothing."""
    assert _action(crm).receive(response) is None


def test_a_query_returns_the_selected_list(crm: Connector, answer: Answer) -> None:
    """Without paging the first page is the last."""
    call = _query(crm)
    assert call.receive(answer({"items": [{"id": 1}]})) == [{"id": 1}]
    assert (call.request, call.is_query, call.pages) == (None, True, 1)


@pytest.mark.parametrize("body", [{"items": None}, {}, None])
def test_a_null_selection_is_no_records(crm: Connector, answer: Answer, body: object) -> None:
    """Many APIs leave the key out when there is nothing."""
    assert _query(crm).receive(answer(body)) == []


def test_204_is_no_records(crm: Connector) -> None:
    """No content is an empty page."""
    assert _query(crm).receive(_raw(b"", 204)) == []


@pytest.mark.parametrize(("body", "kind"), [({"items": {"id": 1}}, "an object"), ({"items": "x"}, "a string")])
def test_a_selection_that_is_no_list_says_so(crm: Connector, answer: Answer, body: object, kind: str) -> None:
    """The error names the expression and the type it gave."""
    with pytest.raises(ResponseFormatError, match=f"its result 'items' is {kind}, not a list"):
        _query(crm).receive(answer(body))


def test_a_byte_order_mark_is_tolerated(crm: Connector) -> None:
    """A BOM in front of JSON is skipped."""
    assert _query(crm).receive(_raw(b'\xef\xbb\xbf{"items": [1]}')) == [1]


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (
            _raw(b"<html><body>Sign in</body></html>", 200, "text/html; charset=utf-8"),
            "200 (text/html)|Sign in",
        ),
        (_raw(b"oops", 201, "text/plain"), "201 (text/plain)|oops"),
        (_raw(b'{"a": 1', 200), "200 (application/json)|not JSON"),
        (_raw(b'{"a": NaN}'), "not JSON"),
        (_raw(b"\xff\xfe\x00"), "not JSON"),
        (_raw(b"[" * 100_000), "not JSON"),
        (_raw(b"", 200), "empty body where JSON was expected"),
        (HttpResponse(200, (), b"x"), "no content type"),
    ],
    ids=["html", "text", "cut", "nan", "binary", "deep", "empty", "untyped"],
)
def test_an_answer_that_is_not_json_says_what_it_is(crm: Connector, response: HttpResponse, words: str) -> None:
    """Status, content type and a short excerpt are told."""
    with pytest.raises(ResponseFormatError) as caught:
        _query(crm).receive(response)
    for part in words.split("|"):
        assert part in str(caught.value)


def test_an_excerpt_is_short_and_holds_no_token() -> None:
    """At most 200 characters, one line, long runs blanked, also where the cut falls into one."""
    with pytest.raises(ResponseFormatError) as caught:
        decode_answer("a", _raw(f"key={TOKEN}\n\n{'word ' * 33}{TOKEN}{'tail ' * 90}".encode(), 200, "text/plain"))
    text = str(caught.value)
    assert "sk_live" not in text
    assert "\n" not in text
    assert "…" in text
    assert len(text) < 320


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"bad token {TOKEN}!", "bad token ***!"),
        (f"Bearer {TOKEN[:20]}", "Bearer ***"),
        ("invalid_client_credentials", "invalid_client_credentials"),
        ("abcdefghijklmnopqrstuvwxyz", "***"),
        ("_".join(["abcdefgh"] * 6), "***"),
        ("a\r\n\tb\x00c\u2028d", "a b c d"),
    ],
)
def test_what_looks_like_a_token_is_blanked(text: str, expected: str) -> None:
    """Words and error codes stay."""
    assert build_excerpt(text) == expected


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"message": "No such contact"}, "No such contact"),
        ({"error": {"message": "Nope", "code": 5}}, "Nope"),
        ({"error": "invalid_grant", "error_description": "Code expired"}, "Code expired"),
        ({"error": "not_found"}, "not_found"),
        ({"errors": [{"message": "First"}, {"message": "Second"}]}, "First"),
        ({"errors": ["Plain"]}, "Plain"),
        ({"detail": "Variable not found"}, "Variable not found"),
        ({"detail": [{"loc": ["body", "key"], "msg": "Field required"}]}, "Field required"),
        ({"title": "Gone", "type": "about:blank"}, "Gone"),
        ([{"message": "In a list", "errorCode": "X"}], "In a list"),
        ({"message": 5, "detail": "Used instead"}, "Used instead"),
        ({"message": "two\nlines"}, "two lines"),
        ({"status": 1}, ""),
        ("text", ""),
        (None, ""),
    ],
)
def test_the_vendors_message_is_found_in_the_usual_places(answer: Answer, body: object, detail: str) -> None:
    """The first place that holds text wins."""
    assert find_detail(answer(body, 400)) == detail


@pytest.mark.parametrize(
    ("body", "content_type", "detail"),
    [
        (b"<html><head><title>502 Bad Gateway</title></head>", "text/html", "502 Bad Gateway"),
        (b"<html>nothing", "text/html", ""),
        (b"upstream connect error", "text/plain", "upstream connect error"),
        (b"\x00\x01", "application/octet-stream", ""),
        (b"", "text/html", ""),
    ],
)
def test_an_error_page_gives_its_title(body: bytes, content_type: str, detail: str) -> None:
    """A proxy's page says what it is in its title."""
    assert find_detail(_raw(body, 502, content_type)) == detail


def test_the_message_is_bounded(answer: Answer) -> None:
    """A vendor's essay is cut at 200 characters."""
    detail = find_detail(answer({"message": "long words " * 100}, 400))
    assert len(detail) == 200


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (301, HttpStatusError, False),
        (400, HttpStatusError, False),
        (401, HttpStatusError, False),
        (404, HttpStatusError, False),
        (429, ThrottledError, True),
        (500, ServerError, True),
        (503, ServerError, True),
    ],
)
def test_each_status_has_its_class(
    crm: Connector, answer: Answer, status: int, kind: type[HttpStatusError], retryable: bool
) -> None:
    """Class, status, detail, request id and wait are all on the error."""
    response = answer({"message": "Nope"}, status, x_request_id="req-1", retry_after="7")
    with pytest.raises(HttpStatusError) as caught:
        _action(crm).receive(response)
    error = caught.value
    assert (type(error), error.status, error.retryable) == (kind, status, retryable)
    assert (error.activity, error.detail, error.request_id, error.retry_after_s) == (
        "get_contact",
        "Nope",
        "req-1",
        7.0,
    )


def test_after_a_refusal_the_same_request_can_be_sent_again(crm: Connector, answer: Answer) -> None:
    """A 401 leaves the call as it was, so a refreshed credential can retry it."""
    call = _query(crm)
    before = call.request
    with pytest.raises(HttpStatusError):
        call.receive(answer({}, 401))
    assert call.request == before
    assert call.receive(answer({"items": [1]})) == [1]


def test_a_call_that_is_complete_takes_no_answer(crm: Connector, answer: Answer) -> None:
    """A pump that goes on too long is a programming error."""
    call = _action(crm)
    call.receive(answer({}))
    with pytest.raises(RuntimeError, match="is complete"):
        call.receive(answer({}))


@pytest.mark.parametrize(
    ("value", "now", "seconds"),
    [
        ("0", None, 0.0),
        (" 120 ", None, 120.0),
        ("-5", None, None),
        ("1.5", None, None),
        ("٣", None, None),
        ("9" * 400, None, None),
        (None, 0.0, None),
        ("", 0.0, None),
        ("Sun, 22 Nov 2026 10:00:30 GMT", None, None),
        ("Sun, 22 Nov 2026 10:00:30 GMT", 1795341600.0, 30.0),
        ("Sun, 22 Nov 2026 10:00:30 GMT", 1795341700.0, 0.0),
        ("soon", 0.0, None),
        ("Sun, 99 Nov 2026 10:00:30 GMT", 0.0, None),
    ],
)
def test_retry_after_is_seconds_or_with_a_clock_a_date(
    value: str | None, now: float | None, seconds: float | None
) -> None:
    """Anything else is as if nothing was said."""
    assert parse_retry_after(value, now) == seconds


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("x_request_id", "abc-1", "abc-1"),
        ("X_Amzn_RequestId", "e1/2=", "e1/2="),
        ("cf_ray", "8a-FRA", "8a-FRA"),
        ("x_request_id", "a b", None),
        ("x_request_id", "a" * 101, None),
        ("x_other", "a", None),
    ],
)
def test_a_request_id_is_taken_only_when_it_looks_like_one(
    answer: Answer, name: str, value: str, expected: str | None
) -> None:
    """The usual headers are read whatever their case; odd values are left."""
    assert build_status_error("a", answer({}, 400, **{name: value})).request_id == expected


def test_an_expression_that_does_not_fit_is_a_format_error(answer: Answer, query: Callable[..., Connector]) -> None:
    """A function on the wrong type is told without the value."""
    call = ActivityCall(query("{kind: none}", more="result: keys(items)"), "list", {}, base_url=None)
    with pytest.raises(ResponseFormatError) as caught:
        call.receive(answer({"items": ["private"]}))
    assert "'result: keys(items)' cannot be applied to the answer: function keys() got a value of type array" in str(
        caught.value
    )
