"""Where an activity's records go: XCom within a budget, or a file in object storage."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import IO, Any

import msgspec.json
from airflow.sdk import ObjectStoragePath

from airflow_provider_integry.errors import IntegryError, OutputBrokenError, OutputPathError, ResultTooLargeError
from airflow_provider_integry.hooks.encoders import build_encoder
from airflow_provider_integry.hooks.parts import Owner, name_part, remove_earlier, remove_repeated


class XComBudget:
    """Counts what is to go through XCom and refuses it before it is too much.

    Args:
        activity: The activity, for the error.
        limit: Most bytes, counted as JSON.
    """

    def __init__(self, activity: str, limit: int) -> None:
        self._activity = activity
        self._limit = limit
        self._spent = 0

    def spend(self, value: Any) -> None:
        """Count a page or an output.

        Raises:
            ResultTooLargeError: With this one it is too much; nothing was stored.
        """
        self._spent += len(msgspec.json.encode(value))
        if self._spent > self._limit:
            raise ResultTooLargeError(
                self._activity,
                f"the result is larger than {self._limit} bytes, which is too much for XCom, so nothing was stored."
                " Set output_path to stream the records to object storage, narrow the inputs, or raise"
                " [integry] max_xcom_bytes.",
            )


# Storage failures that trying again does not mend.
_FINAL = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)


class RecordWriter:
    """Write records as JSON lines, or as its name says; use it in ``with``.

    They go to a hidden file beside the target, which takes the target's name when all are written.
    After an error nothing is left; what a killed task has left, its next try removes.

    Args:
        path: Object-storage URL of the target; ``.gz`` compresses it, ``.parquet`` makes it that.
        compression: "gzip" compresses whatever the name is.
        owner: The task that writes; None for nobody that comes back.
    Attributes:
        records: Records written so far.
        size: Bytes written so far.
    Raises:
        OutputPathError: The path cannot be written.
        OutputBrokenError: Writing broke off for a reason that may pass.
    """

    def __init__(self, path: str, compression: str | None = None, owner: Owner | None = None) -> None:
        self._shown = path
        self._owner = owner
        self.records = 0
        self.size = 0
        if "://" not in path and not path.startswith("/"):
            problem = "is relative to wherever the process runs; write file:///… or s3://connection@bucket/…"
            raise OutputPathError(path, problem)
        try:
            self._target = ObjectStoragePath(path)
            self._part = self._target.parent / name_part(self._target.name, owner)
        except (ValueError, TypeError) as error:
            raise self._problem(error) from None
        self._encoder = build_encoder(path, compression)
        self._file: IO[bytes] | None = None

    def __enter__(self) -> RecordWriter:
        if not self._target.name:
            raise OutputPathError(self._shown, "names no file; end it with a file name such as contacts.jsonl")
        with self._failures(during_opening=True):
            if self._target.is_dir():
                raise OutputPathError(self._shown, "is a folder; end it with a file name such as contacts.jsonl")
            self._target.parent.mkdir(parents=True, exist_ok=True)
            remove_earlier(self._target, self._owner)
            self._file = self._part.open("wb")
        return self

    def summary(self) -> dict[str, Any]:
        """Return what goes through XCom instead of the records: path, number of lines, bytes."""
        return {"path": self._shown, "records": self.records, "bytes": self.size}

    def write(self, records: Iterable[Any]) -> None:
        """Append records; `connectors.raw.RawRecords` are written as they came."""
        page = records if isinstance(records, list) else list(records)
        with self._failures():
            self._put(self._encoder.encode(page))
        self.records += len(page)

    def _put(self, data: bytes) -> None:
        assert self._file is not None, "use the writer in 'with'"
        self._file.write(data)
        self.size += len(data)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._encoder.discard()
            with suppress(Exception):
                self._close()
            self._discard()
            return
        try:
            with self._failures():
                for data in self._encoder.finish():
                    self._put(data)
                self._close()
                self._part.replace(self._target)
                remove_repeated(self._target, self._owner)
        except IntegryError:
            self._discard()
            raise

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _discard(self) -> None:
        with suppress(Exception):
            self._part.unlink()

    @contextmanager
    def _failures(self, *, during_opening: bool = False) -> Generator[None, None, None]:
        """Turn whatever a storage's library raises into an error of ours, retryable where it may pass.

        Each library has its own exceptions, and few of them are an OSError.
        """
        try:
            yield
        except IntegryError:
            raise
        except Exception as error:  # noqa: BLE001 - what storages raise is anybody's choice
            is_passing = isinstance(error, ConnectionError | TimeoutError)
            if not is_passing and (during_opening or isinstance(error, _FINAL)):
                raise self._problem(error) from None
            raise OutputBrokenError(self._shown, f"writing broke off ({_describe(error)}); nothing was left") from None

    def _problem(self, error: Exception) -> OutputPathError:
        return OutputPathError(
            self._shown,
            f"cannot be written ({_describe(error)}); check the URL, the connection in it, and that the provider for"
            " its kind of storage is installed",
        )


def _describe(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error) or type(error).__name__


class WriteBehind:
    """Writes a page while the next one is fetched; use it in ``with``, inside of its writer's.

    Pages are written by one thread, one at a time, and whoever fetches is never more than one page
    ahead. Fetching stays in the caller's thread, so that whatever ends the task ends it at once.

    Args:
        writer: An entered writer; nobody else may use it meanwhile.
    """

    def __init__(self, writer: RecordWriter) -> None:
        self._writer = writer
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="integry-writer")
        self._pending: Future[None] | None = None

    def __enter__(self) -> WriteBehind:
        return self

    def write(self, records: list[Any]) -> None:
        """Have a page written, once the one before is.

        Raises:
            OutputPathError: Writing the one before failed.
            OutputBrokenError: The same, for a reason that may pass.
        """
        self._settle()
        self._pending = self._pool.submit(self._writer.write, records)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True)
        if error is None:
            self._settle()

    def _settle(self) -> None:
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()
