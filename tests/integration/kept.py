"""Time that passes for kept grants, in the database of the test process."""

from __future__ import annotations

from airflow import settings
from sqlalchemy import update

from airflow_provider_integry.authorizations.tables import authorization as table


def let_settle(seconds: float = 60.0) -> None:
    """Let time pass since the API refused a token, and since a token endpoint failed."""
    with settings.engine.begin() as database:
        database.execute(update(table).values(forced_at=table.c.forced_at - seconds))
        database.execute(update(table).values(cool_until=table.c.cool_until - seconds))
