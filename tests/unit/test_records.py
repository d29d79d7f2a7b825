"""Storage that fails: what may pass is retryable, what will not pass is final, and nothing is left behind."""

from __future__ import annotations

import pytest

from airflow_provider_integry.errors import OutputBrokenError, OutputPathError
from airflow_provider_integry.hooks.records import RecordWriter


class StorageLibraryError(Exception):
    """What a storage's own library might raise."""


class FailingFile:
    def __init__(self, error):
        self.error = error

    def write(self, data):
        raise self.error

    def close(self):
        pass


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConnectionResetError(104, "reset"), OutputBrokenError),
        (TimeoutError("slow"), OutputBrokenError),
        (StorageLibraryError("503 backend"), OutputBrokenError),
        (PermissionError(13, "denied"), OutputPathError),
    ],
)
def test_a_failure_while_writing_is_typed_and_leaves_nothing(tmp_path, error, expected):
    def write_into(writer):
        with writer:
            writer._file.close()
            writer._file = FailingFile(error)
            writer.write([{"id": 1}])

    with pytest.raises(expected) as caught:
        write_into(RecordWriter(f"file://{tmp_path}/items.jsonl"))
    assert caught.value.retryable is (expected is OutputBrokenError)
    assert list(tmp_path.iterdir()) == []


def test_a_path_relative_to_wherever_the_process_runs_is_refused():
    with pytest.raises(OutputPathError, match="relative"):
        RecordWriter("contacts.jsonl")
