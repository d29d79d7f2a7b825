"""Indexes for the list of authorizations.

Revision ID: a94c03e7f5d1
Revises: 5b8e21d9c402
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "a94c03e7f5d1"
down_revision = "5b8e21d9c402"
branch_labels = None
depends_on = None

TABLE = "integry_authorization"
INDEXES = {
    "idx_integry_authorization_standing": ["conn_id", "team_name", "is_grant", "binding", "state", "error_at"],
    "idx_integry_authorization_end_user": ["end_user", "account"],
    "idx_integry_authorization_account_name": ["account_name"],
}
OLD_INDEX = "idx_integry_authorization_conn_id"


def upgrade() -> None:
    """Make them; tables whose version was lost may have them."""
    known = sa.inspect(op.get_bind()).get_indexes(TABLE) if not op.get_context().as_sql else []
    names = {index["name"] for index in known}
    for name, columns in INDEXES.items():
        if name not in names:
            op.create_index(name, TABLE, columns)
    # The first of them begins with the same column.
    if OLD_INDEX in names or op.get_context().as_sql:
        op.drop_index(OLD_INDEX, table_name=TABLE)


def downgrade() -> None:
    """Remove them."""
    op.create_index(OLD_INDEX, TABLE, ["conn_id"])
    for name in INDEXES:
        op.drop_index(name, table_name=TABLE)
