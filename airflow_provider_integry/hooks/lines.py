"""Reading files of JSON lines again, a line at a time."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import IO, Any, cast

import msgspec.json
from airflow.sdk import ObjectStoragePath

_GZIP = b"\x1f\x8b"


def read_lines(path: str) -> Iterator[Any]:
    """Give the records of a file of JSON lines, compressed by gzip or not."""
    decoder = msgspec.json.Decoder()
    with ObjectStoragePath(path).open("rb") as file:
        is_compressed = file.read(2) == _GZIP
        file.seek(0)
        lines = cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if is_compressed else file
        for line in lines:
            yield decoder.decode(line)
