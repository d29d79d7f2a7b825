"""A server of many large pages, made before they are asked for; prints its port.

``pages_server.py PAGES RECORDS BYTES``: ``GET /v1/records?cursor=N`` answers ``{"data": [...], "next": N + 1}`` with
so many records of so many bytes each, and no ``next`` on the last page. Standard library only.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys

_CURSOR = re.compile(rb"[?&]cursor=(\d+)")
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


class Answerer(asyncio.Protocol):
    """One connection."""

    answers: tuple[bytes, ...] = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._pending = b""

    def data_received(self, data: bytes) -> None:
        self._pending += data
        while (end := self._pending.find(b"\r\n\r\n")) >= 0:
            cursor = _CURSOR.search(self._pending[:end].split(b"\r\n", 1)[0])
            self._pending = self._pending[end + 4 :]
            self._transport.write(self.answers[int(cursor[1]) if cursor else 0])


def build_answers(pages: int, records: int, size: int) -> tuple[bytes, ...]:
    """Return whole responses, one for each page."""
    return tuple(
        build_answer(
            [build_record(page * records + i, size) for i in range(records)], page + 1 if page + 1 < pages else 0
        )
        for page in range(pages)
    )


def build_answer(records: list[str], following: int) -> bytes:
    """Return one response."""
    body = f'{{"data":[{",".join(records)}],"next":{following or "null"}}}'.encode()
    return _HEAD % len(body) + body


def build_record(number: int, size: int) -> str:
    """Return a record of so many bytes, as APIs have them: numbers, texts, a list, an object."""
    record = {
        "id": number,
        "name": f"Customer {number}",
        "email": f"customer.{number}@example.com",
        "active": number % 3 == 0,
        "balance": number / 100,
        "tags": ["trial", "newsletter"],
        "address": {"city": "Springfield", "zip": f"{number % 100000:05}"},
        "created_at": "2031-04-05T06:07:08Z",
        "notes": "",
    }
    missing = size - len(json.dumps(record, separators=(",", ":")))
    return json.dumps({**record, "notes": "x" * missing}, separators=(",", ":"))


async def serve() -> None:
    """Serve until the process is ended."""
    pages, records, size = map(int, sys.argv[1:4])
    Answerer.answers = build_answers(pages, records, size)
    server = await asyncio.get_running_loop().create_server(Answerer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
