"""The page of the connector language, from the pydantic models that check connector files."""

from __future__ import annotations

import types
import typing
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from airflow_provider_integry.connectors.answer_rules import ErrorRules
from airflow_provider_integry.connectors.idempotency import Idempotency
from airflow_provider_integry.connectors.inputs import SHORTHAND, Input
from airflow_provider_integry.connectors.paging import Paging
from airflow_provider_integry.connectors.rate_limits import Limits
from airflow_provider_integry.connectors.spec import Activity, Connector, UserInfoSpec
from airflow_provider_integry.connectors.triggers import Challenge, EventField, Handshake, NewRecords
from airflow_provider_integry.connectors.verifications import Timestamp, Verification
from reference_pages.docstrings import read_entries, split_docstring, to_markdown
from reference_pages.markdown import build_anchor, build_table, code, code_list, join


def _members(union: Any) -> dict[str, type[BaseModel]]:
    """Return the models of a union by their kind; those of a union in it by kind and mode."""
    found: dict[str, type[BaseModel]] = {}
    for model in typing.get_args(typing.get_args(union)[0]):
        if typing.get_origin(model) is typing.Annotated:
            found.update(_members(model))
            continue
        fields = model.model_fields
        keys = [fields[name].annotation for name in ("kind", "mode") if name in fields]
        found[" ".join(typing.get_args(key)[0] for key in keys)] = model
    return found


# Heading of each model, in the order of the page.
HEADINGS: dict[type[BaseModel], str] = {
    Connector: "Connector",
    UserInfoSpec: "user_info",
    **{model: kind.capitalize() for kind, model in _members(Activity).items()},
    Input: "Input",
    ErrorRules: "errors",
    Limits: "limits",
    Idempotency: "idempotency",
    **{model: f"Paging {kind}" for kind, model in _members(Paging).items()},
    NewRecords: "new",
    **{model: f"Verification {kind}" for kind, model in _members(Verification).items()},
    Timestamp: "Timestamp",
    Handshake: "handshake",
    Challenge: "Challenge",
    EventField: "Field of a delivery",
}
# Keys whose docstrings leave out what the name already says.
PLAIN_KEYS = {
    "title": "What people call it.",
    "description": "What it is for, in a sentence.",
    "docs_url": "Where the API's own documentation is.",
    "kind": "Tells the kinds apart.",
    "mode": "Whether we ask the service or are called by it.",
    "method": "HTTP method.",
    "size": "Records asked for per page.",
    "paging": "How the answer comes in pages.",
}


def build_page() -> str:
    """Build the page."""
    return join(
        "# Connector schema",
        "A connector is a YAML file (or JSON, or a `Connector` built in Python) that follows these tables.\n"
        "A key that is not in them is refused with the closest one that is, and with the line it stands in.\n"
        "[Write a connector](../how-to/write-a-connector.md) shows them in use.",
        "YAML is read by the rules of YAML 1.2: only `true` and `false` are booleans, and dates are text.\n"
        "Aliases, tags, duplicate keys and second documents are refused, and so is a file of over 256 KiB.",
        *(_build_section(model, heading) for model, heading in HEADINGS.items()),
    )


def keys_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the fields of a model by the key that stands in the file: the kind, what is required, the rest."""
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    return dict(sorted(fields.items(), key=lambda item: (item[0] != "kind", not item[1].is_required())))


def describe_key(model: type[BaseModel], key: str) -> str:
    """Return what a key is for; empty when nobody has written it down."""
    names = {field.alias or name: name for name, field in model.model_fields.items()}
    for parent in model.__mro__:
        entries = read_entries(split_docstring(parent.__doc__)[1].get("Attributes", []))
        if text := entries.get(names[key]):
            return to_markdown(text).removeprefix(f"({code(key)}) ")
    return PLAIN_KEYS.get(key, "")


def _build_section(model: type[BaseModel], heading: str) -> str:
    text = to_markdown(split_docstring(model.__doc__)[0]).replace("keywords of `SHORTHAND`", "keywords named below")
    extra = f"Keywords of JSON Schema that may stand in an input directly: {code_list(SHORTHAND)}."
    return join(
        f"## {heading}",
        _fence_examples(text),
        build_table(
            ["Key", "Value", "What it is", "Default"],
            (_build_row(model, key, field) for key, field in keys_of(model).items()),
        ),
        extra if model is Input else "",
    )


def _build_row(model: type[BaseModel], key: str, field: FieldInfo) -> list[str]:
    text = describe_key(model, key)
    return [code(key), _describe_type(field.annotation), text, _describe_default(field)]


def _describe_default(field: FieldInfo) -> str:
    if field.is_required():
        return "*required*"
    default = field.default
    if default in (PydanticUndefined, None, "", ()):
        return ""
    if isinstance(default, BaseModel):
        return ""
    return code(str(default).lower() if isinstance(default, bool) else default)


def _describe_type(annotation: Any) -> str:
    """Return the type of a key in words, with links to other models."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in HEADINGS:
        heading = HEADINGS[annotation]
        return f"[{heading}](#{build_anchor(heading)})"
    if origin is Literal:
        return code_list(arguments)
    if origin is typing.Annotated:
        return _describe_type(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(_describe_type(part) for part in arguments if part is not types.NoneType))
    if origin is tuple:
        return f"list of {_describe_type(arguments[0])}"
    if origin is dict:
        return f"mapping of names to {_describe_type(arguments[1])}"
    return _WORDS.get(annotation, "any JSON value")


_WORDS = {str: "text", int: "whole number", float: "number", bool: "`true` or `false`"}


def _fence_examples(text: str) -> str:
    """Turn the indented examples of a docstring into fenced YAML."""
    parts: list[str] = []
    for block in text.split("\n\n"):
        lines = block.splitlines()
        if all(line.startswith("    ") for line in lines):
            body = "\n".join(line[4:] for line in lines)
            parts.append(f"```yaml\n{body}\n```")
        else:
            parts.append(block.replace("::", ":"))
    return "\n\n".join(parts)
