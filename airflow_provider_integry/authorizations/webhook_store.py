"""Webhooks and their deliveries in Airflow's database."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets as random_secrets
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from sqlalchemy import Double, delete, insert, literal, select, update
from sqlalchemy.exc import IntegrityError

from airflow_provider_integry.authorizations.crypto import seal_data, unseal_data
from airflow_provider_integry.authorizations.database_errors import database_errors
from airflow_provider_integry.authorizations.tables import epoch_now
from airflow_provider_integry.authorizations.trigger_tables import webhook as table
from airflow_provider_integry.authorizations.trigger_tables import webhook_delivery as deliveries
from airflow_provider_integry.secret import Secret

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.orm import Session

Outcome = Literal["announced", "stored", "ignored", "handshake"]
_DAY_S = 86_400.0
MAX_REMOVED = 1000


class WebhookKey(NamedTuple):
    """What a webhook is for; there is one URL for each.

    Attributes:
        conn_id: The Airflow connection.
        team: Its team; None outside of multi-team deployments.
        activity: The trigger of its connector.
        end_user: Whose events they are; None for the connection's own.
        account: Which of several accounts; None for the default one.
    """

    conn_id: str
    team: str | None
    activity: str
    end_user: str | None = None
    account: str | None = None

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of all five."""
        return hashlib.sha256(json.dumps(["integry-webhook-1", *self], ensure_ascii=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class WebhookRow:
    """One row; the columns are explained in `trigger_tables.py`."""

    id: str
    conn_id: str
    team_name: str | None
    end_user: str | None
    account: str | None
    activity: str
    created_by: str
    created_at: float


class NewDelivery(NamedTuple):
    """What is kept of a delivery.

    Attributes:
        id: Random text.
        webhook_id: Whose it is.
        content_digest, event_digest: By which a second one is known; None where it is not.
        event_id, event_type: What it says of itself.
        payload: JSON value.
        size: Bytes of its body.
    """

    id: str
    webhook_id: str
    content_digest: str | None
    event_digest: str | None
    event_id: str | None
    event_type: str | None
    payload: Any
    size: int


class DuplicateDeliveryError(Exception):
    """A delivery that was received before."""


_NAMES = tuple(item.name for item in fields(WebhookRow))


def make_id() -> str:
    """Return a random id of 128 bits."""
    return random_secrets.token_hex(16)


class WebhookStore:
    """Reads and writes webhooks.

    Args:
        get_engine: Returns the engine of Airflow's database; asked at each use.
    """

    def __init__(self, get_engine: Callable[[], Engine]) -> None:
        self._get_engine = get_engine

    def add(self, key: WebhookKey, created_by: str) -> WebhookRow:
        """Return the webhook for a key, which is made where there is none.

        Raises:
            StoreError: It cannot be written.
        """
        values = {"conn_id": key.conn_id, "team_name": key.team, "end_user": key.end_user, "account": key.account}
        new = {
            "id": make_id(),
            "digest": key.digest,
            **values,
            "activity": key.activity,
            "created_by": created_by[:255],
            "created_at": epoch_now(),
        }
        if (found := self.find_by_key(key)) is not None:
            return found
        try:
            with database_errors(), self._get_engine().begin() as connection:
                connection.execute(insert(table).values(new))
        except IntegrityError:
            # Somebody else has just made it.
            pass
        found = self.find_by_key(key)
        assert found is not None
        return found

    def find(self, webhook_id: str) -> WebhookRow | None:
        """Return a webhook by the last part of its URL; None where there is none."""
        rows = self._select(table.c.id == webhook_id)
        # Once more, exactly: databases may fold case.
        return next((row for row in rows if row.id == webhook_id), None)

    def find_by_key(self, key: WebhookKey) -> WebhookRow | None:
        """Return the webhook for a key; None where there is none."""
        return next(iter(self._select(table.c.digest == key.digest)), None)

    def list_all(self, conn_id: str | None = None) -> list[WebhookRow]:
        """Return all webhooks, or those of one connection."""
        rows = self._select(table.c.conn_id == conn_id if conn_id is not None else literal(value=True))
        return [row for row in rows if conn_id is None or row.conn_id == conn_id]

    def remove(self, webhook_id: str) -> None:
        """Remove a webhook, with what it has delivered."""
        with database_errors(), self._get_engine().begin() as connection:
            connection.execute(delete(deliveries).where(deliveries.c.webhook_id == webhook_id))
            connection.execute(delete(table).where(table.c.id == webhook_id))

    def keep_handshake(self, webhook_id: str, secret: Secret) -> bool:
        """Keep the secret that a service has sent; return whether it is the one that is kept.

        It is a delivery like others, the first one, of which there can be one for each webhook.

        Raises:
            StoreError: It cannot be written.
        """
        digest = hashlib.sha256(b"handshake").hexdigest()
        new = NewDelivery(make_id(), webhook_id, digest, None, None, None, secret.reveal(), 0)
        try:
            with database_errors(), self._get_engine().begin() as connection:
                record(connection, new, "handshake")
        except DuplicateDeliveryError:
            kept = self.read_handshake(webhook_id)
            return kept is not None and hmac.compare_digest(kept.reveal(), secret.reveal())
        return True

    def read_handshake(self, webhook_id: str) -> Secret | None:
        """Return the secret that a service has sent; None where it has sent none.

        Raises:
            UnreadableGrantError: It cannot be decrypted.
        """
        query = select(deliveries.c.id, deliveries.c.sealed).where(
            deliveries.c.webhook_id == webhook_id, deliveries.c.outcome == "handshake"
        )
        with database_errors(), self._get_engine().connect() as connection:
            row = connection.execute(query).first()
        return Secret(unseal_data(row[1], f"delivery-{row[0]}")["payload"]) if row else None

    def read_payload(self, webhook_id: str, delivery_id: str) -> Any:
        """Return the payload of a delivery.

        Raises:
            KeyError: There is no such delivery of this webhook, or it is no longer kept.
            UnreadableGrantError: It cannot be decrypted.
        """
        query = select(deliveries.c.sealed).where(
            deliveries.c.id == delivery_id,
            deliveries.c.webhook_id == webhook_id,
            deliveries.c.outcome != "handshake",
        )
        with database_errors(), self._get_engine().connect() as connection:
            sealed = connection.scalar(query)
        if sealed is None:
            raise KeyError(delivery_id)
        return unseal_data(sealed, f"delivery-{delivery_id}")["payload"]

    def remove_old(self, days: float) -> None:
        """Remove deliveries that were received longer ago than this; a bounded number of them."""
        limit = epoch_now() - literal(days * _DAY_S, Double)
        with database_errors(), self._get_engine().begin() as connection:
            old = connection.scalars(
                select(deliveries.c.id)
                .where(deliveries.c.received_at < limit, deliveries.c.outcome != "handshake")
                .limit(MAX_REMOVED)
            ).all()
            if old:
                connection.execute(delete(deliveries).where(deliveries.c.id.in_(old)))

    def _select(self, condition: Any) -> list[WebhookRow]:
        query = select(*(table.c[name] for name in _NAMES)).where(condition).order_by(table.c.conn_id, table.c.id)
        with database_errors(), self._get_engine().connect() as connection:
            return [WebhookRow(*row) for row in connection.execute(query)]


def record(session: Session | Connection, new: NewDelivery, outcome: Outcome) -> None:
    """Write a delivery in a session of the caller's.

    Raises:
        DuplicateDeliveryError: It was received before.
    """
    columns = {name: value for name, value in new._asdict().items() if name != "payload"}
    sealed = seal_data({"payload": new.payload}, f"delivery-{new.id}")
    try:
        session.execute(insert(deliveries).values(**columns, outcome=outcome, sealed=sealed, received_at=epoch_now()))
    except IntegrityError:
        raise DuplicateDeliveryError from None


def change_outcome(session: Session | Connection, delivery_id: str, outcome: Outcome) -> None:
    """Write what came of a delivery."""
    session.execute(update(deliveries).where(deliveries.c.id == delivery_id).values(outcome=outcome))
