"""Storage that fails: what may pass is retryable, what will not pass is final, and nothing is left behind."""

from __future__ import annotations

import gzip
import threading

import msgspec
import pytest

from airflow_provider_integry.connectors.raw import RawRecords
from airflow_provider_integry.errors import OutputBrokenError, OutputPathError
from airflow_provider_integry.hooks.records import RecordWriter, WriteBehind


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


@pytest.mark.parametrize(("name", "compression"), [("items.jsonl.gz", None), ("items", "gzip"), ("x.gz", "gzip")])
def test_a_name_or_an_argument_compresses(tmp_path, name, compression):
    with RecordWriter(f"file://{tmp_path}/{name}", compression) as writer:
        writer.write([{"id": 1}])
        writer.write(RawRecords([msgspec.Raw(b'{"id": 2e400}')]))

    assert gzip.decompress((tmp_path / name).read_bytes()) == b'{"id":1}\n{"id": 2e400}\n'
    assert (writer.records, writer.size) == (2, (tmp_path / name).stat().st_size)


def test_equal_records_make_equal_compressed_files(tmp_path):
    for name in ("a.gz", "b.gz"):
        with RecordWriter(f"{tmp_path}/{name}") as writer:
            writer.write([{"id": 1}])

    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


def test_a_compression_that_nobody_knows_is_refused(tmp_path):
    with pytest.raises(OutputPathError, match="'zip' is not known; write 'gzip'"):
        RecordWriter(f"{tmp_path}/a.jsonl", "zip")


# -- written by a thread ----------------------------------------------------------------------------


class SlowFile:
    """Takes a page when it is let, and says who wrote."""

    def __init__(self, file):
        self.file = file
        self.may_write = threading.Event()
        self.writers = []

    def write(self, data):
        assert self.may_write.wait(10)
        self.writers.append(threading.current_thread())
        return self.file.write(data)

    def close(self):
        self.file.close()


def test_a_page_is_written_while_its_caller_goes_on(tmp_path):
    with RecordWriter(f"{tmp_path}/a.jsonl") as writer, WriteBehind(writer) as behind:
        slow = writer._file = SlowFile(writer._file)
        behind.write([1])
        assert slow.writers == []
        slow.may_write.set()
        behind.write([2])

    assert (tmp_path / "a.jsonl").read_bytes() == b"1\n2\n"
    assert len(set(slow.writers)) == 1
    assert slow.writers[0] is not threading.current_thread()
    assert not slow.writers[0].is_alive()


@pytest.mark.parametrize("further", [[], [[2]], [[2], [3]]])
def test_a_failed_page_ends_the_writing_and_leaves_nothing(tmp_path, further):
    def write_all():
        with RecordWriter(f"{tmp_path}/a.jsonl") as writer, WriteBehind(writer) as behind:
            writer._file.close()
            writer._file = FailingFile(ConnectionResetError(104, "reset"))
            behind.write([1])
            for page in further:
                behind.write(page)

    with pytest.raises(OutputBrokenError):
        write_all()
    assert list(tmp_path.iterdir()) == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("integry-writer")]


def test_an_error_of_the_caller_waits_for_the_page_and_wins(tmp_path):
    def write_all():
        with RecordWriter(f"{tmp_path}/a.jsonl") as writer, WriteBehind(writer) as behind:
            writer._file.close()
            writer._file = FailingFile(ConnectionResetError(104, "reset"))
            behind.write([1])
            raise KeyError("fetching failed")

    with pytest.raises(KeyError, match="fetching failed"):
        write_all()
    assert list(tmp_path.iterdir()) == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("integry-writer")]
