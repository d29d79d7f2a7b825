"""Files of activities: those that are sent, read from object storage, and those that are answered, written there."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from airflow.sdk import ObjectStoragePath

from airflow_provider_integry.errors import InvalidInputError
from airflow_provider_integry.hooks.records import RecordWriter

if TYPE_CHECKING:
    from airflow_provider_integry.connectors.inputs import Input
    from airflow_provider_integry.connectors.run import ActivityCall
    from airflow_provider_integry.hooks.integry import IntegryHook
    from airflow_provider_integry.hooks.parts import Owner

# A body is made in memory; what is larger wants an upload in parts.
MAX_FILE_BYTES = 256 * 1024 * 1024


def read_files(activity: str, specs: Mapping[str, Input], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs with the bytes of files where they named a path.

    Args:
        activity: Name of the activity, for errors.
        specs: Its inputs.
        inputs: Values by name; a file is ``{"path": "s3://conn@bucket/photo.png"}``.
    Raises:
        InvalidInputError: A file cannot be read, or is too large to be sent at once.
    """
    return {
        name: _read(activity, name, value) if name in specs and specs[name].file and _has_path(value) else value
        for name, value in inputs.items()
    }


def _has_path(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("path"), str)


def _read(activity: str, name: str, value: Mapping[str, Any]) -> dict[str, Any]:
    path = value["path"]
    if "://" not in path and not path.startswith("/"):
        raise InvalidInputError(activity, name, f"has the path '{path}', which is relative; write file:///… or s3://…")
    try:
        with ObjectStoragePath(path).open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except Exception as error:  # noqa: BLE001 - what storages raise is anybody's choice
        problem = str(getattr(error, "strerror", None) or error) or type(error).__name__
        raise InvalidInputError(activity, name, f"has the path '{path}', which cannot be read: {problem}") from None
    if len(content) > MAX_FILE_BYTES:
        raise InvalidInputError(activity, name, f"has over {MAX_FILE_BYTES} bytes, which cannot be sent at once")
    others = {key: item for key, item in value.items() if key != "path"}
    return {"name": PurePosixPath(path).name, **others, "base64": base64.b64encode(content).decode()}


class FileWriter(RecordWriter):
    """Write bytes as they come; like records, they get their name when all are there.

    Args:
        path: Object-storage URL of the target; its ending means nothing here.
        owner: The task that writes; None for nobody that comes back.
    """

    def __init__(self, path: str, owner: Owner | None = None) -> None:
        super().__init__(path, owner=owner)
        self._encoder = _AsItIs()
        self.content_type = ""

    def __enter__(self) -> FileWriter:
        super().__enter__()
        return self

    def write_bytes(self, chunks: Iterable[bytes]) -> None:
        """Append chunks of bytes; what the source of them raises is passed on."""
        assert self._file is not None, "use the writer in 'with'"
        for chunk in chunks:
            with self._failures():
                self._file.write(chunk)
            self.size += len(chunk)

    def summary(self) -> dict[str, Any]:
        """Return what goes through XCom instead of the file: path, bytes, content type."""
        return {"path": self._shown, "bytes": self.size, "content_type": self.content_type}


class _AsItIs:
    """What a writer of records makes of them; here there are none."""

    def encode(self, page: list[Any]) -> bytes:
        raise TypeError("a file is written with write_bytes")

    def finish(self) -> Iterable[bytes]:
        return ()

    def discard(self) -> None:
        """Forget nothing."""


def save_answer(hook: IntegryHook, call: ActivityCall, path: str, owner: Owner | None = None) -> dict[str, Any]:
    """Send the request of a call, and write its answer to a file while it comes.

    Returns:
        ``{"path", "bytes", "content_type"}``.
    Raises:
        ActivityError: The API answered with a failure; nothing was written.
        OutputPathError: The path cannot be written; nothing was sent.
        TransportError: The answer broke off; nothing is left of it.
    """
    # Lazy for start-up cost: requests is not needed by async code.
    from airflow_provider_integry.transport.downloads import iter_answer

    with FileWriter(path, owner) as writer:
        response = hook.open_answer(call)
        writer.content_type = response.headers.get("Content-Type", "")
        writer.write_bytes(iter_answer(response))
    return writer.summary()
