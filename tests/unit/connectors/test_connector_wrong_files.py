"""A wrong connector file is refused with the path of the wrong key, its line and what is allowed."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from airflow_provider_integry.connectors.load import parse_connector
from airflow_provider_integry.connectors.spec import Connector
from airflow_provider_integry.errors import ConnectorFormatError

FILE = """\
name: crm
title: CRM
base_url: https://api.crm.example
user_info: {path: /me}
activities:
  get:
    kind: action
    path: /contacts/{id}
    inputs:
      id:
        in: path
        required: true
  list:
    kind: query
    path: /contacts
    inputs:
      limit:
        in: query
        type: integer
    paging:
      kind: cursor
      param: after
      cursor: next
"""

# The line to replace, the key that the errors begin with, then for each wrong file: what stands there instead
# (nothing: the line is left out), the rest of the key, its line, and words of the message.
GROUPS: list[tuple[str, str, list[tuple[str, str, int, str]]]] = [
    ("title: CRM", "", [
        ("titel: CRM", "titel", 2, "did you mean 'title'?|Allowed: name, title, description"),
        ("", "title", 1, "is missing"),
        ("title: 5", "title", 2, "must be text (put it in quotes), is 5"),
        ("title: ''", "title", 2, "must not be empty"),
    ]),
    ("name: crm", "", [
        ("name: ../crm", "name", 1, "only a-z, 0-9, '_' and '-'"),
    ]),
    ("base_url: https://api.crm.example", "base_url", [
        ("base_url: ftp://api.crm.example", "", 3, "ftp://"),
        ("base_url: https://u:p@api.crm.example", "", 3, "user info"),
        ("base_url: https://${credentials.host}.example", "", 3, "host"),
        ("base_url: 'https://api.crm.example/{tenant}'", "", 3, "'{'"),
        ("base_url: https://api.crm.example/?key=1", "", 3, "'?'"),
    ]),
    ("user_info: {path: /me}", "", [
        ("user_info: {path: me}", "user_info.path", 4, "must start with '/'"),
        ("user_info: {path: '/{me}'}", "user_info.path", 4, "placeholder"),
        ("user_info: {path: 'https://evil.example/me'}", "user_info.path", 4, "Allowed: api.crm"),
        ("user_info: {path: /me, id: 'a[', method: PUT}", "user_info.method", 4, "Allowed: GET, POST"),
        ("user_info: {path: /me, id: 'a['}", "user_info.id", 4, "not a JMESPath"),
        ("headers: {'X Y': a}", "headers.X Y", 4, "RFC 9110"),
        ('headers: {X: "a\\nb"}', "headers.X", 4, "line break"),
        ('headers: {X: "☃"}', "headers.X", 4, "Latin-1"),
        ("headers: {Authorization: x}", "headers.Authorization", 4, "credentials"),
        ("headers: {X: a, x: b}", "headers.x", 4, "differ by case"),
        ("headers: {X-Version: 2}", "headers.X-Version", 4, "put it in quotes"),
        ("headers: [a]", "headers", 4, "must be a mapping"),
        ("hosts: [a.example, 'https://b.example']", "hosts.1", 4, "write 'files.example.com'"),
        ("hosts: ['169.254.169.254']", "hosts.0", 4, "never called"),
        ("hosts: a.example", "hosts", 4, "must be a list"),
        ("connection_types: [integry_oath2]", "connection_types.0", 4, "did you mean 'integry_oauth2'?"),
        ("docs_url: javascript:x", "docs_url", 4, "can be called"),
    ]),
    ("kind: action", "activities.get", [
        ("kind: acton", "kind", 7, "did you mean 'action'?|Allowed: action, query"),
        ("", "kind", 6, "is missing|Allowed: action, query"),
        ("kind: action\nmethod: get", "method", 8, "Allowed: GET, HEAD, POST"),
        ("kind: action\npaging: {kind: none}", "paging", 8, "not a known key|Allowed: title"),
        ("kind: action\nbody_format: xml", "body_format", 8, "is 'xml'|Allowed: json, form"),
        ("kind: action\nresult: foo(bar)", "result", 8, "unknown JMESPath function 'foo'|length"),
        ("kind: action\nresult: length(a, b)", "result", 8, "with 2 arguments; it takes 1"),
        ("kind: action\nresult: 'a[?b==`c`]'", "result", 8, "the literal `c`, which is not JSON"),
        ("kind: action\nresult: 'a[::0]'", "result", 8, "slice of step 0"),
        (f"kind: action\nresult: {'a.' * 500}a", "result", 8, "over 1000 characters"),
    ]),
    ("get:", "activities.get it", [
        ("get it:", "", 6, "letters, digits and '_'"),
    ]),
    ("path: /contacts/{id}", "activities.get", [
        ("path: /contacts/{idd}", "path", 8, "'{idd}'"),
        ("path: /contacts", "inputs.id.in", 11, "no placeholder '{id}'"),
        ("path: '/contacts/{{id}}'", "path", 8, "outside a placeholder"),
        ("path: '/contacts/${id}'", "path", 8, "outside a placeholder"),
        ("path: '/contacts/{id!r}'", "path", 8, "outside a placeholder"),
        ("path: /../{id}", "path", 8, "'..'"),
        ("path: /%2e%2E/{id}", "path", 8, "'..'"),
        ("path: /x%2F../{id}", "path", 8, "'..'"),
        ("path: //evil.example/{id}", "path", 8, "names a host"),
        ("path: /go/http://evil.example/{id}", "path", 8, "names a host"),
        ("path: 'https://{id}.example/'", "path", 8, "placeholder in its host"),
        ("path: 'https://evil.example/{id}'", "path", 8, "not the connector's"),
        ("path: 'http://api.crm.example/{id}'", "path", 8, "not the connector's"),
        ("path: '/contacts/{id}#x'", "path", 8, "percent-encode"),
        ("path: '/contacts\\{id}'", "path", 8, "percent-encode"),
        ("path: '/contacts?id={id}'", "path", 8, "in: query"),
    ]),
    ("required: true", "activities.get.inputs.id", [
        ("", "", 10, "required: true"),
        ("required: yes", "required", 12, "must be true or false, is 'yes'"),
    ]),
    ("in: path", "activities.get.inputs.id", [
        ("in: url", "in", 11, "Allowed: path, query, header, body"),
        ("in: [path, bdy]", "in.1", 11, "did you mean 'body'?"),
        ("in: [path, path]", "in", 11, "same place twice"),
        ("", "in", 10, "is missing"),
        ("in: path\nname: x", "name", 12, "no effect in a path"),
    ]),
    ("in: query", "activities.list.inputs.limit", [
        ("in: body", "in", 18, "a GET request has none"),
        ("in: header\nname: 'a b'", "name", 19, "RFC 9110"),
        ("in: header\nname: Cookie", "name", 19, "credentials"),
        ("in: query\nwhole: true", "whole", 19, "in: body"),
        ("in: query\nwhole: 1", "whole", 19, "true or false"),
    ]),
    ("in: query", "activities.list.paging", [
        ("in: query\nname: after", "param", 23, "which input 'limit' sends too"),
    ]),
    ("type: integer", "activities.list.inputs.limit", [
        ("type: intger", "type", 19, "allowed: array, boolean, integer"),
        ("typ: integer", "typ", 19, "did you mean 'type'?"),
        ("minimum: a", "minimum", 19, "it must be of type number"),
        ("pattern: '('", "pattern", 19, "not a valid regex"),
        ("schema: {type: x}", "schema.type", 19, "allowed: array"),
        ("schema: 5", "schema", 19, "must be a mapping"),
        ("type: integer\nschema: {}", "type", 19, "beside 'schema'"),
        ("schema: {$ref: 'http://x.example/y'}", "schema.$ref", 19, "nothing is fetched"),
        ("schema: {$ref: '#/$defs/a', $defs: {b: {}}}", "schema.$ref", 19, "has: b"),
        ("schema: {$id: 'http://x.example/y'}", "schema.$id", 19, "not allowed"),
        ("schema: {$schema: 'http://json-schema.org/draft-07/schema#'}", "schema.$schema", 19, "2020-12"),
        ("type: integer\ndefault: x", "default", 20, "must be of type integer"),
        ("type: integer\ndefault: null", "default", 20, "is null"),
    ]),
    ("limit:", "activities.list.inputs.li-mit", [
        ("li-mit:", "", 17, "letters, digits"),
    ]),
    ("kind: cursor", "activities.list.paging", [
        ("kind: curser", "kind", 21, "did you mean 'cursor'?|Allowed: none, page, offset, cursor"),
        ("", "kind", 20, "Allowed: none, page, offset, cursor"),
    ]),
    ("cursor: next", "activities.list.paging", [
        ("cursor: '['", "cursor", 23, "not a JMESPath"),
        ("cursor: [a]", "cursor", 23, "must be text"),
        ("", "cursor", 20, "is missing"),
    ]),
    ("param: after", "activities.list.paging", [
        ("param: [after]", "param", 22, "must be text"),
        ("param: ''", "param", 22, "must not be empty"),
        ("param: after\nin: body", "in", 23, "a GET request has none"),
        ("param: a b\nin: header", "param", 22, "RFC 9110"),
        ("param: after\ninitial: [1]", "initial", 23, "must be"),
        ("param: after\nsize: 0", "size", 23, "at least 1"),
        ("param: after\nsize: '5'", "size", 23, "whole number"),
        ("param: after\nsize_param: limit\nsize: 5", "size_param", 23, "remove that input"),
        ("param: after\nsize_param: after\nsize: 1", "size_param", 23, "two names"),
        ("param: after\nsize_param: n", "size", 20, "is missing"),
        ("param: after\ntotal_pages: x", "total_pages", 23, "Allowed: size_param, size, max_pages, kind"),
    ]),
]  # fmt: skip

CASES = [
    (anchor, new, f"{prefix}.{rest}".strip("."), line, words)
    for anchor, prefix, rows in GROUPS
    for new, rest, line, words in rows
]


def _replace_line(anchor: str, new: str) -> str:
    lines = FILE.splitlines()
    at = [line.strip() for line in lines].index(anchor)
    indent = lines[at][: -len(anchor)]
    return "\n".join([*lines[:at], *(indent + line for line in new.splitlines()), *lines[at + 1 :], ""])


@pytest.mark.parametrize(("anchor", "new", "key", "line", "words"), CASES)
def test_the_error_names_key_line_and_what_is_allowed(anchor: str, new: str, key: str, line: int, words: str) -> None:
    """One wrong place in a file gives one error about exactly that place, and none speaks pydantic."""
    with pytest.raises(ConnectorFormatError) as caught:
        parse_connector(_replace_line(anchor, new), "crm.yaml")
    assert (caught.value.key, caught.value.line) == (key, line)
    for part in words.split("|"):
        assert part in caught.value.problem
    for jargon in ("pydantic", "extra_forbidden", "union_tag", "Input should", "Value error", "tagged-union"):
        assert jargon not in str(caught.value)


def test_the_unchanged_file_is_accepted() -> None:
    """The cases above fail for what they change, not for the file they change."""
    assert parse_connector(FILE, "crm.yaml").activities["list"].inputs["limit"].json_schema == {"type": "integer"}


def test_several_problems_are_told_together() -> None:
    """The first is told in full, the places of the others follow."""
    text = FILE.replace("title: CRM", "title: 5").replace("param: after", "param: 7")
    with pytest.raises(ConnectorFormatError) as caught:
        parse_connector(text, "crm.yaml")
    assert caught.value.key == "title"
    assert "'activities.list.paging.param' (line 22)" in caught.value.problem


BODIES = [
    ("a: {in: body, whole: true}\n      b: {in: body}", "a.whole", "no other input"),
    ("a: {in: body, name: x.y}\n      b: {in: body, name: x}", "a", "which input 'b' already fills"),
    ("a: {in: body, name: x..y}", "a.name", "single dots"),
    ("a: {in: body, name: x}\n      b: {in: body, name: x}", "b", "so is input 'a'"),
    ("a: {in: header, name: X-A}\n      b: {in: header, name: x-a}", "b", "so is input 'a'"),
    ("a: {in: body, whole: true, name: x}", "a.name", "no name"),
    ("a: {in: [body, query], whole: true}", "a.whole", "only that"),
]


@pytest.mark.parametrize(("inputs", "key", "words"), BODIES)
def test_inputs_that_overwrite_each_other_are_refused(inputs: str, key: str, words: str) -> None:
    """Two inputs never meet in one place of a request."""
    head = "name: a\ntitle: A\nactivities:\n  do:\n    kind: action\n    path: /x\n"
    text = f"{head}    inputs:\n      {inputs}\n"
    with pytest.raises(ConnectorFormatError) as caught:
        parse_connector(text, "a.yaml")
    assert caught.value.key == f"activities.do.inputs.{key}"
    assert words in caught.value.problem


def test_a_form_has_no_nesting() -> None:
    """Dotted names are refused in a form, for inputs and for paging."""
    head = "name: a\ntitle: A\nactivities:\n  do:\n    kind: query\n    method: POST\n    path: /x\n"
    head += "    body_format: form\n"
    with pytest.raises(ConnectorFormatError, match=r"activities\.do\.inputs\.a\.name.*no nesting"):
        parse_connector(f"{head}    inputs: {{a: {{in: body, name: x.y}}}}\n", "a.yaml")
    with pytest.raises(ConnectorFormatError, match=r"activities\.do\.paging\.param.*no nesting"):
        parse_connector(f"{head}    paging: {{kind: page, in: body, param: x.y}}\n", "a.yaml")


BODY_PAGING = [
    ("method: HEAD", "a: {in: body}", "kind: none", "inputs.a.in", "a HEAD request has none"),
    ("method: POST", "a: {in: body, whole: true}", "kind: page, in: body, param: p", "paging.param", "'type: object'"),
    ("method: POST", "a: {in: body, name: x}", "kind: page, in: body, param: x.p", "paging.param", "sends too"),
    ("method: POST", "a: {in: body, name: x.p.q}", "kind: page, in: body, param: x.p", "paging.param", "sends too"),
]


@pytest.mark.parametrize(("method", "inputs", "paging", "key", "words"), BODY_PAGING)
def test_body_and_paging_must_fit_together(method: str, inputs: str, paging: str, key: str, words: str) -> None:
    """Paging in a body needs a body, and a place of its own in it."""
    head = f"name: a\ntitle: A\nactivities:\n  do:\n    kind: query\n    path: /x\n    {method}\n"
    with pytest.raises(ConnectorFormatError) as caught:
        parse_connector(f"{head}    inputs: {{{inputs}}}\n    paging: {{{paging}}}\n", "a.yaml")
    assert caught.value.key == f"activities.do.{key}"
    assert words in caught.value.problem


def test_the_first_problem_in_the_file_is_told_first() -> None:
    """The order is that of the lines, not that of the models."""
    with pytest.raises(ConnectorFormatError) as caught:
        parse_connector("activities: {do: {kind: action, path: 5}}\nname: a\ntitle: 5\n", "a.yaml")
    assert (caught.value.key, caught.value.line) == ("activities.do.path", 1)


def test_words_of_json_schema_may_name_properties_and_values() -> None:
    """A property called $ref, or a default that holds one, is data."""
    text = (
        "name: a\ntitle: A\nactivities:\n  do:\n    kind: action\n    path: /x\n    inputs:\n      v:\n"
        "        in: body\n        properties: {$ref: {type: string}, $id: {}}\n        default: {$ref: x}\n"
        "      w: {in: body, enum: [{$id: x}]}\n"
    )
    assert set(parse_connector(text, "a.yaml").activities["do"].inputs) == {"v", "w"}


def test_a_validation_error_in_python_shows_no_value() -> None:
    """pydantic's own error, met by who writes a Connector in Python, does not print what was given."""
    with pytest.raises(ValidationError) as caught:
        Connector.model_validate({"name": "a", "title": ["private"], "activities": {}})
    assert "private" not in str(caught.value)


def test_a_connector_without_activities_is_refused() -> None:
    """An empty mapping of activities is a mistake."""
    with pytest.raises(ConnectorFormatError, match="at least 1 entry"):
        parse_connector("name: a\ntitle: A\nactivities: {}\n", "a.yaml")
