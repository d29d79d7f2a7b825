"""The tables of triggers: webhooks and what they delivered, and how far polls have come.

Times and texts are as in `tables.py`. Who needs all tables takes `metadata` from here: this module has added its own.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Index, Integer, String, Table, Text, UniqueConstraint
from sqlalchemy.dialects.mysql import MEDIUMTEXT

from airflow_provider_integry.authorizations.tables import metadata

__all__ = ["metadata", "poll", "webhook", "webhook_delivery"]
_LONG_TEXT = Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb")

webhook = Table(
    "integry_webhook",
    metadata,
    # Random text: the last part of the URL that the service is given.
    Column("id", String(32), primary_key=True),
    # SHA-256, in hex, of connection, team, end user, account and activity: there is one URL for these.
    Column("digest", String(64), nullable=False, unique=True),
    Column("conn_id", String(250), nullable=False),
    Column("team_name", String(50)),
    Column("end_user", String(255)),
    Column("account", String(255)),
    Column("activity", String(64), nullable=False),
    Column("created_by", String(255), nullable=False),
    Column("created_at", Double, nullable=False),
)

webhook_delivery = Table(
    "integry_webhook_delivery",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("webhook_id", String(32), nullable=False),
    # SHA-256, in hex, of what was verified, and of the service's own id: a second one of either is a replay.
    Column("content_digest", String(64)),
    Column("event_digest", String(64)),
    Column("event_id", String(255)),
    Column("event_type", String(255)),
    # `announced`: DAGs were told; `stored`: no DAG uses the asset; `ignored`: of a type that starts nothing;
    # `handshake`: the payload is the secret that the service signs with.
    Column("outcome", String(16), nullable=False),
    # Encrypted: the payload; see webhook_store.py.
    Column("sealed", _LONG_TEXT),
    Column("size", BigInteger, nullable=False),
    Column("received_at", Double, nullable=False),
    UniqueConstraint("webhook_id", "content_digest", name="integry_webhook_delivery_content_uq"),
    UniqueConstraint("webhook_id", "event_digest", name="integry_webhook_delivery_event_uq"),
    Index("idx_integry_webhook_delivery_received_at", "received_at"),
)

poll = Table(
    "integry_poll",
    metadata,
    # SHA-256, in hex, of connection, team, end user, account, activity, inputs and name.
    Column("digest", String(64), primary_key=True),
    Column("conn_id", String(250), nullable=False),
    Column("team_name", String(50)),
    Column("end_user", String(255)),
    Column("account", String(255)),
    Column("activity", String(64), nullable=False),
    # Counts every change of the row: the fencing token.
    Column("version", BigInteger, nullable=False),
    # Who looks, and until when others leave it to that one.
    Column("holder", String(64)),
    Column("held_for", String(255)),
    Column("held_until", Double),
    # Encrypted: how far the poll has come, and the events of the round that is being announced; see poll_store.py.
    Column("sealed", _LONG_TEXT),
    # Counts rounds of new records; events carry it.
    Column("round", BigInteger, nullable=False),
    # How many events of this round there are; 0 when all of it is settled.
    Column("pending", Integer, nullable=False),
    Column("round_at", Double),
    Column("looked_at", Double),
    Column("created_at", Double, nullable=False),
)
