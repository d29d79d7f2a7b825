"""Where a browser may be sent back to: nothing that can be read in two ways, and nothing beside what is allowed."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integry.end_users.return_urls import add_query, check_origin, check_return_url
from airflow_provider_integry.errors import LinkRequestError

ALLOWED = ("https://app.example.com/done", "https://app.example.com:8443/", "https://other.example.com")


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example.com/done",
        "https://app.example.com/done/",
        "https://app.example.com/done/more/of/it",
        "https://app.example.com/done?a=1&b=%2F..%2F",
        "https://APP.example.com/done",
        "https://app.example.com:443/done",
        "https://app.example.com:8443/anything",
        "https://app.example.com:8443",
        "https://other.example.com/x",
        "https://app.example.com/done/%C3%A9",
    ],
)
def test_an_allowed_url_and_what_is_below_it_is_accepted(url):
    assert check_return_url(url, ALLOWED) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/done",
        "//app.example.com/done",
        "///app.example.com/done",
        "/\\app.example.com/done",
        "https:app.example.com/done",
        "https:/app.example.com/done",
        "https:\\\\app.example.com\\done",
        "http://app.example.com/done",
        "javascript:alert(1)//https://app.example.com/done",
        "data:text/html,x",
        "https://evil.example/done",
        "https://app.example.com.evil.example/done",
        "https://evilapp.example.com/done",
        "https://app.example.com@evil.example/done",
        "https://evil.example@app.example.com/done",
        "https://user:pw@app.example.com/done",
        "https://app.example.com:444/done",
        "https://app.example.com:8443@evil.example/done",
        "https://evil.example\\@app.example.com/done",
        "https://evil.example#@app.example.com/done",
        "https://evil.example?@app.example.com/done",
        "https://app.example.com/",
        "https://app.example.com",
        "https://app.example.com/donee",
        "https://app.example.com/Done",
        "https://app.example.com/done/../evil",
        "https://app.example.com/done/./x",
        "https://app.example.com/done/%2e%2e/evil",
        "https://app.example.com/done/%252e%252e/evil",
        "https://app.example.com/done/..%2fevil",
        "https://app.example.com/done/..;/evil",
        "https://app.example.com/done/%5c..%5cevil",
        "https://app.example.com/done//evil.example",
        "https://app.example.com//evil.example/done",
        "https://app.example.com/done#x",
        "https://app.example.com/done\n",
        " https://app.example.com/done",
        "https://app.example.com/done\x00",
        "https://app.example.com/do ne",
        "https://app.example.com/done/é",
        "https://\u0430pp.example.com/done",
        "https://[::1/done",
        "https://app.example.com/done/" + "x" * 2000,
    ],
)
def test_anything_else_is_refused(url):
    with pytest.raises(LinkRequestError) as caught:
        check_return_url(url, ALLOWED)
    assert caught.value.field == "return_url"


def test_nothing_is_allowed_where_nothing_is_listed():
    with pytest.raises(LinkRequestError):
        check_return_url("https://app.example.com/done", ())


def test_http_is_for_workspaces_that_allow_it():
    allowed = ("http://localhost:8000/done",)
    assert check_return_url("http://localhost:8000/done/x", allowed, allow_http=True)
    with pytest.raises(LinkRequestError):
        check_return_url("http://localhost:8000/done", allowed)


@given(st.text(alphabet="ab./\\%25e?#@:;é\x00 ", max_size=30))
def test_whatever_is_accepted_is_on_the_same_origin_and_below(tail):
    url = f"https://app.example.com/done{tail}"
    try:
        check_return_url(url, ALLOWED[:1])
    except LinkRequestError:
        return
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "app.example.com", "")
    segments = unquote(unquote(parts.path)).split("/")
    assert segments[1] == "done"
    assert not {".", ".."} & {one.split(";")[0] for one in segments}
    assert "\\" not in unquote(unquote(parts.path))


@pytest.mark.parametrize(
    "origin", ["https://app.example.com/", "https://app.example.com.evil", "null", "", "*", "https://APP.example.com"]
)
def test_an_origin_is_compared_as_browsers_write_it(origin):
    assert check_origin("https://app.example.com", ["https://app.example.com"])
    with pytest.raises(LinkRequestError):
        check_origin(origin, ["https://app.example.com"])


def test_values_are_added_to_a_query_and_cannot_leave_it():
    values = {"status": "connected", "state": "a&b=c#d é", "code": None}

    assert add_query("https://h/x", values) == "https://h/x?status=connected&state=a%26b%3Dc%23d+%C3%A9"
    assert add_query("https://h/x?y=1", {"status": "denied"}) == "https://h/x?y=1&status=denied"
