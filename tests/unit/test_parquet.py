"""Records as Parquet: columns are found over all pages, and values stay what they are."""

from __future__ import annotations

import io
import sys

import msgspec
import pytest

from airflow_provider_integry.connectors.raw import RawRecords
from airflow_provider_integry.errors import OutputPathError
from airflow_provider_integry.hooks import parquet
from airflow_provider_integry.hooks.records import RecordWriter

PAGES = [
    [{"id": 1, "name": "Ada ☃", "address": {"zip": "01"}, "tags": ["a"], "meta": {}, "note": None}, {"id": 2}],
    [],
    [{"id": 3.5, "address": {"city": "Ulm"}, "tags": [], "more": True, "note": "n"}],
]


def raw(page):
    return RawRecords(msgspec.Raw(msgspec.json.encode(record)) for record in page)


def write(path, pages):
    with RecordWriter(f"file://{path}") as writer:
        for page in pages:
            writer.write(page)
    return writer


def read(path):
    pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    return pq.read_table(io.BytesIO(path.read_bytes())).to_pylist()


@pytest.fixture
def arrow():
    return pytest.importorskip("pyarrow", reason="pyarrow is not installed")


@pytest.mark.parametrize("group_bytes", [1, parquet._GROUP_BYTES])
@pytest.mark.parametrize("form", [list, raw])
def test_all_pages_become_rows_of_one_table(arrow, tmp_path, monkeypatch, form, group_bytes):
    monkeypatch.setattr(parquet, "_GROUP_BYTES", group_bytes)

    writer = write(tmp_path / "people.parquet", [form(page) for page in PAGES])

    rows = read(tmp_path / "people.parquet")
    assert [row["id"] for row in rows] == [1, 2, 3.5]
    assert [row["name"] for row in rows] == ["Ada ☃", None, None]
    assert rows[0]["address"] == {"zip": "01", "city": None}
    assert rows[2]["address"] == {"zip": None, "city": "Ulm"}
    assert [row["tags"] for row in rows] == [["a"], None, []]
    assert [row["note"] for row in rows] == [None, None, "n"]
    assert [row["more"] for row in rows] == [None, None, True]
    assert (writer.records, writer.size) == (3, (tmp_path / "people.parquet").stat().st_size)
    assert [path.name for path in tmp_path.iterdir()] == ["people.parquet"]


def test_no_records_make_an_empty_table(arrow, tmp_path):
    write(tmp_path / "none.parquet", [])

    assert read(tmp_path / "none.parquet") == []


@pytest.mark.parametrize(
    ("pages", "told"),
    [
        ([[{"a": "Ada"}, {"a": 1}]], "field 'a' holds values of different types"),
        ([[{"a": "Ada"}], [{"a": 1}]], "different types.*different pages"),
        ([[{"a": 2**80}]], "no column|do not fit"),
        ([[{"a": 0.5}], [{"a": 2**53 + 1}]], "do not fit"),
        ([[1, 2]], "no object"),
    ],
)
def test_what_does_not_fit_into_columns_is_told_without_its_values(arrow, tmp_path, pages, told):
    with pytest.raises(OutputPathError, match=f"{told}.*jsonl") as caught:
        write(tmp_path / "people.parquet", pages)

    assert "Ada" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_without_pyarrow_the_error_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(OutputPathError, match=r"airflow-provider-integry\[parquet\]"):
        RecordWriter(f"file://{tmp_path}/people.parquet")


def test_parquet_is_not_compressed_once_more(tmp_path):
    with pytest.raises(OutputPathError, match="leave 'compression' out"):
        RecordWriter(f"file://{tmp_path}/people.parquet", "gzip")
