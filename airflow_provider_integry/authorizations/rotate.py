"""Encrypt everything that is kept anew, with the first of Airflow's Fernet keys, while it is in use."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from airflow_provider_integry.authorizations.crypto import check_key, reseal
from airflow_provider_integry.authorizations.grant import Authorization
from airflow_provider_integry.authorizations.journal import Journal
from airflow_provider_integry.authorizations.store import AuthorizationStore
from airflow_provider_integry.errors import StoreUnavailableError, UnreadableGrantError

T = TypeVar("T")
PAGE_ROWS = 500
# For how long a busy database is asked again.
PATIENCE_S = 60.0


@dataclass
class Rotation:
    """What was done so far.

    Attributes:
        rotated: Rows that are encrypted with the first key now.
        empty: Rows that hold nothing encrypted.
        journalled: Journal entries that are encrypted with the first key now.
        unreadable: What none of the keys decrypts, by name.
    """

    rotated: int = 0
    empty: int = 0
    journalled: int = 0
    unreadable: list[str] = field(default_factory=list)


def rotate_keys(store: AuthorizationStore, journal: Journal, on_page: Callable[[Rotation], None]) -> Rotation:
    """Encrypt every row and every journal entry of this machine anew; can be repeated at any time.

    Args:
        store: The rows.
        journal: The journal of this machine.
        on_page: Called after each page of rows.
    Raises:
        StoreNotReadyError: Airflow has no Fernet key, or the tables are missing.
        StoreUnavailableError: The database did not answer for a minute.
    """
    check_key()
    done, after_id = Rotation(), 0
    while page := _read_page(store, after_id):
        after_id = page[-1].id
        for row in page:
            _rotate_row(store, row, done)
        on_page(done)
    for digest, generation in journal.entries():
        _rotate_entry(store, journal, digest, generation, done)
    return done


def _read_page(store: AuthorizationStore, after_id: int) -> list[Authorization]:
    return _patiently(lambda: store.list_page(after_id=after_id, limit=PAGE_ROWS))


def _rotate_row(store: AuthorizationStore, row: Authorization, done: Rotation) -> None:
    found: Authorization | None = row
    while found is not None and found.sealed is not None:
        text = _reseal(found.sealed)
        if text is not None and _replace(store, found, text):
            done.rotated += 1
            return
        # A text that has changed since it was read is looked at again: whoever wrote it may not know the
        # first key yet.
        before, found = found, _patiently(lambda: store.find(row.digest))
        if text is None and found is not None and found.sealed == before.sealed:
            done.unreadable.append(f"connection '{row.conn_id}', authorization {row.id}")
            return
    done.empty += 1


def _replace(store: AuthorizationStore, row: Authorization, text: str) -> bool:
    return _patiently(lambda: store.replace_sealed(row, text))


def _rotate_entry(store: AuthorizationStore, journal: Journal, digest: str, generation: int, done: Rotation) -> None:
    try:
        was_there = journal.reseal(digest, generation)
    except UnreadableGrantError:
        was_there = False
        if not _is_obsolete(store, digest, generation):
            done.unreadable.append(f"journal entry {digest}-{generation}")
    # Also after it was written: its owner may have stored and removed it meanwhile.
    if _is_obsolete(store, digest, generation):
        journal.remove(digest, generation)
    elif was_there:
        done.journalled += 1


def _is_obsolete(store: AuthorizationStore, digest: str, generation: int) -> bool:
    """Return whether nobody will look for a journal entry any more: its row has moved on."""
    row = _patiently(lambda: store.find(digest))
    return row is not None and row.generation > generation


def _reseal(sealed: str) -> str | None:
    try:
        return reseal(sealed)
    except UnreadableGrantError:
        return None


def _patiently(ask: Callable[[], T]) -> T:
    """Ask the database, again and again while it is busy."""
    started, pause_s = time.monotonic(), 0.1
    while True:
        try:
            return ask()
        except StoreUnavailableError:
            if time.monotonic() - started > PATIENCE_S:
                raise
        time.sleep(pause_s)
        pause_s = min(2.0, pause_s * 2)
