"""Loopback servers that answer as they are told, and one way to drive the sync and the async session.

What these servers receive is read with the standard library, not with code of this package.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from airflow_provider_integry.auth.wire import HttpResponse
from airflow_provider_integry.authorizations.tokens import source_for
from airflow_provider_integry.settings import ConnectionSettings, RawConnection, parse_connection
from airflow_provider_integry.transport.aio import IntegryAsyncSession, read_response
from airflow_provider_integry.transport.guard import HostGuard
from airflow_provider_integry.transport.sync import IntegrySession, to_response

CONN_ID = "acme"
# Retries wait a moment in tests, not half a second and more.
BACKOFF_S = 0.01


@dataclass(frozen=True)
class Received:
    """A request as it arrived."""

    method: str
    target: str
    headers: Message
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def text(self) -> str:
        """Everything that arrived, to be searched for secrets."""
        return f"{self.method} {self.target}\n{self.headers}\n{self.body.decode('latin-1')}"


@dataclass(frozen=True)
class Answer:
    """A complete answer."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Raw:
    """Bytes as they go over the wire; a number is seconds to wait. The connection is closed at the end."""

    pieces: tuple[bytes | float, ...]


Script = Answer | Raw | Callable[[Received], Answer | Raw]


def to_json(value: Any, status: int = 200, **headers: str) -> Answer:
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json", **headers})


def drip(head: bytes, *, seconds: float = 30.0, pause_s: float = 0.1) -> Raw:
    """Send `head`, then one byte every `pause_s`."""
    return Raw((head, *(piece for _ in range(int(seconds / pause_s)) for piece in (pause_s, b"x"))))


class Server:
    """An HTTP server on 127.0.0.1; its answers are given in order, the last one again and again.

    Attributes:
        requests: What arrived.
        connections: How many TCP connections were made.
    """

    def __init__(self, *script: Script, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Received] = []
        self.connections = 0
        self.tls = tls
        self.stopping = threading.Event()
        self._script = list(script) or [Answer()]
        self._lock = threading.Lock()
        self._open: set[Any] = set()
        self._http = _HttpServer(("127.0.0.1", 0), _Handler)
        self._http.owner = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.002,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def text(self) -> str:
        return "\n".join(request.text for request in self.requests)

    def count(self, path: str) -> int:
        return sum(request.path == path for request in self.requests)

    def script(self, *script: Script) -> None:
        """Answer like this from now on."""
        with self._lock:
            self._script = list(script)

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *details: object) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()
        with self._lock:
            for connection in self._open:
                _hang_up(connection)

    def opened(self, connection: Any) -> None:
        with self._lock:
            self.connections += 1
            self._open.add(connection)

    def closed(self, connection: Any) -> None:
        with self._lock:
            self._open.discard(connection)

    def answer(self, request: Received) -> Answer | Raw:
        with self._lock:
            self.requests.append(request)
            step = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        return step(request) if callable(step) else step


class TokenServer(Server):
    """A token endpoint at ``/token``, and an API that takes the newest token alone.

    Attributes:
        lifetime_s: `expires_in` of each token.
        delay_s: Seconds a token request takes.
        refusal: Answer of the token endpoint in place of a token.
    """

    def __init__(self, *, lifetime_s: float | None = 3600, delay_s: float = 0.0) -> None:
        super().__init__(self._serve)
        self.lifetime_s = lifetime_s
        self.delay_s = delay_s
        self.refusal: Answer | Raw | None = None
        self.api_answer: Answer | Raw = to_json({"id": "u1", "name": "Ada"})
        self._issued = 0
        self._is_revoked = False

    @property
    def token_requests(self) -> int:
        return self.count("/token")

    def revoke(self) -> None:
        """Refuse the current token from now on; the next one is good."""
        self._is_revoked = True

    def _serve(self, request: Received) -> Answer | Raw:
        if request.path != "/token":
            is_current = request.headers["Authorization"] == f"Bearer token-{self._issued}" and not self._is_revoked
            return self.api_answer if is_current else to_json({"message": "unauthorized"}, 401)
        self.stopping.wait(self.delay_s)
        if self.refusal is not None:
            return self.refusal
        self._issued += 1
        self._is_revoked = False
        lifetime = {} if self.lifetime_s is None else {"expires_in": self.lifetime_s}
        return to_json({"access_token": f"token-{self._issued}", "token_type": "Bearer", **lifetime})


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    owner: Server

    def handle_error(self, request: Any, client_address: Any) -> None:
        traceback.print_exc()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body are written apart: each second request would wait 40 ms for an acknowledgement.
    disable_nagle_algorithm = True
    server: _HttpServer

    def setup(self) -> None:
        self.server.owner.opened(self.request)
        self.plain = self.request
        if self.server.owner.tls:
            try:
                self.request = self.server.owner.tls.wrap_socket(self.request, server_side=True)
            except OSError:
                self.request = None
                return
        super().setup()

    def handle(self) -> None:
        try:
            if self.request is not None:
                super().handle()
        except OSError:
            # The client has hung up, or the test is over.
            self.close_connection = True

    def finish(self) -> None:
        self.server.owner.closed(self.plain)
        if self.request is None:
            return
        with suppress(OSError):
            super().finish()
        if self.request is not self.plain:
            self.request.close()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._respond
        raise AttributeError(name)

    def _respond(self) -> None:
        request = Received(self.command, self.path, self.headers, self._read_body())
        answer = self.server.owner.answer(request)
        if isinstance(answer, Raw):
            self._play(answer)
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status not in (204, 304):
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def _play(self, raw: Raw) -> None:
        self.close_connection = True
        for piece in raw.pieces:
            if self.server.owner.stopping.is_set():
                return
            if isinstance(piece, bytes):
                self.wfile.write(piece)
                self.wfile.flush()
            else:
                self.server.owner.stopping.wait(piece)

    def _read_body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
        pass


def _hang_up(connection: Any) -> None:
    with suppress(OSError):
        connection.shutdown(2)


def connection(
    base_url: str | None,
    conn_type: str = "integry_api_key",
    *,
    login: str | None = None,
    password: str | None = None,
    conn_id: str = CONN_ID,
    **extra: Any,
) -> RawConnection:
    """Build a connection as somebody would fill in its form; http is allowed."""
    if conn_type.startswith("integry_api_key") and conn_type != "integry_api_key_secret":
        password = password or "key-1"
    return RawConnection(
        conn_id, conn_type, host=base_url, login=login, password=password, extra={"allow_http": True, **extra}
    )


def oauth2(server: Server, **extra: Any) -> RawConnection:
    """Build a connection that fetches tokens from `server` and uses them there."""
    fields = {"client_id": "client-1", "client_secret": "secret-1", "exchange_url": f"{server.url}/token"}
    return connection(server.url, "integry_oauth2", **{**fields, **extra})


def to_variable(raw: RawConnection) -> tuple[str, str]:
    """Return name and value of the environment variable that makes a connection known to Airflow."""
    value = {
        "conn_type": raw.conn_type,
        "host": raw.host,
        "schema": raw.schema,
        "port": raw.port,
        "login": raw.login,
        "password": raw.password,
        "extra": raw.extra,
    }
    return f"AIRFLOW_CONN_{raw.conn_id.upper()}", json.dumps({k: v for k, v in value.items() if v is not None})


class SyncClient:
    """Drives `IntegrySession`."""

    kind = "sync"

    def __init__(self, settings: ConnectionSettings) -> None:
        self.session = IntegrySession(
            source_for(settings), _guard(settings), settings.base_url, settings.transport, dict(settings.headers)
        )
        self.session._policy = replace(self.session._policy, base_s=BACKOFF_S)

    def request(self, method: str, url: str, **kwargs: Any) -> HttpResponse:
        """Send a request and read its answer to the end."""
        return to_response(self.session.request(method, url, **kwargs))

    def close(self) -> None:
        self.session.close()


class AsyncClient:
    """Drives `IntegryAsyncSession` in a loop of its own."""

    kind = "async"

    def __init__(self, settings: ConnectionSettings) -> None:
        self.loop = asyncio.new_event_loop()
        self.session = IntegryAsyncSession(
            source_for(settings), _guard(settings), settings.base_url, settings.transport, dict(settings.headers)
        )
        self.session._policy = replace(self.session._policy, base_s=BACKOFF_S)
        try:
            self.loop.run_until_complete(self.session.__aenter__())
        except BaseException:
            self.loop.close()
            raise

    def request(self, method: str, url: str, **kwargs: Any) -> HttpResponse:
        """Send a request and read its answer to the end."""

        async def ask() -> HttpResponse:
            async with self.session.request(method, url, **kwargs) as response:
                return await read_response(response)

        return self.loop.run_until_complete(ask())

    def close(self) -> None:
        self.loop.run_until_complete(self.session.__aexit__(None, None, None))
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()


CLIENTS = {"sync": SyncClient, "async": AsyncClient}


def _guard(settings: ConnectionSettings) -> HostGuard:
    return HostGuard(settings.base_url, settings.allowed_hosts, allow_http=settings.allow_http)


def open_client(kind: str, raw: RawConnection) -> SyncClient | AsyncClient:
    return CLIENTS[kind](parse_connection(raw))
