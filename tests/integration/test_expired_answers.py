"""Answers beside 401 that a connection declares to mean an expired token, the same by requests and by aiohttp."""

from __future__ import annotations

import json

import pytest
from integration.loopback import Answer, Raw, oauth2, to_json

from airflow_provider_integry.errors import ConnectionBrokenError

EXPIRED = to_json({"error": {"code": 190}}, 400)
BAD_FIELD = to_json({"error": {"code": 100}}, 400)
FACEBOOK = {"expired_statuses": "400", "expired_when": "error.code == `190`"}
CUT_OFF = Raw((b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",))


def play(token_server, open_session, *answers, method="GET", **fields):
    """Let the API answer these one after another; return what the session gives, and how many requests came."""
    left = list(answers)
    token_server.script(lambda request: token_server._serve(request) if request.path == "/token" else left.pop(0))
    response = open_session(oauth2(token_server, **fields)).request(method, "/me")
    return response, token_server.count("/me"), token_server.token_requests


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_declared_status_is_followed_by_one_more_attempt_with_a_new_token(token_server, open_session, method):
    answers = [Answer(403), to_json({"id": 1})]

    response, asked, tokens = play(token_server, open_session, *answers, method=method, expired_statuses="403")

    assert (response.status, asked, tokens) == (200, 2, 2)


def test_a_status_that_nobody_declared_stands(token_server, open_session):
    response, asked, tokens = play(token_server, open_session, Answer(403), expired_statuses="419")

    assert (response.status, asked, tokens) == (403, 1, 1)


def test_a_second_refusal_stands_with_its_body(token_server, open_session):
    response, asked, tokens = play(token_server, open_session, EXPIRED, EXPIRED, **FACEBOOK)

    assert (response.status, json.loads(response.body), asked, tokens) == (400, {"error": {"code": 190}}, 2, 2)


def test_the_answer_tells_an_expired_token_from_another_failure(token_server, open_session):
    response, asked, tokens = play(token_server, open_session, EXPIRED, to_json({"id": 1}), **FACEBOOK)

    assert (response.status, asked, tokens) == (200, 2, 2)


def test_an_answer_that_was_looked_into_can_still_be_read(token_server, open_session):
    response, asked, tokens = play(token_server, open_session, BAD_FIELD, **FACEBOOK)

    assert (response.status, json.loads(response.body), asked, tokens) == (400, {"error": {"code": 100}}, 1, 1)


def test_an_answer_that_breaks_off_while_it_is_looked_into_is_a_broken_connection(token_server, open_session):
    with pytest.raises(ConnectionBrokenError):
        play(token_server, open_session, CUT_OFF, **FACEBOOK, max_retries=0)


def test_of_a_stream_too_the_declared_answer_is_read_and_kept(token_server, open_sync):
    token_server.api_answer = BAD_FIELD

    response = open_sync(oauth2(token_server, **FACEBOOK)).session.get("/me", stream=True)

    assert b"".join(response.iter_content(3)) == b'{"error": {"code": 100}}'
