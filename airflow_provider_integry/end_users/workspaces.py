"""Which workspaces there are, and which connections belong to them, as a process with the database finds them.

Both are remembered for a few seconds: every call of a host application needs them. A key that nobody knows is
looked up in the same memory, so that asking for it costs what any other costs.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from airflow_provider_integry import config
from airflow_provider_integry.authorizations.airflow_store import read_raw, team_of
from airflow_provider_integry.authorizations.connections import (
    FoundConnection,
    decrypt_column,
    find_connections,
    walk_connections,
)
from airflow_provider_integry.authorizations.database_errors import database_errors
from airflow_provider_integry.connection_types import WORKSPACE_TYPE
from airflow_provider_integry.end_users.workspace import Workspace, is_workspace, parse_workspace
from airflow_provider_integry.errors import ConnectionConfigError
from airflow_provider_integry.settings import RawConnection

log = logging.getLogger(__name__)
T = TypeVar("T")
# For how long an edited connection may be seen as it was.
LIFE_S = 10.0
# Longer than any connection's name is in Airflow.
_MAX_CONN_ID = 250
_PREFIX = "AIRFLOW_CONN_"
_SPELLINGS = (WORKSPACE_TYPE.name, WORKSPACE_TYPE.name.replace("_", "-"))


class _Memory(Generic[T]):
    """Remembers what takes a while to find; one caller looks, the others wait for that."""

    def __init__(self, find: Callable[[], T], life_s: float) -> None:
        self._find = find
        self._life_s = life_s
        self._lock = threading.Lock()
        self._until = 0.0
        self._found: T | None = None

    def get(self) -> T:
        with self._lock:
            if self._found is None or time.monotonic() >= self._until:
                self._found = self._find()
                self._until = time.monotonic() + self._life_s
            return self._found

    def forget(self) -> None:
        with self._lock:
            self._found = None


@dataclass(frozen=True, slots=True)
class Found:
    """The workspaces that there are.

    Attributes:
        by_name: By id of their connection.
        by_key: By app key; a key that two of them have is nobody's.
    """

    by_name: Mapping[str, Workspace]
    by_key: Mapping[str, Workspace]


class Directory:
    """Finds workspaces, and the connections that name one of them.

    Args:
        life_s: Seconds for which what was found is remembered.
        walk: Returns the workspaces that there are.
        walk_apps: Returns all connections of APIs, page by page.
    """

    def __init__(
        self,
        life_s: float = LIFE_S,
        walk: Callable[[], Iterator[Workspace]] | None = None,
        walk_apps: Callable[[], Iterator[list[FoundConnection]]] = walk_connections,
    ) -> None:
        self._walk = walk or walk_workspaces
        self._walk_apps = walk_apps
        self._workspaces = _Memory(self._find, life_s)
        self._apps = _Memory(self._sort_apps, life_s)

    def find_by_key(self, app_key: str) -> Workspace | None:
        """Return the host application of an app key; None where there is none."""
        return self._workspaces.get().by_key.get(app_key)

    def find(self, conn_id: str) -> Workspace | None:
        """Return the host application of a connection; None where there is none."""
        return self._workspaces.get().by_name.get(conn_id)

    def list_apps(self, workspace: Workspace) -> Mapping[str, FoundConnection]:
        """Return the connections that belong to a workspace and have no wrong field, by id."""
        return self._apps.get().get((workspace.conn_id, workspace.team), {})

    def find_app(self, conn_id: str) -> FoundConnection | None:
        """Return one connection as it is now, of whatever workspace; None where there is none of our types."""
        if not 0 < len(conn_id) <= _MAX_CONN_ID or not conn_id.isprintable():
            return None
        with database_errors():
            found = find_connections([conn_id]).get(conn_id)
        return found if found and found.is_ours else None

    def forget(self) -> None:
        """Look everything up anew at the next question."""
        self._workspaces.forget()
        self._apps.forget()

    def _find(self) -> Found:
        with database_errors():
            by_name = {one.conn_id: one for one in self._walk()}
        by_key: dict[str, Workspace] = {}
        doubled: set[str] = set()
        for one in by_name.values():
            if one.app_key in by_key:
                doubled.add(one.app_key)
                names = f"'{by_key[one.app_key].conn_id}' and '{one.conn_id}'"
                log.error("Workspaces %s have the same app key: calls with it are refused. Change one of them.", names)
            by_key.setdefault(one.app_key, one)
        return Found(by_name, {key: one for key, one in by_key.items() if key not in doubled})

    def _sort_apps(self) -> dict[tuple[str, str | None], dict[str, FoundConnection]]:
        sorted_apps: dict[tuple[str, str | None], dict[str, FoundConnection]] = {}
        with database_errors():
            found = [one for page in self._walk_apps() for one in page]
        for one in found:
            if one.settings is not None and one.settings.end_users.workspace:
                place = (one.settings.end_users.workspace, one.team)
                sorted_apps.setdefault(place, {})[one.conn_id] = one
        return sorted_apps


def walk_workspaces() -> Iterator[Workspace]:
    """Return the workspaces in this process's environment, those that an option names, and those in the database."""
    named = [name.removeprefix(_PREFIX).lower() for name, value in os.environ.items() if _may_be_one(name, value)]
    seen = set()
    for conn_id in dict.fromkeys([*named, *config.workspaces()]):
        raw = read_raw(conn_id)
        if raw is not None and is_workspace(raw):
            seen.add(conn_id)
            yield from _parse(raw, team_of(conn_id))
    for row in _read_rows():
        if row.conn_id not in seen:
            yield from _parse_row(row)


def _may_be_one(name: str, value: str) -> bool:
    return name.startswith(_PREFIX) and any(spelling in value.lower() for spelling in _SPELLINGS)


def _parse(raw: RawConnection, team: str | None) -> Iterator[Workspace]:
    try:
        yield parse_workspace(raw, team)
    except ConnectionConfigError as error:
        # It works for nobody until somebody corrects it; its Test button says the same.
        log.warning("%s", error)


def _read_rows() -> list[Any]:
    # Lazy for start-up cost: the models are needed by processes with the database alone.
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import select

    table = Connection.__table__
    with create_session(scoped=False) as session:
        return list(session.execute(select(table).where(table.c.conn_type == WORKSPACE_TYPE.name)))


def _parse_row(row: Any) -> Iterator[Workspace]:
    team = getattr(row, "team_name", None) if config.multi_team() else None
    try:
        password = decrypt_column(row.conn_id, "password", row.password, is_encrypted=row.is_encrypted)
        extra = decrypt_column(row.conn_id, "extra", row.extra, is_encrypted=row.is_extra_encrypted)
    except ConnectionConfigError as error:
        log.warning("%s", error)
        return
    raw = RawConnection(row.conn_id, row.conn_type, login=row.login, password=password, extra=extra)
    yield from _parse(raw, team)
