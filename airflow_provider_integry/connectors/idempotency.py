"""How an API recognises a request that it has had already: the key `idempotency`, and the keys that are sent."""

from __future__ import annotations

import json
import re
from uuid import UUID, uuid5

from pydantic import StrictBool, StrictStr, model_validator

from airflow_provider_integry.connectors.model import SpecModel, header_name_problem, problem
from airflow_provider_integry.errors import InvalidInputError

# Named after nothing: what it is does not matter, that it stays the same does.
_NAMESPACE = UUID("6d1f3a52-8f0e-4c39-9d0b-6a7c1a5e2f44")
MAX_KEY = 255
_KEY = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")


class Idempotency(SpecModel):
    """How a write may be sent twice and be done once.

    Attributes:
        header: Header in which the API takes a key; a second request with the same key is not acted on.
        repeatable: Sending it twice does what sending it once does, without any key.
    """

    header: StrictStr | None = None
    repeatable: StrictBool = False

    @model_validator(mode="after")
    def _check_way(self) -> Idempotency:
        if self.header is None and not self.repeatable:
            raise problem((), "says nothing; give 'header: Idempotency-Key', or 'repeatable: true'")
        if self.header is not None and self.repeatable:
            raise problem(("repeatable",), "cannot stand beside 'header'; a key makes a request repeatable")
        if self.header is not None and (sentence := header_name_problem(self.header)):
            raise problem(("header",), sentence)
        return self


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
