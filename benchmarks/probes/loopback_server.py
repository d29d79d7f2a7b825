"""A small HTTP/1.1 server on loopback, fast and with keep-alive; prints its port.

``POST /v1/items`` answers 201 to whoever has an API key, ``GET /v1/records?cursor=N`` one page of five.
Standard library only: it is not what is measured.
"""

from __future__ import annotations

import asyncio
import json
import re

PAGES = 5
RECORDS = 10
_KEY = re.compile(rb"\r\nx-api-key: *bench-key-", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CURSOR = re.compile(rb"[?&]cursor=(\d+)")


class Answerer(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._pending = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._pending += data
        while (end := self._pending.find(b"\r\n\r\n")) >= 0:
            head = self._pending[:end]
            length = _LENGTH.search(head)
            size = end + 4 + (int(length[1]) if length else 0)
            if len(self._pending) < size:
                return
            self._pending = self._pending[size:]
            self._transport.write(answer(head))


def answer(head: bytes) -> bytes:
    """Build the answer to a request with this head."""
    if not _KEY.search(head):
        return build_response(b"401 Unauthorized", {"error": "no key"})
    if head.startswith(b"POST"):
        return build_response(b"201 Created", {"id": 1})
    cursor = _CURSOR.search(head.split(b"\r\n", 1)[0])
    page = int(cursor[1]) if cursor else 0
    records = [{"page": page, "id": page * RECORDS + i} for i in range(RECORDS)]
    return build_response(b"200 OK", {"data": records, "next": page + 1 if page + 1 < PAGES else None})


def build_response(status: bytes, body: object) -> bytes:
    """Build a whole response."""
    text = json.dumps(body).encode()
    return b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (status, len(text), text)


async def serve() -> None:
    """Serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Answerer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
