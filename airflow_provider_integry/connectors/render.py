"""Inputs of an activity to the request that carries them: all checks first, then plain substitution.

An input's value is data wherever it goes: it is never looked at for placeholders, and it cannot
change the path's shape, the query's names or a header's line.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote

from pydantic import JsonValue

from airflow_provider_integry.auth.wire import HttpRequest
from airflow_provider_integry.connectors.bodies import bracket_pairs, file_problem
from airflow_provider_integry.connectors.checks import PLACEHOLDER
from airflow_provider_integry.connectors.draft import (
    NO_BODY,
    Draft,
    NoBody,
    form_pairs,
    merge_headers,
    put,
    scalar_text,
)
from airflow_provider_integry.connectors.inputs import Input, Place
from airflow_provider_integry.connectors.model import header_value_problem
from airflow_provider_integry.connectors.schemas import show, type_name
from airflow_provider_integry.connectors.spec import Action, Connector, Query
from airflow_provider_integry.connectors.values import check_inputs, find_activity, join_problems
from airflow_provider_integry.errors import UrlNotAllowedError
from airflow_provider_integry.urls import check_url, join_url

Values = Mapping[str, JsonValue]
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def build_request(
    connector: Connector, activity_name: str, inputs: Mapping[str, object], *, base_url: str | None
) -> HttpRequest:
    """Build the request of an activity, for a paged query without its paging parameters.

    Args:
        connector: Description of the API.
        activity_name: One of its activities.
        inputs: Values by input key.
        base_url: The connection's base URL; it wins over the connector's.
    Returns:
        Request without credentials.
    Raises:
        UnknownActivityError: No such activity.
        InvalidInputError: An input is missing, unknown, ill-typed, or cannot be put on the wire.
        UrlNotAllowedError: No base URL, or one that may not be called.
    """
    return build_draft(connector, activity_name, inputs, base_url=base_url).build()


def build_draft(
    connector: Connector, activity_name: str, inputs: Mapping[str, object], *, base_url: str | None
) -> Draft:
    """Build the same request as `build_request`, as values that paging can add to."""
    activity = find_activity(connector, activity_name)
    values = check_inputs(activity_name, activity.inputs, inputs)
    problems = [found for key, value in values.items() for found in _wire_problems(key, activity, value)]
    if problems:
        raise join_problems(activity_name, problems)
    path = PLACEHOLDER.sub(lambda match: _path_text(values[match.group(1)]), activity.path)
    return Draft(
        method=activity.method,
        url=resolve_url(connector, path, base_url),
        headers=_headers(connector, activity, values),
        query=tuple(_query_pairs(activity.inputs, values)),
        body=_body(activity.inputs, values, activity.body_format),
        body_format=activity.body_format,
    )


def resolve_url(connector: Connector | None, path: str, base_url: str | None) -> str:
    """Return a path made absolute; one that is absolute stays as it is.

    Raises:
        UrlNotAllowedError: No base URL, or one that may not be called.
    """
    if not path.startswith("/"):
        return path
    base = base_url or (connector.base_url if connector else None)
    if not base:
        has_none = f"connector '{connector.name}' has none of its own, so " if connector else ""
        raise UrlNotAllowedError(
            "base URL",
            f"is missing: {has_none}fill in the connection's field 'Base URL', https://api.example.com",
        )
    checked = check_url(base, "base URL", allow_http=True)
    if set(checked) & set("?#"):
        raise UrlNotAllowedError("base URL", "has a query or fragment; end it before '?' or '#'")
    return join_url(checked, path)


def _placed(inputs: Mapping[str, Input], values: Values, place: Place) -> Iterator[tuple[str, Input, JsonValue]]:
    for key, value in values.items():
        if place in inputs[key].places:
            yield inputs[key].wire_name(key), inputs[key], value


def _path_text(value: JsonValue) -> str:
    return quote(scalar_text(value), safe="") if isinstance(value, (str, int, float)) else ""


def _headers(connector: Connector, activity: Action | Query, values: Values) -> tuple[tuple[str, str], ...]:
    given = [
        (name, scalar_text(value))
        for name, _, value in _placed(activity.inputs, values, "header")
        if isinstance(value, (str, int, float))
    ]
    accept = [("Accept", "application/json")]
    static = merge_headers(accept, [*connector.headers.items(), *activity.headers.items()])
    return merge_headers(static, given)


def _query_pairs(inputs: Mapping[str, Input], values: Values) -> Iterator[tuple[str, str]]:
    for name, spec, value in _placed(inputs, values, "query"):
        yield from _listed_pairs(name, spec, value)


def _listed_pairs(name: str, spec: Input, value: JsonValue) -> list[tuple[str, str]]:
    if spec.style == "brackets":
        return list(bracket_pairs(name, value))
    pairs = form_pairs(name, value)
    if spec.style == "comma" and isinstance(value, list) and pairs:
        return [(name, ",".join(text for _, text in pairs))]
    return pairs


def _body(inputs: Mapping[str, Input], values: Values, body_format: str) -> JsonValue | NoBody:
    body: dict[str, JsonValue] | None = None
    for name, spec, value in _placed(inputs, values, "body"):
        if spec.whole:
            return value
        if spec.style == "brackets" and body_format != "json":
            body = {**(body or {}), **_bracketed(name, value)}
            continue
        if spec.file and isinstance(value, str):
            value = _as_file(value, name)  # noqa: PLW2901 - the same value, as bytes
        body = put(body or {}, name.split("."), _joined(spec, value))
    return NO_BODY if body is None else body


def _bracketed(name: str, value: JsonValue) -> dict[str, JsonValue]:
    fields: dict[str, list[JsonValue]] = {}
    for key, text in bracket_pairs(name, value):
        fields.setdefault(key, []).append(text)
    return {**fields}


def _as_file(text: str, name: str) -> dict[str, JsonValue]:
    return {"base64": base64.b64encode(text.encode()).decode(), "name": f"{name}.txt"}


def _joined(spec: Input, value: JsonValue) -> JsonValue:
    if spec.style == "comma" and isinstance(value, list):
        return ",".join(text for _, text in form_pairs("", value))
    return value


def _wire_problems(key: str, activity: Action | Query, value: JsonValue) -> Iterator[tuple[str, str]]:
    """Say why a valid value cannot be put where it goes."""
    spec = activity.inputs[key]
    checks = {
        "path": _path_problem,
        "header": _header_problem,
        "query": _pairs_problem,
        "body": _BODY_CHECKS[activity.body_format],
    }
    for place in spec.places:
        if sentence := checks[place](spec, value):
            yield key, sentence
            return


def _no_problem(spec: Input, value: JsonValue) -> str | None:
    if spec.style == "comma" and isinstance(value, list):
        return _pairs_problem(spec, value)
    return None


def _path_problem(spec: Input, value: JsonValue) -> str | None:
    if not isinstance(value, (str, int, float)):
        return f"is {type_name(value)}; only text, a number or a boolean can stand in a path"
    text = scalar_text(value)
    if not text:
        return "is empty; it stands in the path, and without it the request would go elsewhere"
    if _CONTROL.search(text):
        return "holds a control character, which cannot stand in a path"
    if {".", ".."} & set(re.split(r"[/\\]", text)):
        return f"is {show(text)}; '.' and '..' cannot stand in a path, they would lead elsewhere"
    return None


def _header_problem(spec: Input, value: JsonValue) -> str | None:
    if value is None:
        return None
    if not isinstance(value, (str, int, float)):
        return f"is {type_name(value)}; only text, a number or a boolean can be sent as a header"
    return header_value_problem(scalar_text(value))


def _pairs_problem(spec: Input, value: JsonValue) -> str | None:
    if spec.style == "brackets":
        return None
    items = value if isinstance(value, list) else [value]
    for item in items:
        if isinstance(item, (list, dict)):
            return f"holds {type_name(item)}; only text, numbers, booleans and lists of them can be sent here"
        if spec.style == "comma" and isinstance(value, list) and "," in str(item):
            return "holds an item with a comma, but the items are joined by commas"
    return None


def _form_problem(spec: Input, value: JsonValue) -> str | None:
    if not spec.whole:
        return _pairs_problem(spec, value)
    if not isinstance(value, dict):
        return f"is {type_name(value)}; a form body is a mapping"
    return next((found for item in value.values() if (found := _pairs_problem(spec, item))), None)


def _part_problem(spec: Input, value: JsonValue) -> str | None:
    return file_problem(value) if spec.file else _pairs_problem(spec, value)


def _raw_problem(spec: Input, value: JsonValue) -> str | None:
    if spec.file:
        return file_problem(value)
    return None if isinstance(value, str) else f"is {type_name(value)}; a raw body is text, or a file with 'file: true'"


_BODY_CHECKS = {"json": _no_problem, "form": _form_problem, "multipart": _part_problem, "raw": _raw_problem}
