"""Run a Flask application on loopback, record what arrives, and misbehave when told to."""

from __future__ import annotations

import io
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

logging.getLogger("werkzeug").setLevel(logging.ERROR)


@dataclass(frozen=True)
class Seen:
    """One request as it arrived, and the status that it got.

    Attributes:
        method, path: As sent; the path is decoded.
        query: Raw query string.
        headers: Values by lower-case name.
        body: Raw body.
        status: Status of the answer.
        at: Monotonic seconds of arrival.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    status: int
    at: float

    @property
    def everything(self) -> str:
        """Return all that arrived as one text, for looking for secrets."""
        return "\n".join([self.path, self.query, *map(str, self.headers.items()), self.body.decode("utf-8", "replace")])


@dataclass
class Fault:
    """How to answer instead of the application.

    Attributes:
        times: How often; the application answers again afterwards.
        status: Status; None lets the application answer after the delay.
        headers, body: Of the answer.
        delay_s: Seconds to wait first.
        drops: Whether the connection is closed without an answer.
        after: Whether the application does its work first, so that its answer is what gets lost.
    """

    times: int = 1
    status: int | None = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay_s: float = 0.0
    drops: bool = False
    after: bool = False


class LiveServer:
    """A Flask application served on ``127.0.0.1`` by threads of this process; a context manager."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self._lock = threading.Lock()
        self._seen: list[Seen] = []
        self._faults: dict[str, list[Fault]] = {}
        self._server = make_server("127.0.0.1", 0, self._serve, threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def port(self) -> int:
        """TCP port."""
        return int(self._server.server_port)

    @property
    def url(self) -> str:
        """Base URL without a trailing slash."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> LiveServer:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    # -- what arrived ------------------------------------------------------------------------------

    @property
    def seen(self) -> list[Seen]:
        """Every finished request, oldest first."""
        with self._lock:
            return list(self._seen)

    def requests(self, path: str | None = None, *, status: int | None = None) -> list[Seen]:
        """Return the requests to a path, with a status; all of them by default."""
        return [one for one in self.seen if path in (None, one.path) and status in (None, one.status)]

    def count(self, path: str | None = None, *, status: int | None = None) -> int:
        """Return how many requests there were."""
        return len(self.requests(path, status=status))

    def forget(self) -> None:
        """Forget every request so far."""
        with self._lock:
            self._seen.clear()

    # -- misbehaviour ------------------------------------------------------------------------------

    def misbehave(self, path: str, *faults: Fault) -> None:
        """Answer the next requests to a path with these faults, one after the other."""
        with self._lock:
            self._faults.setdefault(path, []).extend(faults)

    def fail(self, path: str, status: int = 500, times: int = 1, body: bytes = b"", **headers: str) -> None:
        """Answer `status` so many times; ``Retry_After="1"`` is the header ``Retry-After``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.misbehave(path, Fault(times, status, named, body))

    def slow(self, path: str, delay_s: float, times: int = 1) -> None:
        """Let requests wait before they are answered as always."""
        self.misbehave(path, Fault(times, None, delay_s=delay_s))

    def drop(self, path: str, times: int = 1, *, after: bool = False) -> None:
        """Close the connection without an answer: before the application works, or after it has."""
        self.misbehave(path, Fault(times, drops=True, after=after))

    # -- inside ------------------------------------------------------------------------------------

    def _serve(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        at = time.monotonic()
        request = Request(environ)
        body = request.get_data()
        environ["wsgi.input"] = io.BytesIO(body)
        response = self._answer(request.path, environ)
        with self._lock:
            self._seen.append(
                Seen(
                    request.method,
                    request.path,
                    request.query_string.decode("latin-1"),
                    {name.lower(): value for name, value in request.headers.items()},
                    body,
                    0 if response is None else response.status_code,
                    at,
                )
            )
        if response is None:
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionResetError
        return response(environ, start_response)

    def _answer(self, path: str, environ: dict[str, Any]) -> Response | None:
        fault = self._next_fault(path)
        if fault is None:
            return Response.from_app(self.app, environ)
        if fault.delay_s:
            time.sleep(fault.delay_s)
        if fault.status is None or fault.after:
            response = Response.from_app(self.app, environ)
            if not fault.after:
                return response
        if fault.drops:
            return None
        return Response(fault.body, fault.status, dict(fault.headers))

    def _next_fault(self, path: str) -> Fault | None:
        with self._lock:
            queue = self._faults.get(path, [])
            while queue and queue[0].times <= 0:
                queue.pop(0)
            if not queue:
                return None
            queue[0].times -= 1
            return queue[0]
