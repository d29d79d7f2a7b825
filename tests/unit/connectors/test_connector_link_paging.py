"""Paging by the URL that the last answer names, in its Link header (RFC 8288) or in its body."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from airflow_provider_integry.auth.wire import HttpResponse
from airflow_provider_integry.connectors.run import ActivityCall
from airflow_provider_integry.connectors.spec import Connector
from airflow_provider_integry.connectors.url_pager import find_link
from airflow_provider_integry.errors import ConnectorFormatError, PagingError

Query = Callable[..., Connector]
HOST = "https://q.example"
FOREIGN = [
    "https://evil.example/items?page=2",
    "http://q.example/items?page=2",
    "https://q.example:8443/items?page=2",
    "https://q.example.evil.com/items",
    "//evil.example/items",
    "https://q.example@evil.example/items",
    "https://evil.example\\@q.example/items",
    "ftp://q.example/items",
]


def _linked(items: list[int], *links: str) -> HttpResponse:
    headers = tuple(("Link", link) for link in links)
    return HttpResponse(200, headers, json.dumps({"items": items}).encode())


def _named(items: list[int], following: object) -> HttpResponse:
    return HttpResponse(200, (), json.dumps({"items": items, "next": following}).encode())


def _start(connector: Connector) -> ActivityCall:
    return ActivityCall(connector, "list", {}, base_url=None)


def test_link_headers_are_followed_until_there_is_none(query: Query) -> None:
    """The link replaces the URL with its query, and the last page has none."""
    call = _start(query("{kind: link, size_param: per_page, size: 2}"))
    assert call.request is not None
    assert call.request.url == f"{HOST}/items?per_page=2"
    assert call.receive(_linked([1, 2], f'<{HOST}/items?page=2&per_page=2>; rel="next"')) == [1, 2]
    assert call.request is not None
    assert call.request.url == f"{HOST}/items?page=2&per_page=2"
    assert call.receive(_linked([3], f'<{HOST}/items?page=1>; rel="prev"')) == [3]
    assert call.request is None


def test_urls_in_the_body_are_followed_until_null(query: Query) -> None:
    """Absolute and relative URLs both lead on."""
    call = _start(query("{kind: next_url, url: next}"))
    call.receive(_named([1], "/items?page=2"))
    assert call.request is not None
    assert call.request.url == f"{HOST}/items?page=2"
    call.receive(_named([2], f"{HOST}/items?page=3"))
    assert call.request is not None
    assert call.request.url == f"{HOST}/items?page=3"
    call.receive(_named([3], None))
    assert call.request is None


@pytest.mark.parametrize("url", FOREIGN)
def test_a_next_url_to_another_place_is_refused(query: Query, url: str) -> None:
    """A credential does not follow a link to another host, port or scheme."""
    call = _start(query("{kind: next_url, url: next}"))
    with pytest.raises(PagingError, match=r"'paging\.url: next'"):
        call.receive(_named([1], url))


@pytest.mark.parametrize("url", FOREIGN)
def test_a_link_header_to_another_place_is_refused(query: Query, url: str) -> None:
    """The same holds for the header."""
    call = _start(query("{kind: link}"))
    with pytest.raises(PagingError, match=r"'paging\.rel: next'"):
        call.receive(_linked([1], f'<{url}>; rel="next"'))


def test_a_next_url_that_was_there_before_is_a_loop(query: Query) -> None:
    """Also a loop of two pages ends."""
    call = _start(query("{kind: next_url, url: next}"))
    call.receive(_named([1], "/items?page=2"))
    with pytest.raises(PagingError, match="same URL twice"):
        call.receive(_named([2], "/items"))


@pytest.mark.parametrize("value", [1, True, ["x"], {"href": "x"}])
def test_a_next_url_must_be_text(query: Query, value: object) -> None:
    """A wrong expression is named, not followed."""
    call = _start(query("{kind: next_url, url: next}"))
    with pytest.raises(PagingError, match="must select a text"):
        call.receive(_named([1], value))


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (['<https://h/?a=1,2;b>; rel="next"'], "https://h/?a=1,2;b"),
        (["<https://h/1>; rel=prev, <https://h/3>; rel=next"], "https://h/3"),
        (["<https://h/1>; rel=prev", "<https://h/3>; rel=next"], "https://h/3"),
        (['<https://h/3>; title="a, <b>; rel=next"; rel="last next"'], "https://h/3"),
        (['<https://h/3>; REL="NEXT"'], "https://h/3"),
        (['<https://h/3>; results="true"; rel="next"; cursor="0:100:0"'], "https://h/3"),
        (['<https://h/3>; rel="next-archive"'], None),
        (["<https://h/3>"], None),
        (["rubbish"], None),
        ([""], None),
        (["<" * 5000], None),
    ],
)
def test_link_headers_as_servers_write_them(headers: list[str], expected: str | None) -> None:
    """Commas inside URLs and titles, several relations, several headers, any case."""
    response = HttpResponse(200, tuple(("link", value) for value in headers))
    assert find_link(response, "next") == expected


def test_link_paging_takes_no_param(query: Query) -> None:
    """A key of another kind is refused by its path."""
    with pytest.raises(ConnectorFormatError) as caught:
        query("{kind: link, param: page}")
    assert caught.value.key == "activities.list.paging.param"
