"""Schemas of OpenAPI as the JSON Schema (draft 2020-12) of an input: references written out, nothing decorative.

A connector is read by people, so a schema here says what a value must be and no more: it goes a few
levels deep, and what lies deeper, or refers to itself, is any value.
Source: OpenAPI 3.0.4 section 4.7.24 (nullable, boolean exclusiveMinimum), 3.1.1 section 4.8.24.
"""

from __future__ import annotations

import re
from typing import Any

from airflow_provider_integry.connectors.openapi.refs import References, UnresolvedError, as_texts, reference_of

MAX_LEVELS = 3
MAX_PROPERTIES = 60
_TYPES = ("string", "number", "integer", "boolean", "array", "object", "null")
_NUMBERS = ("minimum", "maximum", "multipleOf")
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems")
_FORMATS = ("date-time", "date", "uuid", "email", "uri")


class Schemas:
    """Simplifies the schemas of one document."""

    def __init__(self, refs: References) -> None:
        self._refs = refs

    def simplify(self, schema: Any, levels: int = MAX_LEVELS) -> dict[str, Any]:
        """Return a schema for an input; an empty one accepts anything.

        Args:
            schema: Schema of the document.
            levels: How many levels of objects and lists are written out.
        """
        return self._simplify(schema, levels, ())

    def merged(self, schema: Any) -> dict[str, Any]:
        """Return a schema of the document with references followed and `allOf` joined, one level deep."""
        return self._merged(schema, ())

    def given(self, schema: Any) -> dict[str, Any]:
        """Return a schema as `merged` does, without the alternative null: what is not given is left out instead."""
        node = self.merged(schema)
        choices = node.get("anyOf") or node.get("oneOf")
        if isinstance(choices, list):
            left = [one for one in map(self.merged, choices) if one.get("type") != "null"]
            if len(left) == 1:
                return {**{key: value for key, value in node.items() if key not in ("anyOf", "oneOf")}, **left[0]}
        return node

    def _merged(self, schema: Any, seen: tuple[str, ...]) -> dict[str, Any]:
        if (reference := reference_of(schema)) is not None:
            if reference in seen or len(seen) > 20:
                return {}
            seen = (*seen, reference)
            try:
                found = self._refs.mapping({"$ref": reference}) if "$ref" in schema else {}
            except UnresolvedError:
                return {}
            beside = {key: value for key, value in schema.items() if key in ("description", "nullable")}
            return {**self._merged(found, seen), **beside}
        if not isinstance(schema, dict):
            return {}
        parts = schema.get("allOf")
        if not isinstance(parts, list) or not parts:
            return schema
        own = {key: value for key, value in schema.items() if key != "allOf"}
        result: dict[str, Any] = {}
        for part in (*(self._merged(one, seen) for one in parts), own):
            result = _join(result, part)
        return result

    def _simplify(self, schema: Any, levels: int, seen: tuple[str, ...]) -> dict[str, Any]:
        reference = reference_of(schema)
        if reference is not None:
            if reference in seen:
                return {}
            seen = (*seen, reference)
        node = self._merged(schema, ())
        choices = node.get("oneOf") or node.get("anyOf")
        if isinstance(choices, list) and choices and "properties" not in node:
            return self._either(node, choices, levels, seen)
        result = _plain_keywords(node)
        types = _types_of(node)
        if "array" in types and levels > 0 and (items := self._simplify(node.get("items"), levels - 1, seen)):
            result["items"] = items
        if "object" in types or "properties" in node:
            self._add_properties(result, node, levels, seen)
        return _with_types(result, types, node)

    def _add_properties(self, result: dict[str, Any], node: dict[str, Any], levels: int, seen: tuple[str, ...]) -> None:
        properties = node.get("properties")
        if levels <= 0 or not isinstance(properties, dict) or len(properties) > MAX_PROPERTIES:
            return
        written = {
            str(name): self._simplify(one, levels - 1, seen)
            for name, one in properties.items()
            if not self.is_read_only(one)
        }
        required = [name for name in as_texts(node.get("required")) if name in written]
        if required:
            result["required"] = required
        if written:
            result["properties"] = written

    def is_read_only(self, schema: Any) -> bool:
        """Whether a property is only ever answered, not sent."""
        return self._merged(schema, ()).get("readOnly") is True

    def _either(self, node: dict[str, Any], choices: list[Any], levels: int, seen: tuple[str, ...]) -> dict[str, Any]:
        found: list[dict[str, Any]] = []
        for choice in choices:
            one = self._simplify(choice, levels - 1, seen) if levels > 0 else {}
            if not one:
                return {}
            if one not in found:
                found.append(one)
        if node.get("nullable") is True and {"type": "null"} not in found:
            found.append({"type": "null"})
        if len(found) == 1:
            return found[0]
        if all(set(one) == {"type"} for one in found):
            return {"type": list(dict.fromkeys(kind for one in found for kind in as_texts(one["type"])))}
        # A tool's 'exactly one' is seldom meant: many such alternatives overlap.
        return {"anyOf": found}


def _join(first: dict[str, Any], then: dict[str, Any]) -> dict[str, Any]:
    joined = {**first, **then}
    if isinstance(first.get("properties"), dict) and isinstance(then.get("properties"), dict):
        joined["properties"] = {**first["properties"], **then["properties"]}
    if first.get("required") or then.get("required"):
        joined["required"] = list(dict.fromkeys([*as_texts(first.get("required")), *as_texts(then.get("required"))]))
    return joined


def _plain_keywords(node: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    enum = node.get("enum")
    if isinstance(enum, list) and enum:
        result["enum"] = _enum(node, enum)
    elif "const" in node:
        result["const"] = node["const"]
    if node.get("format") in _FORMATS and "enum" not in result:
        result["format"] = node["format"]
    for key in _NUMBERS:
        if _is_number(node.get(key)) and not (key == "multipleOf" and node[key] <= 0):
            result[key] = node[key]
    for key in _COUNTS:
        if isinstance(node.get(key), int) and node[key] >= 0 and not isinstance(node[key], bool):
            result[key] = node[key]
    _add_exclusive(result, node)
    if isinstance(node.get("pattern"), str) and _is_pattern(node["pattern"]):
        result["pattern"] = node["pattern"]
    if node.get("uniqueItems") is True:
        result["uniqueItems"] = True
    return result


def _enum(node: dict[str, Any], enum: list[Any]) -> list[Any]:
    # YAML without quotes makes a boolean of the text 'true', and a number of '2024'.
    is_text = node.get("type") == "string"
    values = [
        str(one) if is_text and isinstance(one, (int, float)) and not isinstance(one, bool) else one for one in enum
    ]
    unique = [one for index, one in enumerate(values) if one not in values[:index]]
    return [*unique, None] if node.get("nullable") is True and None not in unique else unique


def _add_exclusive(result: dict[str, Any], node: dict[str, Any]) -> None:
    for key, plain in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if node.get(key) is True and plain in result:
            result[key] = result.pop(plain)
        elif _is_number(node.get(key)):
            result[key] = node[key]


def _with_types(result: dict[str, Any], types: list[str], node: dict[str, Any]) -> dict[str, Any]:
    if "enum" in result:
        return result
    if node.get("nullable") is True and types and "null" not in types:
        types = [*types, "null"]
    if types:
        return {"type": types[0] if len(types) == 1 else types, **result}
    return result


def _types_of(node: dict[str, Any]) -> list[str]:
    found = [kind for kind in as_texts(node.get("type")) if kind in _TYPES]
    if not found and "properties" in node:
        return ["object"]
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_pattern(text: str) -> bool:
    # ECMAScript's and Python's expressions differ; what Python does not know is left out.
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError):
        return False
    return len(text) <= 200
