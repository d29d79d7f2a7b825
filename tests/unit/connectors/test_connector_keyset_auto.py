"""Paging by the last record, paging that is found, limits of the caller, and where a later call goes on."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from airflow_provider_integry.auth.wire import HttpResponse
from airflow_provider_integry.connectors.load import parse_connector
from airflow_provider_integry.connectors.run import ActivityCall
from airflow_provider_integry.connectors.spec import Connector
from airflow_provider_integry.errors import ConnectorFormatError, PagingError

Query = Callable[..., Connector]
KEYSET = "{kind: keyset, param: after, field: id, size_param: n, size: 2}"


@pytest.fixture(params=[False, True], ids=["decoded", "raw"])
def call(request: pytest.FixtureRequest, query: Query) -> Callable[..., ActivityCall]:
    """Return a function that begins a call of a query with this paging, with its records decoded or as bytes."""

    def begin(paging: str, *, more: str = "result: items", **limits: object) -> ActivityCall:
        return ActivityCall(query(paging, more=more), "list", {}, base_url=None, raw=request.param, **limits)  # type: ignore[arg-type]

    return begin


def walk(call: ActivityCall, *bodies: object, link: str | None = None) -> tuple[list[str], list[object]]:
    """Return what was asked for behind the path, and all records."""
    asked, records = [], []
    for body in bodies:
        assert call.request is not None, "the call ended early"
        asked.append(call.request.url.removeprefix("https://q.example"))
        headers = (("Link", link),) if link else ()
        page = call.receive(HttpResponse(200, headers, json.dumps(body).encode()))
        assert isinstance(page, list)
        records += [json.loads(bytes(record)) if not isinstance(record, dict | int) else record for record in page]
    return asked, records


def items(*ids: object, **more: object) -> dict[str, object]:
    """Return a page."""
    return {"items": [{"id": ident} for ident in ids], **more}


def test_the_next_page_starts_after_the_last_record(call: Callable[..., ActivityCall]) -> None:
    """Its field goes into the query, and a short page is the last."""
    running = call(KEYSET)
    asked, records = walk(running, items(1, 2), items(3, 7), items(9))
    assert asked == ["/items?n=2", "/items?n=2&after=2", "/items?n=2&after=7"]
    assert [record["id"] for record in records] == [1, 2, 3, 7, 9]  # type: ignore[index]
    assert (running.request, running.cursor, running.pages) == (None, 9, 3)


@pytest.mark.parametrize(
    ("paging", "bodies"),
    [
        ("{kind: keyset, param: a, field: id}", [items(5), items(3), items()]),
        ("{kind: keyset, param: a, field: id, more: more}", [items(1, more=True), items(2, more=False)]),
        ("{kind: keyset, param: a, field: id, total: n}", [items(1, n=2), items(2, n=2)]),
        ("{kind: keyset, param: a, field: id, more: more, size: 5}", [items(1, more=True), items(2, more=False)]),
        ("{kind: keyset, param: a, field: id}", [items("b"), items("B"), items("a"), items()]),
        ("{kind: keyset, param: a, field: id, initial: 0}", [items(1), items()]),
        ("{kind: cursor, param: c, cursor: c, total: n}", [items(1, c="x", n=2), items(2, c="y", n=2)]),
        ("{kind: next_url, url: u, total: n}", [items(1, u="?p=2", n=2), items(2, u="?p=3", n=2)]),
    ],
)
def test_it_ends_where_it_should(call: Callable[..., ActivityCall], paging: str, bodies: list[object]) -> None:
    """At an empty page, at `more`, at the total; numbers may fall, texts have an order of the server's own."""
    running = call(paging)
    walk(running, *bodies)
    assert running.request is None


@pytest.mark.parametrize(
    ("bodies", "told"),
    [
        ([items(1, 2), items(3, 2)], "goes from 2 to 2"),
        ([items(1, 2), items(3, 4), items(5, 3)], "goes from 4 to 3"),
        ([items(9, 8), items(7, 6), items(5, 7)], "goes from 6 to 7"),
        ([items("a", "b"), items("c", "b")], "has 'b' in the last records of two pages"),
        ([items("a", "b"), items("c", "d"), items("e", "b")], "has 'b' in the last records of two pages"),
        ([items(1, None)], "selects null in the last record"),
        ([items(1, "")], "selects an empty text"),
        ([items(1, True)], "selects a boolean"),
        ([items(1, [2])], "selects a list"),
        ([{"items": [{"name": "x"}, {"name": "y"}]}], "selects null"),
    ],
)
def test_a_value_that_does_not_lead_on_is_an_error(
    call: Callable[..., ActivityCall], bodies: list[object], told: str
) -> None:
    """Pages would repeat without end."""
    with pytest.raises(PagingError, match=f"'paging.field: id' {told}"):
        walk(call(KEYSET), *bodies)


def test_an_empty_page_that_promises_another_is_an_error(call: Callable[..., ActivityCall]) -> None:
    """There is no record to go on from."""
    with pytest.raises(PagingError, match=r"paging\.more.*no record to go on from"):
        walk(call("{kind: keyset, param: a, field: id, more: more}"), items(1, more=True), items(more=True))


@pytest.mark.parametrize(
    ("paging", "told"),
    [
        ("{kind: keyset, param: a}", "field"),
        ("{kind: keyset, field: id}", "param"),
        ("{kind: keyset, param: a, field: 'a['}", "JMESPath"),
        ("{kind: keyset, in: body, param: a, field: id}", "a GET request has none"),
        ("{kind: keyset, in: header, param: Authorization, field: id}", "set by the connection"),
        ("{kind: cursor, param: a}", "is missing; say where"),
        ("{kind: cursor, param: a, cursor: b, cursor_header: c}", "stands beside 'cursor'"),
        ("{kind: auto, param: a}", "not a known key"),
        ("{kind: auto, size_param: n}", "size"),
        ("{kind: automatic}", "keyset"),
    ],
)
def test_wrong_declarations_are_refused(paging: str, told: str) -> None:
    """As everywhere in a connector."""
    text = f"name: q\ntitle: Q\nactivities:\n  list:\n    kind: query\n    path: /items\n    paging: {paging}\n"
    with pytest.raises(ConnectorFormatError, match=told):
        parse_connector(text, "q.yaml")


# -- limits and cursors -----------------------------------------------------------------------------


def test_a_limit_of_records_cuts_the_last_page(call: Callable[..., ActivityCall]) -> None:
    """It ends without error; the cursor of a keyset leads to what was cut."""
    running = call(KEYSET, record_limit=3)
    _, records = walk(running, items(1, 2), items(3, 4))
    assert [record["id"] for record in records] == [1, 2, 3]  # type: ignore[index]
    assert (running.request, running.cursor) == (None, 3)


@pytest.mark.parametrize(("limit", "cursor"), [(3, "b"), (4, "c")])
def test_a_cut_page_is_asked_for_again_by_its_cursor(
    call: Callable[..., ActivityCall], limit: int, cursor: str
) -> None:
    """Nothing is missed: a page that was cut comes once more."""
    running = call("{kind: cursor, param: c, cursor: c}", record_limit=limit)
    walk(running, items(1, 2, c="b"), items(3, 4, c="c"))
    assert (running.request, running.cursor) == (None, cursor)


def test_a_limit_of_pages_leaves_the_cursor_of_the_next(call: Callable[..., ActivityCall]) -> None:
    """A later call goes on there."""
    running = call("{kind: cursor, param: c, cursor: c}", page_limit=1)
    walk(running, items(1, c="b"))
    assert (running.request, running.cursor) == (None, "b")
    again = call("{kind: cursor, param: c, cursor: c}", cursor=running.cursor)
    assert walk(again, items(2, c=None)) == (["/items?c=b"], [{"id": 2}])


def test_a_cursor_that_comes_with_the_last_page_is_kept(call: Callable[..., ActivityCall]) -> None:
    """APIs that tell changes give one with every answer."""
    running = call("{kind: cursor, param: c, cursor: c, more: more}")
    walk(running, items(1, c="b", more=True), items(2, c="d", more=False))
    assert running.cursor == "d"


def test_no_new_record_keeps_the_cursor(call: Callable[..., ActivityCall]) -> None:
    """What a later call starts with is at least what this one started with."""
    for paging in (KEYSET, "{kind: cursor, param: after, cursor: c}"):
        running = call(paging, cursor=41)
        asked, _ = walk(running, items())
        assert asked[0].endswith("after=41")
        assert running.cursor == 41


@pytest.mark.parametrize("paging", ["{kind: none}", "{kind: page, param: p}", "{kind: link}", "{kind: auto}"])
def test_what_has_no_cursor_cannot_start_at_one(call: Callable[..., ActivityCall], paging: str) -> None:
    """The error says which kinds can."""
    with pytest.raises(PagingError, match="cannot start at a cursor; those of kind cursor and keyset can"):
        call(paging, cursor="x")


# -- found by the first answer ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        ({"next": "https://q.example/items?page=2"}, "/items?page=2", "next_url: 'next'"),
        ({"links": {"next": "/items?p=2"}}, "/items?p=2", "next_url: 'links.next'"),
        ({"_links": {"next": {"href": "?p=2"}}}, "/items?p=2", "next_url: '_links.next.href'"),
        ({"@odata.nextLink": "https://q.example/i?$skip=1"}, "/i?$skip=1", "next_url: '\"@odata.nextLink\"'"),
        ({"paging": {"next": {"after": "x"}}}, "/items?after=x", "cursor: 'paging.next.after', sent in the query"),
        ({"next_cursor": "x=="}, "/items?cursor=x%3D%3D", "cursor: 'next_cursor', sent in the query as 'cursor'"),
        ({"nextPageToken": "t", "next": None}, "/items?pageToken=t", "cursor: 'nextPageToken'"),
        ({"meta": {"next_page": 2}}, "/items?page=2", "cursor: 'meta.next_page'"),
        ({"response_metadata": {"next_cursor": "x"}}, "/items?cursor=x", "cursor: 'response_metadata.next_cursor'"),
    ],
)
def test_a_usual_place_is_found(call: Callable[..., ActivityCall], first: object, second: str, found: str) -> None:
    """And used to the end."""
    assert isinstance(first, dict)
    running = call("{kind: auto}")
    assert running.paging_found is None
    asked, records = walk(running, items(1, **first), items(2, unrelated=1))
    assert asked == ["/items", second]
    assert (len(records), running.request) == (2, None)
    assert str(running.paging_found).startswith(found)


def test_the_link_header_comes_first(call: Callable[..., ActivityCall]) -> None:
    """Nothing is clearer."""
    running = call("{kind: auto, size_param: n, size: 1}")
    walk(running, items(1, next_cursor="x"), link="</items?n=1&page=2>; rel=next")
    assert running.request is not None
    assert running.request.url.endswith("/items?n=1&page=2")
    assert running.paging_found == "link: header 'Link' with rel 'next'"


def test_an_answer_that_is_a_list_is_paged_by_its_link(call: Callable[..., ActivityCall]) -> None:
    """It has no keys to look under."""
    running = call("{kind: auto}", more="method: GET")
    walk(running, [1, 2], link='<?page=2>; rel="next"')
    walk(running, [3])
    assert (running.request, running.pages) == (None, 2)


def test_a_first_page_without_anything_is_the_only_one(call: Callable[..., ActivityCall]) -> None:
    """That is said, too."""
    running = call("{kind: auto}")
    walk(running, items(1, total=1, has_more=False, next=None, meta=[]))
    assert (running.request, running.paging_found) == (None, "nothing found: one page")


@pytest.mark.parametrize(
    ("first", "told"),
    [
        ({"has_more": True}, "says 'has_more: true'"),
        ({"meta": {"total": 7}}, "counts 7 records under 'meta.total' and holds 1"),
        ({"total_count": "7"}, "counts 7 records"),
        ({"next": "eyJ"}, "has a value under 'next' that is neither a URL nor a page number"),
    ],
)
def test_a_first_page_that_is_not_all_is_not_taken_for_all(
    call: Callable[..., ActivityCall], first: dict[str, object], told: str
) -> None:
    """Half of the records would be worse than an error."""
    with pytest.raises(PagingError, match=f"{told}.*declare 'paging'"):
        walk(call("{kind: auto}"), items(1, **first))


@pytest.mark.parametrize(
    ("first", "told"),
    [
        ({"next": "https://elsewhere.example/items?page=2"}, "leads to https://elsewhere"),
        ({"next": "http://q.example/items?page=2"}, "leads to http://q.example"),
        ({"next": "https://q.example:8443/items"}, "leads to https://q.example:8443"),
    ],
)
def test_a_found_url_must_not_lead_elsewhere(
    call: Callable[..., ActivityCall], first: dict[str, object], told: str
) -> None:
    """A credential does not follow it."""
    with pytest.raises(PagingError, match=told):
        walk(call("{kind: auto}"), items(1, **first))


def test_a_found_cursor_that_is_ignored_is_a_loop(call: Callable[..., ActivityCall]) -> None:
    """The parameter was a guess, and a wrong one is found out."""
    running = call("{kind: auto}")
    with pytest.raises(PagingError, match="page 2 is the same as page 1"):
        walk(running, items(1, next_cursor="x"), items(1, next_cursor="x"))


def test_the_cursor_of_a_search_goes_into_its_body() -> None:
    """A POST has its cursor beside its inputs."""
    text = (
        "name: g\ntitle: G\nbase_url: https://q.example\nactivities:\n  list:\n    kind: query\n    method: POST\n"
        "    path: /search\n    result: items\n    inputs: {q: {in: body, default: a}}\n    paging: {kind: auto}\n"
    )
    running = ActivityCall(parse_connector(text, "g"), "list", {}, base_url=None)
    running.receive(HttpResponse(200, (), b'{"items": [1], "next_cursor": "x"}'))
    assert running.request is not None
    assert running.request.body == b'{"q":"a","cursor":"x"}'
