"""Consents.

Revision ID: 5b8e21d9c402
Revises: c1f0a7d2b901
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "5b8e21d9c402"
down_revision = "c1f0a7d2b901"
branch_labels = None
depends_on = None

TABLE = "integry_consent"
INDEX = "idx_integry_consent_expires_at"


def upgrade() -> None:
    """Make the table of authorizations that were begun."""
    op.create_table(
        TABLE,
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("state_digest", sa.String(64)),
        sa.Column("browser_digest", sa.String(64)),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("conn_id", sa.String(250), nullable=False),
        sa.Column("team_name", sa.String(50)),
        sa.Column("end_user", sa.String(255)),
        sa.Column("account", sa.String(255)),
        sa.Column("binding", sa.String(64), nullable=False),
        sa.Column("context", sa.String(300), nullable=False),
        sa.Column("user_name", sa.String(255), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("sealed", sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")),
        sa.Column("message", sa.Text()),
        sa.Column("account_id", sa.String(255)),
        sa.Column("account_name", sa.String(255)),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="integry_consent_pkey"),
        sa.UniqueConstraint("state_digest", name="integry_consent_state_digest_uq"),
        # Tables whose version was lost are taken for the first ones.
        if_not_exists=True,
    )
    # MySQL knows no "if not exists" of an index.
    known = sa.inspect(op.get_bind()).get_indexes(TABLE) if not op.get_context().as_sql else []
    if INDEX not in {index["name"] for index in known}:
        op.create_index(INDEX, TABLE, ["expires_at"])


def downgrade() -> None:
    """Remove the table; authorizations that are under way have to be begun again."""
    op.drop_index(INDEX, table_name=TABLE)
    op.drop_table(TABLE)
