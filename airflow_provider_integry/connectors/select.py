"""An answer's bytes to the value that its activity is about."""

from __future__ import annotations

from typing import cast

import msgspec
from pydantic import JsonValue

from airflow_provider_integry.auth.wire import HttpResponse
from airflow_provider_integry.connectors.expressions import search
from airflow_provider_integry.connectors.schemas import type_name
from airflow_provider_integry.errors import ResponseFormatError
from airflow_provider_integry.secret import build_excerpt

_BOM = b"\xef\xbb\xbf"
_BODILESS = (204, 205)


def decode_answer(activity: str, response: HttpResponse, *, may_be_empty: bool = False) -> JsonValue:
    """Return the JSON value of a body; None for an answer without one.

    Args:
        activity: Name of the activity, for errors.
        response: A response read to its end.
        may_be_empty: Whether an empty body is fine with any status; else only with 204 and 205.
    Raises:
        ResponseFormatError: Not JSON; says status, content type and how the body begins.
    """
    body = response.body.removeprefix(_BOM)
    if not body.strip() and (may_be_empty or response.status in _BODILESS):
        return None
    try:
        return cast("JsonValue", msgspec.json.decode(body))
    except (ValueError, RecursionError):
        raise ResponseFormatError(activity, _not_json(response)) from None


def select_output(activity: str, result: str | None, answer: JsonValue) -> JsonValue:
    """Return what an action's `result` selects; the whole answer without one.

    Raises:
        ResponseFormatError: The expression does not fit the answer.
    """
    return answer if result is None else evaluate(activity, "result", result, answer)


def select_records(activity: str, result: str | None, answer: JsonValue) -> list[JsonValue]:
    """Return the records of one page; none for a null.

    Raises:
        ResponseFormatError: The selection is not a list.
    """
    selected = select_output(activity, result, answer)
    if selected is None:
        return []
    if not isinstance(selected, list):
        what = f"its result '{result}'" if result is not None else "the whole answer (no 'result' is declared)"
        raise ResponseFormatError(
            activity,
            f"{what} is {type_name(selected)}, not a list of records; correct 'result' in the connector",
        )
    return selected


def evaluate(activity: str, key: str, expression: str, answer: JsonValue) -> JsonValue:
    """Return what the expression under `key` of the connector selects.

    Raises:
        ResponseFormatError: The expression does not fit the answer.
    """
    try:
        return search(expression, answer)
    except ValueError as error:
        raise ResponseFormatError(activity, f"'{key}: {expression}' cannot be applied to the answer: {error}") from None


def _not_json(response: HttpResponse) -> str:
    kind = response.content_type or "no content type"
    if not response.body.strip():
        return f"the API answered {response.status} ({kind}) with an empty body where JSON was expected"
    start = build_excerpt(response.body.decode("utf-8", "replace"))
    return f"the API answered {response.status} ({kind}) with something that is not JSON: {start}"
