"""Encrypt what polls and webhooks keep anew, with the first of Airflow's Fernet keys, while it is in use."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlalchemy import Column, Table, select, update

from airflow_provider_integry.authorizations.crypto import reseal
from airflow_provider_integry.authorizations.database_errors import database_errors
from airflow_provider_integry.authorizations.trigger_tables import poll, webhook_delivery
from airflow_provider_integry.errors import UnreadableGrantError

if TYPE_CHECKING:
    from sqlalchemy import Engine

PAGE_ROWS = 200
_TABLES: tuple[tuple[Table, Column[str], str], ...] = (
    (poll, poll.c.digest, "poll"),
    (webhook_delivery, webhook_delivery.c.id, "delivery"),
)


def rotate_triggers(get_engine: Callable[[], Engine]) -> tuple[int, list[str]]:
    """Encrypt every row anew; can be repeated at any time.

    Returns:
        How many rows are encrypted with the first key now, and what none of the keys decrypts.
    Raises:
        StoreNotReadyError: Airflow has no Fernet key, or the tables are missing.
        StoreUnavailableError: The database does not answer.
    """
    rotated, unreadable = 0, []
    for table, name, word in _TABLES:
        after = ""
        while page := _read_page(get_engine, table, name, after):
            after = page[-1][0]
            for key, sealed in page:
                if _rotate(get_engine, table, name, key, sealed):
                    rotated += 1
                else:
                    unreadable.append(f"{word} {key}")
    return rotated, unreadable


def _read_page(get_engine: Callable[[], Engine], table: Table, name: Column[str], after: str) -> list[tuple[str, str]]:
    query = (
        select(name, table.c.sealed).where(name > after, table.c.sealed.is_not(None)).order_by(name).limit(PAGE_ROWS)
    )
    with database_errors(), get_engine().connect() as connection:
        return [(key, sealed) for key, sealed in connection.execute(query)]


def _rotate(get_engine: Callable[[], Engine], table: Table, name: Column[str], key: str, sealed: str) -> bool:
    """Encrypt a row anew, unless it was written meanwhile, with the first key; return whether it can be decrypted."""
    try:
        new = reseal(sealed)
    except UnreadableGrantError:
        return False
    statement = update(table).where(name == key, table.c.sealed == sealed).values(sealed=new)
    with database_errors(), get_engine().begin() as connection:
        connection.execute(statement)
    return True
