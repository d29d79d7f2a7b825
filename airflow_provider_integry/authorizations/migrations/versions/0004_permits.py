"""Permits to send requests.

Revision ID: c1d7e50b9a24
Revises: a94c03e7f5d1
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "c1d7e50b9a24"
down_revision = "a94c03e7f5d1"
branch_labels = None
depends_on = None

TABLE = "integry_permit"
INDEX = "idx_integry_permit_idle_at"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        TABLE,
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb"), nullable=False),
        sa.Column("idle_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="integry_permit_pkey"),
        # Tables whose version was lost are taken for the first ones.
        if_not_exists=True,
    )
    # MySQL knows no "if not exists" of an index.
    known = sa.inspect(op.get_bind()).get_indexes(TABLE) if not op.get_context().as_sql else []
    if INDEX not in {index["name"] for index in known}:
        op.create_index(INDEX, TABLE, ["idle_at"])


def downgrade() -> None:
    """Remove the table; limits that were used up begin anew."""
    op.drop_index(INDEX, table_name=TABLE)
    op.drop_table(TABLE)
