"""Events for host applications: kept with what happened, signed, sent after the answer, and tried again.

An event says what happened to which account, by ids alone. Whoever receives it checks the signature with the app
secret, and knows a second delivery of the same event by its id.
"""

from __future__ import annotations

import json
import logging
import secrets as random_secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Double, delete, func, insert, literal, select, update

from airflow_provider_integry.auth.wire import HttpRequest, HttpResponse
from airflow_provider_integry.authorizations.database_errors import database_errors
from airflow_provider_integry.authorizations.end_user_tables import outbox as table
from airflow_provider_integry.authorizations.grant import Authorization
from airflow_provider_integry.authorizations.steps import Do, Fetch, Steps
from airflow_provider_integry.authorizations.tables import epoch_now
from airflow_provider_integry.end_users.event_signature import SIGNATURE_HEADER, sign_event
from airflow_provider_integry.end_users.workspace import Workspace
from airflow_provider_integry.end_users.workspaces import Directory
from airflow_provider_integry.errors import IntegryError
from airflow_provider_integry.settings import TransportSettings

if TYPE_CHECKING:
    from sqlalchemy import Engine

log = logging.getLogger(__name__)
EventKind = Literal["account.connected", "account.disconnected", "account.lost", "account.migrated"]
# What the audit log calls it.
_KINDS: dict[str, EventKind] = {
    "authorized": "account.connected",
    "imported": "account.connected",
    "lost": "account.lost",
    "revoked": "account.disconnected",
}
SENDING_S = 10.0
# Longer than one try: whoever tries has the event for himself.
LEASE_S = 60.0
# After each failure in vain; the last one is repeated.
WAITS_S = (30.0, 120.0, 600.0, 1800.0, 3600.0, 10_800.0)
LIFE_S = 3 * 86_400.0
_BATCH = 20


@dataclass(frozen=True, slots=True)
class Event:
    """One event that is not delivered yet; the columns are explained in `end_user_tables.py`."""

    id: int
    event_id: str
    workspace: str
    team_name: str | None
    body: str
    tries: int


class Outbox:
    """Keeps events until they are delivered, for three days at most.

    Args:
        get_engine: Returns the engine of Airflow's database; asked at each use.
        directory: Knows workspaces and connections.
        now: This machine's clock, UTC epoch seconds.
    """

    def __init__(
        self, get_engine: Callable[[], Engine], directory: Directory, now: Callable[[], float] = time.time
    ) -> None:
        self._get_engine = get_engine
        self._directory = directory
        self._now = now
        self._has_news = False

    @property
    def has_news(self) -> bool:
        """Whether something was added in this process since the last delivery began."""
        return self._has_news

    def watch(self, event: str, row: Authorization) -> None:
        """Add what happened to a grant, where it is an end user's and its host application wants to know."""
        kind = _KINDS.get(event)
        if kind is None or row.end_user is None:
            return
        found = self._directory.find_app(row.conn_id)
        named = found.settings.end_users.workspace if found and found.settings else None
        workspace = self._directory.find(named) if named else None
        if workspace is not None and workspace.team == row.team_name:
            self._add(workspace, kind, row)

    def add_migrated(self, workspace: Workspace, before: Authorization, after: Authorization) -> None:
        """Add that one account has taken another's place."""
        self._add(workspace, "account.migrated", after, from_connected_account_id=before.public_id)

    def deliver(self, *, most: int = 200) -> Steps[int]:
        """Send what is due; return how many events were delivered. Failures are kept for later.

        Args:
            most: Events to try at most.
        """
        self._has_news = False
        delivered = tried = 0
        while tried < most:
            events: list[Event] = yield Do(self._take)
            if not events:
                break
            for event in events:
                tried += 1
                delivered += yield from self._send(event)
        return delivered

    def read_wait(self) -> float | None:
        """Return in how many seconds the next event is due; None where there is none."""
        query = select(func.min(table.c.due_at) - epoch_now())
        with database_errors(), self._get_engine().connect() as connection:
            found = connection.execute(query).scalar()
        return None if found is None else float(found)

    # -- inside ------------------------------------------------------------------------------------

    def _add(self, workspace: Workspace, kind: EventKind, row: Authorization, **more: str | None) -> None:
        if workspace.events_url is None:
            return
        event_id = f"ev_{random_secrets.token_hex(16)}"
        body = {
            "id": event_id,
            "type": kind,
            "created_at": datetime.fromtimestamp(self._now(), timezone.utc).isoformat(timespec="milliseconds"),
            "app_key": workspace.app_key,
            "conn_id": row.conn_id,
            "end_user": row.end_user,
            "account": row.account,
            "connected_account_id": row.public_id,
            **more,
        }
        now = epoch_now()
        values = {
            "event_id": event_id,
            "workspace": workspace.conn_id,
            "team_name": workspace.team,
            "body": json.dumps(body),
            "due_at": now,
            "tries": 0,
            "created_at": now,
            "expires_at": now + literal(LIFE_S, Double),
        }
        with database_errors(), self._get_engine().begin() as connection:
            connection.execute(delete(table).where(table.c.expires_at < epoch_now()))
            connection.execute(insert(table).values(values))
        self._has_news = True

    def _take(self) -> list[Event]:
        """Take events that are due, so that nobody else tries them now."""
        names = ("id", "event_id", "workspace", "team_name", "body", "tries")
        due = table.c.due_at <= epoch_now()
        query = select(*(table.c[name] for name in names)).where(due).order_by(table.c.due_at, table.c.id).limit(_BATCH)
        with database_errors(), self._get_engine().connect() as connection:
            found = [Event(*row) for row in connection.execute(query)]
        return [event for event in found if self._lease(event)]

    def _lease(self, event: Event) -> bool:
        statement = (
            update(table)
            .where(table.c.id == event.id, table.c.tries == event.tries, table.c.due_at <= epoch_now())
            .values(tries=event.tries + 1, due_at=epoch_now() + literal(LEASE_S, Double))
        )
        with database_errors(), self._get_engine().begin() as connection:
            return connection.execute(statement).rowcount == 1

    def _send(self, event: Event) -> Steps[int]:
        workspace: Workspace | None = yield Do(partial(self._directory.find, event.workspace))
        if workspace is None or workspace.team != event.team_name or workspace.events_url is None:
            # Whoever wanted to know is gone.
            yield Do(partial(self._remove, event))
            return 0
        problem = yield from self._post(workspace, event)
        if problem is None:
            yield Do(partial(self._remove, event))
            return 1
        log.warning("Workspace '%s': event %s is not delivered yet: %s", workspace.conn_id, event.event_id, problem)
        yield Do(partial(self._postpone, event))
        return 0

    def _post(self, workspace: Workspace, event: Event) -> Steps[str | None]:
        """Send an event once; return what was wrong."""
        headers = (
            ("Content-Type", "application/json"),
            ("Accept", "*/*"),
            (SIGNATURE_HEADER, sign_event(workspace.app_secret, event.body, int(self._now()))),
        )
        request = HttpRequest("POST", workspace.events_url or "", headers, event.body.encode())
        try:
            response: HttpResponse = yield Fetch(request, TransportSettings(), SENDING_S)
        except IntegryError as error:
            return str(error)
        return None if 200 <= response.status < 300 else f"the host application answers with status {response.status}"

    def _postpone(self, event: Event) -> None:
        wait_s = WAITS_S[min(event.tries, len(WAITS_S) - 1)]
        values: dict[str, Any] = {"due_at": epoch_now() + literal(wait_s, Double)}
        with database_errors(), self._get_engine().begin() as connection:
            connection.execute(update(table).where(table.c.id == event.id).values(values))

    def _remove(self, event: Event) -> None:
        with database_errors(), self._get_engine().begin() as connection:
            connection.execute(delete(table).where(table.c.id == event.id))
