"""The repository of authorizations: short statements, each safe against every other one.

Nothing here waits and nothing here calls anybody. Whoever changes a row names the version that was
read (compare-and-swap): a change that rests on an old view of the row does not happen.
"""

from __future__ import annotations

import secrets as random_secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from sqlalchemy import Double, Select, case, delete, func, insert, literal, null, or_, select, update
from sqlalchemy.exc import IntegrityError

from airflow_provider_integry.authorizations.database_errors import NO_TABLES, database_errors
from airflow_provider_integry.authorizations.grant import ID_PREFIX, LASTING_TYPES, Authorization, AuthorizationKey
from airflow_provider_integry.authorizations.subject import check_new_names
from airflow_provider_integry.authorizations.tables import authorization as table
from airflow_provider_integry.authorizations.tables import epoch_now, exactly

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Engine, Executable

_NAMES = tuple(item.name for item in fields(Authorization) if item.name != "now")


class AuthorizationStore:
    """Reads and writes authorizations.

    Args:
        get_engine: Returns the engine of Airflow's database; asked at each use, because Airflow replaces
            it after a fork.
    """

    def __init__(self, get_engine: Callable[[], Engine]) -> None:
        self._get_engine = get_engine

    def find(self, digest: str) -> Authorization | None:
        """Return one authorization; None where there is none.

        Raises:
            StoreNotReadyError: The tables are missing.
            StoreUnavailableError: The database does not answer.
        """
        with self._reading() as connection:
            row = connection.execute(_select().where(table.c.digest == digest)).first()
            return _build(row)

    def find_many(self, digests: Sequence[str]) -> dict[str, Authorization]:
        """Return the authorizations that there are, by digest."""
        with self._reading() as connection:
            rows = connection.execute(_select().where(table.c.digest.in_(digests)))
            return {row.digest: row for found in rows if (row := _build(found))}

    def find_by_public_id(self, public_id: str) -> Authorization | None:
        """Return one authorization by its public name; None where there is none."""
        return self.find_by_public_ids([public_id]).get(public_id)

    def find_by_public_ids(self, public_ids: Collection[str]) -> dict[str, Authorization]:
        """Return the authorizations that there are, by public name."""
        with self._reading() as connection:
            rows = connection.execute(_select().where(table.c.public_id.in_(public_ids)))
            found = {row.public_id: row for one in rows if (row := _build(one))}
        # Once more, by exact names: databases may take two names for the same.
        return {name: row for name, row in found.items() if name is not None and name in public_ids}

    def page(
        self,
        conn_ids: Collection[str],
        *,
        end_user: str | None = None,
        state: str | None = None,
        after_id: int = 0,
        limit: int = 100,
    ) -> list[Authorization]:
        """Return what was authorized for some connections, in the order of ids, without the encrypted part.

        Names are compared exactly, also on databases that fold case.

        Args:
            conn_ids: The connections.
            end_user: Only of this end user.
            state: Only in this state.
            after_id: Id of the last row of the page before.
            limit: Most rows; fewer are the last ones.
        """
        query = _select(with_sealed=False).where(
            # The first is for the index, the second for exactness.
            table.c.conn_id.in_(conn_ids),
            exactly(table.c.conn_id).in_(conn_ids),
            table.c.is_grant,
            table.c.id > after_id,
        )
        if end_user is not None:
            query = query.where(table.c.end_user == end_user, exactly(table.c.end_user) == end_user)
        if state is not None:
            query = query.where(table.c.state == state)
        rows = self.run(query.order_by(table.c.id).limit(limit))
        return [self._named(row) for found in rows if (row := _build(found))]

    def walk(
        self,
        *,
        conn_id: str | None = None,
        end_user: str | None = None,
        page_rows: int = 1000,
        with_sealed: bool = True,
    ) -> Iterator[list[Authorization]]:
        """Return all authorizations, page by page; what is added meanwhile is among them.

        Args:
            conn_id: Only of this connection, exactly as written, also on databases that fold case.
            end_user: Only of this end user, likewise.
            page_rows: Most rows of a page.
            with_sealed: Whether to read the encrypted part; `sealed` is None otherwise.
        """
        after_id = 0
        while page := self.list_page(
            conn_id=conn_id, end_user=end_user, after_id=after_id, limit=page_rows, with_sealed=with_sealed
        ):
            after_id = page[-1].id
            yield [row for row in page if conn_id in (None, row.conn_id) and end_user in (None, row.end_user)]

    def list_page(
        self,
        *,
        conn_id: str | None = None,
        end_user: str | None = None,
        after_id: int = 0,
        limit: int = 1000,
        with_sealed: bool = True,
    ) -> list[Authorization]:
        """Return authorizations in the order of their ids, a page at a time.

        Args:
            conn_id: Only of this connection, as the database compares texts.
            end_user: Only of this end user, likewise.
            after_id: Id of the last row of the page before.
            limit: Most rows.
            with_sealed: Whether to read the encrypted part; `sealed` is None otherwise.
        """
        query = _select(with_sealed=with_sealed).where(table.c.id > after_id).order_by(table.c.id).limit(limit)
        if conn_id is not None:
            query = query.where(table.c.conn_id == conn_id)
        if end_user is not None:
            query = query.where(table.c.end_user == end_user)
        with self._reading() as connection:
            return [row for found in connection.execute(query) if (row := _build(found))]

    def list_where(
        self, condition: ColumnElement[bool], order: Sequence[ColumnElement[Any]], *, offset: int, limit: int
    ) -> list[Authorization]:
        """Return some authorizations in an order, without their encrypted part."""
        query = _select(with_sealed=False).where(condition).order_by(*order)
        return [row for found in self.run(query.offset(offset).limit(limit)) if (row := _build(found))]

    def run(self, query: Executable) -> list[Any]:
        """Return what a query over the table finds.

        Raises:
            StoreNotReadyError: The tables are missing.
            StoreUnavailableError: The database does not answer.
        """
        with self._reading() as connection:
            return list(connection.execute(query))

    def list_idle(self, idle_s: float, *, after_id: int = 0, limit: int = 100) -> list[Authorization]:
        """Return active grants that were last renewed more than `idle_s` seconds ago.

        Where the service has told how long a grant may lie idle, or when it ends, those that have used half of
        that are among them too. Those that last without being renewed are not.
        """
        now = epoch_now()
        told_s = func.coalesce(table.c.idle_limit_s, table.c.grant_ends_at - table.c.refreshed_at)
        query = (
            _select()
            .where(
                table.c.id > after_id,
                table.c.state == "active",
                table.c.is_grant,
                table.c.conn_type.not_in(LASTING_TYPES),
                or_(
                    table.c.refreshed_at.is_(None),
                    table.c.refreshed_at < now - literal(idle_s, Double),
                    table.c.refreshed_at < now - told_s / literal(2.0, Double),
                ),
            )
            .order_by(table.c.id)
            .limit(limit)
        )
        with self._reading() as connection:
            return [row for found in connection.execute(query) if (row := _build(found))]

    def list_by_ids(self, ids: Sequence[int]) -> list[Authorization]:
        """Return those of the rows that are there, in the order of their ids."""
        with self._reading() as connection:
            rows = connection.execute(_select().where(table.c.id.in_(ids)).order_by(table.c.id))
            return [row for found in rows if (row := _build(found))]

    def list_ending(self, within_s: float, *, after_id: int = 0, limit: int = 1000) -> list[Authorization]:
        """Return active grants whose absolute end is at most `within_s` seconds away."""
        query = (
            _select()
            .where(
                table.c.id > after_id,
                table.c.state == "active",
                table.c.is_grant,
                table.c.grant_ends_at < epoch_now() + literal(within_s, Double),
            )
            .order_by(table.c.id)
            .limit(limit)
        )
        with self._reading() as connection:
            return [row for found in connection.execute(query) if (row := _build(found))]

    def add(self, key: AuthorizationKey, values: Mapping[str, Any]) -> bool:
        """Make the authorization of a key, unless it is there already; return whether it was made.

        Raises:
            NotAuthorizedError: Nothing is kept under such a name.
        """
        check_new_names(key)
        row = {
            "digest": key.digest,
            "conn_id": key.conn_id,
            "team_name": key.team,
            "end_user": key.end_user,
            "account": key.account,
            "state": "active",
            "version": 1,
            "generation": 0,
            "is_rotating": False,
            "failures": 0,
            "created_at": epoch_now(),
            "public_id": make_public_id(),
            **values,
        }
        try:
            with self._writing() as connection:
                connection.execute(insert(table).values(row))
        except IntegrityError:
            # Somebody else was faster: theirs stands.
            return False
        return True

    def claim(self, row: Authorization, owner: str, lease_s: float) -> Authorization | None:
        """Take the lease of a row, unless somebody holds it or the row has changed.

        A lease that ended without being given back was held by a process that died or froze: what it has
        asked the token endpoint is unknown, and the row remembers since when.

        Returns:
            The row as it is now; None when it could not be taken.
        """
        now = epoch_now()
        unknown_since = case(
            (table.c.lease_until.is_not(None), func.coalesce(table.c.unknown_since, table.c.lease_until)),
            else_=table.c.unknown_since,
        )
        statement = (
            update(table)
            .where(
                table.c.id == row.id,
                table.c.version == row.version,
                or_(table.c.lease_until.is_(None), table.c.lease_until < now),
            )
            # MySQL assigns from left to right: what reads the old lease comes before the new one.
            .ordered_values(
                (table.c.unknown_since, unknown_since),
                (table.c.lease_owner, owner),
                (table.c.lease_until, now + literal(lease_s, Double)),
                (table.c.version, row.version + 1),
            )
        )
        with self._writing() as connection:
            if connection.execute(statement).rowcount != 1:
                return None
        claimed = self.find(row.digest)
        return claimed if claimed and claimed.lease_owner == owner and claimed.version == row.version + 1 else None

    def change(self, row: Authorization, values: Mapping[str, Any], *, keeps_lease: bool = False) -> bool:
        """Change a row, unless it has changed since it was read.

        Args:
            row: The row as it was read.
            values: Columns.
            keeps_lease: Whether a lease stays; it is given back otherwise.
        Returns:
            Whether the change was made.
        """
        freed = {} if keeps_lease else {"lease_owner": None, "lease_until": None}
        statement = (
            update(table)
            .where(table.c.id == row.id, table.c.version == row.version)
            .values(version=row.version + 1, **freed, **values)
        )
        with self._writing() as connection:
            return connection.execute(statement).rowcount == 1

    def replace_sealed(self, row: Authorization, sealed: str) -> bool:
        """Put the same grant, encrypted anew, in the place of the old text; return whether that was still there."""
        statement = update(table).where(table.c.id == row.id, table.c.sealed == row.sealed).values(sealed=sealed)
        with self._writing() as connection:
            return connection.execute(statement).rowcount == 1

    def delete(self, row: Authorization) -> bool:
        """Remove a row, whatever its version; return whether it was there."""
        with self._writing() as connection:
            return connection.execute(delete(table).where(table.c.id == row.id)).rowcount == 1

    def read_clock(self) -> float:
        """Return the database's clock, UTC epoch seconds."""
        with self._reading() as connection:
            return float(connection.execute(select(epoch_now())).scalar_one())

    def count(self) -> int:
        """Return how many authorizations there are."""
        with self._reading() as connection:
            return int(connection.execute(select(func.count()).select_from(table)).scalar_one())

    def _named(self, row: Authorization) -> Authorization:
        """Return a row with its public name; an older version beside this one makes rows without."""
        if row.public_id is not None:
            return row
        statement = update(table).where(table.c.id == row.id, table.c.public_id.is_(None))
        with self._writing() as connection:
            connection.execute(statement.values(public_id=make_public_id()))
        return next(iter(self.list_by_ids([row.id])), row)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with database_errors(), self._get_engine().connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with database_errors(), self._get_engine().begin() as connection:
            yield connection


def make_public_id() -> str:
    """Return a new public name of an authorization: ``ca_`` and 32 random hex digits."""
    return f"{ID_PREFIX}{random_secrets.token_hex(16)}"


def _select(*, with_sealed: bool = True) -> Select[Any]:
    left_out = () if with_sealed else ("sealed",)
    columns = [null().label(name) if name in left_out else table.c[name] for name in _NAMES]
    return select(*columns, epoch_now().label("now"))


def _build(row: Any) -> Authorization | None:
    return None if row is None else Authorization(*row)


__all__ = ["NO_TABLES", "AuthorizationStore"]
