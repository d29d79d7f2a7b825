"""Validation errors of the models, told in the words of the file: key path, line, what is allowed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from airflow_provider_integry.connectors.document import Node
from airflow_provider_integry.connectors.model import PLAIN, Path, suggest
from airflow_provider_integry.connectors.schemas import show
from airflow_provider_integry.errors import ConnectorFormatError

MAX_LISTED = 5
_QUOTED = re.compile(r"'([^']*)'")


def explain(error: ValidationError, source: str, root: Node) -> ConnectorFormatError:
    """Build the error a person sees from what pydantic found.

    The first problem in the file is told in full; the places of up to four others follow it.
    """
    found: dict[str, tuple[int, str]] = {}
    for detail in error.errors(include_url=False):
        path = _path_of(detail, root)
        found.setdefault(".".join(map(str, path)), (root.line_of(path), _sentence(detail)))
    ordered = sorted(found.items(), key=lambda item: item[1][0])
    key, (line, sentence) = ordered[0]
    others = [f"'{other}' (line {at})" for other, (at, _) in ordered[1:MAX_LISTED]]
    tail = f". There are problems too at {', '.join(others)}" if others else ""
    return ConnectorFormatError(source, key, sentence + tail, line)


def _path_of(detail: ErrorDetails, root: Node) -> Path:
    """Return the path in the file: no tags of unions, no steps that the file does not have."""
    path = _in_file(_without_tags(detail["loc"]), root, keep_last=detail["type"] == "missing")
    if detail["type"] == PLAIN:
        return (*path, *detail["ctx"]["path"])
    if detail["type"].startswith("union_tag"):
        return (*path, str(detail["ctx"]["discriminator"]).strip("'"))
    return path


def _without_tags(loc: Sequence[str | int]) -> Path:
    # pydantic puts the chosen kind behind the key of a discriminated union:
    # activities.NAME.<kind> and activities.NAME.<kind>.paging.<kind>; for triggers activities.NAME.trigger.<mode>,
    # with activities.NAME.trigger.webhook.verify.<kind> for one of them.
    parts = list(loc)
    if parts[:1] == ["activities"]:
        if parts[2:3] == ["trigger"]:
            if parts[3:5] == ["webhook", "verify"]:
                del parts[5:6]
            del parts[3:4]
        if len(parts) > 4 and parts[3] == "paging":
            del parts[4]
        if len(parts) > 2:
            del parts[2]
    return tuple(parts)


def _in_file(path: Path, root: Node, *, keep_last: bool) -> Path:
    node = root
    for index, step in enumerate(path):
        below = node.child(step)
        if below is None:
            return path if keep_last and index == len(path) - 1 else path[:index]
        node = below
    return path


def _sentence(detail: ErrorDetails) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == PLAIN:
        return str(context["sentence"])
    if kind == "literal_error":
        return _not_among(detail["input"], context["expected"])
    if kind == "union_tag_invalid":
        return _not_among(context["tag"], context["expected_tags"])
    if kind == "union_tag_not_found":
        return _missing_kind(detail)
    if kind in _TYPE_SENTENCES:
        return f"{_TYPE_SENTENCES[kind]}, is {show(detail['input'])}"
    return _SENTENCES[kind].format(**context) if kind in _SENTENCES else f"is not valid: {detail['msg']}"


def _not_among(given: object, expected: str) -> str:
    return f"is {show(given)}{suggest(str(given), _QUOTED.findall(expected))}"


def _missing_kind(detail: ErrorDetails) -> str:
    if not isinstance(detail["input"], dict):
        return f"is missing: a mapping with 'kind' is wanted here, not {show(detail['input'])}"
    if "mode" in str(detail["ctx"]["discriminator"]):
        return "is missing. Allowed: poll, webhook"
    if "verify" in detail["loc"]:
        return "is missing. Allowed: hmac, token, basic"
    pages = "none, page, offset, cursor, keyset, link, next_url, auto"
    kinds = pages if "paging" in detail["loc"] else "action, query, trigger"
    return f"is missing. Allowed: {kinds}"


_TEXT = "must be text (put it in quotes)"
_MAPPING = "must be a mapping of 'key: value' lines"
_TYPE_SENTENCES = {
    "string_type": _TEXT,
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "list_type": "must be a list",
    "tuple_type": "must be a list",
}
_SENTENCES: dict[str, str] = {
    "missing": "is missing; it must be given",
    "greater_than_equal": "must be at least {ge}",
    "string_too_short": "must not be empty",
    "too_short": "must have at least {min_length} entry",
}
