"""The session against real servers: what is sent, retried and given up, the same by requests and by aiohttp."""

from __future__ import annotations

import email.utils
import json
import socket
import threading
import time
from contextlib import ExitStack, closing, contextmanager, suppress

import pytest
import requests
from integration.loopback import Answer, Raw, drip

from airflow_provider_integry import __version__
from airflow_provider_integry.errors import (
    ConnectFailedError,
    ConnectionBrokenError,
    CredentialFormatError,
    RequestTimeoutError,
    TransportError,
)

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
BUSY = Answer(503)
HANG_UP = Raw(())
CUT_OFF = Raw((HEAD + b"Content-Length: 100\r\n\r\nabc",))


@contextmanager
def ends_within(seconds):
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


@pytest.fixture
def refused_port():
    """A port at which nobody listens, and which nobody else can take."""
    with closing(socket.socket()) as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


@pytest.fixture
def silent_port():
    """A port that takes connections and neither reads nor writes."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def full_port():
    """A port whose queue is full: a further connection hangs."""
    with ExitStack() as stack:
        listener = stack.enter_context(closing(socket.socket()))
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            filler = stack.enter_context(closing(socket.socket()))
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        time.sleep(0.05)
        yield listener.getsockname()[1]


# -- what is sent -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/contacts", "/v1/contacts"),
        ("contacts", "/v1/contacts"),
        ("contacts/7?deep=1", "/v1/contacts/7?deep=1"),
        ("?page=2", "/v1?page=2"),
        ("", "/v1"),
        ("/a%2Fb/%C3%A9", "/v1/a%2Fb/%C3%A9"),
    ],
)
def test_a_relative_url_is_appended_to_the_base_url(answer_with, open_session, url, expected):
    server = answer_with()

    open_session(f"{server.url}/v1").request("GET", url)

    assert server.requests[0].target == expected


def test_an_absolute_url_of_the_same_origin_is_taken_as_it_is(answer_with, open_session):
    server = answer_with()

    open_session(f"{server.url}/v1").request("GET", f"{server.url}/other?x=1")

    assert server.requests[0].target == "/other?x=1"


def test_query_parameters_are_added_to_those_of_the_url(answer_with, open_session):
    server = answer_with()

    open_session(server.url).request("GET", "/x?a=0", params={"a": [1, 2], "b": "é &=+", "left_out": None})

    assert server.requests[0].query == {"a": ["0", "1", "2"], "b": ["é &=+"]}


def test_a_fragment_is_not_sent_and_does_not_swallow_parameters(answer_with, open_session):
    server = answer_with()

    open_session(server.url).request("GET", "/x#part", params={"a": "1"})

    assert server.requests[0].target == "/x?a=1"


@pytest.mark.parametrize(
    ("body", "expected", "content_type"),
    [
        ({"json": {"name": "Ada ☃"}}, {"name": "Ada ☃"}, "application/json"),
        ({"data": {"a": "é &", "b": ["1", "2"]}}, b"a=%C3%A9+%26&b=1&b=2", "application/x-www-form-urlencoded"),
        ({"data": b"\x00\xff", "headers": {"Content-Type": "image/png"}}, b"\x00\xff", "image/png"),
    ],
)
def test_a_body_arrives_as_it_was_given(answer_with, open_session, body, expected, content_type):
    server = answer_with()

    open_session(server.url).request("POST", "/x", **body)

    request = server.requests[0]
    sent = json.loads(request.body) if content_type == "application/json" else request.body
    assert (sent, request.headers["Content-Type"]) == (expected, content_type)


def test_static_headers_and_user_agent_go_with_every_request(answer_with, open_session):
    server = answer_with()

    open_session(server.url, headers={"X-Api-Version": "2"}).request("GET", "/x")
    open_session(server.url, user_agent="acme/1").request("GET", "/x", headers={"X-Api-Version": "3"})

    seen = [(request.headers["X-Api-Version"], request.headers["User-Agent"]) for request in server.requests]
    assert seen == [("2", f"airflow-provider-integry/{__version__}"), ("3", "acme/1")]


@pytest.mark.parametrize("key", ["k1", "abc/def+ghi==", "k{1}[2]"])
def test_a_key_in_a_cookie_arrives_as_it_is(answer_with, open_session, key):
    server = answer_with()

    open_session(server.url, password=key, key_location="cookie", key_name="sid").request("GET", "/x")

    assert server.requests[0].headers["Cookie"] == f"sid={key}"


def test_one_connection_serves_many_requests(answer_with, open_session):
    server = answer_with()
    session = open_session(server.url)

    for _ in range(5):
        session.request("GET", "/x")

    assert (len(server.requests), server.connections) == (5, 1)


@pytest.mark.parametrize("conn_type", ["integry_api_key", "integry_oauth1"])
def test_a_stream_arrives_whole(answer_with, open_session, conn_type):
    server = answer_with()
    fields = {"consumer_key": "ck", "consumer_secret": "cs"} if conn_type == "integry_oauth1" else {}
    session = open_session(server.url, conn_type, **fields)
    parts = [b"first-", b"second-", b"third"]
    stream = iter(parts) if session.kind == "sync" else _aiter(parts)

    session.request("POST", "/x", data=stream)

    assert server.requests[0].body == b"first-second-third"


HMAC = {"conn_type": "integry_api_key_secret", "api_key": "k", "api_secret": "s", "pair_style": "hmac"}
OAUTH1 = {"conn_type": "integry_oauth1", "consumer_key": "ck", "consumer_secret": "cs"}


@pytest.mark.parametrize(
    "fields",
    [
        {**OAUTH1, "placement": "body"},
        {**OAUTH1, "body_hash": True},
        {**HMAC, "string_to_sign": "{timestamp}{body}", "sign_headers": {"X-Signature": "{signature}"}},
        {**HMAC, "string_to_sign": "{path}", "sign_headers": {"X-Signature": "{signature}", "X-Hash": "{body_hash}"}},
    ],
)
def test_a_stream_is_refused_where_the_signature_has_to_see_it(answer_with, open_session, fields):
    server = answer_with()
    session = open_session(server.url, **fields)

    with pytest.raises(CredentialFormatError, match="as bytes"):
        session.request("POST", "/x", data=iter([b"part"]) if session.kind == "sync" else _aiter([b"part"]))
    assert server.connections == 0
    assert session.request("POST", "/x", data={"a": "1"}).status == 200


async def _aiter(parts):
    for part in parts:
        yield part


# -- retries ----------------------------------------------------------------------------------------


def test_a_passing_failure_is_retried_until_the_answer_comes(answer_with, open_session):
    server = answer_with(BUSY, HANG_UP, Answer(502), Answer(200, b"done"))

    assert open_session(server.url, max_retries=3).request("GET", "/x").body == b"done"
    assert len(server.requests) == 4


def test_the_last_answer_stands_when_retries_are_used_up(answer_with, open_session):
    server = answer_with(BUSY)

    assert open_session(server.url, max_retries=2).request("GET", "/x").status == 503
    assert len(server.requests) == 3


@pytest.mark.parametrize("answer", [BUSY, HANG_UP])
def test_no_retries_means_one_attempt(answer_with, open_session, answer):
    server = answer_with(answer)
    session = open_session(server.url, max_retries=0)

    if answer is BUSY:
        assert session.request("GET", "/x").status == 503
    else:
        with pytest.raises(ConnectionBrokenError):
            session.request("GET", "/x")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("answer", "headers", "expected"),
    [
        (Answer(429, headers={"Retry-After": "0"}), {}, 2),
        (BUSY, {}, 1),
        (BUSY, {"Idempotency-Key": "k"}, 2),
        (BUSY, {"X-Idempotency-Key": "k"}, 2),
        (BUSY, {"idempotency-key": "k"}, 2),
    ],
)
def test_a_write_is_sent_again_only_where_that_does_no_harm(answer_with, open_session, answer, headers, expected):
    server = answer_with(answer, Answer(201))

    response = open_session(server.url).request("POST", "/x", json={"a": 1}, headers=headers)

    assert response.status == (201 if expected == 2 else answer.status)
    assert [request.body for request in server.requests] == [server.requests[0].body] * expected


def test_a_write_whose_connection_breaks_is_not_sent_again(answer_with, open_session):
    server = answer_with(HANG_UP, Answer(201))

    with pytest.raises(ConnectionBrokenError):
        open_session(server.url).request("POST", "/x", json={"a": 1})
    assert len(server.requests) == 1


def test_retry_after_in_seconds_is_waited_for(answer_with, open_session):
    server = answer_with(Answer(503, headers={"Retry-After": "1"}), Answer())
    started = time.monotonic()

    open_session(server.url).request("GET", "/x")

    assert 1.0 <= time.monotonic() - started < 2.0


def test_retry_after_as_a_date_is_waited_for(answer_with, open_session):
    moment = round(time.time()) + 1
    date = email.utils.formatdate(moment, usegmt=True)
    server = answer_with(Answer(429, headers={"Retry-After": date}), Answer())

    open_session(server.url).request("POST", "/x", data=b"x")

    assert -0.05 <= time.time() - moment < 1.0


def test_an_unbearable_retry_after_is_not_waited_for(answer_with, open_session):
    server = answer_with(Answer(503, headers={"Retry-After": "3600"}))

    with ends_within(1.0):
        assert open_session(server.url).request("GET", "/x").status == 503
    assert len(server.requests) == 1


def test_a_refused_connection_is_a_typed_error_worth_a_retry(open_session, refused_port):
    with pytest.raises(ConnectFailedError, match="no connection") as caught:
        open_session(f"http://127.0.0.1:{refused_port}", max_retries=1).request("GET", "/x")

    assert caught.value.retryable


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_server_that_comes_up_in_time_is_reached(open_session, method):
    with closing(socket.socket()) as listener, ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        session = open_session(f"http://127.0.0.1:{listener.getsockname()[1]}", max_retries=30, timeout_s=2)

        def come_up():
            time.sleep(0.2)
            listener.listen()
            peer = stack.enter_context(closing(listener.accept()[0]))
            peer.recv(65536)
            peer.sendall(HEAD + b"Content-Length: 2\r\nConnection: close\r\n\r\nok")

        thread = threading.Thread(target=come_up, daemon=True)
        thread.start()
        try:
            assert session.request(method, "/x").body == b"ok"
        finally:
            thread.join(5)


def test_an_answer_that_breaks_off_is_a_typed_error(answer_with, open_session):
    server = answer_with(CUT_OFF)

    with pytest.raises(ConnectionBrokenError) as caught:
        open_session(server.url, max_retries=0).request("GET", "/x")

    assert caught.value.retryable


def test_an_answer_that_cannot_be_unpacked_is_a_typed_error(answer_with, open_session):
    server = answer_with(Answer(200, b"this is not gzip", {"Content-Encoding": "gzip"}))

    with pytest.raises(ConnectionBrokenError):
        open_session(server.url, max_retries=0).request("GET", "/x")


def test_an_answer_that_is_not_http_is_a_typed_error(answer_with, open_session):
    server = answer_with(Raw((b"SSH-2.0-OpenSSH_9.9\r\n",)))

    with pytest.raises(TransportError):
        open_session(server.url, max_retries=0).request("GET", "/x")


def test_a_stream_is_not_sent_again(answer_with, open_session):
    server = answer_with(BUSY, Answer())
    session = open_session(server.url)
    stream = iter([b"a"]) if session.kind == "sync" else _aiter([b"a"])

    assert session.request("PUT", "/x", data=stream).status == 503
    assert len(server.requests) == 1


# -- time -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(drip(HEAD + b"Content-Length: 1000000\r\n\r\n"), id="body"),
        pytest.param(drip(HEAD + b"X-Slow: "), id="headers"),
        pytest.param(drip(b"HTTP/1.1 200 "), id="status line"),
        pytest.param(Raw((30.0,)), id="nothing"),
    ],
)
def test_the_total_time_ends_an_answer_that_drips(answer_with, open_session, answer):
    server = answer_with(answer)

    with ends_within(2.0), pytest.raises(RequestTimeoutError) as caught:
        open_session(server.url, deadline_s=0.25, timeout_s=30).request("GET", "/x")
    assert caught.value.retryable


def test_a_server_that_says_nothing_is_given_up_after_the_timeout(answer_with, open_session):
    server = answer_with(Raw((30.0,)))

    with ends_within(2.0), pytest.raises(RequestTimeoutError):
        open_session(server.url, timeout_s=0.3, max_retries=0).request("GET", "/x")


def test_the_total_time_ends_a_connection_that_hangs(open_session, full_port):
    with ends_within(2.0), pytest.raises(TransportError) as caught:
        open_session(f"http://127.0.0.1:{full_port}", deadline_s=0.25, timeout_s=30).request("GET", "/x")
    assert caught.value.retryable


def test_the_total_time_ends_a_tls_handshake_that_hangs(open_session, silent_port):
    with ends_within(2.0), pytest.raises(TransportError) as caught:
        open_session(f"https://127.0.0.1:{silent_port}", deadline_s=0.25, timeout_s=30).request("GET", "/x")
    assert caught.value.retryable


@pytest.mark.parametrize("is_stream", [False, True])
def test_the_total_time_ends_an_upload_that_nobody_reads(open_session, silent_port, is_stream):
    session = open_session(f"http://127.0.0.1:{silent_port}", deadline_s=0.25, timeout_s=30)
    parts = [b"x" * 1_000_000] * 30
    data = b"".join(parts)
    if is_stream:
        data = iter(parts) if session.kind == "sync" else _aiter(parts)

    with ends_within(2.0), pytest.raises(RequestTimeoutError):
        session.request("PUT", "/x", data=data)


@pytest.fixture
def stalling_port():
    """A port that answers the first request of a connection and reads no further."""
    with ExitStack() as stack:
        listener = stack.enter_context(closing(socket.socket()))
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def answer_once():
            peer = stack.enter_context(closing(listener.accept()[0]))
            peer.recv(65536)
            peer.sendall(HEAD + b"Content-Length: 0\r\n\r\n")

        thread = threading.Thread(target=answer_once, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(5)


def test_the_total_time_ends_an_upload_on_a_connection_that_was_used_before(open_session, stalling_port):
    session = open_session(f"http://127.0.0.1:{stalling_port}", deadline_s=0.25, timeout_s=30)
    session.request("GET", "/x")

    with ends_within(2.0), pytest.raises(RequestTimeoutError):
        session.request("PUT", "/x", data=b"x" * 30_000_000)


def test_the_total_time_counts_all_attempts_together(answer_with, open_session):
    server = answer_with(Raw((0.2, b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")))

    with ends_within(2.0), suppress(RequestTimeoutError):
        assert open_session(server.url, deadline_s=0.7, max_retries=100).request("GET", "/x").status == 503
    assert 2 <= len(server.requests) <= 4


def test_the_total_time_counts_redirects_too(answer_with, open_session):
    slow = Raw((0.5, b"HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 0\r\n\r\n"))
    server = answer_with(slow, Answer(503, headers={"Retry-After": "1"}), Answer())

    with ends_within(1.0):
        assert open_session(server.url, deadline_s=1.2).request("GET", "/x").status == 503


# -- what people expect of requests -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "fields", "expected"),
    [
        (HANG_UP, {}, requests.ConnectionError),
        (CUT_OFF, {}, requests.ConnectionError),
        (Raw((30.0,)), {"timeout_s": 0.2}, requests.Timeout),
        (Answer(302, headers={"Location": "/x"}), {}, requests.TooManyRedirects),
        (Answer(302, headers={"Location": "http://other.example/"}), {}, requests.TooManyRedirects),
    ],
)
def test_errors_are_caught_by_code_written_for_requests(answer_with, open_sync, answer, fields, expected):
    session = open_sync(answer_with(answer).url, max_retries=0, **fields).session

    with pytest.raises(expected) as caught:
        session.get("/x")
    assert isinstance(caught.value, TransportError)


def test_a_refused_connection_is_a_connection_error_of_requests(open_sync, refused_port):
    with pytest.raises(requests.ConnectionError):
        open_sync(f"http://127.0.0.1:{refused_port}", max_retries=0).session.get("/x")


@pytest.mark.parametrize("timeout", [None, 0.2, (5, 0.2)])
def test_a_timeout_is_set_whatever_the_caller_says(answer_with, open_sync, timeout):
    session = open_sync(answer_with(Raw((30.0,))).url, max_retries=0, timeout_s=0.2).session

    with ends_within(2.0), pytest.raises(RequestTimeoutError):
        session.get("/x", timeout=timeout)


def test_a_prepared_request_is_signed_and_held_to_the_timeout_too(answer_with, open_sync):
    server = answer_with(Raw((30.0,)))
    session = open_sync(server.url, max_retries=0, timeout_s=0.2).session

    with ends_within(2.0), pytest.raises(RequestTimeoutError):
        session.send(session.prepare_request(requests.Request("GET", f"{server.url}/x")))
    assert server.requests[0].headers["Authorization"] == "Bearer key-1"


def test_an_answer_that_breaks_off_is_asked_for_again(answer_with, open_sync):
    server = answer_with(CUT_OFF, Answer(200, b"whole"))

    assert open_sync(server.url).session.get("/x").content == b"whole"


def test_files_cookies_and_hooks_work_as_in_requests(answer_with, open_sync):
    server = answer_with(Answer(200, headers={"Set-Cookie": "seen=1"}))
    session = open_sync(server.url).session
    hooked = []

    session.post("/x", files={"file": ("a.txt", b"content")}, hooks={"response": lambda r, **_: hooked.append(r)})
    response = session.get("/x")

    assert b"content" in server.requests[0].body
    assert [server.requests[1].headers["Cookie"], len(hooked), response.elapsed.total_seconds() > 0] == [
        "seen=1",
        1,
        True,
    ]


def test_a_streamed_answer_is_read_piece_by_piece(answer_with, open_sync):
    session = open_sync(answer_with(Answer(200, b"0123456789")).url).session

    with session.get("/x", stream=True) as response:
        assert list(response.iter_content(4)) == [b"0123", b"4567", b"89"]


def test_threads_share_a_session(answer_with, open_sync):
    server = answer_with()
    session = open_sync(server.url).session
    failed = []

    def work():
        try:
            for _ in range(5):
                session.get("/x").raise_for_status()
        except Exception as error:  # noqa: BLE001 - handed back to the test
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (failed, len(server.requests)) == ([], 40)
