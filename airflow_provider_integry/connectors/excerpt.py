"""Short pieces of what an API said, fit for an error message: one line, bounded, no long tokens."""

from __future__ import annotations

import re

from pydantic import JsonValue

from airflow_provider_integry.connectors.expressions import search

MAX_CHARACTERS = 200
# Long unbroken runs are keys, tokens and signatures far more often than words.
_TOKEN_LIKE = re.compile(r"[A-Za-z0-9_+/=.~%-]{20,}")
_BREAKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
# ... but error codes such as invalid_client_credentials are worth showing.
_ERROR_CODE = re.compile(r"[a-z]{1,14}(_[a-z]{1,14})+\.?")
_LONGEST_CODE = 48

# Where vendors put the sentence that says what went wrong, the usual places first.
_MESSAGE_PLACES = (
    "message",
    "error.message",
    "error_description",
    "error",
    "errors[0].message",
    "errors[0].detail",
    "errors[0]",
    "detail",
    "detail[0].msg",
    "detail.message",
    "title",
    "[0].message",
)


def excerpt(text: str) -> str:
    """Return the beginning of a text on one line, with anything like a token blanked."""
    # Blank first, cut later: a token cut in two would be too short to be noticed.
    line = _BREAKS.sub(" ", text[: 4 * MAX_CHARACTERS]).strip()
    line = _TOKEN_LIKE.sub(_blank, line)
    return line if len(line) <= MAX_CHARACTERS else f"{line[: MAX_CHARACTERS - 3]}..."


def find_message(answer: JsonValue) -> str:
    """Return the vendor's own message in an error answer; empty when none is found."""
    for place in _MESSAGE_PLACES:
        found = search(place, answer)
        if isinstance(found, str) and found.strip():
            return excerpt(found)
    return ""


def _blank(match: re.Match[str]) -> str:
    text = match.group()
    return text if len(text) <= _LONGEST_CODE and _ERROR_CODE.fullmatch(text) else "***"
