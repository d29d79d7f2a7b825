"""Headers and bodies of the async session's requests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode


def merge_headers(first: Mapping[str, str], then: Mapping[str, str]) -> dict[str, str]:
    """Return both; of two names that differ in case alone, the later stays."""
    replaced = {name.lower() for name in then}
    return {**{name: value for name, value in first.items() if name.lower() not in replaced}, **then}


def encode_body(json_body: Any, data: Any) -> tuple[bytes | None, Any, str | None]:
    """Return (body, stream, content type): a body that can be signed and sent again, or a stream."""
    if json_body is not None:
        return json.dumps(json_body, allow_nan=False).encode(), None, "application/json"
    if data is None:
        return None, None, None
    if isinstance(data, Mapping):
        return urlencode(data, doseq=True).encode(), None, "application/x-www-form-urlencoded"
    if isinstance(data, str):
        return data.encode(), None, None
    if isinstance(data, bytes | bytearray):
        return bytes(data), None, None
    return None, data, None
