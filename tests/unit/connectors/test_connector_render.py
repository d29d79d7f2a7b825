"""Inputs become one request; what cannot be sent as it is meant is refused before any request exists."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_integry.auth.wire import HttpRequest
from airflow_provider_integry.connectors.load import parse_connector
from airflow_provider_integry.connectors.render import build_request
from airflow_provider_integry.connectors.spec import Connector
from airflow_provider_integry.errors import (
    ConfigurationError,
    InvalidInputError,
    UnknownActivityError,
    UrlNotAllowedError,
)
from airflow_provider_integry.secret import Secret


def _build(connector: Connector, activity: str, inputs: Mapping[str, object], base: str | None = None) -> HttpRequest:
    return build_request(connector, activity, inputs, base_url=base)


def _refuse(connector: Connector, activity: str, inputs: Mapping[str, object]) -> InvalidInputError:
    with pytest.raises(InvalidInputError) as caught:
        _build(connector, activity, inputs)
    return caught.value


def test_every_place_of_a_request_is_filled(crm: Connector) -> None:
    """Path, query (both list styles, default), header and static headers come together."""
    inputs = {"contact_id": "a/b ü", "fields": ["x", "y"], "tags": ("1", "2&3"), "trace": "é"}
    request = _build(crm, "get_contact", inputs)
    assert (request.method, request.body) == ("GET", None)
    assert request.url.split("?")[0] == "https://api.crm.example/v1/contacts/a%2Fb%20%C3%BC"
    assert parse_qsl(urlsplit(request.url).query) == [
        ("fields", "x,y"),
        ("tag", "1"),
        ("tag", "2&3"),
        ("deep", "false"),
    ]
    assert request.headers == (
        ("Accept", "application/json"),
        ("X-Api-Version", "2026-01-01"),
        ("X-Trace", "é"),
    )


def test_a_json_body_is_nested_and_in_utf_8(crm: Connector) -> None:
    """Dotted names nest, null is sent as null, text outside ASCII is UTF-8."""
    request = _build(crm, "create_contact", {"email": "é@ü.example", "age": 3, "note": None})
    assert request.body == '{"contact":{"email":"é@ü.example","age":3},"note":null}'.encode()
    assert request.header("Content-Type") == "application/json"
    assert request.header("X-Api-Version") == "2026-06-01"


def test_a_whole_body_is_sent_as_it_is(crm: Connector) -> None:
    """An input with `whole: true` is the body."""
    assert (
        _build(crm, "put_raw", {"document": MappingProxyType({"id": 10**25})}).body
        == b'{"id":10000000000000000000000000}'
    )


def test_a_form_body_repeats_lists(crm: Connector) -> None:
    """A form carries text, numbers and lists of them."""
    request = _build(crm, "sign_in", {"user": "a&b", "scopes": ["x", 2]})
    assert (request.body, request.header("Content-Type")) == (
        b"user=a%26b&scope=x&scope=2",
        "application/x-www-form-urlencoded",
    )


def test_no_body_input_means_no_body(crm: Connector) -> None:
    """A POST without body inputs has neither body nor content type."""
    connector = parse_connector("name: a\ntitle: A\nactivities:\n  do: {kind: action, path: /x}\n", "a")
    request = _build(connector, "do", {}, "https://h.example")
    assert (request.body, request.header("Content-Type")) == (None, None)


def test_an_absolute_path_goes_to_a_host_of_the_connector(crm: Connector) -> None:
    """An absolute path ignores the base URL and keeps its fixed query."""
    assert _build(crm, "download", {}, "https://other.example").url == "https://files.crm.example/x?alt=media"


def test_a_value_that_goes_to_two_places_is_asked_for_once() -> None:
    """`in` may be a list."""
    text = (
        "name: a\ntitle: A\nbase_url: https://h.example\nactivities:\n  do:\n    kind: action\n    path: /x/{key}\n"
        "    inputs: {key: {in: [path, body], name: id, type: string, required: true}}\n"
    )
    request = _build(parse_connector(text, "a"), "do", {"key": "k/1"})
    assert (request.url, request.body) == ("https://h.example/x/k%2F1", b'{"id":"k/1"}')


def test_an_input_header_wins_over_a_static_one() -> None:
    """The most particular header stays: input, then activity, then connector."""
    text = (
        "name: a\ntitle: A\nbase_url: https://h.example\nheaders: {X-A: '1', Accept: text/csv}\nactivities:\n  do:\n"
        "    kind: action\n    path: /x\n    headers: {x-a: '2', X-B: '2', Content-Type: application/vnd.api+json}\n"
        "    inputs: {b: {in: header, name: x-b}, c: {in: body}}\n"
    )
    request = _build(parse_connector(text, "a"), "do", {"b": "3", "c": 1})
    expected = (
        ("Accept", "text/csv"),
        ("x-a", "2"),
        ("Content-Type", "application/vnd.api+json"),
        ("x-b", "3"),
    )
    assert request.headers == expected


@pytest.mark.parametrize(
    ("own", "connection", "url"),
    [
        ("https://a.example/v1/", None, "https://a.example/v1/x"),
        ("https://a.example/v1", "https://b.example/api", "https://b.example/api/x"),
        (None, "http://localhost:8080/", "http://localhost:8080/x"),
    ],
)
def test_the_connections_base_url_wins(own: str | None, connection: str | None, url: str) -> None:
    """The connector's base URL is only used where the connection has none."""
    line = f"base_url: {own}\n" if own else ""
    connector = parse_connector(f"name: a\ntitle: A\n{line}activities:\n  do: {{kind: action, path: /x}}\n", "a")
    assert _build(connector, "do", {}, connection).url == url


@pytest.mark.parametrize(
    ("base", "words"),
    [
        (None, "field 'Base URL'"),
        ("", "field 'Base URL'"),
        ("ftp://h.example", "ftp"),
        ("https://u:p@h.example", "user info"),
        ("https://h.example/?a=1", "query"),
        ("http://169.254.169.254", "never called"),
    ],
)
def test_a_base_url_that_cannot_be_called_is_refused(base: str | None, words: str) -> None:
    """A missing or wrong base URL says what to fill in."""
    connector = parse_connector("name: a\ntitle: A\nactivities:\n  do: {kind: action, path: /x}\n", "a")
    with pytest.raises(UrlNotAllowedError, match=words) as caught:
        _build(connector, "do", {}, base)
    assert isinstance(caught.value, ConfigurationError)


def test_an_unknown_activity_is_refused_with_the_closest_name(crm: Connector) -> None:
    """The error knows all names."""
    with pytest.raises(UnknownActivityError, match="Did you mean 'get_contact'") as caught:
        _build(crm, "get_contct", {})
    assert caught.value.known == sorted(crm.activities)


@pytest.mark.parametrize(
    ("activity", "inputs", "path", "words"),
    [
        ("get_contact", {}, "contact_id", "is required (type: ['string', 'integer'])"),
        ("get_contact", {"contact_id": 1, "feilds": 1}, "feilds", "did you mean 'fields'?"),
        ("download", {"x": 1}, "x", "it takes none"),
        ("get_contact", {"contact_id": 1.5}, "contact_id", "must be of type string or integer, is 1.5 (a number)"),
        ("get_contact", {"contact_id": None}, "contact_id", "is null; leave it out"),
        ("get_contact", {"contact_id": 1, "fields": ["a", 2]}, "fields.1", "must be of type string, is 2"),
        ("get_contact", {"contact_id": 1, "deep": "true"}, "deep", "must be of type boolean, is 'true' (a string)"),
        ("create_contact", {"email": "nobody"}, "email", "must have the format 'email', is 'nobody'"),
        ("create_contact", {"email": "a@b", "age": -1}, "age", "must be at least 0, is -1"),
        ("create_contact", {"email": "a@b", "age": 151}, "age", "must be at most 150, is 151"),
        ("create_contact", {"email": "a@b", "age": True}, "age", "must be of type integer, is true"),
        ("put_raw", {"document": {}}, "document", "lacks 'id'"),
        ("put_raw", {"document": {"id": 1, "kind": "c"}}, "document.kind", "must be one of 'a', 'b', is 'c'"),
        ("put_raw", {"document": {"id": 1, "x": 2}}, "document", "unknown keys 'x'; allowed: 'id', 'kind'"),
        ("put_raw", {"document": []}, "document", "must be of type object"),
        ("create_contact", {"email": "a@b", "score": float("nan")}, "score", "is nan, which JSON cannot carry"),
        ("create_contact", {"email": "a@b", "score": float("inf")}, "score", "is inf"),
        ("create_contact", {"email": "\ud800@b"}, "email", "surrogate"),
        ("create_contact", {"email": Secret("x")}, "email", "is a Secret; give a string"),
        ("create_contact", {"email": dt.date(2026, 1, 1)}, "email", "is a date; give a string"),
        ("create_contact", {"email": b"a@b"}, "email", "is a bytes"),
        ("put_raw", {"document": {"id": {1, 2}}}, "document.id", "is a set"),
        ("put_raw", {"document": {1: 2}}, "document", "keys are strings"),
        ("get_contact", {"contact_id": "."}, "contact_id", "cannot stand in a path"),
        ("get_contact", {"contact_id": ".."}, "contact_id", "cannot stand in a path"),
        ("get_contact", {"contact_id": "a/../b"}, "contact_id", "cannot stand in a path"),
        ("get_contact", {"contact_id": "..\\b"}, "contact_id", "cannot stand in a path"),
        ("get_contact", {"contact_id": ""}, "contact_id", "is empty"),
        ("get_contact", {"contact_id": "a\0"}, "contact_id", "control character"),
        ("get_contact", {"contact_id": 1, "trace": "a\r\nX: b"}, "trace", "line break"),
        ("get_contact", {"contact_id": 1, "trace": "a\nb"}, "trace", "line break"),
        ("get_contact", {"contact_id": 1, "trace": "a\0b"}, "trace", "NUL"),
        ("get_contact", {"contact_id": 1, "trace": "☃"}, "trace", "outside Latin-1"),
        ("get_contact", {"contact_id": 1, "trace": " a"}, "trace", "white space"),
        ("get_contact", {"contact_id": 1, "fields": ["a,b"]}, "fields", "comma"),
        ("sign_in", {"user": "a", "scopes": [{"b": 1}]}, "scopes", "holds an object"),
    ],
)  # fmt: skip
def test_a_wrong_input_is_refused_with_its_path(
    crm: Connector, activity: str, inputs: dict[str, object], path: str, words: str
) -> None:
    """The error names the dotted path, what is wrong and what is allowed."""
    error = _refuse(crm, activity, inputs)
    assert (error.activity, error.path) == (activity, path)
    assert words in error.problem


def test_six_problems_count_one_as_hidden(crm: Connector) -> None:
    """Exactly one more than five is said too."""
    assert "; and 1 more" in _refuse(crm, "get_contact", {"contact_id": 1, **dict.fromkeys("abcdef")}).problem


def test_all_problems_of_one_value_are_told(crm: Connector) -> None:
    """A list with two wrong items has two problems."""
    problem = _refuse(crm, "get_contact", {"contact_id": 1, "fields": [1, 2]}).problem
    assert "is 1" in problem
    assert "'fields.1': must be of type string, is 2" in problem


@pytest.mark.parametrize(("number", "text"), [(2.0, "2"), (2.5, "2.5"), (1e300, "1e+300"), (10**20, "1" + "0" * 20)])
def test_whole_numbers_have_no_fraction_on_the_wire(number: float, text: str) -> None:
    """2.0 is an integer for JSON Schema, so it is sent as one."""
    connector = parse_connector(
        "name: a\ntitle: A\nbase_url: https://h.example\nactivities:\n  get:\n    kind: query\n    path: /x\n"
        "    inputs: {n: {in: query, type: number}}\n",
        "a",
    )
    assert parse_qsl(urlsplit(_build(connector, "get", {"n": number}).url).query) == [("n", text)]


def test_inputs_must_be_a_mapping(crm: Connector) -> None:
    """A list of inputs is refused."""
    assert "must be a mapping" in str(_refuse(crm, "sign_in", ["user"]))  # type: ignore[arg-type]


def test_up_to_five_problems_are_told_at_once(crm: Connector) -> None:
    """One message lists them; the rest is counted."""
    error = _refuse(crm, "get_contact", {"a": 1, "b": 1, "c": 1, "deep": 1, "trace": 1, "fields": 1})
    assert error.path == "a"
    for part in (
        "'b': is not an input",
        "'c': is not",
        "'contact_id': is required",
        "'fields': must be",
        "2 more",
    ):
        assert part in error.problem


@pytest.mark.parametrize("value", ["x" * 500, {"k": "v" * 500}, ["y" * 100] * 9, "line\nbreak" * 20])
def test_a_long_value_is_not_printed(crm: Connector, value: object) -> None:
    """Messages carry type and size of what is long, not the thing itself."""
    text = str(_refuse(crm, "create_contact", {"email": "a@b", "age": value}))
    assert len(text) < 250
    assert "of type integer" in text


@pytest.mark.parametrize(
    "value", ["{{7*7}}", "${credentials.x}", "{contact_id}", "%2e%2e%2f", "{0.__class__}", "a?b#c&d=e"]
)
def test_a_value_is_never_a_template(crm: Connector, value: str) -> None:
    """What looks like a placeholder or an escape stays text, wherever it goes."""
    inputs = {"contact_id": value, "tags": [value], "trace": value}
    request = _build(crm, "get_contact", inputs)
    parts = urlsplit(request.url)
    assert parts.path.count("/") == 3
    assert dict(parse_qsl(parts.query))["tag"] == value
    assert request.header("X-Trace") == value


def test_a_deeply_nested_value_is_refused(crm: Connector) -> None:
    """A value that holds itself ends in an error, not in a crash."""
    loop: dict[str, object] = {"id": 1}
    loop["loop"] = loop
    assert "nested deeper than 64" in _refuse(crm, "put_raw", {"document": loop}).problem


class _Colour(str, Enum):
    RED = "red"


def test_text_of_a_subclass_is_text(crm: Connector) -> None:
    """An enumeration of strings is sent as its value."""
    request = _build(crm, "get_contact", {"contact_id": _Colour.RED})
    assert request.url.startswith("https://api.crm.example/v1/contacts/red?")


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=20), st.lists(st.text(max_size=8), max_size=3), st.text(max_size=8))
def test_any_text_is_sent_exactly_or_refused(contact_id: str, tags: list[str], trace: str) -> None:
    """The server sees the very text in path, query and header, or nothing is sent."""
    from urllib.parse import unquote

    try:
        request = _build(CRM_CONNECTOR, "get", {"id": contact_id, "tags": tags, "trace": trace})
    except InvalidInputError:
        return
    path, _, query = request.url.removeprefix("https://h.example/a/").partition("?")
    assert unquote(path) == contact_id
    assert [v for _, v in parse_qsl(query, keep_blank_values=True)] == tags
    assert request.header("X-T") == trace


CRM_CONNECTOR = parse_connector(
    "name: a\ntitle: A\nbase_url: https://h.example\nactivities:\n  get:\n    kind: query\n    path: /a/{id}\n"
    "    inputs:\n      id: {in: path, required: true, type: string}\n"
    "      tags: {in: query, type: array}\n      trace: {in: header, name: X-T}\n",
    "a",
)


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ("format: date-time", "2026-11-22T10:00:00Z", "2026-11-22"),
        ("format: date-time", "2026-11-22T10:00:00.123456789+02:00", "2026-13-22T10:00:00Z"),
        ("format: date", "2026-11-22", "22.11.2026"),
        ("format: uuid", "123e4567-e89b-12d3-a456-426614174000", "123"),
        ("format: uri", "https://x.example/y", "x y"),
        ("format: no-such-format", "anything", None),
        ("pattern: '^a+$'", "aa", "b"),
        ("minLength: 2", "ab", "a"),
        ("maxItems: 1", ["a"], ["a", "b"]),
        ("uniqueItems: true", [1, 2], [1, 1]),
        ("const: 5", 5, 6),
        ("multipleOf: 5", 10, 11),
        ("exclusiveMinimum: 1", 2, 1),
        ("schema: {$ref: '#/$defs/a', $defs: {a: {type: integer}}}", 1, "x"),
        ("schema: {oneOf: [{type: integer}, {const: x}]}", "x", "y"),
        ("schema: {prefixItems: [{type: integer}], items: false}", [1], [1, 2]),
    ],
)
def test_the_rules_of_json_schema_hold(schema: str, good: object, bad: object) -> None:
    """Draft 2020-12 keywords are applied, formats included."""
    head = "name: a\ntitle: A\nactivities:\n  do:\n    kind: action\n    path: /x\n"
    text = f"{head}    inputs:\n      v:\n        in: body\n        {schema}\n"
    connector = parse_connector(text, "a")
    body = _build(connector, "do", {"v": good}, "https://h.example").body
    assert json.loads(body or b"") == {"v": good}
    if bad is not None:
        with pytest.raises(InvalidInputError):
            _build(connector, "do", {"v": bad}, "https://h.example")


def test_a_schema_that_refers_to_itself_without_end_is_an_error() -> None:
    """A loop of references does not crash."""
    text = (
        "name: a\ntitle: A\nactivities:\n  do:\n    kind: action\n    path: /x\n    inputs:\n      v:\n"
        "        in: body\n"
        "        schema: {$ref: '#/$defs/a', $defs: {a: {$ref: '#/$defs/a'}}}\n"
    )
    with pytest.raises(InvalidInputError, match="without end"):
        _build(parse_connector(text, "a"), "do", {"v": 1}, "https://h.example")
