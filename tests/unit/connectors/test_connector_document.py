"""YAML becomes plain values with lines, under the core rules of YAML 1.2, and nothing explodes."""

from __future__ import annotations

import time

import pytest
import yaml

from airflow_provider_integry.connectors import document
from airflow_provider_integry.connectors.document import parse_document
from airflow_provider_integry.errors import ConnectorFormatError


@pytest.fixture(params=["libyaml", "pure Python"], autouse=True)
def _loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "pure Python":
        monkeypatch.setattr(document, "_Loader", yaml.SafeLoader)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("off", "off"),
        ("Y", "Y"),
        ("true", True),
        ("False", False),
        ("2026-11-22", "2026-11-22"),
        ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z"),
        ("12:30:45", "12:30:45"),
        ("1_000", "1_000"),
        ("0o17", 15),
        ("0x1f", 31),
        ("-7", -7),
        ("+7", 7),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1.10", 1.1),
        ("'1.10'", "1.10"),
        ('"true"', "true"),
        ("~", None),
        ("null", None),
        ("''", ""),
        ("!!str 5", "5"),
        ("<<", "<<"),
        ("=", "="),
        ("٣", "٣"),
    ],
)
def test_scalars_follow_the_yaml_1_2_core_schema(text: str, expected: object) -> None:
    """Only true and false are booleans; dates, times and `no` are text."""
    value = parse_document(f"key: {text}\n", "x").plain()
    assert value == {"key": expected}
    assert type(value["key"]) is type(expected)  # type: ignore[index,call-overload]


@pytest.mark.parametrize("key", ["no", "on", "yes", "true", "1", "2026-11-22", "null", "~"])
def test_keys_are_always_text(key: str) -> None:
    """A key is the text that stands there, whatever it would mean as a value."""
    assert parse_document(f"{key}: x\n", "x").plain() == {key: "x"}


def test_json_is_read_too() -> None:
    """A JSON document is a connector document as well."""
    assert parse_document('{"a": [1, null, {"b": "\\u00e9"}]}', "x").plain() == {"a": [1, None, {"b": "é"}]}


def test_a_byte_order_mark_is_not_a_key() -> None:
    """A BOM in front of the first key is dropped."""
    assert parse_document("\ufeffname: x\n", "x").plain() == {"name": "x"}


def test_lines_lead_to_the_deepest_part_that_exists() -> None:
    """A path that ends early gives the line of its last known key."""
    root = parse_document("a:\n  b:\n    - x\n    - c: 1\n", "x")
    lines = [root.line_of(path) for path in (("a",), ("a", "b"), ("a", "b", 1, "c"), ("a", "b", "gone"), ("zz",))]
    assert lines == [1, 2, 4, 2, 1]


@pytest.mark.parametrize(
    ("text", "key", "line", "words"),
    [
        ("", "", 1, "is empty"),
        ("# only a comment\n", "", 1, "is empty"),
        ("- a\n- b\n", "", 1, "a list at top level"),
        ("just text\n", "", 1, "a single value at top level"),
        ("a: 1\nb: 2\na: 3\n", "a", 3, "stands twice (first in line 1)"),
        ("x:\n  y: 1\n  y: 2\n", "x.y", 3, "stands twice (first in line 2)"),
        ("x: &b {c: 1}\ny: *b\n", "y", 2, "alias"),
        ("x: {<<: *b}\n", "x.<<", 1, "alias"),
        ("x: !!python/object/apply:os.system ['id']\n", "x", 1, "tags are not allowed"),
        ("x: !!binary aGk=\n", "x", 1, "tags are not allowed"),
        ("x: !env HOME\n", "x", 1, "tags are not allowed"),
        ("!!python/name:os.system x: 1\n", "", 1, "tags are not allowed"),
        ("? [a]\n: b\n", "", 1, "key that is not text"),
        ("a: 1\n---\nb: 2\n", "", 2, "second document"),
        ("x: .inf\n", "x", 1, "put it in quotes"),
        ("x: .NaN\n", "x", 1, "put it in quotes"),
        ("x: 1e999\n", "x", 1, "out of range"),
        ("x: " + "9" * 5000 + "\n", "x", 1, "40 digits"),
        ("a: b\n\tc: d\n", "", 2, "spaces, not tabs"),
        ("a: {b: 1\n", "", 2, "is not YAML"),
        ("a: 'b\n", "", 2, "is not YAML"),
    ],
)
def test_what_is_not_allowed_is_refused_with_key_and_line(text: str, key: str, line: int, words: str) -> None:
    """Each refusal names source, key, line and reason."""
    with pytest.raises(ConnectorFormatError) as caught:
        parse_document(text, "crm.yaml")
    assert (caught.value.source, caught.value.key, caught.value.line) == ("crm.yaml", key, line)
    assert words in caught.value.problem


@pytest.mark.parametrize("text", ["a: \x00", "a: \x07", "a: \ud800"])
def test_text_that_is_no_yaml_text_is_refused(text: str) -> None:
    """Control characters and halves of surrogate pairs are typed errors too."""
    with pytest.raises(ConnectorFormatError):
        parse_document(text, "x")


def _alias_bomb() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [
        _alias_bomb(),
        "a: &a [*a, *a]\n",
        "a: " + "[" * 100_000,
        "a: " + "{b: " * 50_000,
        "\n".join(f"{' ' * depth}k:" for depth in range(600)),
        "a: [" + "1," * 100_000 + "]",
        "a: " + "x" * (257 * 1024),
        "- " * 100_000,
    ],
    ids=["aliases", "recursive alias", "deep list", "deep map", "deep block", "many", "large", "deep dashes"],
)
def test_a_file_made_to_explode_is_refused_fast(text: str) -> None:
    """Aliases, depth, number of values and size are bounded before anything is built."""
    started = time.perf_counter()
    with pytest.raises(ConnectorFormatError):
        parse_document(text, "bomb.yaml")
    assert time.perf_counter() - started < 2.0


def test_32_levels_are_allowed_and_33_are_not() -> None:
    """The depth limit is exact."""
    assert parse_document("a: " + "[" * 31 + "]" * 31, "x").value
    with pytest.raises(ConnectorFormatError, match="deeper than 32"):
        parse_document("a: " + "[" * 32 + "]" * 32, "x")
