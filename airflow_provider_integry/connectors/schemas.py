"""JSON Schema (draft 2020-12) of inputs: checked on load, applied with messages for people.

Nothing is ever fetched: `$ref` may only name a definition inside the same schema.
Source: JSON Schema core and validation, draft 2020-12.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Iterator, Sequence
from typing import cast

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError, ValidationError
from pydantic import JsonValue
from referencing.jsonschema import EMPTY_REGISTRY

Path = tuple[str | int, ...]
Schema = dict[str, JsonValue]
MAX_SHOWN = 80
MAX_PROBLEMS = 5

_LOCAL_REF = "#/$defs/"
_FORBIDDEN = frozenset({"$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$vocabulary"})
_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TYPES = "array, boolean, integer, null, number, object, string"
_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]+")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")

_FORMATS = FormatChecker(formats=())


class InvalidSchemaError(ValueError):
    """A schema that cannot be used.

    Args:
        path: Keys that lead to the wrong place inside the schema.
        problem: What is wrong and what is allowed.
    """

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(problem)
        self.path = path
        self.problem = problem


def check_schema(schema: Schema) -> None:
    """Refuse a schema that is not valid, or that points outside itself.

    Raises:
        InvalidSchemaError: With the place and what is allowed.
    """
    for path, key, value in _walk(schema, ()):
        _check_keyword(schema, (*path, key), key, value)
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise InvalidSchemaError(tuple(error.path), _schema_problem(error)) from None
    except RecursionError:
        raise InvalidSchemaError((), "is nested too deep") from None


def find_problems(schema: Schema, value: JsonValue, *, is_secret: bool = False) -> list[tuple[Path, str]]:
    """Say what is wrong with a value.

    Args:
        schema: A schema that `check_schema` accepts.
        value: Plain JSON types.
        is_secret: Whether the sentences must not show the value.
    Returns:
        Path inside the value and a sentence for each problem, at most five; empty when it is valid.
    """
    validator = Draft202012Validator(schema, format_checker=_FORMATS, registry=EMPTY_REGISTRY)
    found: list[tuple[Path, str]] = []
    try:
        for error in validator.iter_errors(value):
            found.append((tuple(error.absolute_path), _value_problem(error, is_secret=is_secret)))
            if len(found) == MAX_PROBLEMS:
                break
    except RecursionError:
        return [((), "is nested too deep, or its schema refers to itself without end")]
    return found


def show(value: object) -> str:
    """Return a value as JSON-like text when it is short, else only its type and size."""
    text = _NAMES.get(repr(value), repr(value)) if not isinstance(value, str) else f"'{value}'"
    if len(text) <= MAX_SHOWN and text.isprintable():
        return text
    return f"{type_name(value)} of {len(value)}" if isinstance(value, (list, dict)) else _show_long(value)


def type_name(value: object) -> str:
    """Name the JSON type of a value, with its article."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    for kind, name in _TYPE_NAMES:
        if isinstance(value, kind):
            return name
    return f"a {type(value).__name__}"


_NAMES = {"None": "null", "True": "true", "False": "false"}
_TYPE_NAMES: tuple[tuple[type, str], ...] = (
    (str, "a string"),
    (int, "an integer"),
    (float, "a number"),
    (list, "a list"),
    (dict, "an object"),
)


def _show_long(value: object) -> str:
    return f"{type_name(value)} of {len(str(value))} characters"


def _walk(node: JsonValue, path: Path) -> Iterator[tuple[Path, str, JsonValue]]:
    if len(path) > 64:
        raise InvalidSchemaError((), "is nested too deep")
    if isinstance(node, dict):
        for key, value in node.items():
            yield path, key, value
            # What stands under these is data, not schema.
            if key not in ("enum", "const", "default", "examples"):
                yield from _walk(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _walk(value, (*path, index))


def _check_keyword(root: Schema, path: Path, key: str, value: JsonValue) -> None:
    if len(path) > 1 and path[-2] == "properties":
        return  # the name of a property, not a keyword
    if key in _FORBIDDEN:
        raise InvalidSchemaError(path, "is not allowed; a schema here has no identity of its own")
    if key == "$schema" and str(value).rstrip("#") != _DRAFT:
        raise InvalidSchemaError(path, f"must be {_DRAFT}, or left out")
    if key == "$ref":
        _check_ref(root, path, value)


def _check_ref(root: Schema, path: Path, value: JsonValue) -> None:
    definitions = root.get("$defs")
    known = sorted(definitions) if isinstance(definitions, dict) else []
    if not isinstance(value, str) or not value.startswith(_LOCAL_REF):
        raise InvalidSchemaError(
            path, f"must be '{_LOCAL_REF}NAME', a definition of the same schema; nothing is fetched"
        )
    if value.removeprefix(_LOCAL_REF) not in known:
        raise InvalidSchemaError(
            path, f"names no definition; '$defs' of this schema has: {', '.join(known) or 'nothing'}"
        )


def _schema_problem(error: SchemaError) -> str:
    shown = show(error.instance)
    if error.path and error.path[-1] == "type":
        return f"is {shown}, which is no JSON Schema type; allowed: {_TYPES}"
    if error.validator == "type":
        return f"is {shown}; it must be of type {_either(error.validator_value)}"
    if error.validator == "format":
        return f"is {shown}, which is not a valid {error.validator_value}"
    return f"is {shown}, which breaks the rule '{error.validator}' of JSON Schema"


def _value_problem(error: ValidationError, *, is_secret: bool) -> str:
    rule, limit, value = str(error.validator), error.validator_value, error.instance
    shown = "not shown" if is_secret else show(value)
    if rule == "type":
        hint = "; leave it out instead" if value is None else ""
        if isinstance(value, str) and _NUMBER.fullmatch(value) and {"integer", "number"} & set(_as_list(limit)):
            hint = "; values of templates are text: set render_template_as_native_obj=True on the DAG"
        return f"must be of type {_either(limit)}, is {shown}{_shown_type(value)}{hint}"
    if rule == "enum":
        return f"must be one of {_listed(cast('list[JsonValue]', limit))}, is {shown}"
    if rule == "required":
        missing = [name for name in cast("list[str]", limit) if name not in cast("Schema", value)]
        return f"lacks {_listed(missing)}"
    if rule == "additionalProperties" and limit is False:
        return _extra_properties(error)
    sentence = _SENTENCES.get(rule, f"breaks the rule '{rule}' of its schema")
    return f"{sentence.format(limit=limit)}, is {shown}"


def _as_list(types: object) -> list[object]:
    return types if isinstance(types, list) else [types]


def _extra_properties(error: ValidationError) -> str:
    schema = error.schema if isinstance(error.schema, dict) else {}
    known = list(schema.get("properties", {}))
    extra = [name for name in cast("Schema", error.instance) if name not in known]
    return f"has the unknown keys {_listed(extra)}; allowed: {_listed(known) or 'none'}"


def _either(types: object) -> str:
    return " or ".join(map(str, types)) if isinstance(types, list) else str(types)


def _shown_type(value: object) -> str:
    return f" ({type_name(value)})" if isinstance(value, (str, int, float)) else ""


def _listed(values: Sequence[JsonValue]) -> str:
    text = ", ".join(show(value) for value in values[:20])
    return f"{text}, ... ({len(values)} in all)" if len(values) > 20 else text


_SENTENCES = {
    "const": "must be {limit!r}",
    "minimum": "must be at least {limit}",
    "maximum": "must be at most {limit}",
    "exclusiveMinimum": "must be more than {limit}",
    "exclusiveMaximum": "must be less than {limit}",
    "multipleOf": "must be a multiple of {limit}",
    "minLength": "must have at least {limit} characters",
    "maxLength": "must have at most {limit} characters",
    "minItems": "must have at least {limit} items",
    "maxItems": "must have at most {limit} items",
    "minProperties": "must have at least {limit} keys",
    "maxProperties": "must have at most {limit} keys",
    "uniqueItems": "must not hold the same item twice",
    "pattern": "must match the pattern {limit!r}",
    "format": "must have the format {limit!r}",
}


@_FORMATS.checks("date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    if not isinstance(value, str):
        return True
    match = _DATE_TIME.fullmatch(value)
    if match is None:
        return False
    # fromisoformat of Python 3.10 knows neither 'Z' nor every length of a fraction.
    dt.datetime.fromisoformat(f"{value[:10]}T{value[11:19]}")
    zone = match.group(2)
    return zone in "Zz" or (int(zone[1:3]) < 24 and int(zone[4:6]) < 60)


@_FORMATS.checks("date", raises=ValueError)
def _is_date(value: object) -> bool:
    return not isinstance(value, str) or (len(value) == 10 and bool(dt.date.fromisoformat(value)))


@_FORMATS.checks("uuid", raises=ValueError)
def _is_uuid(value: object) -> bool:
    return not isinstance(value, str) or str(uuid.UUID(value)) == value.lower()


@_FORMATS.checks("email")
def _is_email(value: object) -> bool:
    return not isinstance(value, str) or _EMAIL.fullmatch(value) is not None


@_FORMATS.checks("uri")
def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or _URI.fullmatch(value) is not None
