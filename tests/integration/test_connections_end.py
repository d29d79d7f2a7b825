"""What the async session opens ends with it, also where the other side takes its time and where it is cancelled."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import sys
from contextlib import closing, suppress

import psutil
import pytest
from integration.loopback import Raw, _guard, connection

from airflow_provider_integry.auth.wire import HttpRequest
from airflow_provider_integry.authorizations.tokens import source_for
from airflow_provider_integry.errors import IntegryError
from airflow_provider_integry.settings import TransportSettings, parse_connection
from airflow_provider_integry.transport.aio import IntegryAsyncSession, afetch

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
REDIRECT = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 2\r\n\r\n"
BUSY = b"HTTP/1.1 503 Busy\r\nRetry-After: 5\r\nContent-Length: 9000000\r\n\r\n"


@pytest.fixture
def tls_server(answer_with, tls_files):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls_files["cert"], tls_files["key"])
    return answer_with(tls=context)


@pytest.fixture
def unraisable(monkeypatch):
    """What was only noticed when it was thrown away: what nobody closed."""
    found = []
    monkeypatch.setattr(sys, "unraisablehook", lambda one: found.append(str(one.exc_value)))
    return found


def open_to(port):
    """Return the sockets of this process that lead to a port."""
    return [one for one in psutil.Process().net_connections("tcp4") if one.raddr and one.raddr.port == port]


def use(url, **fields):
    """Send a request of the async session, in a loop that ends with it; return how that went."""
    body = fields.pop("body", None)
    settings = parse_connection(connection(url, max_retries=0, **fields))

    async def send():
        guard = _guard(settings)
        async with IntegryAsyncSession(source_for(settings), guard, settings.base_url, settings.transport) as session:
            return (await session.request("PUT", "/x", data=body)).status

    with suppress(IntegryError):
        return asyncio.run(send())
    return None


async def cancelled(work, server):
    """Begin some work, and cancel it when a request has arrived and a part of the answer has come back."""
    task = asyncio.create_task(work)
    while not server.requests:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()


def test_a_redirect_is_not_waited_for_to_its_end(tls_server, tls_files):
    tls_server.script(Raw((REDIRECT, 1.0, b"{}")))

    assert use(tls_server.url, ca_file=tls_files["ca"]) is None
    assert len(tls_server.requests) == 1
    assert open_to(tls_server.port) == []


def test_nobody_is_asked_to_say_good_bye(tls_server, tls_files):
    tls_server.script(Raw((HEAD + b"Connection: close\r\n\r\n{}", 1.0)))

    assert use(tls_server.url, ca_file=tls_files["ca"]) == 200
    assert open_to(tls_server.port) == []


def test_an_upload_that_is_given_up_is_over():
    with closing(socket.create_server(("127.0.0.1", 0))) as stalled:
        port = stalled.getsockname()[1]

        assert use(f"http://127.0.0.1:{port}", body=b"x" * 30_000_000, deadline_s=0.2) is None
        assert open_to(port) == []


def test_a_token_request_that_is_cancelled_leaves_nothing_behind(answer_with, unraisable):
    server = answer_with(Raw((HEAD + b"\r\n{", 1.0, b"}")))
    request = HttpRequest("POST", f"{server.url}/token", (), b"a=b")

    asyncio.run(cancelled(afetch(request, TransportSettings()), server))
    gc.collect()

    assert unraisable == []


def test_a_request_that_is_cancelled_before_a_retry_leaves_nothing_behind(answer_with, unraisable):
    server = answer_with(Raw((BUSY, b"x" * 1000, 1.0)))
    settings = parse_connection(connection(server.url, max_retries=3))

    async def send():
        guard = _guard(settings)
        async with IntegryAsyncSession(source_for(settings), guard, settings.base_url, settings.transport) as session:
            await session.get("/x")

    asyncio.run(cancelled(send(), server))
    gc.collect()

    assert unraisable == []
    assert len(server.requests) == 1
