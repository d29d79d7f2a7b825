"""Auth profiles: what a connector knows about the fields of its connections.

A profile is the defaults of one connection type's fields: endpoints, scopes, the header of a key. The
connection's own fields win over them; secrets are never in them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from airflow_provider_integry.connection_fields import ADVANCED_FIELDS, Field
from airflow_provider_integry.connection_types import CONNECTION_TYPES_BY_NAME
from airflow_provider_integry.connectors.model import Path, suggest
from airflow_provider_integry.end_user_fields import END_USER_FIELDS
from airflow_provider_integry.errors import UrlNotAllowedError
from airflow_provider_integry.field_values import find_problem
from airflow_provider_integry.urls import check_url

Profile = dict[str, JsonValue]
# What differs from machine to machine, or has a key of its own in a connector.
_NOT_THE_CONNECTORS = frozenset(item.name for item in (*ADVANCED_FIELDS, *END_USER_FIELDS)) - {
    "user_info_url",
    "account_id_path",
    "account_name_path",
}


def profile_fields(conn_type: str) -> dict[str, Field]:
    """Return the fields of a connection type that a connector may have defaults for, by name."""
    return {
        item.name: item
        for item in CONNECTION_TYPES_BY_NAME[conn_type].fields
        if not item.is_secret and not item.column and item.name != "connector" and item.name not in _NOT_THE_CONNECTORS
    }


def find_profile_problems(profiles: Mapping[str, Profile], *, has_base_url: bool) -> Iterator[tuple[Path, str]]:
    """Yield what is wrong with the profiles of a connector, as place below `auth` and sentence.

    Args:
        profiles: Profiles by connection type.
        has_base_url: Whether the connector has a base URL; paths are for those that have none.
    """
    for conn_type, profile in profiles.items():
        known = profile_fields(conn_type)
        for name, value in profile.items():
            if sentence := _find_problem(known, conn_type, name, value, has_base_url=has_base_url):
                yield (conn_type, name), sentence


def _find_problem(
    known: Mapping[str, Field], conn_type: str, name: str, value: JsonValue, *, has_base_url: bool
) -> str | None:
    item = known.get(name)
    if item is None:
        field = CONNECTION_TYPES_BY_NAME[conn_type].fields_by_name.get(name)
        if field is not None and field.is_secret:
            return "is a secret, which belongs to the connection; remove it"
        if field is not None:
            return "belongs to the connection; remove it"
        return f"is not a field of type '{conn_type}'{suggest(name, known)}"
    if value is None or value == "":
        return "is empty; leave it out"
    return find_problem(item, value) or (_find_url_problem(str(value), has_base_url) if item.kind == "url" else None)


def _find_url_problem(url: str, has_base_url: bool) -> str | None:
    if url.startswith("/") and has_base_url:
        return "is a path, which is for APIs whose URL belongs to the account; write an absolute URL"
    try:
        # Made absolute for the check alone, which refuses white space, control characters and '\'.
        check_url(f"https://host.example{url}" if url.startswith("/") else url, "URL", allow_http=True)
    except UrlNotAllowedError as error:
        return error.problem
    return None
