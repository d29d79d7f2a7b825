"""A credential goes to its own origin and to listed hosts, however a URL is written."""

from __future__ import annotations

from contextlib import suppress

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url
from yarl import URL

from airflow_provider_integry.errors import HostNotAllowedError
from airflow_provider_integry.transport.guard import HostGuard, is_downgrade

BASE = "https://api.good.com/v1"
# Pieces that parsers disagree about.
PIECES = [
    *("http://", "https://", "//", "/", "\\", "@", ":", "?", "#", ";", "%40", "%2f", ".", "[", "]", "::1"),
    *(":443", ":80", "api.good.com", "evil.com", "127.0.0.1", "user", "_", "-", "v1"),
    *("\t", "\n", " ", "\x00", "。", "Ⓖ"),
]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.good.com", True),
        ("https://api.good.com/v1/contacts?page=2#x", True),
        ("https://api.good.com/other/path", True),
        ("https://API.Good.COM/v1", True),
        ("https://api.good.com./v1", True),
        ("https://api.good.com:443/v1", True),
        ("https://api.good.com?x=1", True),
        ("https://api.good.com#x", True),
        ("https://api.good.com:8443/v1", False),
        ("http://api.good.com/v1", False),
        ("https://good.com/v1", False),
        ("https://evil.api.good.com/v1", False),
        ("https://api.good.com.evil.com/v1", False),
        ("https://api-good.com/v1", False),
        ("https://evil.com/https://api.good.com/", False),
        ("https://evil.com?https://api.good.com/", False),
        ("https://evil.com#@api.good.com/", False),
        ("https://api.good.com@evil.com/", False),
        ("https://api.good.com:443@evil.com/", False),
        ("https://user:pass@api.good.com/", False),
        ("https://evil.com\\@api.good.com/", False),
        ("https://api.good.com\\@evil.com/", False),
        ("https://api.good.com\\.evil.com/", False),
        ("https:\\\\api.good.com/", False),
        ("https://api.good.com\t.evil.com/", False),
        ("https://api.good.com:0/", False),
        ("https://api.good.com:99999/", False),
        ("https://[api.good.com]/", False),
        ("//api.good.com/v1", False),
        ("/v1", False),
        ("", False),
        ("file:///etc/passwd", False),
        ("ftp://api.good.com/v1", False),
        ("https://169.254.169.254/latest/meta-data", False),
    ],
)
def test_only_the_base_urls_own_origin_may_have_the_credential(url, expected):
    assert HostGuard(BASE).allows(url) == expected


@pytest.mark.parametrize(
    ("hosts", "url", "expected"),
    [
        (["files.good.com"], "https://files.good.com/a", True),
        (["FILES.good.com"], "https://files.good.com/a", True),
        (["files.good.com"], "https://files.good.com:443/a", True),
        (["files.good.com"], "https://files.good.com:8443/a", False),
        (["files.good.com:8443"], "https://files.good.com:8443/a", True),
        (["files.good.com:8443"], "https://files.good.com/a", False),
        (["files.good.com"], "http://files.good.com/a", False),
        (["[2001:db8::1]:8443"], "https://[2001:db8::1]:8443/a", True),
        (["files.good.com"], "https://api.good.com/a", True),
        (["files.good.com"], "https://good.com/a", False),
    ],
)
def test_a_listed_host_is_allowed_with_exactly_its_port(hosts, url, expected):
    assert HostGuard(BASE, hosts).allows(url) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost:8080/v1", True),
        ("http://localhost/v1", False),
        ("https://localhost:8080/v1", False),
        ("http://files.local/a", True),
        ("https://files.local/a", True),
        ("http://127.0.0.1\\@localhost:8080/", False),
    ],
)
def test_with_http_allowed_a_listed_host_may_have_it_over_both(url, expected):
    assert HostGuard("http://localhost:8080", ["files.local"], allow_http=True).allows(url) == expected


def test_without_a_base_url_only_listed_hosts_are_allowed():
    guard = HostGuard(None, ["files.good.com"])

    assert guard.allows("https://files.good.com/a")
    assert not guard.allows(BASE)


def test_the_refusal_names_what_is_allowed_and_shows_no_query_value():
    guard = HostGuard(BASE, ["files.good.com:8443"])

    with pytest.raises(HostNotAllowedError) as caught:
        guard.check("https://user:hunter2@evil.com/x?api_key=canary-1")

    text = str(caught.value)
    assert "https://evil.com/x?api_key=***" in text
    assert "https://api.good.com, https://files.good.com:8443" in text
    assert "allowed_hosts" in text
    assert "canary-1" not in text
    assert "hunter2" not in text


def test_an_answer_is_remembered_by_origin_alone():
    guard = HostGuard(BASE)

    assert guard.allows("https://api.good.com/a")
    assert not guard.allows("https://api.good.com@evil.com/a")
    assert guard.allows("https://api.good.com?@evil.com")


def client_hosts(url):
    """Where the two HTTP clients would connect to, as far as they take the URL at all."""
    found = set()
    with suppress(requests.RequestException, ValueError):
        found.add(parse_url(requests.Request("GET", url).prepare().url).host)
    with suppress(ValueError):
        found.add(URL(url, encoded=True).raw_host)
    return {host.lower().rstrip(".") for host in found if host}


@given(st.lists(st.sampled_from(PIECES), max_size=10).map("".join))
def test_a_url_that_is_allowed_leads_every_client_to_the_allowed_host(url):
    if HostGuard(BASE).allows(url):
        assert client_hosts(url) <= {"api.good.com"}


@given(st.text(max_size=60))
def test_no_text_can_break_the_guard(text):
    assert HostGuard(BASE).allows(f"https://evil.com{text}") in (True, False)


@pytest.mark.parametrize(
    ("from_url", "to_url", "expected"),
    [
        ("https://a/", "http://a/", True),
        ("https://a/", "http://b/", True),
        ("https://a/", "HTTPS://a/", False),
        ("http://a/", "http://a/", False),
        ("http://a/", "https://a/", False),
    ],
)
def test_leaving_https_is_a_downgrade(from_url, to_url, expected):
    assert is_downgrade(from_url, to_url) == expected
