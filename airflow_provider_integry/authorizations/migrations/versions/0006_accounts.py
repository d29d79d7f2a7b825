"""Public names of authorizations, and which account stands in for another.

Revision ID: e41b7d92c5a8
Revises: d83f6a17be02
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "e41b7d92c5a8"
down_revision = "d83f6a17be02"
branch_labels = None
depends_on = None

TABLE = "integry_authorization"
COLUMNS = {"public_id": sa.String(40), "use_account": sa.String(255)}
ID_INDEX = "idx_integry_authorization_public_id"
PAGE_INDEX = "idx_integry_authorization_page"
# 32 random hex digits: rows are many, and the database names them all in one statement.
RANDOM = {
    "sqlite": "lower(hex(randomblob(16)))",
    "postgresql": "replace(CAST(gen_random_uuid() AS text), '-', '')",
    "mysql": "md5(concat(uuid(), rand(), id))",
}


def upgrade() -> None:
    """Add the columns and fill them; tables whose version was lost may have them."""
    is_sql = op.get_context().as_sql
    known = {column["name"] for column in sa.inspect(op.get_bind()).get_columns(TABLE)} if not is_sql else set()
    for name, kind in COLUMNS.items():
        if name not in known:
            op.add_column(TABLE, sa.Column(name, kind))
    random = RANDOM[{"mariadb": "mysql"}.get(op.get_context().dialect.name, op.get_context().dialect.name)]
    joined = f"concat('ca_', {random})" if "md5" in random else f"'ca_' || {random}"
    op.execute(f"UPDATE {TABLE} SET public_id = {joined} WHERE public_id IS NULL")  # noqa: S608 - nothing from outside
    indexes = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(TABLE)} if not is_sql else set()
    if ID_INDEX not in indexes:
        op.create_index(ID_INDEX, TABLE, ["public_id"], unique=True)
    if PAGE_INDEX not in indexes:
        op.create_index(PAGE_INDEX, TABLE, ["is_grant", "conn_id", "id"])


def downgrade() -> None:
    """Remove them: authorizations are known by connection, end user and account alone again."""
    op.drop_index(PAGE_INDEX, table_name=TABLE)
    op.drop_index(ID_INDEX, table_name=TABLE)
    with op.batch_alter_table(TABLE) as batch:
        for name in reversed(COLUMNS):
            batch.drop_column(name)
