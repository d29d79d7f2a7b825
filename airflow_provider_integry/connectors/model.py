"""What all models of the activity language share: frozen, no unknown keys, plain sentences."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from airflow_provider_integry.connectors.expressions import check_expression

Path = tuple[str | int, ...]
IDENTIFIER_RULE = "it must be letters, digits and '_', not starting with a digit, at most 64 characters"
# Error type of every sentence written here; `explain` shows it as it is.
PLAIN = "integry_plain"

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
# RFC 9110 section 5.6.2.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\x21-\x7e\xa0-\xff]([\t\x20-\x7e\xa0-\xff]*[\x21-\x7e\xa0-\xff])?")
_RESERVED_HEADERS = frozenset(
    {
        "authorization",
        "connection",
        "content-length",
        "cookie",
        "host",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


class SpecModel(BaseModel):
    """Base of all models; refuses unknown keys with the closest known one."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    also_allowed: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, data: object) -> object:
        if isinstance(data, dict):
            known = [field.alias or name for name, field in cls.model_fields.items()]
            for key in data:
                if key not in known and key not in cls.also_allowed:
                    allowed = [*known, *cls.also_allowed]
                    raise problem((str(key),), f"is not a known key{suggest(str(key), allowed)}")
        return data


def problem(path: Path, sentence: str) -> PydanticCustomError:
    """Build a validation error for a place below the value that is being validated."""
    return PydanticCustomError(PLAIN, "{sentence}", {"path": path, "sentence": sentence})


def suggest(given: str, allowed: Iterable[str]) -> str:
    """Build the tail of a sentence: the closest allowed word, and all of them."""
    words = list(allowed)
    close = difflib.get_close_matches(given, words, n=1)
    hint = f"; did you mean '{close[0]}'?" if close else "."
    return f"{hint} Allowed: {', '.join(words)}"


def is_identifier(name: str) -> bool:
    """Whether this may name an activity or an input."""
    return _IDENTIFIER.fullmatch(name) is not None


def header_name_problem(name: str) -> str | None:
    """Say what is wrong with the name of a header; None when it may be sent."""
    if _TOKEN.fullmatch(name) is None:
        return "is no header name; RFC 9110 allows letters, digits and !#$%&'*+-.^_`|~"
    if name.lower() in _RESERVED_HEADERS:
        return "is set by the connection's credentials or by the HTTP client; leave it out"
    return None


def header_value_problem(value: str) -> str | None:
    """Say what is wrong with the value of a header; None when it may be sent."""
    if not value or _HEADER_VALUE.fullmatch(value):
        return None
    if value != value.strip():
        return "starts or ends with white space, which a header cannot carry"
    return (
        "holds a character that a header cannot carry (line break, NUL, other control character, or"
        " one outside Latin-1)"
    )


def _check_headers(headers: dict[str, str]) -> dict[str, str]:
    seen: set[str] = set()
    for name, value in headers.items():
        if name.lower() in seen:
            raise problem((name,), "stands twice; header names do not differ by case")
        seen.add(name.lower())
        if sentence := header_name_problem(name) or header_value_problem(value):
            raise problem((name,), sentence)
    return headers


def _check_expression(text: str) -> str:
    try:
        return check_expression(text)
    except ValueError as error:
        raise problem((), str(error)) from None


StaticHeaders = Annotated[dict[str, str], AfterValidator(_check_headers)]
Expression = Annotated[str, AfterValidator(_check_expression)]
