"""Plain sessions of a hook, and what the connector says of errors: failures with status 200, expiry, limits."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import pytest
import requests
from integration.loopback import CONN_ID, Answer, TokenServer, oauth2, to_json

from airflow_provider_integry.hooks.integry import IntegryHook

CONNECTOR = """\
name: chat
title: Chat
errors:
  failed_when: "ok == `false`"
  code: error
  message: detail
  expired_codes: [token_expired]
  throttled_codes: [ratelimited]
  retry_codes: [hiccup]
limits: {reset_header: X-Reset, reset_unit: seconds}
activities:
  list: {kind: query, path: /list, result: items}
"""
FAILED = to_json({"ok": False, "error": "not_in_channel", "detail": "Join first."})
FINE = to_json({"ok": True})


class Asked:
    """An answer as code outside of this package sees it, in either client."""

    def __init__(self, status, body, raise_for_status):
        self.status, self.body, self.raise_for_status = status, body, raise_for_status


def ask_sync(method, path, **options):
    answer = IntegryHook(CONN_ID).get_conn().request(method, path, **options)
    return Asked(answer.status_code, answer.content, answer.raise_for_status)


def ask_async(method, path, **options):
    async def run():
        async with (
            IntegryHook(CONN_ID).get_async_conn() as session,
            session.request(method, path, **options) as answer,
        ):
            return Asked(answer.status, await answer.read(), answer.raise_for_status)

    return asyncio.run(run())


@pytest.fixture(params=[ask_sync, ask_async], ids=["sync", "async"])
def ask(request):
    """Send a request with each of the two sessions."""
    return request.param


@pytest.fixture
def chat(answer_with, set_connection, tmp_path):
    """Start a server that answers as told, and the connection to it."""
    (tmp_path / "chat.yaml").write_text(CONNECTOR)

    def start(*answers, **fields):
        server = answer_with(*answers)
        set_connection(server.url, **{"connector": str(tmp_path / "chat.yaml"), **fields})
        return server

    return start


def test_a_failure_with_status_200_is_an_answer_whose_raise_for_status_raises(chat, ask):
    server = chat(FAILED)

    answer = ask("POST", "/join")

    assert (answer.status, answer.body) == (200, FAILED.body)
    with pytest.raises((requests.HTTPError, aiohttp.ClientResponseError)) as caught:
        answer.raise_for_status()
    assert "200, but the answer says that the request failed: not_in_channel: Join first." in str(caught.value)
    assert len(server.requests) == 1


def test_in_requests_such_an_answer_is_not_ok_and_comes_with_the_error(chat):
    chat(FAILED)

    answer = IntegryHook(CONN_ID).get_conn().get("/list")

    assert answer.ok is False
    assert answer.json()["error"] == "not_in_channel"
    with pytest.raises(requests.HTTPError) as caught:
        answer.raise_for_status()
    assert caught.value.response is answer


def test_a_success_is_a_success(chat, ask):
    chat(FINE)

    assert ask("GET", "/list").raise_for_status() is None


def test_a_token_that_is_refused_with_status_200_is_renewed(set_connection, tmp_path, ask):
    (tmp_path / "chat.yaml").write_text(CONNECTOR)
    with TokenServer() as server:
        set_connection(oauth2(server, connector=str(tmp_path / "chat.yaml")))
        server.api_answer = FINE
        ask("GET", "/list")
        issued = server.token_requests
        stale = to_json({"ok": False, "error": "token_expired"})

        def answer(request):
            return server._serve(request) if request.path == "/token" or server.token_requests > issued else stale

        server.script(answer)

        assert ask("POST", "/write").body == FINE.body
        assert server.token_requests == issued + 1


def test_too_many_requests_are_waited_for_as_the_connector_says(chat, ask):
    server = chat(to_json({"ok": False, "error": "ratelimited"}, **{"X-Reset": "1"}), FINE)
    started = time.monotonic()

    assert ask("POST", "/write").body == FINE.body
    assert time.monotonic() - started >= 1.0
    assert len(server.requests) == 2


def test_what_passes_by_itself_is_tried_again_where_that_does_no_harm(chat, ask):
    hiccup = to_json({"ok": False, "error": "hiccup"})
    server = chat(hiccup, FINE)

    assert ask("GET", "/list").body == FINE.body
    assert len(server.requests) == 2
    server.script(hiccup, FINE)
    assert ask("POST", "/write").body == hiccup.body
    assert len(server.requests) == 3


def test_a_stream_is_not_looked_into(chat, ask):
    chat(FAILED)

    answer = ask("GET", "/list", stream=True)

    assert (answer.body, answer.raise_for_status()) == (FAILED.body, None)


def test_pieces_of_a_stream_arrive_in_an_async_session(chat):
    chat(FAILED)

    async def run():
        async with (
            IntegryHook(CONN_ID).get_async_conn() as session,
            session.get("/list", stream=True) as answer,
        ):
            return b"".join([piece async for piece in answer.content.iter_any()])

    assert asyncio.run(run()) == FAILED.body


def test_an_error_with_another_status_is_told_as_ever(chat, ask):
    chat(Answer(404, FAILED.body))

    with pytest.raises((requests.HTTPError, aiohttp.ClientResponseError), match="404"):
        ask("GET", "/list").raise_for_status()
