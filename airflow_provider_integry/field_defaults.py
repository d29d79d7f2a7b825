"""Fields that the connection leaves empty and its connector knows: its auth profile, and paths on its own host."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_integry.connection_types import ConnectionType
from airflow_provider_integry.errors import MissingFieldError
from airflow_provider_integry.field_values import FieldValues


def merge_profile(conn_type: ConnectionType, profile: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return a connection's `extra` with a profile under it: what is empty there is as the profile says.

    An object is merged key by key; the connection's own keys win.

    Args:
        conn_type: The connection's type.
        profile: Values by field name, as the connector declares them for this type.
        extra: The object in `extra`.
    """
    fields = conn_type.fields_by_name
    merged = dict(extra)
    for name, value in profile.items():
        own = extra.get(name)
        if _is_empty(own):
            merged[name] = value
        elif fields[name].kind == "object" and isinstance(value, dict):
            merged[name] = _merge_object(value, own)
    return merged


def resolve_paths(conn_id: str, profile: Mapping[str, Any], values: FieldValues, base_url: str | None) -> FieldValues:
    """Return values in which the profile's endpoints that are paths are on the host of the base URL.

    Args:
        conn_id: The connection, for errors.
        profile: What was merged under the connection's fields.
        values: The checked fields.
        base_url: The connection's own base URL; None when empty.
    Raises:
        MissingFieldError: There is a path, and no base URL.
    """
    for name, value in profile.items():
        if not _is_path(value) or values.text(name) != value:
            continue
        if base_url is None:
            problem = f"is empty, and '{name}' is a path on it; fill in 'Base URL', https://acme.example.com"
            raise MissingFieldError(conn_id, "host", problem)
        parts = urlsplit(base_url)
        values = values.with_value(name, f"{parts.scheme}://{parts.netloc}{value}")
    return values


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("/")


def _is_empty(value: Any) -> bool:
    return value is None or value in ({}, []) or (isinstance(value, str) and not value.strip())


def _merge_object(defaults: dict[str, Any], own: Any) -> Any:
    """Return both objects as one; the connection's own, unchanged, where it is none: its check says so."""
    try:
        parsed = json.loads(own) if isinstance(own, str) else own
    except (ValueError, RecursionError):
        return own
    return {**defaults, **parsed} if isinstance(parsed, dict) else own
