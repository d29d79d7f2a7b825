"""A request that can still be changed: paging adds to it before it becomes bytes."""

from __future__ import annotations

import enum
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import urlencode

from pydantic import JsonValue

from airflow_provider_integry.auth.wire import Headers, HttpRequest, find_header

BodyFormat = Literal["json", "form"]
Scalar = str | int | float | bool
_CONTENT_TYPES: dict[BodyFormat, str] = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
}


class NoBody(enum.Enum):
    """The absence of a body, which is not the same as a body of null."""

    NO_BODY = "no body"


NO_BODY = NoBody.NO_BODY


@dataclass(frozen=True, slots=True)
class Draft:
    """A request whose query and body are still values.

    Attributes:
        url: Absolute URL; it may have a fixed query.
        headers: Names differ by more than case.
        query: Pairs to send beside the fixed query.
        body: JSON value, or `NO_BODY`. For a form: an object of scalars and lists of scalars.
        body_format: How the body is encoded.
    """

    method: str
    url: str
    headers: Headers = ()
    query: tuple[tuple[str, str], ...] = ()
    body: JsonValue | NoBody = NO_BODY
    body_format: BodyFormat = "json"

    def with_query(self, name: str, text: str) -> Draft:
        """Return a copy in whose query `name` has exactly this value."""
        kept = tuple(pair for pair in self.query if pair[0] != name)
        return replace(self, query=(*kept, (name, text)))

    def with_header(self, name: str, text: str) -> Draft:
        """Return a copy in which the header has exactly this value."""
        return replace(self, headers=merge_headers(self.headers, [(name, text)]))

    def with_body(self, name: str, value: JsonValue) -> Draft:
        """Return a copy whose body holds `value` under a dotted name."""
        body = self.body if isinstance(self.body, dict) else {}
        return replace(self, body=put(body, name.split("."), value))

    def build(self) -> HttpRequest:
        """Return the request as it goes to the wire."""
        request = HttpRequest(self.method, self.url, self.headers).with_query(self.query)
        if isinstance(self.body, NoBody):
            return request
        if find_header(self.headers, "Content-Type") is None:
            request = request.with_header("Content-Type", _CONTENT_TYPES[self.body_format])
        return replace(request, body=_encode(self.body, self.body_format))


def merge_headers(first: Iterable[tuple[str, str]], then: Iterable[tuple[str, str]]) -> Headers:
    """Return both lists of headers as one; of two with one name, the later stays."""
    merged: dict[str, tuple[str, str]] = {}
    for name, value in (*first, *then):
        merged.pop(name.lower(), None)
        merged[name.lower()] = (name, value)
    return tuple(merged.values())


def put(body: dict[str, JsonValue], path: Sequence[str], value: JsonValue) -> dict[str, JsonValue]:
    """Return a copy of an object with `value` under nested keys."""
    name, rest = path[0], path[1:]
    if not rest:
        return {**body, name: value}
    below = body.get(name)
    return {**body, name: put(below if isinstance(below, dict) else {}, rest, value)}


def scalar_text(value: Scalar) -> str:
    """Return a scalar as it is written in a path, a query, a header or a form."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value)


def _encode(body: JsonValue, body_format: BodyFormat) -> bytes:
    if body_format == "form" and isinstance(body, dict):
        return urlencode([pair for name, value in body.items() for pair in form_pairs(name, value)]).encode()
    # Not msgspec, which refuses integers of more than 64 bits.
    return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def form_pairs(name: str, value: JsonValue) -> list[tuple[str, str]]:
    """Return the pairs that carry a scalar or a list of scalars; a null is not sent."""
    values = value if isinstance(value, list) else [value]
    return [(name, scalar_text(item)) for item in values if isinstance(item, (str, int, float))]
