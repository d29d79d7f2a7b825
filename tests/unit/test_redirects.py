"""Where a redirect leads, and what is taken along."""

from __future__ import annotations

import pytest

from airflow_provider_integry.auth.wire import HttpRequest
from airflow_provider_integry.errors import RedirectRefusedError
from airflow_provider_integry.transport.guard import HostGuard
from airflow_provider_integry.transport.redirects import REDIRECT_STATUS, plan_redirect

URL = "https://api.good.com/v1/contacts"
GUARD = HostGuard("https://api.good.com", ["files.good.com"])
FORM = (("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "text/plain"))


def follow(location="/v2", status=302, method="GET", headers=(), body=None, carriers=("authorization",), guard=GUARD):
    return plan_redirect(HttpRequest(method, URL, tuple(headers), body), status, location, guard, carriers)


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/v2/contacts", "https://api.good.com/v2/contacts"),
        ("other?page=2", "https://api.good.com/v1/other?page=2"),
        ("?page=2", "https://api.good.com/v1/contacts?page=2"),
        ("//files.good.com/a", "https://files.good.com/a"),
        ("https://files.good.com/a", "https://files.good.com/a"),
        ("https://API.good.com/a", "https://API.good.com/a"),
        ("https://api.good.com:443/a", "https://api.good.com:443/a"),
    ],
)
def test_a_location_is_taken_against_the_url_that_answered(location, expected):
    assert follow(location).url == expected


@pytest.mark.parametrize("status", sorted(REDIRECT_STATUS))
@pytest.mark.parametrize(
    "location",
    [
        "https://evil.com/v1",
        "//evil.com/v1",
        "https://api.good.com:8443/v1",
        "https://api.good.com.evil.com/",
        "https://api.good.com@evil.com/",
        "https://user:pass@api.good.com/",
        "https://evil.com\\@api.good.com/",
        "https://169.254.169.254/latest/meta-data",
        "ftp://api.good.com/x",
        "file:///etc/passwd",
        "data:text/plain,x",
    ],
)
def test_a_redirect_to_anywhere_else_is_refused(status, location):
    with pytest.raises(RedirectRefusedError):
        follow(location, status)


def test_backslashes_are_a_path_of_our_own_host():
    assert follow("\\\\evil.com/").url == "https://api.good.com/v1/\\\\evil.com/"


@pytest.mark.parametrize("location", ["http://api.good.com/v1", "http://evil.com/"])
def test_a_redirect_from_https_to_http_is_refused(location):
    guard = HostGuard("https://api.good.com", ["api.good.com"], allow_http=True)

    with pytest.raises(RedirectRefusedError, match="https to http"):
        follow(location, guard=guard)


def test_the_refusal_shows_neither_query_nor_user_info():
    with pytest.raises(RedirectRefusedError) as caught:
        follow("https://user:hunter2@evil.com/x?token=canary-1")

    assert "https://evil.com/x?token=***" in str(caught.value)
    assert "canary-1" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "method", "expected"),
    [
        (301, "GET", ("GET", b"a=1")),
        (301, "POST", ("GET", None)),
        (302, "POST", ("GET", None)),
        (302, "PUT", ("PUT", b"a=1")),
        (303, "POST", ("GET", None)),
        (303, "PUT", ("GET", None)),
        (303, "HEAD", ("HEAD", b"a=1")),
        (307, "POST", ("POST", b"a=1")),
        (308, "POST", ("POST", b"a=1")),
        (308, "DELETE", ("DELETE", b"a=1")),
    ],
)
def test_method_and_body_follow_the_standard(status, method, expected):
    request = follow(status=status, method=method, headers=FORM, body=b"a=1")

    assert (request.method, request.body) == expected


def test_headers_of_a_dropped_body_go_with_it():
    assert follow(status=303, method="POST", headers=FORM, body=b"a=1").headers == (("Accept", "text/plain"),)


@pytest.mark.parametrize(
    ("headers", "carriers"),
    [
        ((("Authorization", "Bearer s"),), ("authorization",)),
        ((("X-Api-Key", "s"),), ("x-api-key",)),
        ((("x-api-key", "s"), ("X-API-SECRET", "t")), ("x-api-key", "x-api-secret")),
        ((("Cookie", "sid=s"),), ("cookie",)),
        # Somebody's own header, beside a credential that is elsewhere.
        ((("Cookie", "sid=s"), ("Authorization", "Basic s")), ("x-api-key",)),
    ],
)
def test_no_credential_is_taken_along(headers, carriers):
    request = follow(headers=(*headers, ("Accept", "*/*")), carriers=carriers)

    assert request.headers == (("Accept", "*/*"),)
