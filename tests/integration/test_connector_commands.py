"""``airflow integry connectors`` and ``airflow integry run``, through Airflow's own parser."""

from __future__ import annotations

import json
import logging

import pytest
import yaml
from integration.loopback import CONN_ID, Answer, to_json
from jsonschema import Draft202012Validator

from airflow_provider_integry.connectors.load import CATALOG

SHOP = """\
name: shop
title: Shop
base_url: https://shop.example
activities:
  list_items:
    kind: query
    title: List items
    path: /items
    inputs:
      state: {in: query, enum: [open, closed], description: Only these.}
      ids: {in: query, type: array, items: {type: integer}}
      zip: {in: query, type: string}
    result: items
    paging: {kind: cursor, param: after, cursor: next}
  get_item:
    kind: action
    method: GET
    path: /items/{id}
    inputs: {id: {in: path, type: integer, required: true}}
  add_item:
    kind: action
    path: /items
    inputs: {item: {in: body, whole: true, required: true, schema: {type: object}}}
  photo: {kind: action, method: GET, path: /photo, answer: file}
  upload:
    kind: action
    path: /upload
    body_format: multipart
    inputs: {file: {in: body, file: true, required: true}}
"""
OPENAPI = {
    "openapi": "3.0.0",
    "info": {"title": "Tiny API", "version": "1"},
    "servers": [{"url": "https://tiny.example"}],
    "paths": {
        "/things": {
            "get": {
                "operationId": "listThings",
                "tags": ["things"],
                "parameters": [
                    {"name": "page", "in": "query", "schema": {"type": "integer"}},
                    {"name": "limit", "in": "query", "schema": {"type": "integer"}},
                ],
                "responses": {
                    "200": {
                        "description": "",
                        "content": {"application/json": {"schema": {"type": "array", "items": {"type": "object"}}}},
                    }
                },
            },
            "delete": {
                "parameters": [{"name": "c", "in": "cookie", "required": True, "schema": {"type": "string"}}],
                "responses": {"200": {"description": ""}},
            },
        }
    },
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of connectors that option connectors_folder names."""
    path = tmp_path / "connectors"
    path.mkdir()
    (path / "shop.yaml").write_text(SHOP)
    monkeypatch.setenv("AIRFLOW__INTEGRY__CONNECTORS_FOLDER", str(path))
    return path


@pytest.fixture
def integry(capfdbinary, folder):
    """Run a command; returns what it printed and its exit status or last line."""
    from airflow.cli.cli_parser import get_parser

    parser = get_parser()

    def run(*arguments):
        level = logging.root.manager.disable
        try:
            args = parser.parse_args(["integry", *arguments])
            args.func(args)
            code = 0
        except SystemExit as error:
            code = error.code
        finally:
            logging.disable(level)
        printed = capfdbinary.readouterr()
        return printed.out.decode(), printed.err.decode(), code

    return run


@pytest.fixture
def serve(answer_with, set_connection):
    def start(*answers, **fields):
        server = answer_with(*answers)
        set_connection(server.url, **{"connector": "shop", "max_retries": 0, **fields})
        return server

    return start


# -- connectors --------------------------------------------------------------------------------------


def test_connectors_are_listed_with_where_they_come_from(integry, folder):
    out, _, code = integry("connectors", "list", "-o", "json")

    rows = {row["name"]: row for row in json.loads(out)}
    assert code == 0
    assert rows["shop"] == {"name": "shop", "title": "Shop", "where": str(folder / "shop.yaml")}
    assert rows["airflow"]["where"] == str(CATALOG / "airflow.yaml")


def test_a_connector_and_an_activity_are_shown(integry):
    out, _, code = integry("connectors", "show", "shop", "-o", "plain")
    assert code == 0
    assert "Base URL: https://shop.example" in out
    assert "list_items  query   GET /items" in out

    out, _, _ = integry("connectors", "show", "shop", "list_items", "-o", "json")
    assert json.loads(out)[0] == {
        "input": "state",
        "in": "query",
        "value": "open | closed",
        "required": "",
        "default": "",
        "description": "Only these.",
    }
    assert "did you mean" in str(integry("connectors", "show", "shop", "list_item")[2]).lower()


def test_what_is_not_valid_is_told_with_its_line(integry, folder, tmp_path):
    assert integry("connectors", "validate", str(folder))[2] == 0
    (folder / "wrong.yaml").write_text(SHOP.replace("name: shop", "name: wrong").replace("kind: cursor", "kind: cursr"))

    out, err, code = integry("connectors", "validate", str(folder), "airflow")

    assert code == 1
    assert "shop.yaml: valid, connector 'shop' with 5 activities." in out
    assert "airflow: valid" in out
    assert "wrong.yaml, line 14 at 'activities.list_items.paging.kind'" in err


def test_the_schema_for_editors_takes_connectors_and_refuses_typos(integry):
    out, _, _ = integry("connectors", "schema")
    validator = Draft202012Validator(json.loads(out))
    Draft202012Validator.check_schema(json.loads(out))
    good = [yaml.safe_load(path.read_text()) for path in CATALOG.glob("*.yaml")] + [yaml.safe_load(SHOP)]

    assert [list(validator.iter_errors(one)) for one in good] == [[] for _ in good]
    typos = {
        "kind: query": "kind: qury",
        "in: query": "inn: query",
        "title: Shop": "titel: Shop",
        "in: path": "in: pth",
        "kind: cursor": "kind: cursr",
        "base_url: h": "base_url: 7 #",
    }
    for old, new in typos.items():
        assert list(validator.iter_errors(yaml.safe_load(SHOP.replace(old, new)))), old


def test_a_document_is_imported_into_a_file_that_works(integry, folder, tmp_path):
    (tmp_path / "tiny.json").write_text(json.dumps(OPENAPI))
    target = folder / "tiny.yaml"

    out, err, code = integry("connectors", "import", str(tmp_path / "tiny.json"), "--output-file", str(target))

    assert (out, code) == ("", 0)
    assert "Connector 'tiny' with 1 activities written to" in err
    assert "Paging is guessed, check it: list_things." in err
    assert "DELETE /things: it needs the cookie 'c'" in err
    assert "# Guessed from parameters 'page' and 'limit': check it." in target.read_text()
    assert integry("connectors", "validate", "tiny")[2] == 0
    assert (
        "is there already"
        in integry("connectors", "import", str(tmp_path / "tiny.json"), "--output-file", str(target))[2]
    )
    out, _, code = integry("connectors", "import", str(tmp_path / "tiny.json"), "--name", "other", "--tag", "things")
    assert code == 0
    assert yaml.safe_load(out)["name"] == "other"
    assert "no tag 'x'" in integry("connectors", "import", str(tmp_path / "tiny.json"), "--tag", "x")[2]
    assert "cannot be read" in integry("connectors", "import", str(tmp_path / "nope.json"))[2]


# -- run ---------------------------------------------------------------------------------------------


def test_records_are_printed_as_json_lines(integry, serve):
    server = serve(to_json({"items": [{"id": 1}, {"id": 2}], "next": "b"}), to_json({"items": [{"id": 3}]}))

    out, err, code = integry("run", CONN_ID, "list_items", "state=open", "ids=[1,2]", "zip=01234")

    assert code == 0
    assert [json.loads(line)["id"] for line in out.splitlines()] == [1, 2, 3]
    assert "3 records in 2 pages." in err
    assert server.requests[0].query == {"state": ["open"], "ids": ["1", "2"], "zip": ["01234"]}


@pytest.mark.parametrize(("option", "count", "requests"), [("--max-records", 1, 1), ("--max-pages", 2, 1)])
def test_it_ends_where_enough_has_come(integry, serve, option, count, requests):
    server = serve(to_json({"items": [{"id": 1}, {"id": 2}], "next": "b"}), to_json({"items": [{"id": 3}]}))

    out, _, code = integry("run", CONN_ID, "list_items", option, "1")

    assert (code, len(out.splitlines()), len(server.requests)) == (0, count, requests)


def test_records_go_to_a_file(integry, serve, tmp_path):
    serve(to_json({"items": [{"id": 1}]}))

    out, _, _ = integry("run", CONN_ID, "list_items", "--output-file", str(tmp_path / "items.jsonl"))

    assert json.loads(out)["records"] == 1
    assert json.loads((tmp_path / "items.jsonl").read_text()) == {"id": 1}


def test_an_action_prints_its_output_and_takes_json(integry, serve, tmp_path):
    server = serve(to_json({"id": 7}))
    (tmp_path / "inputs.json").write_text('{"item": {"a": 1}}')

    assert json.loads(integry("run", CONN_ID, "add_item", 'item:={"a": [true]}')[0]) == {"id": 7}
    assert json.loads(integry("run", CONN_ID, "add_item", "--inputs-file", str(tmp_path / "inputs.json"))[0]) == {
        "id": 7
    }
    assert [json.loads(request.body) for request in server.requests] == [{"a": [True]}, {"a": 1}]


def test_nothing_is_sent_in_a_dry_run(integry, serve):
    server = serve(to_json({}))

    out, err, _ = integry("run", CONN_ID, "add_item", 'item={"a": 1}', "--dry-run")

    assert out.startswith(f"POST {server.url}/items\n")
    assert out.endswith('\n\n{"a":1}\n')
    assert "Nothing was sent" in err
    assert server.requests == []


def test_files_are_sent_and_fetched(integry, serve, tmp_path):
    server = serve(to_json({}))
    (tmp_path / "a.bin").write_bytes(b"\x00\xff")

    integry("run", CONN_ID, "upload", f"file=@{tmp_path}/a.bin")
    assert b'filename="a.bin"' in server.requests[0].body

    server.script(Answer(200, b"\x89PNG", {"Content-Type": "image/png"}))
    assert "answers with a file" in integry("run", CONN_ID, "photo")[2]
    out, _, _ = integry("run", CONN_ID, "photo", "--output-file", str(tmp_path / "photo.png"))
    assert json.loads(out)["content_type"] == "image/png"
    assert (tmp_path / "photo.png").read_bytes() == b"\x89PNG"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["get_item"], "'id': is required"),
        (["get_item", "id=x"], "Input 'id': 'x' is no integer."),
        (["get_item", "id=1", "id=2"], "given twice"),
        (["get_item", "7"], "write NAME=VALUE"),
        (["get_itm", "id=1"], "Did you mean 'get_item'"),
        (["list_items", "state=opn"], "must be one of 'open', 'closed'"),
    ],
)
def test_wrong_inputs_are_told_in_words(integry, serve, arguments, words):
    server = serve(to_json({}))

    _, _, code = integry("run", CONN_ID, *arguments)

    assert words in str(code)
    assert server.requests == []


def test_a_failure_is_the_last_line_and_shows_no_secret(integry, serve):
    serve(to_json({"message": "no such item"}, 404))

    out, err, code = integry("run", CONN_ID, "get_item", "id=1")

    assert "the API answered 404: no such item" in code
    assert "key-1" not in f"{out}{err}{code}"
    assert "There is no connection 'nobody'" in integry("run", "nobody", "x")[2]
