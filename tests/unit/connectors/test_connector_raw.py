"""Records as bytes: what they are, what they are not, and where answers have to be decoded."""

from __future__ import annotations

import json
from collections.abc import Callable

import jmespath
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_integry.auth.wire import HttpResponse
from airflow_provider_integry.connectors.raw import RawRecords, build_reader, to_lines
from airflow_provider_integry.connectors.run import ActivityCall
from airflow_provider_integry.connectors.spec import Connector
from airflow_provider_integry.errors import PagingError, ResponseFormatError

Query = Callable[..., Connector]
ODD = rb'{"id": 1e400, "big": 12345678901234567890123, "price": 1.10, "name": "\u00e9\/ \ud83d\ude00", "b": 1, "a": 2}'


def _read(body: bytes, result: str | None = "items", expressions: tuple[str, ...] = ()) -> list[bytes] | None:
    reader = build_reader(result, expressions)
    assert reader is not None
    found = reader.read(body)
    return None if found is None else [bytes(record) for record in found[0]]


def _receive(connector: Connector, body: bytes, status: int = 200) -> object:
    call = ActivityCall(connector, "list", {}, base_url=None, raw=True)
    return call.receive(HttpResponse(status, (("Content-Type", "application/json"),), body))


def test_values_stay_as_they_came() -> None:
    """No number is rounded, no escape is written otherwise, no key moves."""
    body = b'{"items": [ ' + ODD + b' , {} ], "next": null}'
    assert _read(body) == [ODD, b"{}"]
    reader = build_reader("items", ())
    assert reader is not None
    found = reader.read(body)
    assert found is not None
    assert to_lines(found[0]) == ODD + b"\n{}\n"


def test_a_record_that_spans_lines_becomes_one_line() -> None:
    """White space between values goes, values stay."""
    record = b'{\r\n  "id": 1e400,\n\t"name": "a  \\n b",\r"list": [1.10,\n 2]\n}'
    lines = to_lines(RawRecords([msgspec.Raw(record), msgspec.Raw(b'{"x": 1}')]))
    assert lines == b'{"id":1e400,"name":"a  \\n b","list":[1.10,2]}\n{"x":1}\n'


@pytest.mark.parametrize(
    ("result", "body", "expected"),
    [
        (None, b"[1, [2], null]", [b"1", b"[2]", b"null"]),
        (None, b"null", []),
        ("items", b'{"items": null}', []),
        ("items", b"{}", []),
        ("items", b'{"items": [1], "items": [2]}', [b"2"]),
        ("data.items", b'{"data": {"items": [1]}, "data": {"x": 1}}', []),
        ("data.items", b'{"data": []}', []),
        ("data.items", b'{"data": "x"}', []),
        ("data.items", b'{"data": 7}', []),
        ('"odd.key"."@x"', b'{"odd.key": {"@x": [1]}, "odd": 2}', [b"1"]),
        ("@.items", b'{"items": [1]}', [b"1"]),
        ("items", b'\xef\xbb\xbf{"items": [1]}', [b"1"]),
        ("items", '{"items": ["\u2603"]}'.encode(), ['"\u2603"'.encode()]),
    ],
)
def test_records_are_found_where_decoding_finds_them(result: str | None, body: bytes, expected: list[bytes]) -> None:
    """Quoted keys, nulls, keys that stand twice, other shapes on the way."""
    assert _read(body, result) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'{"items": [1]',
        b'{"items": [1]} x',
        b'{"items": [01]}',
        b'{"items": [nul]}',
        b'{"items": [{"a": 1,}]}',
        b'{"items": ["\n"]}',
        b'{"items": ["\\x"]}',
        b'{"items": ["\xff"]}',
        b'{"\xff": 1, "items": [1]}',
        b'{"items": 7}',
        b'{"items": {"a": 1}}',
    ],
)
def test_what_is_not_such_an_answer_is_told_as_ever(query: Query, body: bytes) -> None:
    """The bytes of a record are valid JSON, and an error is the same as where answers are decoded."""
    assert _read(body) is None
    with pytest.raises(ResponseFormatError) as raw:
        _receive(query("{kind: none}"), body)
    decoded = ActivityCall(query("{kind: none}"), "list", {}, base_url=None)
    with pytest.raises(ResponseFormatError) as ever:
        decoded.receive(HttpResponse(200, (("Content-Type", "application/json"),), body))
    assert str(raw.value) == str(ever.value)


@pytest.mark.parametrize(
    ("result", "expressions"),
    [
        ("items[*]", ()),
        ("items[].{id: id}", ()),
        ("keys(items)", ()),
        ("items || data", ()),
        ("items", ("items[-1].id",)),
        ("items", ("length(items)",)),
        ("data.items", ("length(data)",)),
        ("data", ("data.next",)),
        ("items", ("length(@)",)),
        ("items", ("*.next | [0]",)),
        (None, ("[-1].id",)),
    ],
)
def test_what_needs_more_than_a_plain_path_is_decoded(result: str | None, expressions: tuple[str, ...]) -> None:
    """No reader is built."""
    assert build_reader(result, expressions) is None


@pytest.mark.parametrize(
    ("expression", "body"),
    [
        ("meta.next", b'{"items": [1], "meta": {"next": "c2", "x": [1]}}'),
        ("links[?rel=='next'].href | [0]", b'{"links": [{"rel": "next", "href": "/2"}], "items": []}'),
        ("meta.next || 'end'", b'{"items": [], "meta": []}'),
        ("meta.next", b'{"items": [], "meta": "no"}'),
        ("not_null(a.b, c)", b'{"a": {"b": null}, "c": 3, "items": []}'),
        ("meta.pages[0].next", b'{"meta": {"pages": [{"next": 7}]}, "items": []}'),
        ('"@odata.nextLink"', b'{"@odata.nextLink": "/x", "items": []}'),
        ("total > `3`", b'{"total": 4, "items": []}'),
    ],
)
def test_paging_finds_what_it_finds_in_the_decoded_answer(expression: str, body: bytes) -> None:
    """The small answer that a reader gives stands for the whole one."""
    reader = build_reader("items", (expression, "meta.other", "z"))
    assert reader is not None
    found = reader.read(body)
    assert found is not None
    assert jmespath.search(expression, found[1]) == jmespath.search(expression, json.loads(body))


def test_a_loop_is_found_among_bytes_too(query: Query) -> None:
    """The same page once more is an error, however many came between."""
    call = ActivityCall(query("{kind: page, param: p}"), "list", {}, base_url=None, raw=True)
    for number in (1, 2, 3):
        call.receive(HttpResponse(200, (), b'{"items": [%d]}' % number))
    with pytest.raises(PagingError, match="page 4 is the same as page 2"):
        call.receive(HttpResponse(200, (), b'{"items": [2]}'))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=5), below, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(_JSON, max_size=5),
    st.dictionaries(st.text(max_size=5).filter(lambda key: key != "items"), _JSON, max_size=3),
    st.sampled_from([None, 1]),
    st.booleans(),
)
def test_whatever_the_records_are_their_lines_say_the_same(
    records: list[object], rest: dict[str, object], indent: int | None, is_ascii: bool
) -> None:
    """Each line is one record, equal to the decoded one."""
    body = json.dumps({**rest, "items": records}, indent=indent, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
    reader = build_reader("items", ("next", "meta.next"))
    assert reader is not None
    found = reader.read(body)
    assert found is not None
    lines = to_lines(found[0])
    assert [json.loads(line) for line in lines.split(b"\n")[:-1]] == records
