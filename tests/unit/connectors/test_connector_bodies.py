"""Bodies of every format, read back with other people's parsers, and answers that are not JSON."""

from __future__ import annotations

import base64
import email
import email.policy
from urllib.parse import parse_qsl, urlsplit

import pytest

from airflow_provider_integry.auth.wire import HttpResponse
from airflow_provider_integry.connectors.load import parse_connector
from airflow_provider_integry.connectors.render import build_request
from airflow_provider_integry.connectors.run import ActivityCall
from airflow_provider_integry.errors import ConnectorFormatError, InvalidInputError, ResponseFormatError

FILES = """\
name: files
title: Files
base_url: https://api.files.example
activities:
  upload:
    kind: action
    path: /files
    body_format: multipart
    inputs:
      content: {in: body, name: file, file: true, required: true}
      title: {in: body, type: string}
      tags: {in: body, name: "tags[]", type: array, items: {type: string}}
      public: {in: body, type: boolean}
  put:
    kind: action
    method: PUT
    path: /raw/{name}
    body_format: raw
    inputs:
      name: {in: path, type: string, required: true}
      content: {in: body, whole: true, file: true, required: true}
  note:
    kind: action
    path: /note
    body_format: raw
    headers: {Content-Type: text/markdown}
    inputs: {text: {in: body, whole: true, type: string, required: true}}
  charge:
    kind: action
    path: /charges
    body_format: form
    inputs:
      amount: {in: body, type: integer}
      metadata: {in: body, type: object, style: brackets}
      items: {in: body, type: array, style: brackets}
      filter: {in: query, type: object, style: brackets}
  report:
    kind: query
    path: /report
    answer: csv
    delimiter: ";"
  readme: {kind: action, method: GET, path: /readme, answer: text}
  photo: {kind: action, method: GET, path: /photo, answer: file}
"""


@pytest.fixture(scope="module")
def files():
    return parse_connector(FILES, "files.yaml")


def build(files, activity, **inputs):
    return build_request(files, activity, inputs, base_url=None)


def parts_of(request):
    """Read a multipart body as the standard library's mail parser does."""
    head = f"Content-Type: {request.header('Content-Type')}\r\n\r\n".encode()
    message = email.message_from_bytes(head + request.body, policy=email.policy.HTTP)
    assert message.is_multipart()
    return [
        (
            part.get_param("name", header="Content-Disposition"),
            part.get_filename(),
            part.get_content_type(),
            part.get_payload(decode=True),
        )
        for part in message.iter_parts()
    ]


def test_a_multipart_form_carries_files_and_fields(files):
    content = bytes(range(256)) + b"\r\n--boundary\r\n"
    request = build(
        files,
        "upload",
        content={"base64": base64.b64encode(content).decode(), "name": "photo.png"},
        title="Ünï",
        tags=["a", "b"],
        public=True,
    )

    assert parts_of(request) == [
        ("file", "photo.png", "image/png", content),
        ("title", None, "text/plain", "Ünï".encode()),
        ("tags[]", None, "text/plain", b"a"),
        ("tags[]", None, "text/plain", b"b"),
        ("public", None, "text/plain", b"true"),
    ]


def test_a_request_that_is_made_twice_is_the_same_byte_for_byte(files):
    assert build(files, "upload", content="x") == build(files, "upload", content="x")
    assert build(files, "upload", content="x").body != build(files, "upload", content="y").body


def test_a_name_of_a_file_cannot_end_its_line(files):
    request = build(files, "upload", content={"base64": "eA==", "name": 'a"b.txt'}, title="t")

    assert request.body.count(b"Content-Disposition") == 2
    assert b'filename="a%22b.txt"' in request.body
    with pytest.raises(InvalidInputError, match="no file name"):
        build(files, "upload", content={"base64": "eA==", "name": "a\r\nX: y"})


def test_text_may_stand_in_the_place_of_a_file(files):
    (part,) = parts_of(build(files, "upload", content="héllo"))

    assert part == ("file", "file.txt", "text/plain", "héllo".encode())


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"base64": "*"}, "needs 'path', or 'base64'"),
        ({"name": "x"}, "needs 'path', or 'base64'"),
        ({"path": "file:///etc/passwd"}, "only a hook"),
        ({"base64": "eA==", "nme": "x"}, "unknown key 'nme'"),
        ({"base64": "eA==", "type": "a\r\nb"}, "no media type"),
        (7, "is no file"),
    ],
)
def test_what_is_no_file_is_refused(files, value, words):
    with pytest.raises(InvalidInputError, match=words):
        build(files, "upload", content=value)


def test_a_raw_body_goes_as_it_is(files):
    sent = build(
        files, "put", name="a.csv", content={"base64": base64.b64encode(b"\x00\xff").decode(), "name": "a.csv"}
    )
    text = build(files, "note", text="# Hé")

    assert (sent.method, sent.body, sent.header("Content-Type")) == ("PUT", b"\x00\xff", "text/csv")
    assert (text.body, text.header("Content-Type")) == ("# Hé".encode(), "text/markdown")


def test_brackets_carry_objects_and_lists_in_forms_and_queries(files):
    request = build(
        files,
        "charge",
        amount=5,
        metadata={"order": "7", "deep": {"a": True}, "none": None},
        items=[{"price": "p1", "quantity": 2}, {"price": "p2"}],
        filter={"state": ["open", "paid"]},
    )

    assert parse_qsl(request.body.decode()) == [
        ("amount", "5"),
        ("metadata[order]", "7"),
        ("metadata[deep][a]", "true"),
        ("items[0][price]", "p1"),
        ("items[0][quantity]", "2"),
        ("items[1][price]", "p2"),
    ]
    assert parse_qsl(urlsplit(request.url).query) == [("filter[state][]", "open"), ("filter[state][]", "paid")]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("{in: body, whole: true, file: true, required: true}", "{in: body, file: true}", "one input"),
        (
            "name: {in: path, type: string, required: true}",
            "name: {in: [path, body], file: true, required: true}",
            "only that",
        ),
        ("body_format: form", "body_format: form\n    result: a\n    answer: text", "leave one of them out"),
        ("answer: csv", "answer: file", "holds no records"),
        ("path: /readme, answer: text", "path: /readme, answer: csv", "kind: query"),
        (
            "content: {in: body, name: file, file: true",
            "content: {in: body, whole: true, file: true",
            "no other input can go to the body",
        ),
        ("    body_format: multipart\n", "", "use multipart or raw"),
    ],
)
def test_formats_that_cannot_be_are_refused(old, new, words):
    assert FILES.count(old) == 1
    with pytest.raises(ConnectorFormatError, match=words):
        parse_connector(FILES.replace(old, new), "files.yaml")


# -- answers -----------------------------------------------------------------------------------------


def receive(files, activity, body, content_type="text/csv; charset=utf-8"):
    call = ActivityCall(files, activity, {}, base_url=None)
    return call.receive(HttpResponse(200, (("Content-Type", content_type),), body, "https://api.files.example"))


def test_lines_of_csv_are_records(files):
    body = '\ufeffid;name\r\n1;"Ada; Lovelace"\r\n2;"two\nlines"\r\n\r\n'.encode()

    assert receive(files, "report", body) == [{"id": "1", "name": "Ada; Lovelace"}, {"id": "2", "name": "two\nlines"}]
    assert receive(files, "report", "id\n\xe9\n".encode("latin-1"), "text/csv; charset=iso-8859-1") == [{"id": "é"}]
    assert receive(files, "report", b"") == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"id;name\n1\n", "line 2 of the CSV has 1 columns where the first line names 2"),
        (b"<html><body>Login</body>", "not CSV"),
        (b"id;name\n\xff;x\n", "not utf-8"),
        (b'id;name\n"1;2\n', "cannot be read"),
    ],
)
def test_what_is_no_csv_is_told(files, body, words):
    with pytest.raises(ResponseFormatError, match=words):
        receive(files, "report", body)


def test_text_is_given_as_it_is(files):
    assert receive(files, "readme", "# Hé\n".encode(), "text/markdown") == "# Hé\n"
    assert receive(files, "readme", b"") is None
