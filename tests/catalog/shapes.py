"""Documented answers with what differs each time filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def as_text(value: Any) -> str:
    """Return a value as it stands in a query or a form."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def fill_text(template: str, values: Mapping[str, Any]) -> str:
    """Return a text with ``{name}`` filled in."""
    for name, value in values.items():
        template = template.replace(f"{{{name}}}", str(value))
    return template


def fill(value: Any, values: Mapping[str, Any]) -> Any:
    """Return a document in whose texts ``{name}`` is filled in."""
    if isinstance(value, str):
        return fill_text(value, values)
    if isinstance(value, list):
        return [fill(item, values) for item in value]
    return {name: fill(item, values) for name, item in value.items()} if isinstance(value, dict) else value
