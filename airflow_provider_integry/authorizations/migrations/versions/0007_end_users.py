"""Connect links, used tokens and events for host applications; consents that end users begin.

Revision ID: f7a02c6d91b3
Revises: e41b7d92c5a8
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "f7a02c6d91b3"
down_revision = "e41b7d92c5a8"
branch_labels = None
depends_on = None

LINK, USED, OUTBOX, CONSENT = "integry_link", "integry_used_token", "integry_outbox", "integry_consent"
INDEXES = (
    ("idx_integry_link_expires_at", LINK, "expires_at"),
    ("idx_integry_used_token_expires_at", USED, "expires_at"),
    ("idx_integry_outbox_due_at", OUTBOX, "due_at"),
)


def upgrade() -> None:
    """Make tables and columns; those whose version was lost may be there."""
    op.create_table(
        LINK,
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("token_digest", sa.String(64), nullable=False),
        sa.Column("conn_id", sa.String(250), nullable=False),
        sa.Column("team_name", sa.String(50)),
        sa.Column("end_user", sa.String(255), nullable=False),
        sa.Column("account", sa.String(255)),
        sa.Column("workspace", sa.String(250), nullable=False),
        sa.Column("binding", sa.String(16), nullable=False),
        sa.Column("return_url", sa.Text()),
        sa.Column("state", sa.Text()),
        sa.Column("origin", sa.String(300)),
        sa.Column("browser_digest", sa.String(64)),
        sa.Column("claimed_at", sa.Double()),
        sa.Column("proved_at", sa.Double()),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("message", sa.Text()),
        sa.Column("consent_id", sa.String(32)),
        sa.Column("connected_id", sa.String(40)),
        sa.Column("sealed", sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")),
        sa.Column("completion_digest", sa.String(64)),
        sa.Column("completion_until", sa.Double()),
        sa.Column("created_by", sa.String(255), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("done_at", sa.Double()),
        sa.Column("revoked_at", sa.Double()),
        sa.PrimaryKeyConstraint("id", name="integry_link_pkey"),
        sa.UniqueConstraint("token_digest", name="integry_link_token_digest_uq"),
        sa.UniqueConstraint("completion_digest", name="integry_link_completion_digest_uq"),
        if_not_exists=True,
    )
    op.create_table(
        USED,
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="integry_used_token_pkey"),
        if_not_exists=True,
    )
    op.create_table(
        OUTBOX,
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, autoincrement=True),
        sa.Column("event_id", sa.String(40), nullable=False),
        sa.Column("workspace", sa.String(250), nullable=False),
        sa.Column("team_name", sa.String(50)),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("due_at", sa.Double(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="integry_outbox_pkey"),
        if_not_exists=True,
    )
    is_shown = op.get_context().as_sql
    for name, table, column in INDEXES:
        # MySQL knows no "if not exists" of an index.
        known = [] if is_shown else sa.inspect(op.get_bind()).get_indexes(table)
        if name not in {index["name"] for index in known}:
            op.create_index(name, table, [column])
    there = [] if is_shown else sa.inspect(op.get_bind()).get_columns(CONSENT)
    names = {column["name"] for column in there}
    with op.batch_alter_table(CONSENT) as batch:
        if "link_id" not in names:
            batch.add_column(sa.Column("link_id", sa.String(40)))
        if "session_digest" not in names:
            batch.add_column(sa.Column("session_digest", sa.String(64)))


def downgrade() -> None:
    """Remove the tables: links end, and events that are not delivered are lost."""
    with op.batch_alter_table(CONSENT) as batch:
        batch.drop_column("session_digest")
        batch.drop_column("link_id")
    for table in (OUTBOX, USED, LINK):
        op.drop_table(table)
