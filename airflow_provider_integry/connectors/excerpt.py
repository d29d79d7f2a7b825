"""The sentence in which an API says what went wrong, fit for an error message."""

from __future__ import annotations

from pydantic import JsonValue

from airflow_provider_integry.connectors.expressions import search
from airflow_provider_integry.secret import build_excerpt

# Where vendors put the sentence that says what went wrong, the usual places first.
_MESSAGE_PLACES = (
    "message",
    "error.message",
    "error_description",
    "error",
    "errors[0].message",
    "errors[0].detail",
    "errors[0]",
    "errorMessages[0]",
    "detail",
    "detail[0].msg",
    "detail.message",
    "error_message",
    "ErrorMessage",
    "errorSummary",
    "title",
    "description",
    "err",
    "errors",
    "[0].message",
)


def find_message(answer: JsonValue) -> str:
    """Return the vendor's own message in an error answer; empty when none is found."""
    for place in _MESSAGE_PLACES:
        found = search(place, answer)
        if isinstance(found, str) and found.strip():
            return build_excerpt(found)
    return ""
