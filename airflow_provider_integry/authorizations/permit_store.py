"""Permits in the database: one row for each authorization and limit, changed by compare-and-swap."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import Double, delete, insert, literal, select, update
from sqlalchemy.exc import IntegrityError

from airflow_provider_integry.authorizations.database_errors import database_errors
from airflow_provider_integry.authorizations.messages import PermitAnswer, PermitAsk
from airflow_provider_integry.authorizations.permit_state import LOOK_S, Caps, PermitState
from airflow_provider_integry.authorizations.tables import epoch_now
from airflow_provider_integry.authorizations.tables import permit as table

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

# Two API servers that change a row at the same time: one of them tries again, so often.
_TRIES = 20
_PAUSE_S = 0.01
# Rows that nobody has needed for so long are removed, when another one is made.
_OLD_S = 3600.0


class PermitStore:
    """Grants permits over all processes that share a database.

    Args:
        get_engine: Returns the engine of Airflow's database; see `AuthorizationStore`.
    """

    def __init__(self, get_engine: Callable[[], Engine]) -> None:
        self._get_engine = get_engine

    def serve(self, digest: str, caps: Caps, asks: Sequence[PermitAsk]) -> list[PermitAnswer]:
        """Answer several processes in one change.

        Args:
            digest: Which authorization and limit.
            caps: What is allowed.
            asks: What each process says, the first one first.
        Raises:
            StoreNotReadyError: The tables are missing.
            StoreUnavailableError: The database does not answer.
        """
        for _ in range(_TRIES):
            grants = self._try(digest, caps, asks)
            if grants is not None:
                return grants
            time.sleep(random.random() * _PAUSE_S)  # noqa: S311 - spreads tries
        # What was to be given back ends by itself.
        return [PermitAnswer(wait_s=LOOK_S if ask.wanted else 0.0) for ask in asks]

    def _try(self, digest: str, caps: Caps, asks: Sequence[PermitAsk]) -> list[PermitAnswer] | None:
        """Answer, unless somebody else changes the row at the same time."""
        with self._connect() as connection:
            row = connection.execute(
                select(table.c.version, table.c.state, epoch_now()).where(table.c.digest == digest)
            ).first()
        if row is None:
            self._add(digest)
            return None
        version, before, now = row
        state = PermitState.decode(before)
        grants = [state.serve(ask, caps, now) for ask in asks]
        # Refusals alone change nothing that matters: nobody is kept from the row for them.
        if not any(grant.count or ask.returned_id for ask, grant in zip(asks, grants, strict=True)):
            return grants
        statement = (
            update(table)
            .where(table.c.digest == digest, table.c.version == version)
            .values(version=version + 1, state=state.encode(), idle_at=state.busy_until + caps.per_s)
        )
        with self._connect() as connection, connection.begin():
            return grants if connection.execute(statement).rowcount == 1 else None

    def _add(self, digest: str) -> None:
        row = {"digest": digest, "version": 1, "state": PermitState().encode(), "idle_at": epoch_now()}
        try:
            with self._connect() as connection, connection.begin():
                connection.execute(delete(table).where(table.c.idle_at < epoch_now() - literal(_OLD_S, Double)))
                connection.execute(insert(table).values(row))
        except IntegrityError:
            # Somebody else was faster.
            return

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        with database_errors(), self._get_engine().connect() as connection:
            yield connection
