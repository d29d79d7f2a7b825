"""From an Airflow connection's columns to its settings, with what its connector knows about them.

Connectors are looked up for every connection that is read, so they are remembered: those of packages and
of the catalog for the life of the process, those in files until the file changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_integry import config
from airflow_provider_integry.errors import (
    ConfigurationError,
    ConnectionConfigError,
    ConnectorFormatError,
    ConnectorNotFoundError,
)
from airflow_provider_integry.settings import ConnectionSettings, RawConnection, parse_connection

if TYPE_CHECKING:
    from airflow_provider_integry.connectors.spec import Connector

# Far more connectors than one installation has.
_REMEMBERED = 512


def build_settings(raw: RawConnection, *, allow_unfilled: bool = False) -> ConnectionSettings:
    """Check a connection; the auth profile of its connector fills what is empty. Reads files: not for an event loop.

    A connector that is not installed here, or is wrong, is no error as long as the connection says all
    that is needed: it may be needed elsewhere alone.

    Args:
        raw: The connection.
        allow_unfilled: Whether it needs no account of its own; see `parse_connection`.
    Raises:
        ConnectionConfigError: A field is missing or wrong; the error names it.
    """
    lost: list[ConfigurationError] = []

    def find_profile(connector: str, conn_type: str) -> Mapping[str, Any]:
        try:
            profiles = {str(name): profile for name, profile in find_connector(connector).auth.items()}
        except (ConnectorNotFoundError, ConnectorFormatError) as error:
            lost.append(error)
            return {}
        return profiles.get(conn_type, {})

    try:
        return parse_connection(raw, find_profile, allow_unfilled=allow_unfilled)
    except ConnectionConfigError as error:
        if not lost:
            raise
        problem = f"{error.problem}. The connector, which may know it, was not read: {lost[0]}"
        raise type(error)(error.conn_id, error.field, problem) from None


def needs_files(raw: RawConnection) -> bool:
    """Return whether a connection names a connector, so that files are read for its settings."""
    extra = raw.extra or ""
    return "connector" in extra


def find_connector(name: str) -> Connector:
    """Load a connector by name or path, once.

    Raises:
        ConnectorNotFoundError: There is none of that name.
        ConnectorFormatError: Its description is wrong.
    """
    # Lazy for start-up cost: pydantic models and YAML are not needed to parse a DAG file.
    from airflow_provider_integry.connectors.load import find_file

    folder = config.connectors_folder()
    file = find_file(name, folder)
    return _load(name, folder, str(file), _stamp(file) if file else None)


@lru_cache(maxsize=_REMEMBERED)
def _load(name: str, folder: str | None, file: str, stamp: tuple[int, int, int] | None) -> Connector:
    # Lazy for start-up cost, as above.
    from airflow_provider_integry.connectors.load import load_connector

    return load_connector(name, folder=folder)


def _stamp(file: Path) -> tuple[int, int, int] | None:
    """Return what changes when a file is written; None where it cannot be looked at."""
    try:
        found = file.stat()
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
