"""Tokens kept fresh: one refresh however many ask, one replay per request, and a token endpoint that misbehaves."""

from __future__ import annotations

import asyncio
import gzip
import logging
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import pairwise

import pytest
from integration.loopback import Answer, Raw, connection, drip, oauth2, to_json
from servers.live import Fault
from servers.oauth2 import Client, OAuth2Api

from airflow_provider_integry.auth.wire import HttpRequest
from airflow_provider_integry.authorizations.tokens import TokenSource, forget_sources, source_for
from airflow_provider_integry.errors import (
    InvalidClientError,
    InvalidGrantError,
    RequestTimeoutError,
    ResponseTooLargeError,
    TokenEndpointUnavailableError,
    TokenResponseError,
    TransportError,
)
from airflow_provider_integry.settings import TransportSettings, parse_connection
from airflow_provider_integry.transport.aio import afetch
from airflow_provider_integry.transport.sync import fetch

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
MIB = 1024 * 1024


@pytest.fixture
def api():
    return OAuth2Api(Client("client-1", "secret-1"))


@pytest.fixture
def server(api, serve):
    return serve(api.build())


def source_of(server, **extra):
    return source_for(parse_connection(oauth2(server, **extra)))


def text_of(issued):
    return issued.credentials.token.reveal()


# -- status 401 -------------------------------------------------------------------------------------


def test_a_token_is_fetched_once_and_used_again(server, open_session):
    session = open_session(oauth2(server))

    assert [session.request("GET", "/me").status for _ in range(3)] == [200, 200, 200]
    assert len(server.requests("/token")) == 1


def test_a_refused_token_is_renewed_and_the_request_sent_again(api, server, open_session):
    session = open_session(oauth2(server))
    session.request("POST", "/resource", json={"a": 1})
    api.expire_access_tokens()

    assert session.request("POST", "/resource", json={"a": 1}).status == 200
    assert [one.status for one in server.requests("/resource")] == [200, 401, 200]
    assert len({one.body for one in server.requests("/resource")}) == 1
    assert len(server.requests("/token")) == 2


def test_a_second_refusal_is_the_answer(server, open_session):
    server.fail("/me", 401, times=5)

    assert open_session(oauth2(server)).request("GET", "/me").status == 401
    assert (len(server.requests("/me")), len(server.requests("/token"))) == (2, 2)


def test_a_refusal_is_replayed_although_retries_are_off(server, open_session):
    server.fail("/me", 401)

    assert open_session(oauth2(server, max_retries=0)).request("GET", "/me").status == 200


def test_a_stream_is_not_replayed(api, server, open_session):
    session = open_session(oauth2(server))
    session.request("GET", "/me")
    api.expire_access_tokens()

    async def parts():
        yield b"part"

    response = session.request("POST", "/resource", data=iter([b"part"]) if session.kind == "sync" else parts())

    assert (response.status, len(server.requests("/resource"))) == (401, 1)


@pytest.mark.parametrize(
    ("conn_type", "fields"),
    [
        ("integry_api_key", {}),
        ("integry_basic", {"login": "ada", "password": "wrong"}),
        ("integry_oauth1", {"consumer_key": "ck", "consumer_secret": "cs"}),
    ],
)
def test_a_refused_key_is_not_tried_again(answer_with, open_session, conn_type, fields):
    server = answer_with(Answer(401))

    assert open_session(server.url, conn_type, **fields).request("GET", "/me").status == 401
    assert len(server.requests) == 1


def test_a_token_that_cannot_be_renewed_ends_the_request_with_the_reason(api, server, open_session):
    session = open_session(oauth2(server, grant_type="refresh_token", refresh_token=api.authorize()))
    session.request("GET", "/me")
    api.expire_access_tokens()
    api.revoke_all()

    with pytest.raises(InvalidGrantError, match="authorize again"):
        session.request("GET", "/me")
    assert len(server.requests("/me")) == 2


def test_a_jwt_signed_here_is_signed_again_when_refused(answer_with, open_session):
    server = answer_with(Answer(401), Answer())

    session = open_session(server.url, "integry_jwt", private_key="k" * 40, claims='{"jti": "1"}')

    assert session.request("GET", "/me").status == 200
    assert len(server.requests) == 2


# -- many at once -----------------------------------------------------------------------------------


def run_threads(count, work):
    """Start `work` in so many threads at the same moment; return what each returned or raised."""
    barrier = threading.Barrier(count)

    def go(_):
        barrier.wait(10)
        try:
            return work()
        except Exception as error:  # noqa: BLE001 - handed back to the test
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(go, range(count)))


async def run_tasks(count, work):
    return await asyncio.gather(*(work() for _ in range(count)), return_exceptions=True)


@contextmanager
def one_refresh_of(server):
    before = len(server.requests("/token"))
    yield
    assert len(server.requests("/token")) - before == 1


def test_twenty_threads_with_a_refused_token_cause_one_refresh(api, server):
    source = source_of(server)
    stale = source.get()
    api.latency_s = 0.2

    with one_refresh_of(server):
        fresh = run_threads(20, lambda: text_of(source_of(server).get(rejected=stale.fingerprint)))

    assert len(set(fresh)) == 1
    assert fresh[0] != text_of(stale)


def test_twenty_threads_that_meet_an_expired_token_cause_one_refresh(api, server, open_sync):
    session = open_sync(oauth2(server)).session
    session.get("/me")
    api.latency_s = 0.2
    api.expire_access_tokens()

    with one_refresh_of(server):
        assert run_threads(20, lambda: session.get("/me").status_code) == [200] * 20
    # Nobody was sent away more than once.
    assert len(server.requests("/me", status=200)) == 21
    assert len(server.requests("/me", status=401)) <= 20


def test_twenty_tasks_that_meet_an_expired_token_cause_one_refresh(api, server, open_async):
    client = open_async(oauth2(server))
    client.request("GET", "/me")
    api.latency_s = 0.2
    api.expire_access_tokens()

    async def ask():
        async with client.session.get("/me") as response:
            return response.status

    with one_refresh_of(server):
        assert client.loop.run_until_complete(run_tasks(20, ask)) == [200] * 20


def test_threads_and_two_event_loops_share_one_refresh(api, server):
    stale = source_of(server).get().fingerprint
    api.latency_s = 0.3

    async def ask():
        return text_of(await source_of(server).aget(rejected=stale))

    kinds = iter(["loop", "loop", *["thread"] * 8])

    def work():
        if next(kinds) == "loop":
            return asyncio.run(run_tasks(8, ask))
        return [text_of(source_of(server).get(rejected=stale))]

    with one_refresh_of(server):
        found = {token for tokens in run_threads(10, work) for token in tokens}
    assert len(found) == 1


def test_a_refusal_of_a_token_that_was_replaced_causes_no_refresh(server):
    source = source_of(server)
    old = source.get()
    new = source.get(rejected=old.fingerprint)

    assert source.get(rejected=old.fingerprint) == new
    assert len(server.requests("/token")) == 2


def test_all_waiters_get_the_error_of_a_token_endpoint_that_fails_and_the_next_call_tries_again(server):
    source = source_of(server)
    server.misbehave("/token", Fault(times=1, status=503, delay_s=0.3))

    errors = run_threads(10, source.get)

    assert {type(error) for error in errors} == {TokenEndpointUnavailableError}
    assert len(server.requests("/token")) == 1
    assert source.get().fingerprint


def test_tasks_get_the_error_too(server):
    source = source_of(server)
    server.misbehave("/token", Fault(times=1, status=503, delay_s=0.3))

    errors = asyncio.run(run_tasks(10, source.aget))

    assert {type(error) for error in errors} == {TokenEndpointUnavailableError}
    assert len(server.requests("/token")) == 1


def test_the_end_of_the_task_that_refreshes_does_not_end_the_others(api, server):
    source = source_of(server)
    api.latency_s = 0.3

    async def scenario():
        leader = asyncio.create_task(source.aget())
        await asyncio.sleep(0.1)
        waiters = [asyncio.create_task(source.aget()) for _ in range(5)]
        await asyncio.sleep(0.05)
        leader.cancel()
        issued = await asyncio.gather(*waiters)
        return leader.cancelled(), {text_of(one) for one in issued}

    was_cancelled, tokens = asyncio.run(scenario())

    assert (was_cancelled, len(tokens)) == (True, 1)


def test_the_end_of_a_task_that_waits_does_not_end_the_refresh(api, server):
    source = source_of(server)
    api.latency_s = 0.3

    async def scenario():
        leader = asyncio.create_task(source.aget())
        await asyncio.sleep(0.1)
        waiters = [asyncio.create_task(source.aget()) for _ in range(3)]
        await asyncio.sleep(0.05)
        waiters[0].cancel()
        return await asyncio.gather(leader, *waiters[1:])

    assert len({text_of(one) for one in asyncio.run(scenario())}) == 1
    assert len(server.requests("/token")) == 1


def test_a_waiter_gives_up_when_the_refresh_takes_too_long(api, server):
    source = source_for(parse_connection(oauth2(server)), wait_s=0.1)
    api.latency_s = 0.6

    async def scenario():
        leader = asyncio.create_task(source.aget())
        await asyncio.sleep(0.1)
        waits_in_thread = asyncio.create_task(asyncio.to_thread(source.get))
        waits_in_loop = asyncio.create_task(source.aget())
        return await asyncio.gather(leader, waits_in_thread, waits_in_loop, return_exceptions=True)

    led, *gave_up = asyncio.run(scenario())

    assert led.fingerprint
    assert [type(error) for error in gave_up] == [RequestTimeoutError] * 2


def test_waiting_for_a_token_does_not_block_the_event_loop(api, server):
    source = source_of(server)
    api.latency_s = 0.4
    ticks = []

    async def scenario():
        threading.Thread(target=source.get, daemon=True).start()
        await asyncio.sleep(0.05)
        waiting = asyncio.create_task(source.aget())
        while not waiting.done():
            ticks.append(time.monotonic())
            await asyncio.sleep(0.01)
        return await waiting

    assert asyncio.run(scenario()).fingerprint
    assert max(later - earlier for earlier, later in pairwise(ticks)) < 0.3


# -- one process, many connections ------------------------------------------------------------------


def test_two_hooks_of_a_connection_share_its_token_and_an_edited_one_gets_its_own(server):
    assert source_of(server) is source_of(server)
    assert source_of(server) is not source_of(server, client_secret="secret-2")
    assert source_of(server) is not source_of(server, scopes="contacts.read")
    assert source_of(server) is not source_of(server, conn_id="other")


def test_tokens_are_forgotten_on_request(server):
    source_of(server).get()
    forget_sources()
    source_of(server).get()

    assert len(server.requests("/token")) == 2


# -- how early --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lifetime_s", "still_good_at", "renewed_at"),
    [
        (20, 14.9, 15.0),
        (1, 0.7, 0.8),
        (120, 89.0, 91.0),
        (240, 179.0, 181.0),
        (3600, 3539.0, 3541.0),
        (None, 10.0**9, None),
    ],
)
def test_a_token_is_renewed_a_little_early_but_a_short_one_not_at_every_request(
    token_server, lifetime_s, still_good_at, renewed_at
):
    token_server.lifetime_s = lifetime_s
    clock = [1000.0]
    settings = parse_connection(oauth2(token_server))
    source = TokenSource("acme", settings.auth, settings.transport, now=lambda: clock[0])
    source.get()

    clock[0] = 1000.0 + still_good_at
    source.get()
    assert token_server.token_requests == 1

    if renewed_at is not None:
        clock[0] = 1000.0 + renewed_at
        source.get()
        assert token_server.token_requests == 2


def test_a_refresh_token_that_is_replaced_is_used_from_then_on_and_warned_about(api, server, caplog):
    api.rotation = "strict"
    pasted = api.authorize()
    source = source_of(server, grant_type="refresh_token", refresh_token=pasted)

    with caplog.at_level(logging.WARNING):
        first = source.get()
        second = source.get(rejected=first.fingerprint)

    assert first != second
    assert (len(server.requests("/token", status=200)), api.family_revocations) == (2, 0)
    assert "replaced the pasted refresh token" in caplog.text
    assert not any(grant.refresh_token in caplog.text for grant in api.grants)


# -- the token endpoint -----------------------------------------------------------------------------


@pytest.fixture(params=["sync", "async"])
def ask(request):
    """Send a token request, with a secret in body and header, and read the whole answer."""

    def send(url, **options):
        headers = (("Authorization", "Basic canary-1"), ("Content-Type", "application/x-www-form-urlencoded"))
        token_request = HttpRequest("POST", url, headers, b"refresh_token=canary-2")
        if request.param == "sync":
            return fetch(token_request, TransportSettings(), **options)
        return asyncio.run(afetch(token_request, TransportSettings(), **options))

    return send


def test_the_answer_is_read_whole(answer_with, ask):
    server = answer_with(to_json({"access_token": "t"}))

    response = ask(f"{server.url}/token")

    assert (response.status, response.body, response.content_type) == (
        200,
        b'{"access_token": "t"}',
        "application/json",
    )


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"x" * (MIB + 1)),
        Raw((HEAD + b"Connection: close\r\n\r\n", *[b"x" * 65536] * 40)),
        Raw((HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[b"10000\r\n" + b"x" * 65536 + b"\r\n"] * 40)),
    ],
)
def test_an_answer_of_more_than_a_mebibyte_is_refused(answer_with, ask, answer):
    server = answer_with(answer)

    with pytest.raises(ResponseTooLargeError):
        ask(f"{server.url}/token")


def test_an_answer_of_just_a_mebibyte_is_read(answer_with, ask):
    server = answer_with(Answer(200, b"x" * MIB))

    assert len(ask(f"{server.url}/token").body) == MIB


BOMB = gzip.compress(b"\0" * (100 * MIB))


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer(200, BOMB, {"Content-Encoding": "gzip"}), id="200"),
        pytest.param(Answer(400, BOMB, {"Content-Encoding": "gzip"}), id="400"),
        pytest.param(Answer(307, BOMB, {"Content-Encoding": "gzip", "Location": "/next"}), id="redirect"),
        pytest.param(Answer(200, gzip.compress(BOMB), {"Content-Encoding": "gzip, gzip"}), id="nested"),
    ],
)
def test_an_answer_that_unpacks_to_much_more_is_stopped_early(answer_with, ask, answer):
    server = answer_with(answer)

    tracemalloc.start()
    try:
        with suppress(TransportError):
            assert len(ask(f"{server.url}/token").body) < MIB
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 20 * MIB


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(answer_with, ask, status):
    sink = answer_with()
    server = answer_with(Answer(status, headers={"Location": f"{sink.url}/token"}))

    assert ask(f"{server.url}/token").status == status
    assert (len(server.requests), sink.connections) == (1, 0)


def test_a_redirect_is_a_typed_error_that_says_what_to_do(answer_with, open_session):
    server = answer_with(Answer(307, headers={"Location": "http://other.example/token"}))

    with pytest.raises(TokenResponseError, match="final URL"):
        open_session(oauth2(server)).request("GET", "/me")


@pytest.mark.parametrize(
    "answer",
    [
        drip(HEAD + b"Content-Length: 100000\r\n\r\n"),
        drip(HEAD + b"X-Slow: "),
        drip(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{}   \r\n5"),
        Raw((30.0,)),
    ],
)
def test_a_token_request_ends_with_its_total_time(answer_with, ask, answer):
    server = answer_with(answer)
    started = time.monotonic()

    with pytest.raises(TransportError) as caught:
        ask(f"{server.url}/token", deadline_s=0.25)

    assert time.monotonic() - started < 2.0
    assert caught.value.retryable


def test_the_total_time_of_the_request_bounds_its_token_request(answer_with, open_session):
    server = answer_with(Raw((30.0,)))
    started = time.monotonic()

    with pytest.raises(RequestTimeoutError):
        open_session(oauth2(server, deadline_s=0.25)).request("GET", "/me")
    assert time.monotonic() - started < 2.0


def test_the_total_time_of_the_request_bounds_its_wait_for_another_ones_token(token_server, open_session):
    raw = oauth2(token_server, deadline_s=0.25)
    token_server.delay_s = 1.0
    leader = threading.Thread(target=source_for(parse_connection(raw)).get)
    leader.start()
    session = open_session(raw)
    started = time.monotonic()

    with pytest.raises(RequestTimeoutError):
        session.request("GET", "/me")
    assert time.monotonic() - started < 0.9
    leader.join(5)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(502, b"<html>Bad gateway</html>", {"Content-Type": "text/html"}), TokenEndpointUnavailableError),
        (Answer(503), TokenEndpointUnavailableError),
        (Answer(429, headers={"Retry-After": "7"}), TokenEndpointUnavailableError),
        (to_json({"error": "temporarily_unavailable"}, 400), TokenEndpointUnavailableError),
        (to_json({"error": "invalid_grant"}, 400), InvalidGrantError),
        (to_json({"error": "bad_verification_code"}), InvalidGrantError),
        (to_json({"error": "invalid_client"}, 401), InvalidClientError),
        (to_json({"token_type": "Bearer"}), TokenResponseError),
        (Answer(200, b"<html>Welcome</html>", {"Content-Type": "text/html"}), TokenResponseError),
        (Answer(200, b""), TokenResponseError),
        (Answer(204, b""), TokenResponseError),
    ],
)
def test_an_answer_without_a_token_is_a_typed_error(answer_with, open_session, answer, expected):
    server = answer_with(answer)

    with pytest.raises(expected) as caught:
        open_session(oauth2(server)).request("GET", "/me")

    assert caught.value.retryable == (expected is TokenEndpointUnavailableError)
    assert [request.path for request in server.requests] == ["/token"]


def test_the_wait_that_a_throttling_endpoint_asks_for_is_told(answer_with, open_session):
    server = answer_with(Answer(429, headers={"Retry-After": "7"}))

    with pytest.raises(TokenEndpointUnavailableError) as caught:
        open_session(oauth2(server)).request("GET", "/me")
    assert caught.value.retry_after_s == 7.0


def test_a_token_request_goes_to_its_own_endpoint_although_the_api_is_elsewhere(
    token_server, answer_with, open_session
):
    other = answer_with()
    raw = connection(
        other.url, "integry_oauth2", client_id="c", client_secret="s", exchange_url=f"{token_server.url}/token"
    )

    open_session(raw).request("GET", "/x")

    assert [other.requests[0].headers["Authorization"], token_server.token_requests] == ["Bearer token-1", 1]
