"""Rows that stand and fall together, and the SQL that tells where each row of them stands.

A group is what shares connection, team, kind and binding. Once each group is judged by what its connection
says now, one expression over a row's own columns does the rest. It agrees with `status.build_status`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    case,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    true,
    tuple_,
)

from airflow_provider_integry import errors
from airflow_provider_integry.auth.readiness import Readiness
from airflow_provider_integry.authorizations.grant import Authorization
from airflow_provider_integry.authorizations.store import AuthorizationStore
from airflow_provider_integry.authorizations.tables import authorization as table
from airflow_provider_integry.authorizations.tables import epoch_now, exactly

# fits: the connection is what it was. changed: its client or endpoints are others now. unusable: it is
# missing, wrong, or of another team. hidden: not to be shown.
Judgement = Literal["fits", "changed", "unusable", "hidden"]
_ESCAPE = "\\"


class Group(NamedTuple):
    """What rows have in common; see the columns of the table."""

    conn_id: str
    team: str | None
    is_grant: bool
    binding: str


@dataclass(frozen=True, slots=True)
class OwnRow:
    """The row of a connection's own account: for no end user, and the default account.

    Attributes:
        id: Number of the row.
        group: What it belongs to.
        seed, state: Its columns, which tell whether a pasted token takes its place.
    """

    id: int
    group: Group
    seed: str | None
    state: str


@dataclass(frozen=True, slots=True)
class Selection:
    """The rows of a list, counted and not yet read.

    Attributes:
        condition: Which rows.
        counts: How many of them each connection has, in the order of the list.
        is_cut: Whether a search found more.
    """

    condition: ColumnElement[bool]
    counts: list[tuple[str, int]]
    is_cut: bool = False

    @property
    def total(self) -> int:
        """How many rows there are."""
        return sum(count for _, count in self.counts)


class GroupReader:
    """Reads groups, and rows by where they stand.

    Args:
        store: Where authorizations are kept.
    """

    def __init__(self, store: AuthorizationStore) -> None:
        self._store = store

    def count_groups(self, conn_id: str | None = None) -> dict[Group, int]:
        """Return the groups that there are, with their numbers of rows."""
        columns = (exactly(table.c.conn_id), table.c.team_name, table.c.is_grant, table.c.binding)
        query = select(*columns, func.count()).group_by(*columns)
        return {Group(row[0], row[1], bool(row[2]), row[3]): row[4] for row in self._all(_narrow(query, conn_id))}

    def list_own(self, conn_id: str | None = None) -> list[OwnRow]:
        """Return the rows of connections' own accounts."""
        names = ("id", "conn_id", "team_name", "is_grant", "binding", "seed", "state")
        query = select(*(table.c[name] for name in names))
        query = query.where(table.c.end_user.is_(None), table.c.account.is_(None))
        return [
            OwnRow(row[0], Group(row[1], row[2], bool(row[3]), row[4]), row[5], row[6])
            for row in self._all(_narrow(query, conn_id))
        ]

    def select(
        self,
        counts: Mapping[Group, int],
        judged: Mapping[Group, Judgement],
        replaced: Collection[int] = (),
        readiness: Readiness | None = None,
        text: str = "",
        max_hits: int = 1000,
    ) -> Selection:
        """Choose and count rows.

        Args:
            counts: How many rows each group has.
            judged: What is thought of each group.
            replaced: Rows that a pasted token replaces at its first use.
            readiness: Only those that stand like this.
            text: Only those whose names hold this.
            max_hits: How many a search may find.
        """
        shown = [group for group in counts if judged[group] != "hidden"]
        if not shown:
            return Selection(false(), [])
        visible = _in_groups(shown, counts)
        if readiness is None and not text:
            return Selection(visible, _sum_up((group.conn_id, counts[group]) for group in shown))
        condition = visible
        if readiness is not None:
            condition = and_(condition, readiness_column(judged, replaced) == str(readiness))
        if text:
            conn_ids = {group.conn_id for group in shown}
            return self._search(condition, conn_ids, text, max_hits, is_judged=readiness is not None)
        name = exactly(table.c.conn_id)
        query = select(name, func.count()).where(condition).group_by(name)
        return Selection(condition, _sum_up((row[0], row[1]) for row in self._all(query)))

    def read(self, selection: Selection, offset: int, limit: int) -> list[Authorization]:
        """Read rows of a selection, in the order of connections and then of ids, without their encrypted part."""
        names: list[str] = []
        skipped = passed = 0
        for conn_id, count in selection.counts:
            if passed + count <= offset:
                skipped = passed + count
            elif passed < offset + limit:
                names.append(conn_id)
            passed += count
        if not names or limit <= 0:
            return []
        wanted = and_(selection.condition, table.c.conn_id.in_(names))
        # Databases order texts by rules of their own; this order is that of the counts.
        rank = case({name: number for number, name in enumerate(names)}, value=table.c.conn_id)
        return self._store.list_where(wanted, (rank, table.c.id), offset=offset - skipped, limit=limit)

    def _search(
        self, condition: ColumnElement[bool], conn_ids: set[str], text: str, max_hits: int, *, is_judged: bool
    ) -> Selection:
        """Look for a text in connections' names, and in one index after the other: each is smaller than the table."""
        names = [name for name in conn_ids if text.lower() in name.lower()]
        pattern = f"%{_escape(text.lower())}%"
        # A sum and an order, where rows are judged too: databases then walk the index that has nearly all that
        # is needed for it, and look up what the inner query has found, not the rows of many hits one by one.
        row_id = table.c.id + 0 if is_judged else table.c.id
        conditions: list[ColumnElement[bool]] = [table.c.conn_id.in_(names)] if names else []
        for columns in (("end_user", "account"), ("account_name",)):
            is_like = or_(*(func.lower(table.c[name]).like(pattern, escape=_ESCAPE) for name in columns))
            conditions.append(row_id.in_(select(table.c.id).where(is_like).correlate(None).scalar_subquery()))
        found: dict[int, str] = {}
        for hits in conditions:
            query = select(table.c.id, table.c.conn_id).where(hits, condition).limit(max_hits + 1)
            found |= {row[0]: row[1] for row in self._all(query.order_by(table.c.conn_id) if is_judged else query)}
            if len(found) > max_hits:
                break
        is_cut = len(found) > max_hits
        ids = sorted(found)[:max_hits]
        return Selection(table.c.id.in_(ids), _sum_up((found[one], 1) for one in ids), is_cut)

    def _all(self, query: Any) -> list[Any]:
        return self._store.run(query)


def readiness_column(judged: Mapping[Group, Judgement], replaced: Collection[int]) -> ColumnElement[str]:
    """Return the SQL for where a row stands.

    Args:
        judged: What is thought of the group of each row.
        replaced: Rows that a pasted token replaces at its first use.
    """
    changed = [group for group, found in judged.items() if found == "changed" and group.is_grant]
    unusable = [group for group, found in judged.items() if found == "unusable"]
    is_alive = and_(
        table.c.token_fingerprint.is_not(None),
        or_(table.c.expires_at.is_(None), table.c.expires_at > epoch_now()),
    )
    # Cheap conditions first: an index has all that most rows need.
    return case(
        *([(table.c.id.in_(list(replaced)), literal(str(Readiness.READY)))] if replaced else []),
        (table.c.state == "revoked", literal(str(Readiness.REVOKED))),
        *([(_in_groups(unusable, judged), literal(str(Readiness.PENDING)))] if unusable else []),
        (table.c.state != "active", literal(str(Readiness.NEEDS_REAUTHORIZATION))),
        *([(_in_groups(changed, judged), literal(str(Readiness.NEEDS_REAUTHORIZATION)))] if changed else []),
        (table.c.error_at.is_(None), literal(str(Readiness.READY))),
        (is_alive, literal(str(Readiness.READY))),
        (_is_passing(), literal(str(Readiness.UNREACHABLE))),
        else_=literal(str(Readiness.NEEDS_REAUTHORIZATION)),
    )


def _is_passing() -> ColumnElement[bool]:
    """Return the SQL for an error after which trying again may help; see `errors_wire.to_wire`."""
    names = [
        name
        for name in dir(errors)
        if isinstance(kind := getattr(errors, name), type) and issubclass(kind, errors.IntegryError) and kind.retryable
    ]
    return or_(*(table.c.error.startswith(f'{{"error":"{name}"', autoescape=True) for name in names))


def _in_groups(wanted: Collection[Group], among: Collection[Group]) -> ColumnElement[bool]:
    """Return the SQL for a row of some groups, in the shortest of the ways to say it."""
    chosen = set(wanted)
    others = set(among) - chosen
    if not others:
        return true()
    if len(others) < len(chosen):
        return not_(_is_in(others, chosen))
    return _is_in(chosen, others)


def _is_in(chosen: set[Group], others: set[Group]) -> ColumnElement[bool]:
    # One column, where it tells them apart, is compared several times as fast as four.
    for column, name in ((table.c.binding, "binding"), (table.c.conn_id, "conn_id")):
        values = {getattr(group, name) for group in chosen}
        if not values & {getattr(group, name) for group in others}:
            return column.in_(sorted(values))
    columns = tuple_(func.coalesce(table.c.team_name, ""), table.c.conn_id, table.c.is_grant, table.c.binding)
    return columns.in_(
        [(group.team or "", group.conn_id, group.is_grant, group.binding) for group in sorted(chosen, key=str)]
    )


def _narrow(query: Select[Any], conn_id: str | None) -> Select[Any]:
    return query if conn_id is None else query.where(table.c.conn_id == conn_id)


def _escape(text: str) -> str:
    for sign in (_ESCAPE, "%", "_"):
        text = text.replace(sign, _ESCAPE + sign)
    return text


def _sum_up(counts: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """Return counts by connection, in the order of the list."""
    summed: dict[str, int] = {}
    for conn_id, count in counts:
        summed[conn_id] = summed.get(conn_id, 0) + count
    return sorted(summed.items())
