"""How far polls have come, and the new records that are being announced, in Airflow's database.

A round of new records is written here before anybody is told of it, and the poll moves on when all its events were
accepted: for a trigger when Airflow has written their asset events, for a task when it has succeeded. Whoever looks
next, after whatever has happened, is given what was not accepted, and nothing that was.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Double, insert, literal, select, update
from sqlalchemy.exc import IntegrityError

from airflow_provider_integry.authorizations.acceptance import AcceptanceJudge, Mark
from airflow_provider_integry.authorizations.crypto import seal_data, unseal_data
from airflow_provider_integry.authorizations.database_errors import database_errors
from airflow_provider_integry.authorizations.tables import epoch_now
from airflow_provider_integry.authorizations.trigger_messages import Consumer, PollAnswer, PollEvent, PollPlanRequest
from airflow_provider_integry.authorizations.trigger_tables import poll as table
from airflow_provider_integry.errors import PollTakenError

if TYPE_CHECKING:
    from sqlalchemy import Engine

_TRIES = 5


class PollKey(NamedTuple):
    """What a poll is one of.

    Attributes:
        conn_id, team, activity: Whose records.
        inputs: SHA-256, in hex, of the inputs.
        end_user, account: Whose account; None for the connection's own, and for the default one.
        name: What tells it from others of the same; None for the only one.
    """

    conn_id: str
    team: str | None
    activity: str
    inputs: str
    end_user: str | None = None
    account: str | None = None
    name: str | None = None

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of all of them."""
        return hashlib.sha256(json.dumps(["integry-poll-1", *self], ensure_ascii=True).encode()).hexdigest()


class _Row(NamedTuple):
    version: int
    holder: str | None
    held_for: str | None
    held_until: float | None
    sealed: str | None
    round: int
    pending: int
    round_at: float | None
    now: float


class PollStore:
    """Reads and writes polls.

    Args:
        get_engine: Returns the engine of Airflow's database; asked at each use.
    """

    def __init__(self, get_engine: Callable[[], Engine]) -> None:
        self._get_engine = get_engine
        self._judge = AcceptanceJudge(get_engine)

    def open(self, key: PollKey, consumer: Consumer, holder: str, hold_s: float) -> PollAnswer:
        """Take a poll for somebody who is going to look, and return where it stands.

        Somebody who looks for the same assets or the same task is relieved at once; for others there is waiting.

        Raises:
            PollTakenError: Others take it all the time.
            StoreError: The database does not answer.
        """
        name = self._judge.name_of(consumer)
        for _ in range(_TRIES):
            row = self._find(key) or self._make(key)
            if row is None:
                continue
            held_s = (row.held_until or 0.0) - row.now
            if row.held_for not in (None, name) and held_s > 0:
                return PollAnswer(version=None, held_s=held_s)
            changes = {"holder": holder, "held_for": name, "held_until": _ahead(hold_s)}
            if self._change(key, row.version, changes):
                return self._answer(key, row._replace(version=row.version + 1, holder=holder), consumer)
        raise PollTakenError(key.conn_id, key.activity)

    def plan(self, key: PollKey, asked: PollPlanRequest) -> PollAnswer:
        """Keep a round of events, or how far the poll has come where there are none.

        Raises:
            PollTakenError: Somebody else looks now.
            StoreError: The database does not answer.
        """
        row = self._held_row(key, asked.holder)
        if row.version != asked.version or row.pending:
            raise PollTakenError(key.conn_id, key.activity)
        data: dict[str, Any] = {"state": asked.state}
        if asked.events:
            planned = self._judge.plan(asked.consumer)
            data = {**_open(key, row), "next": asked.state, "events": asked.events, "planned": planned}
        changes = {
            "sealed": _seal(key, data),
            "round": row.round + (1 if asked.events else 0),
            "pending": len(asked.events),
            "round_at": epoch_now(),
            "looked_at": epoch_now(),
            "held_until": _ahead(asked.hold_s),
        }
        self._change_or_fail(key, row.version, changes)
        return PollAnswer(row.version + 1, int(changes["round"]), len(asked.events), key=key.digest)

    def settle(self, key: PollKey, consumer: Consumer, holder: str) -> PollAnswer:
        """Return which events of the last round were not accepted yet; with none the poll has moved on.

        Raises:
            PollTakenError: Somebody else looks now.
            StoreError: The database does not answer.
        """
        return self._answer(key, self._held_row(key, holder), consumer, with_records=False)

    def _answer(self, key: PollKey, row: _Row, consumer: Consumer, *, with_records: bool = True) -> PollAnswer:
        data = _open(key, row)
        if not row.pending:
            return PollAnswer(row.version, row.round, state=data.get("state"), key=key.digest)
        events: list[list[Any]] = data["events"]
        mark = Mark(key.digest, row.round, len(events))
        accepted = self._judge.find_accepted(data["planned"], consumer, mark)
        left = [index for index in range(len(events)) if index not in accepted]
        if left:
            version = self._hand_over(key, row, data, consumer)
            shown = [PollEvent(index, events[index] if with_records else []) for index in left]
            return PollAnswer(version, row.round, len(events), shown, data.get("state"), key=key.digest)
        self._judge.hand_on(data["planned"])
        self._change_or_fail(key, row.version, {"sealed": _seal(key, {"state": data["next"]}), "pending": 0})
        return PollAnswer(row.version + 1, row.round, state=data["next"], key=key.digest)

    def _hand_over(self, key: PollKey, row: _Row, data: dict[str, Any], consumer: Consumer) -> int:
        """Note for whom a round is now; return the row's version."""
        planned = self._judge.take_over(data["planned"], consumer)
        if planned == data["planned"]:
            return row.version
        self._change_or_fail(key, row.version, {"sealed": _seal(key, {**data, "planned": planned})})
        return row.version + 1

    def _held_row(self, key: PollKey, holder: str) -> _Row:
        row = self._find(key)
        if row is None or row.holder != holder:
            raise PollTakenError(key.conn_id, key.activity)
        return row

    def _find(self, key: PollKey) -> _Row | None:
        columns = [*(table.c[name] for name in _Row._fields if name != "now"), epoch_now().label("now")]
        with database_errors(), self._get_engine().connect() as connection:
            row = connection.execute(select(*columns).where(table.c.digest == key.digest)).first()
        return None if row is None else _Row(*row)

    def _make(self, key: PollKey) -> _Row | None:
        """Make the row and return it; None where somebody else has just made it."""
        new = {
            "digest": key.digest,
            "conn_id": key.conn_id,
            "team_name": key.team,
            "end_user": key.end_user,
            "account": key.account,
            "activity": key.activity,
            "version": 0,
            # A row that is made anew counts on, so that old events are not taken for its own.
            "round": int(time.time()),
            "pending": 0,
            "created_at": epoch_now(),
        }
        try:
            with database_errors(), self._get_engine().begin() as connection:
                connection.execute(insert(table).values(new))
        except IntegrityError:
            return None
        return self._find(key)

    def _change(self, key: PollKey, version: int, changes: dict[str, Any]) -> bool:
        """Change a row that nobody has changed meanwhile; return whether it was so."""
        statement = (
            update(table)
            .where(table.c.digest == key.digest, table.c.version == version)
            .values(version=version + 1, **changes)
        )
        with database_errors(), self._get_engine().begin() as connection:
            return connection.execute(statement).rowcount == 1

    def _change_or_fail(self, key: PollKey, version: int, changes: dict[str, Any]) -> None:
        if not self._change(key, version, changes):
            raise PollTakenError(key.conn_id, key.activity)


def _ahead(seconds: float) -> Any:
    return epoch_now() + literal(seconds, Double)


def _seal(key: PollKey, data: dict[str, Any]) -> str:
    return seal_data(data, f"poll-{key.digest}")


def _open(key: PollKey, row: _Row) -> dict[str, Any]:
    return unseal_data(row.sealed, f"poll-{key.digest}") if row.sealed else {}
