"""A request that can still be changed: paging adds to it before it becomes bytes."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pydantic import JsonValue

from airflow_provider_integry.auth.wire import Headers, HttpRequest, find_header
from airflow_provider_integry.connectors.bodies import BodyFormat, Scalar, encode_body, form_pairs, scalar_text

__all__ = ["NO_BODY", "BodyFormat", "Draft", "NoBody", "Scalar", "form_pairs", "merge_headers", "put", "scalar_text"]


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
        body: JSON value as `bodies.encode_body` takes it, or `NO_BODY`.
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
        body, content_type = encode_body(self.body, self.body_format)
        # The boundary of a multipart body stands in its type.
        if self.body_format == "multipart" or find_header(self.headers, "Content-Type") is None:
            request = request.with_header("Content-Type", content_type)
        return replace(request, body=body)


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
