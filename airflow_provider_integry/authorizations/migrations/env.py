"""How Alembic reaches Airflow's database for the provider's tables."""

from __future__ import annotations

from typing import Any

from airflow import settings
from alembic import context

from airflow_provider_integry.authorizations.end_user_tables import metadata
from airflow_provider_integry.authorizations.tables import VERSION_TABLE


def include_object(item: Any, name: str | None, kind: str, reflected: bool, compare_to: Any) -> bool:
    """Leave every table that is not ours alone."""
    return kind != "table" or name in metadata.tables


OPTIONS: dict[str, Any] = {
    "target_metadata": metadata,
    "version_table": VERSION_TABLE,
    "compare_type": True,
    "include_object": include_object,
    # SQLite changes a table by making a new one.
    "render_as_batch": True,
}


def run_offline() -> None:
    """Write the statements as SQL."""
    context.configure(url=settings.SQL_ALCHEMY_CONN, literal_binds=True, **OPTIONS)
    with context.begin_transaction():
        context.run_migrations()


def run_online() -> None:
    """Run the statements."""
    # Looked up now: Airflow replaces its engine while it migrates.
    engine = settings.engine
    assert engine is not None
    with engine.connect() as connection:
        context.configure(connection=connection, **OPTIONS)
        with context.begin_transaction():
            context.run_migrations()
        if connection.in_transaction():
            connection.commit()


if context.is_offline_mode():
    run_offline()
else:
    run_online()
