"""The values given for an activity's inputs, checked before any request exists."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator, Mapping, Sequence

from pydantic import JsonValue

from airflow_provider_integry.connectors.inputs import Input
from airflow_provider_integry.connectors.model import suggest
from airflow_provider_integry.connectors.schemas import MAX_PROBLEMS, Path, find_problems, type_name
from airflow_provider_integry.connectors.spec import Action, Connector, Query
from airflow_provider_integry.connectors.triggers import Webhook
from airflow_provider_integry.errors import InvalidInputError, UnknownActivityError

MAX_DEPTH = 64
# Inputs of such names are not shown in errors.
_SENSITIVE = re.compile(r"pass(word|wd|phrase)|secret|token|credential|private|api_?key", re.IGNORECASE)


def find_activity(connector: Connector, name: str) -> Action | Query:
    """Return an activity that is called, by name; a webhook is not: its service calls us.

    Raises:
        UnknownActivityError: The connector has none of that name.
    """
    activity = connector.activities.get(name)
    if activity is None or isinstance(activity, Webhook):
        known = sorted(key for key, one in connector.activities.items() if not isinstance(one, Webhook))
        close = difflib.get_close_matches(name, known, n=1)
        raise UnknownActivityError(connector.name, name, known, close[0] if close else None)
    return activity


def check_inputs(activity: str, specs: Mapping[str, Input], given: Mapping[str, object]) -> dict[str, JsonValue]:
    """Return the values to send: those given, and the defaults of the others.

    Args:
        activity: Name of the activity.
        specs: Its inputs.
        given: Values by input key; JSON types (mappings and tuples count as objects and lists).
    Raises:
        InvalidInputError: With up to five problems in one message; `path` is that of the first.
    """
    if not isinstance(given, Mapping):
        raise InvalidInputError(activity, "", f"must be a mapping of names to values, is {type_name(given)}")
    values: dict[str, JsonValue] = {}
    problems: list[tuple[str, str]] = [
        (
            str(key),
            f"is not an input of this activity{suggest(str(key), specs) if specs else '; it takes none'}",
        )
        for key in given
        if key not in specs
    ]
    for key, spec in specs.items():
        if key in given:
            problems.extend(_check_value(key, spec, given[key], values))
        elif spec.has_default:
            values[key] = spec.default
        elif spec.required:
            problems.append((key, f"is required{_wanted(spec)}"))
    if problems:
        raise join_problems(activity, problems)
    return values


def join_problems(activity: str, problems: list[tuple[str, str]]) -> InvalidInputError:
    """Build one error out of several; the first gives the path."""
    (path, first), others = problems[0], problems[1:MAX_PROBLEMS]
    tail = "".join(f"; '{other}': {sentence}" for other, sentence in others)
    hidden = len(problems) - MAX_PROBLEMS
    more = f"; and {hidden} more" if hidden > 0 else ""
    return InvalidInputError(activity, path, f"{first}{tail}{more}")


def _wanted(spec: Input) -> str:
    wanted = [f"{key}: {spec.json_schema[key]}" for key in ("type", "format") if key in spec.json_schema]
    told = [*wanted, *([spec.description] if spec.description else [])]
    return f" ({', '.join(told)})" if told else ""


def _check_value(key: str, spec: Input, value: object, values: dict[str, JsonValue]) -> Iterator[tuple[str, str]]:
    try:
        values[key] = _as_json(value, (key,))
    except _NotJsonError as error:
        yield _dotted(error.path), error.problem
        return
    is_secret = bool(_SENSITIVE.search(f"{key} {spec.wire_name(key)}")) or bool(spec.json_schema.get("writeOnly"))
    for path, sentence in find_problems(spec.json_schema, values[key], is_secret=is_secret):
        yield _dotted((key, *path)), sentence


def _dotted(path: Path) -> str:
    return ".".join(map(str, path))


class _NotJsonError(Exception):
    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(problem)
        self.path = path
        self.problem = problem


def _as_json(value: object, path: Path) -> JsonValue:
    """Return a value as plain JSON types; refuse what JSON cannot carry."""
    if len(path) > MAX_DEPTH:
        raise _NotJsonError(path[:3], f"is nested deeper than {MAX_DEPTH} levels")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float, str)):
        return _scalar(value, path)
    if isinstance(value, Mapping):
        return {_key(key, path): _as_json(child, (*path, str(key))) for key, child in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        # Not lists alone: the output of a mapped task is a lazy sequence.
        return [_as_json(child, (*path, index)) for index, child in enumerate(value)]
    raise _NotJsonError(path, f"is a {type(value).__name__}; give a string, number, boolean, null, list or mapping")


def _scalar(value: int | float | str, path: Path) -> int | float | str:
    # As the plain type: str() of an enumeration's member is its name, not its value.
    if isinstance(value, str):
        return _encodable(str.__str__(value), path)
    return int(value) if isinstance(value, int) else _finite(float(value), path)


def _finite(value: float, path: Path) -> float:
    if not math.isfinite(value):
        raise _NotJsonError(path, f"is {value}, which JSON cannot carry; give a finite number")
    return value


def _encodable(value: str, path: Path) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _NotJsonError(path, "holds half of a surrogate pair, which is no Unicode text") from None
    return value


def _key(key: object, path: Path) -> str:
    if not isinstance(key, str):
        raise _NotJsonError(path, f"has a key that is {type_name(key)}; keys are strings")
    return _encodable(key, path)
