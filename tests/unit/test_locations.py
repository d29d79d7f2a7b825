"""Where redirects lead: odd Location headers become URLs that every client sends alike, or typed errors."""

from __future__ import annotations

import pytest

from airflow_provider_integry.errors import RedirectRefusedError, UrlNotAllowedError
from airflow_provider_integry.transport.aio_bodies import merge_headers
from airflow_provider_integry.transport.redirects import resolve_location
from airflow_provider_integry.urls import check_url

BASE = "https://api.example.com/v1/a"


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/files/report 1.csv", "https://api.example.com/files/report%201.csv"),
        ("b?x=%20y&z[0]=1", "https://api.example.com/v1/b?x=%20y&z[0]=1"),
        ("/zürich#part", "https://api.example.com/z%C3%BCrich"),
        (" https://other.example/x ", "https://other.example/x"),
    ],
)
def test_a_location_is_made_absolute_encoded_and_freed_of_its_fragment(location, url):
    assert resolve_location(BASE, location) == url


def test_a_location_that_is_no_url_is_refused():
    with pytest.raises(RedirectRefusedError):
        resolve_location(BASE, "https://[oops/x")


@pytest.mark.parametrize("host", ["api..example.com", ".example.com", f"{'a' * 64}.example.com"])
def test_a_host_with_an_impossible_label_is_refused(host):
    with pytest.raises(UrlNotAllowedError):
        check_url(f"https://{host}/x", "base URL")


def test_a_requests_own_header_wins_whatever_its_case():
    merged = merge_headers({"accept": "application/vnd.x+json", "X-A": "1"}, {"Accept": "application/json"})
    assert merged == {"X-A": "1", "Accept": "application/json"}
