"""Errors as plain JSON values and back, for the broker's answers and for the store.

Only errors of this package travel, and only what their constructors take: numbers and texts that are
free of secrets by rule.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from airflow_provider_integry import errors
from airflow_provider_integry.errors import AuthorizationError, IntegryError


def to_wire(error: IntegryError) -> dict[str, Any]:
    """Return an error as JSON values: the name of its class, its message, and its fields where it has any."""
    kind = type(error)
    names = _field_names(kind)
    if names is None or not all(hasattr(error, name) for name in names):
        return {"error": kind.__name__, "message": str(error)}
    fields = {name: getattr(error, name) for name in names}
    # The message is for a version that does not know the class, or knows it with other fields.
    return {"error": kind.__name__, "message": str(error), "fields": fields}


def from_wire(data: Mapping[str, Any]) -> IntegryError:
    """Return the error that `to_wire` was given.

    What an older or newer version has written and this one does not know becomes an
    `AuthorizationError` with the same message.
    """
    kind = getattr(errors, str(data.get("error")), None)
    fields = data.get("fields")
    if isinstance(kind, type) and issubclass(kind, IntegryError):
        if isinstance(fields, Mapping) and set(fields) == set(_field_names(kind) or ()):
            return kind(**fields)
        if "message" in data and _field_names(kind) is None:
            return kind(str(data["message"]))
    return AuthorizationError(str(data.get("message") or data.get("error") or "unknown error"))


def _field_names(kind: type[IntegryError]) -> tuple[str, ...] | None:
    """Return what the constructor takes; None when that is just a message."""
    if kind.__init__ is Exception.__init__ or kind.__init__ is BaseException.__init__:
        return None
    return tuple(name for name in inspect.signature(kind.__init__).parameters if name != "self")
