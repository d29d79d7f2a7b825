"""Inputs as people type them: ``state=archived limit=20 'tags=["a"]' contact:='{"email": null}'``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from airflow_provider_integry.connectors.inputs import Input


def parse_arguments(specs: Mapping[str, Input], arguments: Iterable[str]) -> dict[str, Any]:
    """Return inputs by name.

    ``name=value`` is text where the input takes text, and JSON where it does not; ``name:=value`` is
    JSON in any case; ``name=@path`` is a file where the input is one. What is unknown or ill-typed is
    told by the activity's own checks.

    Args:
        specs: Inputs of the activity.
        arguments: What was typed.
    Raises:
        SystemExit: An argument without ``=``, one that is given twice, or text where JSON is needed.
    """
    values: dict[str, Any] = {}
    for argument in arguments:
        name, equals, text = argument.partition("=")
        is_json = name.endswith(":")
        name = name.removesuffix(":")
        if not equals or not name:
            raise SystemExit(f"'{argument}' is no input; write NAME=VALUE, or NAME:=JSON.")
        if name in values:
            raise SystemExit(f"Input '{name}' is given twice; give a list as JSON: {name}:='[\"a\", \"b\"]'.")
        spec = specs.get(name)
        values[name] = _parse(name, text, spec, is_json=is_json)
    return values


def _parse(name: str, text: str, spec: Input | None, *, is_json: bool) -> Any:
    if not is_json and spec is not None and spec.file and text.startswith("@"):
        return {"path": text[1:] if "://" in text else Path(text[1:]).absolute().as_uri()}
    if not is_json and (spec is None or spec.file or _takes_text(spec)):
        return text
    try:
        return json.loads(text)
    except ValueError:
        if not is_json and spec is not None and spec.json_schema.get("type") == "array":
            # A list of one, as it is typed most.
            return [text]
        wanted = "JSON" if spec is None or is_json else str(spec.json_schema.get("type", "JSON"))
        raise SystemExit(f"Input '{name}': '{text}' is no {wanted}.") from None


def _takes_text(spec: Input) -> bool:
    schema = spec.json_schema
    if isinstance(choices := schema.get("enum"), list):
        return any(isinstance(choice, str) for choice in choices)
    if isinstance(schema.get("const"), str):
        return True
    kinds = schema.get("type")
    if kinds is None:
        # Anything goes: a body or an object is seldom meant as text.
        return not spec.whole and not ({"anyOf", "oneOf", "$ref", "properties", "items"} & set(schema))
    return "string" in (kinds if isinstance(kinds, list) else [kinds])
