"""What the documentation says is so: blocks are run, links lead somewhere, reference pages are complete."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = DOCS / "pages"
TOP_LEVEL = tuple(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"))
WRITTEN = (*TOP_LEVEL, *sorted(PAGES.rglob("*.md")), *sorted((DOCS / "adr").glob("*.md")))
_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (?P<text>.+)$", re.MULTILINE)


def _load_hooks() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("docs_hooks", DOCS / "hooks.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["docs_hooks"] = module
    spec.loader.exec_module(module)
    return module


hooks = _load_hooks()
GENERATED: dict[str, str] = {uri: build_page() for uri, build_page in hooks.GENERATED.items()}


class Block(NamedTuple):
    page: str
    number: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.number}"


def _blocks_of(page: str, markdown: str) -> Iterator[Block]:
    for number, match in enumerate(_FENCE.finditer(hooks.expand_includes(markdown)), start=1):
        yield Block(page, number, match["language"], match["text"])


def _all_pages() -> dict[str, str]:
    written = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in WRITTEN}
    return {**written, **GENERATED}


BLOCKS = [block for page, markdown in _all_pages().items() for block in _blocks_of(page, markdown)]
CONNECTORS = [
    block for block in BLOCKS if block.language == "yaml" and re.search(r"^activities:", block.text, re.MULTILINE)
]
CONNECTIONS = [block for block in BLOCKS if block.language == "json" and '"conn_type"' in block.text]
PYTHON = [block for block in BLOCKS if block.language == "python"]
DAG_FILES = [block for block in PYTHON if re.search(r"^@dag\b", block.text, re.MULTILINE)]
COMMANDS = [block for block in BLOCKS if block.language == "bash"]


# -- reference pages ---------------------------------------------------------------------------------


def test_every_connection_type_and_every_field_is_in_the_reference():
    from airflow_provider_integry.connection_types import ALL_CONNECTION_TYPES

    page = GENERATED["reference/connections.md"]
    sections = {part.splitlines()[0]: part for part in page.split("\n## ")[1:]}
    shared = sections.pop("Fields that every type has")

    assert [item.name for item in ALL_CONNECTION_TYPES] == list(sections)
    for item in ALL_CONNECTION_TYPES:
        for field in item.fields:
            key = f"`{field.column or f'extra.{field.name}'}`"
            assert f"| {field.label} | {key} |" in sections[item.name] + shared
            assert all(f"`{choice}`" in sections[item.name] + shared for choice in field.choices)


def test_a_secret_field_is_marked_as_one_in_the_reference():
    from airflow_provider_integry.connection_types import ALL_CONNECTION_TYPES

    lines = GENERATED["reference/connections.md"].splitlines()

    for field in {field for item in ALL_CONNECTION_TYPES for field in item.fields}:
        key = f"| {field.label} | `{field.column or f'extra.{field.name}'}` |"
        marked = {"*Secret.*" in line for line in lines if line.startswith(key) and field.description[:20] in line}
        assert marked == {field.is_secret}, field.name


def test_the_examples_of_a_type_mean_the_same_in_every_form():
    from airflow.models.connection import Connection
    from reference_pages import connections

    from airflow_provider_integry.connection_types import ALL_CONNECTION_TYPES, WORKSPACE_TYPE
    from airflow_provider_integry.end_users.workspace import parse_workspace
    from airflow_provider_integry.settings import parse_connection, read_connection

    for item in ALL_CONNECTION_TYPES:
        parse = parse_workspace if item is WORKSPACE_TYPE else parse_connection
        by_json = Connection.from_json(connections.build_json(item), conn_id="x")
        by_uri = Connection(conn_id="x", uri=connections.build_uri(item))
        assert parse(read_connection(by_json)) == parse(read_connection(by_uri))


def test_every_option_is_in_the_reference():
    from airflow_provider_integry.get_provider_info import OPTIONS

    page = GENERATED["reference/configuration.md"]

    for name, option in OPTIONS.items():
        assert f"## {name}\n\n{option['description']}" in page
        assert f"`AIRFLOW__INTEGRY__{name.upper()}`" in page


def test_every_error_class_is_in_the_reference():
    from reference_pages import errors

    page = GENERATED["reference/errors.md"]
    drawn = {line.split()[-1] if line.count(" ") == 0 else line.split("─ ")[-1].split()[0] for line in _tree(page)}
    branches = {"IntegryError", *(line.removeprefix("## ") for line in page.splitlines() if line.startswith("## "))}

    for kind in errors.error_classes():
        assert kind.__name__ in drawn
        assert kind.__name__ in branches or f"| [`{kind.__name__}`](" in page


def test_the_reference_knows_all_errors_that_can_be_imported():
    from reference_pages import errors

    from airflow_provider_integry.errors import __all__ as names

    assert sorted(kind.__name__ for kind in errors.error_classes()) == sorted(names)


def test_troubleshooting_has_a_heading_for_every_error_that_is_raised():
    from reference_pages import errors

    headings = _HEADING.findall((PAGES / "how-to/troubleshooting.md").read_text(encoding="utf-8"))
    groups = {"IntegryError", "ConfigurationError", "StoreError", "BrokerError", "ActivityError"}

    assert {kind.__name__ for kind in errors.error_classes()} - groups <= set(headings)


def test_every_key_of_the_connector_schema_is_explained():
    from reference_pages import connector_schema

    page = GENERATED["reference/connector-schema.md"]

    for model, heading in connector_schema.HEADINGS.items():
        assert f"## {heading}\n" in page
        for key in connector_schema.keys_of(model):
            assert connector_schema.describe_key(model, key), f"{model.__name__}.{key}"


def test_the_connector_schema_shows_every_model_that_a_connector_is_made_of():
    from reference_pages import connector_schema

    from airflow_provider_integry.connectors import Connector

    named = set(Connector.model_json_schema()["$defs"]) - {"JsonValue"}

    assert {model.__name__ for model in connector_schema.HEADINGS} == {*named, "Connector"}


def test_writing_a_connector_names_every_kind_of_paging():
    from reference_pages import connector_schema

    page = (PAGES / "how-to/write-a-connector.md").read_text(encoding="utf-8")
    kinds = [name.removeprefix("Paging ") for name in connector_schema.HEADINGS.values() if name.startswith("Paging ")]

    assert kinds
    assert all(f"| `{kind}` |" in page for kind in kinds)


def test_every_connector_of_the_catalog_is_in_the_reference():
    from reference_pages import catalog

    page = GENERATED["reference/catalog.md"]

    assert catalog.read_catalog()
    for connector in catalog.read_catalog():
        assert f"## {connector.name}\n" in page
        assert all(f"### {name}\n" in page for name in connector.activities)


def test_names_on_the_python_page_can_be_imported_from_where_it_says():
    page = GENERATED["reference/python.md"]
    imports = re.findall(r"^from (\S+) import (\w+)$", page, re.MULTILINE)

    assert imports
    for module, name in imports:
        assert hasattr(importlib.import_module(module), name)


# -- blocks of code ----------------------------------------------------------------------------------


@pytest.mark.parametrize("block", CONNECTORS, ids=str)
def test_a_connector_in_the_documentation_is_valid(block):
    from airflow_provider_integry.connectors import parse_connector

    assert parse_connector(block.text, str(block)).activities


@pytest.mark.parametrize("block", CONNECTIONS, ids=str)
def test_a_connection_in_the_documentation_is_valid(block):
    for conn_id, connection in _connections_in(block):
        assert _parse(conn_id, connection).conn_id == conn_id


@pytest.mark.parametrize("block", COMMANDS, ids=str)
def test_a_connection_on_a_command_line_in_the_documentation_is_valid(block):
    for text in re.findall(r"(?:--conn-json |AIRFLOW_CONN_\w+=)'(\{.*?\})'", block.text):
        assert _parse("x", json.loads(text)).conn_id == "x"


def test_connection_uris_in_the_documentation_are_valid():
    from airflow.models.connection import Connection

    from airflow_provider_integry.settings import read_connection

    found = [
        uri for markdown in _all_pages().values() for uri in re.findall(r"\bintegry-[a-z0-9-]+://[^\s'`]+", markdown)
    ]

    assert len(found) > 8
    for uri in found:
        assert _check(read_connection(Connection(conn_id="x", uri=uri))).conn_id == "x"


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_python_in_the_documentation_compiles(block):
    compile(block.text, str(block), "exec")


@pytest.mark.parametrize("block", DAG_FILES, ids=str)
def test_a_dag_in_the_documentation_can_be_loaded(block):
    from airflow.sdk import DAG

    module = types.ModuleType(f"documented_{abs(hash(block))}")
    calls_its_dag = re.search(r"^\w+\(\)$", block.text, re.MULTILINE)

    exec(compile(block.text, str(block), "exec"), module.__dict__)

    assert calls_its_dag
    assert not [value for value in vars(module).values() if isinstance(value, DAG) and not value.tasks]


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_what_python_in_the_documentation_imports_from_here_is_there(block):
    for module, names in re.findall(
        r"^\s*from (airflow_provider_integry[\w.]*) import ([\w, ]+)$", block.text, re.MULTILINE
    ):
        assert all(hasattr(importlib.import_module(module), name.strip()) for name in names.split(","))


# -- links and commands ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_a_page_and_a_heading_that_are_there(path):
    for target in _links_in(path.read_text(encoding="utf-8")):
        _check_link(path, target)


@pytest.mark.parametrize("uri", sorted(GENERATED))
def test_links_of_generated_pages_lead_somewhere(uri):
    for target in _links_in(GENERATED[uri]):
        _check_link(PAGES / uri, target)


@pytest.mark.parametrize("path", TOP_LEVEL, ids=lambda path: path.name)
def test_commands_of_make_are_in_the_makefile(path):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    used = set(re.findall(r"(?:^|`)make ([a-z]+)", path.read_text(encoding="utf-8"), re.MULTILINE))

    assert used <= targets


def test_the_readme_names_every_connection_type():
    from airflow_provider_integry.connection_types import ALL_CONNECTION_TYPES

    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert all(f"| `{item.name}` | {item.label} |" in readme for item in ALL_CONNECTION_TYPES)


def test_every_page_is_in_the_navigation():
    text = (DOCS / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    named = re.findall(r"\S+\.md", text)
    there = [str(path.relative_to(PAGES)) for path in PAGES.rglob("*.md")]

    assert sorted(named) == sorted([*there, *GENERATED, *hooks.outside_pages()])


def test_an_include_of_something_that_is_not_there_is_an_error():
    with pytest.raises(ValueError, match=r"\[START nothing\]"):
        hooks.expand_includes('--8<-- "example_dags/crm_contacts.py:nothing"')
    with pytest.raises(FileNotFoundError):
        hooks.expand_includes('--8<-- "example_dags/nothing.py"')


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_line_that_includes_code_is_understood(path):
    # A formatter may have put spaces into it; CONTRIBUTING.md shows one within a sentence.
    assert not re.search(r"^ *--8", hooks.expand_includes(path.read_text(encoding="utf-8")), re.MULTILINE)


def test_included_code_carries_no_markers():
    assert "[START" not in hooks.expand_includes('--8<-- "example_dags/crm_contacts.py"')


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_written_pages_hold_no_absolute_path_of_a_checkout(path):
    assert str(ROOT) not in path.read_text(encoding="utf-8")


# -- helpers -----------------------------------------------------------------------------------------


def _tree(page: str) -> list[str]:
    return next(block.text for block in _blocks_of("errors", page) if block.language == "text").splitlines()


def _connections_in(block: Block) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give each connection of a JSON block: one, or several by id as ``airflow connections import`` takes them."""
    found = json.loads(block.text)
    if "conn_type" in found:
        yield "x", found
    else:
        yield from found.items()


def _parse(conn_id: str, connection: dict[str, Any]) -> Any:
    from airflow.models.connection import Connection

    from airflow_provider_integry.settings import read_connection

    return _check(read_connection(Connection.from_json(json.dumps(connection), conn_id=conn_id)))


def _check(raw: Any) -> Any:
    from airflow_provider_integry.authorizations.build_settings import build_settings
    from airflow_provider_integry.end_users.workspace import is_workspace, parse_workspace

    return parse_workspace(raw) if is_workspace(raw) else build_settings(raw)


def _links_in(markdown: str) -> list[str]:
    text = _FENCE.sub("", markdown)
    return [match["target"] for match in _LINK.finditer(text) if "://" not in match["target"]]


def _check_link(page: Path, target: str) -> None:
    place, _, anchor = unquote(target).partition("#")
    path = (page.parent / place).resolve() if place else page
    markdown = _read_page(path)
    assert markdown is not None, f"{page.name} links to {target}, which is not there"
    if anchor:
        assert anchor in _anchors_of(markdown), f"{page.name} links to {target}, which has no such heading"


def _read_page(path: Path) -> str | None:
    """Return a page of the repository or of the site; None when there is none."""
    inside = path.relative_to(PAGES).as_posix() if path.is_relative_to(PAGES) else ""
    if inside in GENERATED:
        return GENERATED[inside]
    if inside in hooks.outside_pages():
        return Path(hooks.outside_pages()[inside]).read_text(encoding="utf-8")
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _anchors_of(markdown: str) -> set[str]:
    """Return the anchors of a page as MkDocs and the usual source hosts make them."""
    headings = [re.sub(r"[`*]", "", text) for text in _HEADING.findall(_FENCE.sub("", markdown))]
    return {re.sub(r"[^\w -]", "", text).strip().lower().replace(" ", "-") for text in headings}
