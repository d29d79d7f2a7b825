"""Records as a Parquet file, whose columns are known only when the last record has come.

The lines are kept in a temporary file on this machine's disk while the columns are gathered page by page;
then they are read again, a group of rows at a time. Needs pyarrow, the extra `parquet`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from importlib import import_module
from typing import IO, Any

import msgspec

from airflow_provider_integry.connectors.raw import to_lines
from airflow_provider_integry.errors import OutputPathError

# Lines that make one group of rows; in memory, decoded, they take some ten times as much.
_GROUP_BYTES = 8 * 1024 * 1024
_PIECE_BYTES = 1024 * 1024
_INSTEAD = "write JSON lines instead: end output_path with .jsonl or .jsonl.gz"


class ParquetEncoder:
    """Gathers records, and gives the file at the end.

    Args:
        path: The target, for errors.
    Raises:
        OutputPathError: pyarrow is not installed.
    """

    def __init__(self, path: str) -> None:
        try:
            # By name: it is an extra, so that neither it nor its types are there for certain.
            self._arrow: Any = import_module("pyarrow")
            self._parquet: Any = import_module("pyarrow.parquet")
        except ImportError:
            problem = "Parquet needs pyarrow; install 'airflow-provider-integry[parquet]', or end it with .jsonl"
            raise OutputPathError(path, problem) from None
        self._path = path
        self._schema: Any = self._arrow.schema([])
        self._groups: list[int] = []
        self._held = ExitStack()
        self._lines: IO[bytes] | None = None

    def encode(self, records: list[Any]) -> bytes:
        """Keep a page and learn its columns; gives nothing yet.

        Raises:
            OutputPathError: These records cannot be rows of one table.
        """
        lines = to_lines(records)
        if not lines:
            return b""
        found = self._columns_of(self._decode(lines))
        self._schema = self._fitting(lambda: self._arrow.unify_schemas([self._schema, found], **_PERMISSIVE))
        if self._lines is None:
            file = tempfile.TemporaryFile(prefix="integry-")  # noqa: SIM115 - closed with what is held
            self._lines = self._held.enter_context(file)
        self._lines.write(lines)
        if self._groups and self._groups[-1] + len(lines) <= _GROUP_BYTES:
            self._groups[-1] += len(lines)
        else:
            self._groups.append(len(lines))
        return b""

    def finish(self) -> Iterable[bytes]:
        """Give the file in pieces.

        Raises:
            OutputPathError: The records of different pages cannot be rows of one table.
        """
        with self._held, tempfile.TemporaryFile(prefix="integry-") as file:
            schema = self._arrow.schema([self._writable(field) for field in self._schema])
            with self._parquet.ParquetWriter(file, schema) as writer:
                for rows in self._read_groups():
                    writer.write_table(self._to_table(rows, schema))
            file.seek(0)
            while piece := file.read(_PIECE_BYTES):
                yield piece

    def discard(self) -> None:
        """Remove the temporary file."""
        self._held.close()

    def _read_groups(self) -> Iterator[list[Any]]:
        if self._lines is not None:
            self._lines.seek(0)
            for size in self._groups:
                yield self._decode(self._lines.read(size))

    def _to_table(self, rows: list[Any], schema: Any) -> Any:
        if schema != self._schema:
            rows = [{name: self._without_empty(row.get(name), schema.field(name).type) for name in row} for row in rows]
        return self._fitting(lambda: self._arrow.Table.from_pylist(rows, schema))

    def _without_empty(self, value: Any, kind: Any) -> Any:
        """Return the value with nulls for the objects that are empty in every record."""
        types = self._arrow.types
        if types.is_null(kind):
            return None
        if isinstance(value, dict):
            return {name: self._without_empty(below, kind.field(name).type) for name, below in value.items()}
        if isinstance(value, list):
            return [self._without_empty(item, kind.value_type) for item in value]
        return value

    def _decode(self, lines: bytes) -> list[Any]:
        try:
            rows: list[Any] = msgspec.json.Decoder().decode_lines(lines)
        except ValueError:
            raise self._refusal("a record holds a number that no column can hold") from None
        if not all(isinstance(row, dict) for row in rows):
            raise self._refusal("a record is no object, so it has no columns")
        return rows

    def _columns_of(self, rows: list[Any]) -> Any:
        arrow = self._arrow
        try:
            return arrow.RecordBatch.from_struct_array(arrow.array(rows)).schema
        except (arrow.ArrowException, OverflowError, ValueError, TypeError):
            raise self._refusal(f"field '{self._find_mixed(rows)}' holds {_MIXED}") from None

    def _find_mixed(self, rows: list[Any]) -> str:
        """Return the field that cannot be a column; its values may be somebody's data and are not shown."""
        keys = dict.fromkeys(key for row in rows for key in row)
        return next((key for key in keys if not self._is_column([row.get(key) for row in rows])), "?")

    def _is_column(self, values: list[Any]) -> bool:
        try:
            self._arrow.array(values)
        except (self._arrow.ArrowException, OverflowError, ValueError, TypeError):
            return False
        return True

    def _fitting(self, build: Callable[[], Any]) -> Any:
        try:
            return build()
        except (self._arrow.ArrowException, OverflowError, ValueError, TypeError):
            raise self._refusal(f"a field holds {_MIXED} on different pages") from None

    def _writable(self, field: Any) -> Any:
        """Return the column as Parquet can hold it: an object that is always empty becomes nulls."""
        return field.with_type(self._writable_type(field.type))

    def _writable_type(self, kind: Any) -> Any:
        types = self._arrow.types
        if types.is_struct(kind):
            below = [self._writable(kind.field(index)) for index in range(kind.num_fields)]
            return self._arrow.struct(below) if below else self._arrow.null()
        if types.is_list(kind):
            return self._arrow.list_(self._writable_type(kind.value_type))
        return kind

    def _refusal(self, problem: str) -> OutputPathError:
        return OutputPathError(self._path, f"the records cannot be one Parquet table: {problem}; {_INSTEAD}")


_PERMISSIVE = {"promote_options": "permissive"}
_MIXED = "values of different types, or numbers that do not fit"
