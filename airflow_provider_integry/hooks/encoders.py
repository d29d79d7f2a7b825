"""Records to the bytes of a file: JSON lines, compressed or not, or Parquet."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any, Protocol

from airflow_provider_integry.connectors.raw import to_lines
from airflow_provider_integry.errors import OutputPathError

# zlib's word for a gzip header, which then holds neither a name nor a time: equal records, equal files.
_GZIP = 31


class Encoder(Protocol):
    """What every format does."""

    def encode(self, records: list[Any]) -> bytes:
        """Return what a page adds to the file; nothing, where it has to wait."""

    def finish(self) -> Iterable[bytes]:
        """Give what comes last, in pieces."""

    def discard(self) -> None:
        """Let go of what is held, when there will be no file."""


class JsonLines:
    """One record a line."""

    def encode(self, records: list[Any]) -> bytes:
        """Return a page's lines."""
        return to_lines(records)

    def finish(self) -> Iterable[bytes]:
        """Give nothing."""
        return ()

    def discard(self) -> None:
        """Hold nothing."""


class GzippedLines(JsonLines):
    """One record a line, compressed as RFC 1952 says."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(wbits=_GZIP)

    def encode(self, records: list[Any]) -> bytes:
        """Return what the compressor has ready."""
        return self._deflate.compress(to_lines(records))

    def finish(self) -> Iterable[bytes]:
        """Give the rest and the checksum."""
        yield self._deflate.flush()


def build_encoder(path: str, compression: str | None) -> Encoder:
    """Return the encoder that a target's name and the task's argument ask for.

    Raises:
        OutputPathError: They contradict each other, or something is not installed.
    """
    if compression not in (None, "gzip"):
        raise OutputPathError(path, f"compression '{compression}' is not known; write 'gzip', or leave it out")
    if path.endswith(".parquet"):
        if compression:
            raise OutputPathError(path, "Parquet is compressed inside; leave 'compression' out")
        # Lazy for start-up cost: most files are not Parquet, and pyarrow is large.
        from airflow_provider_integry.hooks.parquet import ParquetEncoder

        return ParquetEncoder(path)
    return GzippedLines() if compression or path.endswith(".gz") else JsonLines()
