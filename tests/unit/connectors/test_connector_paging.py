"""Every kind of paging walks to its end, and stops with an error where it would not end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

import pytest

from airflow_provider_integry.auth.wire import HttpRequest, HttpResponse
from airflow_provider_integry.connectors.load import parse_connector
from airflow_provider_integry.connectors.run import ActivityCall
from airflow_provider_integry.connectors.spec import Connector
from airflow_provider_integry.errors import PagingError, ResponseFormatError

Query = Callable[..., Connector]
Answer = Callable[..., HttpResponse]


def _call(connector: Connector, **options: int) -> ActivityCall:
    return ActivityCall(connector, "list", {}, base_url=None, page_limit=options.get("page_limit"))


def _tail(request: HttpRequest) -> str:
    return request.url.removeprefix("https://q.example/items")


def _walk(call: ActivityCall, bodies: Iterable[object]) -> tuple[list[str], list[object]]:
    """Play the server: one body per request; return the queries seen and the records."""
    queries, records = [], []
    for body in bodies:
        assert call.request is not None, "the call ended early"
        queries.append(_tail(call.request))
        page = call.receive(HttpResponse(200, (), json.dumps(body).encode()))
        assert isinstance(page, list)
        records += page
    return queries, records


def test_page_numbers_go_on_until_an_empty_page(query: Query) -> None:
    """Without size and total only an empty page ends it."""
    call = _call(query("{kind: page, param: page}"))
    queries, records = _walk(call, [{"items": [1, 2]}, {"items": [3]}, {"items": []}])
    assert (queries, records, call.request) == (["?page=1", "?page=2", "?page=3"], [1, 2, 3], None)


def test_page_numbers_end_on_a_short_page(query: Query) -> None:
    """With a size, a page of fewer records is the last."""
    call = _call(query("{kind: page, param: p, start: 0, size_param: per_page, size: 2}"))
    queries, _ = _walk(call, [{"items": [1, 2]}, {"items": [3]}])
    assert (queries, call.request) == (["?per_page=2&p=0", "?per_page=2&p=1"], None)


def test_page_numbers_end_at_the_total(query: Query) -> None:
    """A declared total ends it without one request too many, and a server's own page size does no harm."""
    call = _call(query("{kind: page, param: p, size_param: n, size: 100, total: meta.total}"))
    bodies = [
        {"items": [1, 2], "meta": {"total": "5"}},
        {"items": [3, 4], "meta": {"total": 5}},
        {"items": [5], "meta": {"total": 5}},
    ]
    queries, records = _walk(call, bodies)
    assert (len(queries), records, call.request) == (3, [1, 2, 3, 4, 5], None)


def test_page_numbers_end_at_the_number_of_pages(query: Query) -> None:
    """A declared number of pages counts from the first one."""
    call = _call(query("{kind: page, param: p, start: 0, total_pages: pages}"))
    queries, _ = _walk(call, [{"items": [1], "pages": 2}, {"items": [2], "pages": 2}])
    assert (queries, call.request) == (["?p=0", "?p=1"], None)


def test_a_total_that_is_not_told_leaves_the_short_page_rule(query: Query) -> None:
    """Null is not zero."""
    call = _call(query("{kind: page, param: p, size: 2, total: total}"))
    _walk(call, [{"items": [1, 2], "total": None}, {"items": [3], "total": None}])
    assert call.request is None


@pytest.mark.parametrize("total", [[1], {"a": 1}, True, "many", 1.5])
def test_a_total_that_is_no_number_is_a_paging_error(query: Query, answer: Answer, total: object) -> None:
    """The error names the dotted key and the type."""
    call = _call(query("{kind: page, param: p, total: meta.total}"))
    with pytest.raises(PagingError, match=r"'paging\.total: meta\.total' selects .*; it must be a number"):
        call.receive(answer({"items": [1], "meta": {"total": total}}))


def test_offsets_follow_the_records_received(query: Query) -> None:
    """The next position counts what came, not what was asked for."""
    call = _call(query("{kind: offset, param: offset, size_param: limit, size: 3, total: total}"))
    bodies = [{"items": [1, 2], "total": 4}, {"items": [3], "total": 4}, {"items": [4], "total": 4}]
    queries, records = _walk(call, bodies)
    assert queries == ["?limit=3&offset=0", "?limit=3&offset=2", "?limit=3&offset=3"]
    assert (records, call.request) == ([1, 2, 3, 4], None)


def test_positions_that_begin_at_one_lose_no_record_to_the_total(query: Query) -> None:
    """Three of three, not one and two of three (RFC 7644 section 3.4.2.4)."""
    call = _call(query("{kind: offset, param: startIndex, start: 1, size: 1, total: total}"))
    queries, records = _walk(call, [{"items": [number], "total": 3} for number in (1, 2, 3)])
    assert (queries, records) == (["?startIndex=1", "?startIndex=2", "?startIndex=3"], [1, 2, 3])
    assert call.request is None


def test_offsets_end_on_a_short_or_empty_page(query: Query) -> None:
    """Without a total the same rules as for pages hold."""
    short = _call(query("{kind: offset, param: o, start: 1, size: 2}"))
    queries, _ = _walk(short, [{"items": [1, 2]}, {"items": [3]}])
    assert (queries, short.request) == (["?o=1", "?o=3"], None)
    empty = _call(query("{kind: offset, param: o}"))
    _walk(empty, [{"items": [1, 2]}, {"items": []}])
    assert empty.request is None


@pytest.mark.parametrize("kind", ["page", "offset"])
def test_an_answer_that_says_whether_there_is_more_is_believed(query: Query, kind: str) -> None:
    """Neither a short page nor a full one says it then; where the answer is silent, the short page does."""
    paging = query(f"{{kind: {kind}, param: p, size: 2, more: more}}")
    call = _call(paging)
    queries, records = _walk(call, [{"items": [1], "more": True}, {"items": [2, 3], "more": False}])
    assert (len(queries), records, call.request) == (2, [1, 2, 3], None)
    silent = _call(paging)
    _walk(silent, [{"items": [1, 2]}, {"items": [3], "more": None}])
    assert silent.request is None


@pytest.mark.parametrize("end", [None, "", False])
def test_cursors_go_on_until_there_is_none(query: Query, end: object) -> None:
    """Null, empty and false end it; the first request has no cursor."""
    call = _call(query("{kind: cursor, param: after, cursor: meta.next, size_param: limit, size: 2}"))
    bodies = [
        {"items": [1], "meta": {"next": "a b"}},
        {"items": [], "meta": {"next": 7}},
        {"items": [2], "meta": {"next": end}},
    ]
    queries, records = _walk(call, bodies)
    assert queries == ["?limit=2", "?limit=2&after=a+b", "?limit=2&after=7"]
    assert (records, call.request) == ([1, 2], None)


def test_a_missing_cursor_ends_it(query: Query) -> None:
    """An answer without the key is the last page."""
    call = _call(query("{kind: cursor, param: c, cursor: meta.next}"))
    _walk(call, [{"items": [1]}])
    assert call.request is None


def test_the_first_page_may_want_a_cursor_too(query: Query) -> None:
    """`initial` is sent first, be it empty."""
    call = _call(query('{kind: cursor, param: c, cursor: next, initial: ""}'))
    queries, _ = _walk(call, [{"items": [1], "next": "x"}, {"items": [2]}])
    assert queries == ["?c=", "?c=x"]


def test_a_cursor_may_go_to_a_header(query: Query) -> None:
    """The size stays in the query."""
    call = _call(query("{kind: cursor, in: header, param: X-Next, cursor: next, size_param: n, size: 1}"))
    _walk(call, [{"items": [1], "next": "x"}])
    assert call.request is not None
    assert (call.request.header("X-Next"), _tail(call.request)) == ("x", "?n=1")


def test_a_cursor_may_go_to_the_body() -> None:
    """A dotted name nests it beside the inputs; a number stays a number."""
    text = (
        "name: g\ntitle: G\nbase_url: https://q.example\nactivities:\n  list:\n    kind: query\n    method: POST\n"
        "    path: /graphql\n    inputs:\n      q: {in: body, name: query, default: abc}\n"
        "      v: {in: body, name: variables.x, default: 1}\n    paging: {kind: cursor, in: body,"
        " param: variables.after, cursor: next, size_param: variables.first, size: 2}\n"
    )
    call = ActivityCall(parse_connector(text, "g"), "list", {}, base_url=None)
    assert call.request is not None
    assert json.loads(call.request.body or b"") == {"query": "abc", "variables": {"x": 1, "first": 2}}
    with pytest.raises(ResponseFormatError, match="the whole answer"):
        call.receive(HttpResponse(200, (), b'{"next": 5}'))
    call = ActivityCall(
        parse_connector(text.replace("    paging", "    result: items\n    paging"), "g"),
        "list",
        {},
        base_url=None,
    )
    call.receive(HttpResponse(200, (), b'{"items": [1], "next": 5}'))
    assert call.request is not None
    assert json.loads(call.request.body or b"") == {
        "query": "abc",
        "variables": {"x": 1, "first": 2, "after": 5},
    }


def test_more_ends_it_although_there_is_a_cursor(query: Query) -> None:
    """Some APIs always give a cursor, and a flag that counts."""
    call = _call(query("{kind: cursor, param: c, cursor: next, more: has_more}"))
    _walk(call, [{"items": [1], "next": "a", "has_more": True}, {"items": [2], "next": "b", "has_more": False}])
    assert call.request is None


def test_more_without_a_cursor_is_a_paging_error(query: Query, answer: Answer) -> None:
    """Ending quietly would lose records."""
    call = _call(query("{kind: cursor, param: c, cursor: next, more: has_more}"))
    with pytest.raises(PagingError, match="there is another page, but the answer has no cursor"):
        call.receive(answer({"items": [1], "has_more": True}))


def test_more_that_is_no_boolean_is_a_paging_error(query: Query, answer: Answer) -> None:
    """The text "false" would count as true."""
    call = _call(query("{kind: cursor, param: c, cursor: next, more: has_more}"))
    with pytest.raises(PagingError, match=r"'paging\.more: has_more' selects a string; it must select a boolean"):
        call.receive(answer({"items": [1], "next": "a", "has_more": "false"}))


@pytest.mark.parametrize(("cursor", "kind"), [({"a": 1}, "an object"), ([1], "a list"), (True, "a boolean")])
def test_a_cursor_of_another_type_is_a_paging_error(query: Query, answer: Answer, cursor: object, kind: str) -> None:
    """The error names the dotted key and the type."""
    call = _call(query("{kind: cursor, param: c, cursor: meta.next}"))
    with pytest.raises(PagingError, match=rf"'paging\.cursor: meta\.next' selects {kind}"):
        call.receive(answer({"items": [1], "meta": {"next": cursor}}))


@pytest.mark.parametrize("bodies", [["a", "a"], ["a", "b", "a"], ["start"]])
def test_the_same_cursor_twice_is_a_loop(query: Query, answer: Answer, bodies: list[str]) -> None:
    """Also when others came in between."""
    call = _call(query("{kind: cursor, param: c, cursor: next, initial: start}"))
    *first, last = bodies
    for number, cursor in enumerate(first):
        call.receive(answer({"items": [number], "next": cursor}))
    with pytest.raises(PagingError, match="the same cursor twice"):
        call.receive(answer({"items": [9], "next": last}))


@pytest.mark.parametrize("paging", ["{kind: page, param: p}", "{kind: offset, param: o}"])
def test_the_same_page_twice_is_a_loop(query: Query, answer: Answer, paging: str) -> None:
    """A server that ignores the paging parameters is found out at the second page."""
    call = _call(query(paging))
    call.receive(answer({"items": [1]}))
    with pytest.raises(PagingError, match="page 2 is the same as page 1, byte for byte"):
        call.receive(answer({"items": [1]}))


def test_empty_pages_that_repeat_are_told_as_a_cursor_loop(query: Query) -> None:
    """Without records no page repeats; it is the cursor that does."""
    call = _call(query("{kind: cursor, param: c, cursor: next}"))
    call.receive(HttpResponse(200, (), b'{"items": [], "next": 1}'))
    with pytest.raises(PagingError, match="the same cursor twice"):
        call.receive(HttpResponse(200, (), b'{"items": [], "next": 1}'))


def test_a_cursor_that_no_header_can_carry_is_a_paging_error(query: Query, answer: Answer) -> None:
    """A server cannot inject a header line into the next request."""
    call = _call(query("{kind: cursor, in: header, param: X-Next, cursor: next}"))
    with pytest.raises(PagingError, match="line break"):
        call.receive(answer({"items": [1], "next": "a\r\nX-Evil: 1"}))


def test_too_many_pages_is_a_paging_error(query: Query, answer: Answer) -> None:
    """A query that does not end is not cut quietly."""
    call = _call(query("{kind: page, param: p, max_pages: 2}"))
    call.receive(answer({"items": [1]}))
    with pytest.raises(PagingError, match=r"more than 2 pages.*max_pages"):
        call.receive(answer({"items": [2]}))


def test_exactly_max_pages_is_fine(query: Query) -> None:
    """The limit is met only when there is another page."""
    call = _call(query("{kind: page, param: p, size: 1, total_pages: n, max_pages: 2}"))
    _walk(call, [{"items": [1], "n": 2}, {"items": [2], "n": 2}])
    assert call.request is None


def test_the_callers_limit_ends_quietly(query: Query) -> None:
    """`page_limit` is a wish of the caller, not an error."""
    call = _call(query("{kind: page, param: p}"), page_limit=2)
    _walk(call, [{"items": [1]}, {"items": [2]}])
    assert (call.request, call.pages) == (None, 2)


def test_a_limit_below_one_is_refused(query: Query) -> None:
    """Zero pages make no call."""
    with pytest.raises(ValueError, match="at least 1"):
        _call(query("{kind: none}"), page_limit=0)


def test_page_numbers_may_go_to_a_form_body() -> None:
    """Number and size are form fields beside the inputs."""
    text = (
        "name: g\ntitle: G\nbase_url: https://q.example\nactivities:\n  list:\n    kind: query\n    method: POST\n"
        "    path: /search\n    body_format: form\n    result: items\n    inputs: {q: {in: body, default: a b}}\n"
        "    paging: {kind: page, in: body, param: page, size_param: size, size: 1}\n"
    )
    call = ActivityCall(parse_connector(text, "g"), "list", {}, base_url=None)
    call.receive(HttpResponse(200, (), b'{"items": [1]}'))
    assert call.request is not None
    assert call.request.body == b"q=a+b&size=1&page=2"
