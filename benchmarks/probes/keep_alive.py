"""A keep-alive HTTP client that costs little, so that it measures the server and not itself."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager


class KeepAliveClient:
    """One connection to a server on loopback.

    Args:
        port: The server's.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, request: bytes) -> tuple[int, bytes]:
        """Send a request and return status and body; reconnects where the server has hung up."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        status, length = int(head[9:12]), 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return status, await reader.readexactly(length)

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()


def build_request(method: str, path: str, token: str = "", body: dict[str, str] | None = None) -> bytes:
    """Return the bytes of a request."""
    content = json.dumps(body).encode() if body is not None else b""
    head = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: application/json"]
    head += [f"Authorization: Bearer {token}"] if token else []
    head += ["Content-Type: application/json", f"Content-Length: {len(content)}"] if content else []
    return "\r\n".join([*head, "", ""]).encode() + content


async def load(
    pool: Sequence[KeepAliveClient], build: Callable[[], bytes], requests: int
) -> tuple[float, list[float], dict[int, int]]:
    """Send requests from several clients at once, each waiting for its answer before its next one.

    Returns:
        Seconds in all; seconds of each request; how many answers had which status.
    """
    # Made beforehand: signing is the clients' work.
    waiting: Iterator[bytes] = iter([build() for _ in range(requests)])
    times: list[float] = []
    statuses: dict[int, int] = {}

    async def work(client: KeepAliveClient) -> None:
        for request in waiting:
            started = time.perf_counter()
            status, _ = await client.send(request)
            times.append(time.perf_counter() - started)
            statuses[status] = statuses.get(status, 0) + 1

    started = time.perf_counter()
    await asyncio.gather(*map(work, pool))
    return time.perf_counter() - started, times, statuses


@contextmanager
def clients(port: int, count: int) -> Generator[list[KeepAliveClient], None, None]:
    """Give so many clients of one server, and hang up at the end."""
    pool = [KeepAliveClient(port) for _ in range(count)]
    try:
        yield pool
    finally:
        for client in pool:
            client.close()


def percentile(values: list[float], share: float) -> float:
    """Return the value below which a share of all values lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
