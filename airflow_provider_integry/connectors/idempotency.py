"""How an API recognises a request that it has had already: the key `idempotency`, and the keys that are sent."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Annotated
from uuid import UUID, uuid5

from pydantic import Field, JsonValue, StrictBool, StrictStr, model_validator

from airflow_provider_integry.auth.wire import find_header
from airflow_provider_integry.connectors.draft import Draft, NoBody, put
from airflow_provider_integry.connectors.model import SpecModel, header_name_problem, problem
from airflow_provider_integry.errors import InvalidInputError

# Named after nothing: what it is does not matter, that it stays the same does.
_NAMESPACE = UUID("6d1f3a52-8f0e-4c39-9d0b-6a7c1a5e2f44")
MAX_KEY = 255
# Without a body, or repeatable by themselves (RFC 9110 section 9.2.2).
_BODILESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})
_KEY = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")


class Idempotency(SpecModel):
    """How a write may be sent twice and be done once.

    Attributes:
        header: Header in which the API takes a key; a second request with the same key is not acted on.
        body: Dotted name in the JSON body, or field of the form, in which it takes the key instead. Actions that
            have no such body are sent without.
        repeatable: Sending it twice does what sending it once does, without any key.
    """

    header: StrictStr | None = None
    body: Annotated[StrictStr, Field(min_length=1)] | None = None
    repeatable: StrictBool = False

    @property
    def takes_key(self) -> bool:
        """Whether the API knows a request again by a key."""
        return self.header is not None or self.body is not None

    @model_validator(mode="after")
    def _check_way(self) -> Idempotency:
        if not self.takes_key and not self.repeatable:
            raise problem((), "says nothing; give 'header: Idempotency-Key', 'body: NAME', or 'repeatable: true'")
        if self.takes_key and self.repeatable:
            place = "header" if self.header is not None else "body"
            raise problem(("repeatable",), f"cannot stand beside '{place}'; a key makes a request repeatable")
        if self.header is not None and self.body is not None:
            raise problem(("body",), "stands beside 'header'; the key has one place")
        if self.body is not None and not all(self.body.split(".")):
            raise problem(("body",), "has an empty name between its dots; write it like request.idempotency_key")
        if self.header is not None and (sentence := header_name_problem(self.header)):
            raise problem(("header",), sentence)
        return self


def carry_key(spec: Idempotency, draft: Draft, key: str) -> tuple[Draft, str]:
    """Put a key where the API takes it, unless the inputs have put one there.

    Args:
        spec: Where that is.
        draft: The request.
        key: The key.
    Returns:
        The request with a key, and the key that it carries.
    """
    if spec.header is not None:
        given = find_header(draft.headers, spec.header)
        return (draft, given) if given is not None else (draft.with_header(spec.header, key), key)
    assert spec.body is not None, "the API takes no key"
    path = [spec.body] if draft.body_format in ("form", "multipart") else spec.body.split(".")
    body = draft.body if isinstance(draft.body, dict) else {}
    own: JsonValue = body
    for name in path:
        own = own.get(name) if isinstance(own, dict) else None
    if isinstance(own, str | int) and own != "":
        return draft, str(own)
    return replace(draft, body=put(body, path, key)), key


def can_carry(spec: Idempotency, draft: Draft) -> bool:
    """Return whether a request has the place for a key."""
    if spec.body is None:
        return spec.header is not None
    return may_carry_in_body(draft.method, draft.body_format) and isinstance(draft.body, dict | NoBody)


def may_carry_in_body(method: str, body_format: str) -> bool:
    """Return whether requests like this can have a key in their body."""
    return method not in _BODILESS and body_format != "raw"


def build_key(*parts: str | int | None) -> str:
    """Return the key for what some values name: the same for the same values, and a UUID in form.

    Args:
        parts: What makes the request this one and no other, such as DAG, run and task.
    Source: RFC 9562 section 5.5 (a name in, 122 bits out, no way back).
    """
    return str(uuid5(_NAMESPACE, json.dumps(parts, ensure_ascii=True)))


def check_key(activity: str, key: str) -> str:
    """Return a key that somebody chose.

    Raises:
        InvalidInputError: It is empty, longer than 255 characters, or cannot stand in a header.
    """
    if len(key) > MAX_KEY or not _KEY.fullmatch(key):
        sentence = f"must have 1 to {MAX_KEY} printable ASCII characters, and no space at its ends"
        raise InvalidInputError(activity, "idempotency_key", sentence)
    return key
