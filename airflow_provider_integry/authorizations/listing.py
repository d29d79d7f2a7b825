"""The list of authorizations for people: searched, filtered and cut into pages by the database.

Where an authorization stands depends on its row and on what its connection says now. Rows are many and
connections are few, so connections are judged here, and rows by one SQL expression that is told which
(connection, binding) pairs still fit. What it finds is judged once more by `overview.judge_kept`, which
has the last word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from airflow_provider_integry.auth.readiness import Readiness
from airflow_provider_integry.authorizations.connections import FoundConnection, find_connections, walk_connections
from airflow_provider_integry.authorizations.grant import Authorization, AuthorizationKey, is_newly_pasted
from airflow_provider_integry.authorizations.overview import Standing, judge_alone, judge_kept
from airflow_provider_integry.authorizations.row_groups import Group, GroupReader, Judgement, OwnRow, Selection
from airflow_provider_integry.authorizations.store import AuthorizationStore
from airflow_provider_integry.authorizations.subject import bind_entered, build_subject, is_brokered

PAGE_ROWS = 25
# A search that finds more than this is cut off: nobody reads on, and it is told so.
MAX_HITS = 1000
MAX_SEARCH_CHARS = 255
Place = tuple[str, str | None]


class ListQuery(NamedTuple):
    """What is asked for.

    Attributes:
        text: Part of a connection's id, end user, account or account name, in any case; empty for all.
        readiness: Only what stands like this.
        conn_id: Only of this connection, exactly as written.
        page: Which page; the first is 1.
    """

    text: str = ""
    readiness: Readiness | None = None
    conn_id: str | None = None
    page: int = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the list.

    Attributes:
        standing: Where the authorization stands.
        connection: Its connection as it is now; None where there is none any more.
        now: When this was read, UTC epoch seconds of the database's clock; None where nothing is kept.
        is_grant: Whether something is kept that somebody has given, and that can be taken back.
    """

    standing: Standing
    connection: FoundConnection | None = None
    now: float | None = None
    is_grant: bool = False

    @property
    def wanted_scopes(self) -> tuple[str, ...]:
        """Scopes that the connection asks for."""
        settings = self.connection.settings if self.connection else None
        return tuple(getattr(settings.auth, "scopes", ())) if settings else ()

    @property
    def missing_scopes(self) -> tuple[str, ...]:
        """Scopes that the connection asks for and that were not granted."""
        granted = self.standing.status.scopes
        return () if granted is None else tuple(one for one in self.wanted_scopes if one not in granted)


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of the list.

    Attributes:
        entries: Its lines.
        total: How many lines all pages have.
        page, pages: Which page this is, and how many there are, at least one.
        is_cut: Whether the search found more than is shown.
    """

    entries: list[Entry]
    total: int
    page: int
    pages: int
    is_cut: bool = False


@dataclass
class _Scene:
    """What one list is made of: connections, what is kept of them, and what of it may be shown."""

    connections: dict[str, FoundConnection] = field(default_factory=dict)
    counts: dict[Group, int] = field(default_factory=dict)
    judged: dict[Group, Judgement] = field(default_factory=dict)
    replaced: list[int] = field(default_factory=list)
    alone: list[Entry] = field(default_factory=list)
    visible: set[Place] = field(default_factory=set)


class Lister:
    """Makes the list.

    Args:
        store: Where authorizations are kept.
        choose_visible: Returns which of some (connection, team) pairs may be shown.
    """

    def __init__(self, store: AuthorizationStore, choose_visible: Callable[[set[Place]], set[Place]]) -> None:
        self._reader = GroupReader(store)
        self._choose_visible = choose_visible

    def list_page(self, query: ListQuery) -> ListPage:
        """Return one page: what waits for somebody first, then what is kept, then what needs nothing kept.

        Raises:
            StoreError: The database does not answer, or its tables are missing.
        """
        scene = self._look(query.conn_id)
        alone = [entry for entry in scene.alone if _matches(entry, query)]
        waiting = [entry for entry in alone if entry.standing.status.readiness != Readiness.READY]
        settled = [entry for entry in alone if entry.standing.status.readiness == Readiness.READY]
        selection = self._reader.select(
            scene.counts, scene.judged, scene.replaced, query.readiness, query.text, MAX_HITS
        )
        total = len(waiting) + selection.total + len(settled)
        pages = max(1, -(-total // PAGE_ROWS))
        page = min(max(1, query.page), pages)
        start, end = (page - 1) * PAGE_ROWS, page * PAGE_ROWS
        # Where what is kept begins and ends among all lines.
        first, last = len(waiting), len(waiting) + selection.total
        kept = self._read(scene, selection, max(0, start - first), min(end, last) - max(start, first))
        entries = [*waiting[start:end], *kept, *settled[max(0, start - last) : max(0, end - last)]]
        return ListPage(entries, total, page, pages, selection.is_cut)

    def _look(self, conn_id: str | None) -> _Scene:
        scene = _Scene(counts=self._reader.count_groups(conn_id))
        own = self._reader.list_own(conn_id)
        scene.connections = _find_all(scene.counts, conn_id)
        places = {(group.conn_id, group.team) for group in scene.counts}
        places |= {(one.conn_id, one.team) for one in scene.connections.values() if one.is_ours}
        scene.visible = self._choose_visible(places)
        for group in scene.counts:
            judgement = judge_group(group, scene.connections.get(group.conn_id))
            scene.judged[group] = judgement if (group.conn_id, group.team) in scene.visible else "hidden"
        scene.replaced = [row.id for row in own if _is_replaced(row, scene)]
        scene.alone = list(_list_alone(scene, own))
        return scene

    def _read(self, scene: _Scene, selection: Selection, offset: int, limit: int) -> list[Entry]:
        rows = self._reader.read(selection, offset, limit) if limit > 0 else []
        # Once more, by exact names: databases may take two names for the same.
        return [_build_entry(row, scene) for row in rows if (row.conn_id, row.team_name) in scene.visible]


def judge_group(group: Group, found: FoundConnection | None) -> Judgement:
    """Return what a connection, as it is now, makes of a group of rows.

    Args:
        group: What the rows have in common.
        found: Their connection; None where there is none any more.
    """
    if found is None or found.settings is None or found.team != group.team:
        return "unusable"
    if found.settings.account_fields and group.is_grant:
        return "fits" if bind_entered(found.settings) == group.binding else "changed"
    if not is_brokered(found.settings):
        return "unusable"
    subject = build_subject(found.settings, AuthorizationKey(group.conn_id, group.team))
    if subject.is_grant != group.is_grant:
        # Kept from when the connection was of the other kind, and found again if it ever is.
        return "hidden"
    return "fits" if subject.binding == group.binding else "changed"


def _find_all(counts: Iterable[Group], conn_id: str | None) -> dict[str, FoundConnection]:
    if conn_id is not None:
        return find_connections([conn_id])
    found = {one.conn_id: one for page in walk_connections() for one in page}
    # Those that only a secrets backend knows, and those that are not ours any more.
    return found | find_connections({group.conn_id for group in counts} - set(found))


def _is_replaced(row: OwnRow, scene: _Scene) -> bool:
    found = scene.connections.get(row.group.conn_id)
    if found is None or found.settings is None or scene.judged[row.group] not in ("fits", "changed"):
        return False
    if not is_brokered(found.settings):
        return False
    subject = build_subject(found.settings, AuthorizationKey(row.group.conn_id, row.group.team))
    return subject.seed_digest is not None and is_newly_pasted(row, subject.seed_digest)


def _list_alone(scene: _Scene, own: Iterable[OwnRow]) -> Iterator[Entry]:
    """Return connections that nothing is kept of, in the order of their names."""
    with_own = {(row.group.conn_id, row.group.team) for row in own if scene.judged[row.group] != "hidden"}
    with_any = {(group.conn_id, group.team) for group, found in scene.judged.items() if found != "hidden"}
    for _, found in sorted(scene.connections.items()):
        place = (found.conn_id, found.team)
        if not found.is_ours or place not in scene.visible or place in with_own:
            continue
        entry = Entry(judge_alone(found), found)
        # A connection that is there for its end users alone needs no grant of its own.
        if place not in with_any or entry.standing.status.readiness == Readiness.READY:
            yield entry


def _build_entry(row: Authorization, scene: _Scene) -> Entry:
    found = scene.connections.get(row.conn_id)
    is_same_team = found is not None and found.team == row.team_name
    current = found if is_same_team else None
    return Entry(judge_kept(row, current), current, row.now, row.is_grant)


def _matches(entry: Entry, query: ListQuery) -> bool:
    if query.readiness is not None and entry.standing.status.readiness != query.readiness:
        return False
    return query.text.lower() in entry.standing.key.conn_id.lower()
