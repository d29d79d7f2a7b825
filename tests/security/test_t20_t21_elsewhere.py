"""Redirects and next pages that lead elsewhere: a sink that is not ours, and what arrives there."""

from __future__ import annotations

from itertools import product

import pytest
from integration.extracting import PUMPS, extract
from integration.loopback import CONN_ID, Answer, to_json, to_variable
from integration.test_session_hosts import MECHANISMS, OAUTH1, PAIR, SECRET, STATUSES, redirect
from security.guarded import SocketGuard
from security.test_t22_t25_urls import attempt, raw_connection

from airflow_provider_integry.errors import IntegryError, PagingError, RedirectRefusedError
from airflow_provider_integry.hooks.integry import IntegryHook

# Where a service that is not trusted any more sends people: to the sink, in many notations.
PLACES = {
    "another port": "http://127.0.0.1:{port}/x",
    "another host": "http://localhost:{port}/x",
    "no scheme": "//127.0.0.1:{port}/x",
    "another scheme": "https://127.0.0.1:{own}/x",
    "user info": "http://127.0.0.1:{own}@127.0.0.1:{port}/x",
    "a host that begins like ours": "http://127.0.0.1.evil.example:{own}/x",
    "IPv6 form of the address": "http://[::ffff:127.0.0.1]:{port}/x",
    "number for the address": "http://2130706433:{port}/x",
    "a backslash": "http://127.0.0.1:{own}\\@127.0.0.1:{port}/x",
    "metadata": "http://169.254.169.254/latest/meta-data/",
    "another protocol": "ftp://127.0.0.1:{port}/x",
}
# Where a token or login endpoint, a discovery document and a revocation could lead.
ENDPOINTS = ("post", "basic", "login", "refresh")
CONNECTOR = """\
name: shop
title: Shop
activities:
  next_url: {kind: query, path: /items, result: items, paging: {kind: next_url, url: next}}
  link: {kind: query, path: /items, result: items, paging: {kind: link}}
  auto: {kind: query, path: /items, result: items, paging: {kind: auto}}
  at_odata: {kind: query, path: /items, result: items, paging: {kind: next_url, url: '"@odata.nextLink"'}}
"""
SECRETS = (SECRET, *OAUTH1.values(), *PAIR.values())
REDIRECTS = [
    (mechanism, place, status)
    for number, (mechanism, place) in enumerate(product(sorted(MECHANISMS), PLACES))
    for status in (STATUSES[number % 5],)
]


def where(place, own, sink):
    return PLACES[place].format(own=own.port, port=sink.port)


def check_sink(sink, guard):
    """See that nobody came, and that nobody tried to go anywhere else."""
    assert (guard.tried, sink.connections) == ([], 0)
    assert not any(secret in sink.text for secret in SECRETS)


def test_the_matrix_is_as_large_as_it_claims():
    assert len(REDIRECTS) >= 120


@pytest.mark.parametrize(("mechanism", "place", "status"), REDIRECTS)
def test_t20_a_redirect_elsewhere_takes_no_secret_along(answer_with, open_session, mechanism, place, status):
    sink = answer_with()
    own = answer_with()
    own.script(redirect(where(place, own, sink), status))
    conn_type, fields = MECHANISMS[mechanism]
    session = open_session(own.url, conn_type, timeout_s=5, max_retries=0, **fields)

    with SocketGuard().watching() as guard:
        guard.allowed = {own.port, sink.port}
        error = attempt(session.request, "POST", "/x", data={"note": SECRET})

    check_sink(sink, guard)
    assert isinstance(error, IntegryError)
    assert SECRET not in f"{error} {error!r}"
    assert len(own.requests) == 1


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_t20_no_token_endpoint_is_followed_anywhere(monkeypatch, answer_with, endpoint, status):
    sink = answer_with(to_json({"access_token": "t"}))
    own = answer_with()
    own.script(redirect(f"http://localhost:{sink.port}/token", status))
    url = f"{own.url}/token"
    oauth2 = {"conn_type": "integry_oauth2", "client_id": "c", "client_secret": SECRET, "exchange_url": url}
    login = {"conn_type": "integry_jwt", "jwt_source": "login", "login": "a", "password": SECRET}
    fields = {
        "post": {**oauth2, "client_auth": "client_secret_post"},
        "basic": oauth2,
        "refresh": {**oauth2, "grant_type": "refresh_token", "refresh_token": f"r-{SECRET}"},
        "login": {**login, "login_url": "/token"},
    }[endpoint]  # fmt: skip
    monkeypatch.setenv(*to_variable(raw_connection(fields, host=own.url)))

    with SocketGuard().watching() as guard:
        guard.allowed = {own.port, sink.port}
        error = attempt(lambda: IntegryHook(CONN_ID).get_conn().get("/x"))

    check_sink(sink, guard)
    assert error is not None
    assert SECRET not in str(error)
    assert [request.path for request in own.requests] == ["/token"]


@pytest.mark.parametrize("pump", PUMPS)
@pytest.mark.parametrize("activity", ["next_url", "link", "auto", "at_odata"])
@pytest.mark.parametrize("place", PLACES)
def test_t21_a_next_page_elsewhere_is_not_asked_for(monkeypatch, tmp_path, answer_with, pump, activity, place):
    (tmp_path / "shop.yaml").write_text(CONNECTOR)
    sink = answer_with(to_json({"items": [{"id": 666}]}))
    own = answer_with()
    url = where(place, own, sink)
    page = {"items": [{"id": 1}], "next": url, "@odata.nextLink": url}
    own.script(to_json(page, Link=f'<{url}>; rel="next"'))
    fields = {"conn_type": "integry_api_key", "host": own.url, "password": SECRET, "key_name": "X-Api-Key"}
    monkeypatch.setenv(*to_variable(raw_connection(fields, connector=str(tmp_path / "shop.yaml"))))

    with SocketGuard().watching() as guard:
        guard.allowed = {own.port, sink.port}
        error = attempt(extract, pump, activity, f"{tmp_path}/items.jsonl")

    check_sink(sink, guard)
    assert isinstance(error, PagingError | RedirectRefusedError | IntegryError)
    assert len(own.requests) == 1


@pytest.mark.parametrize("place", PLACES)
def test_t20_a_redirected_page_takes_no_secret_along(monkeypatch, tmp_path, answer_with, place):
    """The second page is at home, and sends elsewhere."""
    (tmp_path / "shop.yaml").write_text(CONNECTOR)
    sink = answer_with(to_json({"items": [{"id": 666}]}))
    own = answer_with()
    away = Answer(307, headers={"Location": where(place, own, sink)})
    own.script(to_json({"items": [{"id": 1}], "next": "/items?page=2"}), away)
    fields = {"conn_type": "integry_api_key", "host": own.url, "password": SECRET, "key_location": "query"}
    monkeypatch.setenv(*to_variable(raw_connection(fields, connector=str(tmp_path / "shop.yaml"))))

    with SocketGuard().watching() as guard:
        guard.allowed = {own.port, sink.port}
        error = attempt(IntegryHook(CONN_ID).run, "next_url")

    check_sink(sink, guard)
    assert isinstance(error, IntegryError)
    assert SECRET not in str(error)
