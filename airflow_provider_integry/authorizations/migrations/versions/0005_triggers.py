"""Webhooks and polls.

Revision ID: d83f6a17be02
Revises: a94c03e7f5d1
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "d83f6a17be02"
down_revision = "c1d7e50b9a24"
branch_labels = None
depends_on = None

WEBHOOK, DELIVERY, POLL = "integry_webhook", "integry_webhook_delivery", "integry_poll"
INDEX = "idx_integry_webhook_delivery_received_at"


def _long_text() -> sa.Text:
    return sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")


def upgrade() -> None:
    """Make the tables; those whose version was lost may be there."""
    op.create_table(
        WEBHOOK,
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("conn_id", sa.String(250), nullable=False),
        sa.Column("team_name", sa.String(50)),
        sa.Column("end_user", sa.String(255)),
        sa.Column("account", sa.String(255)),
        sa.Column("activity", sa.String(64), nullable=False),
        sa.Column("created_by", sa.String(255), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="integry_webhook_pkey"),
        sa.UniqueConstraint("digest", name="integry_webhook_digest_uq"),
        if_not_exists=True,
    )
    op.create_table(
        DELIVERY,
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("webhook_id", sa.String(32), nullable=False),
        sa.Column("content_digest", sa.String(64)),
        sa.Column("event_digest", sa.String(64)),
        sa.Column("event_id", sa.String(255)),
        sa.Column("event_type", sa.String(255)),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("sealed", _long_text()),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="integry_webhook_delivery_pkey"),
        sa.UniqueConstraint("webhook_id", "content_digest", name="integry_webhook_delivery_content_uq"),
        sa.UniqueConstraint("webhook_id", "event_digest", name="integry_webhook_delivery_event_uq"),
        if_not_exists=True,
    )
    known = sa.inspect(op.get_bind()).get_indexes(DELIVERY) if not op.get_context().as_sql else []
    if INDEX not in {index["name"] for index in known}:
        op.create_index(INDEX, DELIVERY, ["received_at"])
    op.create_table(
        POLL,
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("conn_id", sa.String(250), nullable=False),
        sa.Column("team_name", sa.String(50)),
        sa.Column("end_user", sa.String(255)),
        sa.Column("account", sa.String(255)),
        sa.Column("activity", sa.String(64), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.String(64)),
        sa.Column("held_for", sa.String(255)),
        sa.Column("held_until", sa.Double()),
        sa.Column("sealed", _long_text()),
        sa.Column("round", sa.BigInteger(), nullable=False),
        sa.Column("pending", sa.Integer(), nullable=False),
        sa.Column("round_at", sa.Double()),
        sa.Column("looked_at", sa.Double()),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="integry_poll_pkey"),
        if_not_exists=True,
    )


def downgrade() -> None:
    """Remove the tables: URLs of webhooks end, and polls begin anew."""
    op.drop_table(POLL)
    op.drop_table(DELIVERY)
    op.drop_table(WEBHOOK)
