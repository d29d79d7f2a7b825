"""The provider's tables as Airflow's ``airflow db migrate`` sees them."""

from __future__ import annotations

from pathlib import Path

from airflow.utils.db_manager import BaseDBManager

from airflow_provider_integry.authorizations.end_user_tables import metadata
from airflow_provider_integry.authorizations.tables import VERSION_TABLE

_HERE = Path(__file__).parent


class IntegryDBManager(BaseDBManager):
    """Makes and migrates the provider's tables.

    Airflow finds it in the provider's description and runs it after its own migrations. It never calls
    `downgrade`: ``airflow integry db downgrade`` does.
    """

    metadata = metadata
    version_table_name = VERSION_TABLE
    migration_dir = str(_HERE / "migrations")
    alembic_file = str(_HERE / "migrations" / "alembic.ini")
    supports_table_dropping = True
    revision_heads_map = {"0.1.0": "f7a02c6d91b3"}  # noqa: RUF012 - Airflow's API

    def downgrade(self, to_revision: str, from_revision: str | None = None, show_sql_only: bool = False) -> None:
        """Take the tables back to an earlier revision.

        Args:
            to_revision: A revision, or "base" for no tables at all.
            from_revision: Where to start from, for SQL that is only shown.
            show_sql_only: Whether to print the statements instead of running them.
        """
        # Lazy for start-up cost: Airflow imports managers at each of its commands.
        from alembic import command
        from alembic.config import Config

        span = f"{from_revision}:{to_revision}" if show_sql_only and from_revision else to_revision
        config: Config = super().get_alembic_config()  # type: ignore[no-untyped-call]
        command.downgrade(config, span, sql=show_sql_only)
