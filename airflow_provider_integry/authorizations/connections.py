"""All connections of this provider's types, as a process with the database finds them.

Their columns are read, and not Airflow's objects: those register every password with the log masker
as they are loaded, which takes minutes for some thousand connections.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from airflow_provider_integry import config
from airflow_provider_integry.authorizations.airflow_store import read_raw, team_of
from airflow_provider_integry.authorizations.build_settings import build_settings
from airflow_provider_integry.connection_types import CONNECTION_TYPES_BY_NAME
from airflow_provider_integry.errors import ConnectionConfigError, IntegryError
from airflow_provider_integry.settings import ConnectionSettings, RawConnection

_PREFIX = "AIRFLOW_CONN_"
PAGE_ROWS = 500


@dataclass(frozen=True, slots=True)
class FoundConnection:
    """A connection, read and checked.

    Attributes:
        conn_id, team: Which one.
        conn_type: Its type.
        settings: Its checked fields; None when one of them is wrong.
        error: What is wrong with it.
    """

    conn_id: str
    team: str | None
    conn_type: str | None
    settings: ConnectionSettings | None = None
    error: IntegryError | None = None

    @property
    def is_ours(self) -> bool:
        """Whether it is of one of this provider's types."""
        return self.conn_type in CONNECTION_TYPES_BY_NAME


def find_connections(conn_ids: Iterable[str]) -> dict[str, FoundConnection]:
    """Look connections up in secrets backends, environment and database.

    Returns:
        Those that there are, of whatever type, by id.
    """
    names = list(dict.fromkeys(conn_ids))
    singly = names if _has_own_backend() else [name for name in names if _PREFIX + name.upper() in os.environ]
    found = {name: one for name in singly if (one := _ask_backends(name))}
    rows = [] if _has_own_backend() else _read_rows([name for name in names if name not in found])
    return found | {one.conn_id: one for one in rows}


def walk_connections() -> Iterator[list[FoundConnection]]:
    """Return every connection of this provider's types in this process's environment and the database, in pages."""
    variables = {name.removeprefix(_PREFIX).lower() for name in os.environ if name.startswith(_PREFIX)}
    yield [one for one in find_connections(sorted(variables)).values() if one.is_ours]
    after_id = 0
    while page := _list_page(after_id):
        after_id = page[-1][1]
        found = find_connections(name for name, _ in page if name not in variables)
        yield [one for one in found.values() if one.is_ours]


def _list_page(after_id: int) -> list[tuple[str, int]]:
    """Return names and ids of our connections in the database."""
    # Lazy for start-up cost: the models are needed by processes with the database alone.
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import select

    table = Connection.__table__
    query = select(table.c.conn_id, table.c.id).where(
        table.c.id > after_id, table.c.conn_type.in_(CONNECTION_TYPES_BY_NAME)
    )
    with create_session(scoped=False) as session:
        return [(row.conn_id, row.id) for row in session.execute(query.order_by(table.c.id).limit(PAGE_ROWS))]


def _has_own_backend() -> bool:
    # Lazy for start-up cost: Airflow loads its secrets backends with it.
    from airflow.configuration import ensure_secrets_loaded

    # Airflow always has two: the environment and the database.
    return len(ensure_secrets_loaded()) > 2


def _ask_backends(conn_id: str) -> FoundConnection | None:
    raw = read_raw(conn_id)
    return _check(raw, team_of(conn_id)) if raw else None


def _read_rows(names: list[str]) -> list[FoundConnection]:
    # Lazy for start-up cost, as above.
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import select

    if not names:
        return []
    table = Connection.__table__
    with create_session(scoped=False) as session:
        rows = session.execute(select(table).where(table.c.conn_id.in_(names))).all()
    return [_check_row(row) for row in rows]


def _check_row(row: Any) -> FoundConnection:
    team = getattr(row, "team_name", None) if config.multi_team() else None
    try:
        password = decrypt_column(row.conn_id, "password", row.password, is_encrypted=row.is_encrypted)
        extra = decrypt_column(row.conn_id, "extra", row.extra, is_encrypted=row.is_extra_encrypted)
    except ConnectionConfigError as error:
        return FoundConnection(row.conn_id, team, row.conn_type, error=error)
    columns = {name: getattr(row, name) for name in ("conn_id", "conn_type", "host", "schema", "port", "login")}
    return _check(RawConnection(**columns, password=password, extra=extra), team)


def _check(raw: RawConnection, team: str | None) -> FoundConnection:
    try:
        settings = build_settings(raw, allow_unfilled=True)
    except ConnectionConfigError as error:
        return FoundConnection(raw.conn_id, team, raw.conn_type, error=error)
    return FoundConnection(raw.conn_id, team, settings.conn_type, settings)


def decrypt_column(conn_id: str, field: str, text: str | None, *, is_encrypted: bool) -> str | None:
    """Return a column of a connection in clear.

    Raises:
        ConnectionConfigError: Airflow's Fernet key does not fit.
    """
    # Lazy for start-up cost, as above.
    from airflow.models.crypto import get_fernet
    from cryptography.fernet import InvalidToken

    if not text or not is_encrypted:
        return text
    try:
        return str(get_fernet().decrypt(text.encode()).decode())
    except (InvalidToken, UnicodeDecodeError):
        problem = (
            "cannot be decrypted with Airflow's Fernet key; set the key that it was stored with, or fill it in anew"
        )
        raise ConnectionConfigError(conn_id, field, problem) from None
