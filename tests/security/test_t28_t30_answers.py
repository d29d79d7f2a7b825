"""Answers that are bombs, values that break headers, and keys that show in errors and in debug output."""

from __future__ import annotations

import gzip
import http.client
import json
import logging
import tracemalloc
import zlib

import pytest
from integration.loopback import CONN_ID, Answer, oauth2, to_json, to_variable
from security.test_t22_t25_urls import attempt, raw_connection

from airflow_provider_integry.errors import IntegryError
from airflow_provider_integry.hooks.integry import IntegryHook

KEY = "canary-key-4b1d9e77"
MIB = 1024 * 1024
JSON = {"Content-Type": "application/json"}


def packed(data, times=1):
    for _ in range(times):
        data = gzip.compress(data, 9)
    return data


# What comes instead of a token or of records: each is small on the wire, or is read to its limit alone.
BOMBS = {
    "packed": Answer(200, packed(b" " * 64 * MIB), {**JSON, "Content-Encoding": "gzip"}),
    "packed twice": Answer(200, packed(b" " * 64 * MIB, 2), {**JSON, "Content-Encoding": "gzip, gzip"}),
    "deflated": Answer(200, zlib.compress(b" " * 64 * MIB, 9), {**JSON, "Content-Encoding": "deflate"}),
    "deep lists": Answer(200, b"[" * 1_000_000, JSON),
    "deep objects": Answer(200, b'{"a":' * 200_000 + b"1" + b"}" * 200_000, JSON),
    "a number of many digits": Answer(
        200, b'{"items": ' + b"9" * 900_000 + b', "access_token": ' + b"9" * 9 + b"}", JSON
    ),
    "many keys": Answer(200, json.dumps({str(key): key for key in range(60_000)}).encode(), JSON),
    "one long text": Answer(200, b'{"error": "' + b"x" * 900_000 + b'"}', JSON),
}


def peak_of(work):
    """Return an error of ours and the most memory that was taken, in bytes."""
    tracemalloc.start()
    try:
        return attempt(work), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", BOMBS)
def test_t28_a_token_answer_that_is_a_bomb_is_a_typed_error(monkeypatch, answer_with, name):
    server = answer_with(BOMBS[name])
    monkeypatch.setenv(*to_variable(oauth2(server, max_retries=0)))

    error, most = peak_of(lambda: IntegryHook(CONN_ID).get_conn().get("/x"))

    assert isinstance(error, IntegryError)
    assert len(str(error)) < 2000
    assert most < 32 * MIB
    assert {request.path for request in server.requests} == {"/token"}


@pytest.mark.parametrize("kind", ["action", "query"])
@pytest.mark.parametrize("name", [name for name in BOMBS if "acked" not in name and name != "deflated"])
def test_t28_an_activitys_answer_that_is_a_bomb_is_a_typed_error(monkeypatch, tmp_path, answer_with, name, kind):
    activity = f"name: shop\ntitle: Shop\nactivities:\n  get: {{kind: {kind}, path: /x, result: items.a.b}}\n"
    (tmp_path / "shop.yaml").write_text(activity)
    server = answer_with(BOMBS[name])
    fields = {"conn_type": "integry_api_key", "host": server.url, "password": KEY}
    monkeypatch.setenv(*to_variable(raw_connection(fields, connector=str(tmp_path / "shop.yaml"))))
    found = []

    error = attempt(lambda: found.append(IntegryHook(CONN_ID).run("get")))

    # What can be read is data: nothing of it is where the activity looks.
    assert error is not None or found in ([None], [[]])
    assert len(str(error)) < 2000


VALUES = ("a\r\nX-Evil: 1", "a\nb", "a\rb", "a\x00b", " a", "a ", "é", "☃", "a\x7fb", "\ud800", "a\x0bb")


@pytest.mark.parametrize("place", ["header", "path", "query", "body", "cookie"])
def test_t29_no_input_ends_a_header(monkeypatch, tmp_path, answer_with, place):
    name = {"cookie": "header"}.get(place, place)
    where = "/x/{note}" if place == "path" else "/x"
    inputs = f"{{note: {{in: {name}, type: string, name: {'Cookie' if place == 'cookie' else 'note'}}}}}"
    if place == "path":
        inputs = "{note: {in: path, type: string}}"
    method = "POST" if place == "body" else "GET"
    text = f"  put: {{kind: action, method: {method}, path: '{where}', inputs: {inputs}}}\n"
    (tmp_path / "shop.yaml").write_text(f"name: shop\ntitle: Shop\nactivities:\n{text}")
    server = answer_with()
    fields = {"conn_type": "integry_api_key", "host": server.url, "password": KEY}
    monkeypatch.setenv(*to_variable(raw_connection(fields, connector=str(tmp_path / "shop.yaml"))))
    hook = IntegryHook(CONN_ID)

    for value in VALUES:
        before = len(server.requests)
        error = attempt(hook.run, "put", {"note": value})
        for request in server.requests[before:]:
            assert request.headers["X-Evil"] is None
            assert request.headers["Authorization"] == f"Bearer {KEY}"
            assert request.path.startswith("/x")
        assert error is not None or len(server.requests) == before + 1


@pytest.mark.parametrize(
    "answer", [Answer(500), Answer(404), Answer(302, headers={"Location": "http://other.example/?a=1"}), None]
)
def test_t30_no_error_shows_a_key_of_the_query(monkeypatch, answer_with, answer):
    server = answer_with(*([answer] if answer else []))
    if answer is None:
        server.__exit__()
    fields = {"conn_type": "integry_api_key", "host": server.url, "password": KEY, "key_location": "query"}
    monkeypatch.setenv(*to_variable(raw_connection(fields)))
    hook = IntegryHook(CONN_ID)
    shown = [attempt(lambda: hook.get_conn().get("/x?note=1")), *hook.test_connection(), hook.find(verify=True)]

    assert KEY not in "\n".join(f"{one} {one!r} {getattr(one, '__dict__', '')}" for one in shown)


CREDENTIALS = {
    "key": {"conn_type": "integry_api_key", "password": KEY},
    "pair": {"conn_type": "integry_api_key_secret", "api_key": KEY, "api_secret": KEY},
    "basic": {"conn_type": "integry_basic", "login": KEY, "password": KEY},
    "jwt": {"conn_type": "integry_jwt", "private_key": KEY * 2},
    "login": {"conn_type": "integry_jwt", "jwt_source": "login", "login": KEY, "password": KEY, "login_url": "/token"},
    "oauth2": {"conn_type": "integry_oauth2", "client_id": KEY, "client_secret": KEY, "exchange_url": "{url}/token"},
    "refresh": {"conn_type": "integry_oauth2", "grant_type": "refresh_token", "client_id": KEY, "client_secret": KEY,
                "refresh_token": KEY, "exchange_url": "{url}/token"},
    "oauth1": {"conn_type": "integry_oauth1", "consumer_key": KEY, "consumer_secret": KEY, "oauth_token": KEY,
               "oauth_token_secret": KEY},
}  # fmt: skip


@pytest.mark.parametrize("name", CREDENTIALS)
def test_t46_no_credential_is_in_a_url_unless_the_connection_says_so(monkeypatch, answer_with, name):
    server = answer_with(to_json({"access_token": KEY, "token": KEY}))
    filled = {field: value.replace("{url}", server.url) for field, value in CREDENTIALS[name].items()}
    monkeypatch.setenv(*to_variable(raw_connection(filled, host=server.url)))

    assert attempt(lambda: IntegryHook(CONN_ID).get_conn().get("/x")) is None

    assert server.requests
    assert [request.target for request in server.requests if KEY in request.target] == []


def test_t48_debug_output_of_http_libraries_shows_no_key(monkeypatch, answer_with, caplog, capsys):
    server = answer_with()
    fields = {"conn_type": "integry_api_key", "host": server.url, "password": KEY, "key_location": "query"}
    monkeypatch.setenv(*to_variable(raw_connection(fields)))
    with caplog.at_level(logging.DEBUG):
        IntegryHook(CONN_ID).get_conn().get("/x")
    assert KEY in server.text
    assert "/x" in caplog.text
    assert KEY not in caplog.text
    # `http.client` prints what it sends where somebody has told it to; nothing here does.
    assert http.client.HTTPConnection.debuglevel == 0
    assert KEY not in "".join(capsys.readouterr())
