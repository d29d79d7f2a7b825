"""The page of connection types, from the one table in `connection_types.py`."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from airflow_provider_integry.connection_fields import Field
from airflow_provider_integry.connection_types import CONNECTION_TYPES, ConnectionType
from reference_pages.markdown import build_anchor, build_block, build_table, code, code_list, join

CONN_ID = "my_api"


def build_page() -> str:
    """Build the page."""
    shared = shared_fields()
    return join(
        "# Connection types",
        "This page is built from the table that Airflow's forms and the parser are built from.\n"
        "Fields marked *secret* are masked by Airflow; all others are shown to everybody who may see the connection.\n"
        "A field that is not in the table of its type is refused, with the closest name that is.",
        build_table(
            ["Type", "Name in the form", "What it is"],
            (
                [f"[{code(item.name)}](#{build_anchor(item.name)})", item.label, item.summary]
                for item in CONNECTION_TYPES
            ),
        ),
        *(_build_section(item, shared) for item in CONNECTION_TYPES),
        "## Fields that every type has",
        "All of them may stay empty.",
        _build_fields(shared),
    )


def shared_fields() -> tuple[Field, ...]:
    """Return the fields that are the same in every type, in the order of the forms."""
    first, *others = CONNECTION_TYPES
    return tuple(field for field in first.fields if all(field in other.fields for other in others))


def build_json(item: ConnectionType) -> str:
    """Build the example of a type as JSON, as ``AIRFLOW_CONN_…`` and ``--conn-json`` take it."""
    return json.dumps(item.example, indent=2)


def build_command(item: ConnectionType) -> str:
    """Build the command line that adds the example."""
    return f"airflow connections add {CONN_ID} --conn-json {shlex.quote(json.dumps(item.example))}"


def build_uri(item: ConnectionType) -> str:
    """Build the example as a connection URI: type, credentials, base URL and fields in one line."""
    example = item.example
    base = urlsplit(str(example["host"]))
    login = quote(str(example.get("login", "")), safe="")
    password = quote(str(example.get("password", "")), safe="")
    user = f"{login}:{password}@" if login or password else ""
    query = _build_query(example.get("extra", {}))
    return f"{item.name.replace('_', '-')}://{user}{base.netloc}{base.path}{query}"


def _build_query(extra: Mapping[str, Any]) -> str:
    return f"?{urlencode(extra)}" if extra else ""


def _build_section(item: ConnectionType, shared: tuple[Field, ...]) -> str:
    own = [field for field in item.fields if field not in shared]
    return join(
        f"## {item.name}",
        f"**{item.label}.** {item.summary}\nHook class: {code(item.hook_class_name)}.",
        _build_fields(own),
        "And the [fields that every type has](#fields-that-every-type-has).",
        "As JSON:",
        build_block("json", build_json(item)),
        "As a command:",
        build_block("bash", build_command(item)),
        "As a URI:",
        build_block("text", build_uri(item)),
    )


def _build_fields(fields: tuple[Field, ...] | list[Field]) -> str:
    return build_table(["Field", "Key", "What to fill in", "Default"], (_build_row(field) for field in fields))


def _build_row(field: Field) -> list[str]:
    return [field.label, code(_key_of(field)), " ".join(_sentences_of(field)), _default_of(field)]


def _key_of(field: Field) -> str:
    return field.column or f"extra.{field.name}"


def _default_of(field: Field) -> str:
    if field.default is None:
        return ""
    return code(json.dumps(field.default) if isinstance(field.default, bool | int | float) else field.default)


def _sentences_of(field: Field) -> list[str]:
    sentences = [field.description]
    if field.choices:
        sentences.append(f"One of {code_list(field.choices)}.")
    if field.minimum is not None:
        sentences.append(f"At least {field.minimum:g}.")
    if field.placeholder:
        sentences.append(f"Example: {code(field.placeholder)}.")
    if field.required:
        sentences.append("*Required.*")
    if field.required_when:
        other, value = field.required_when
        sentences.append(f"*Required when {code(other)} is {code(value)}.*")
    if field.is_secret:
        sentences.append("*Secret.*")
    if field.is_account:
        sentences.append("*Each end user has its own.*")
    return sentences
