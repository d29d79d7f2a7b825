"""A reverse proxy that shows one path of a server under another name, and nothing else; a context manager."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from types import TracebackType

from aiohttp import ClientSession, ClientTimeout, web

START_TIMEOUT_S = 30
# What belongs to one hop alone (RFC 9110 section 7.6.1), and what the two clients fill in themselves.
_OF_ONE_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "host", "content-length"})


@dataclass(frozen=True)
class Passed:
    """One request of a browser: the path that it asked for, and the status that it got."""

    method: str
    path: str
    status: int


class PublicProxy:
    """A proxy at ``http://localhost:PORT``, while the server behind it is at ``127.0.0.1``.

    Args:
        prefix: Path before ours, as browsers see it.
        shown: Path below the prefix that is passed on.
    """

    def __init__(self, prefix: str, shown: str) -> None:
        self._prefix, self._shown = prefix, shown
        self._target = ""
        self._up = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._port = 0
        self.passed: list[Passed] = []
        self.refused: list[str] = []

    @property
    def url(self) -> str:
        """Address for browsers, with the prefix."""
        return f"http://localhost:{self._port}{self._prefix}"

    def point_to(self, target: str) -> None:
        """Say where the server is, with its own prefix."""
        self._target = target

    def __enter__(self) -> PublicProxy:
        self._thread.start()
        assert self._up.wait(START_TIMEOUT_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_TIMEOUT_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._up.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._stop())
        self._loop.close()

    async def _start(self) -> None:
        self._client = ClientSession(auto_decompress=False, timeout=ClientTimeout(total=60))
        app = web.Application(client_max_size=8 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._pass)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def _stop(self) -> None:
        await self._runner.cleanup()
        await self._client.close()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        path = request.raw_path
        if not path.startswith(f"{self._prefix}{self._shown}"):
            self.refused.append(path)
            return web.Response(status=404, text="The proxy shows nothing here.")
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in _OF_ONE_HOP]
        async with self._client.request(
            request.method,
            self._target + path.removeprefix(self._prefix),
            headers=headers,
            data=await request.read(),
            allow_redirects=False,
        ) as answer:
            body = await answer.read()
            kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in _OF_ONE_HOP]
            self.passed.append(Passed(request.method, path.partition("?")[0], answer.status))
            response = web.Response(status=answer.status, body=body)
            response.headers.popall("Content-Type", None)
            for name, value in kept:
                response.headers.add(name, value)
            return response
