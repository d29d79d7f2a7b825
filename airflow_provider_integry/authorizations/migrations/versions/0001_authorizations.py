"""Authorizations.

Revision ID: c1f0a7d2b901
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "c1f0a7d2b901"
down_revision = None
branch_labels = None
depends_on = None

TABLE = "integry_authorization"
INDEXES = {"idx_integry_authorization_conn_id": "conn_id", "idx_integry_authorization_refreshed_at": "refreshed_at"}


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        TABLE,
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("conn_id", sa.String(250), nullable=False),
        sa.Column("team_name", sa.String(50)),
        sa.Column("end_user", sa.String(255)),
        sa.Column("account", sa.String(255)),
        sa.Column("conn_type", sa.String(50), nullable=False),
        sa.Column("binding", sa.String(64), nullable=False),
        sa.Column("is_grant", sa.Boolean(), nullable=False),
        sa.Column("seed", sa.String(64)),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("sealed", sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("lease_owner", sa.String(64)),
        sa.Column("lease_until", sa.Double()),
        sa.Column("token_fingerprint", sa.String(16)),
        sa.Column("expires_at", sa.Double()),
        sa.Column("advise_at", sa.Double()),
        sa.Column("require_at", sa.Double()),
        sa.Column("refreshed_at", sa.Double()),
        sa.Column("forced_at", sa.Double()),
        sa.Column("grant_ends_at", sa.Double()),
        sa.Column("idle_limit_s", sa.Double()),
        sa.Column("scopes", sa.Text()),
        sa.Column("account_id", sa.String(255)),
        sa.Column("account_name", sa.String(255)),
        sa.Column("unknown_since", sa.Double()),
        sa.Column("is_rotating", sa.Boolean(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("cool_until", sa.Double()),
        sa.Column("cool_for", sa.String(64)),
        sa.Column("error", sa.Text()),
        sa.Column("error_at", sa.Double()),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="integry_authorization_pkey"),
        sa.UniqueConstraint("digest", name="integry_authorization_digest_uq"),
    )
    for name, column in INDEXES.items():
        op.create_index(name, TABLE, [column])


def downgrade() -> None:
    """Remove the table, and every grant in it."""
    for name in INDEXES:
        op.drop_index(name, table_name=TABLE)
    op.drop_table(TABLE)
