"""Where every authorization stands: what is kept, and what connections say by themselves.

Rows are read in pages without their encrypted part, so that any number of them takes the same memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from airflow_provider_integry.auth.readiness import Readiness
from airflow_provider_integry.auth_settings import Unfilled
from airflow_provider_integry.authorizations.connections import FoundConnection, find_connections, walk_connections
from airflow_provider_integry.authorizations.grant import Authorization, AuthorizationKey
from airflow_provider_integry.authorizations.messages import Status
from airflow_provider_integry.authorizations.status import build_status, read_error
from airflow_provider_integry.authorizations.store import AuthorizationStore
from airflow_provider_integry.authorizations.subject import build_subject, is_brokered
from airflow_provider_integry.errors import AuthorizationError

# Connections that are remembered from one page of rows to the next.
_REMEMBERED = 2000


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one authorization stands. Times are UTC epoch seconds.

    Attributes:
        key: Which authorization.
        id: Its number, which the audit log has too; None where nothing is kept.
        conn_type: Type of its connection.
        status: Where it stands.
        last_error: What went wrong last, or why it cannot be used; empty when nothing did.
    """

    key: AuthorizationKey
    id: int | None
    conn_type: str | None
    status: Status
    last_error: str


def list_standings(
    store: AuthorizationStore, conn_id: str | None = None, end_user: str | None = None
) -> Iterator[Standing]:
    """Return where authorizations stand: all that are kept, then connections that nothing is kept of.

    Args:
        store: Where they are kept.
        conn_id: Only of this connection.
        end_user: Only of this end user: connections that nothing is kept of have none.
    Raises:
        StoreError: They cannot be read.
    """
    kept: set[tuple[str, str | None, bool]] = set()
    for standing in _list_kept(store, conn_id, end_user):
        key = standing.key
        kept.add((key.conn_id, key.team, key.end_user is None and key.account is None))
        yield standing
    if end_user is None:
        pages = walk_connections() if conn_id is None else iter([list(find_connections([conn_id]).values())])
        for page in pages:
            yield from (judge_alone(one) for one in page if one.is_ours and _is_to_be_shown(one, kept))


def _list_kept(store: AuthorizationStore, conn_id: str | None, end_user: str | None) -> Iterator[Standing]:
    known: dict[str, FoundConnection | None] = {}
    for page in store.walk(conn_id=conn_id, end_user=end_user, with_sealed=False):
        names = {row.conn_id for row in page}
        if len(known) > _REMEMBERED:
            known.clear()
        found = find_connections(names - set(known))
        known |= {name: found.get(name) for name in names - set(known)}
        yield from (judge_kept(row, known[row.conn_id]) for row in page)


def judge_kept(row: Authorization, found: FoundConnection | None) -> Standing:
    """Return where an authorization stands that something is kept of.

    Args:
        row: What is kept.
        found: Its connection; None where there is none any more.
    """
    key = AuthorizationKey(row.conn_id, row.team_name, row.end_user, row.account)
    status = _status_of(key, row, found)
    said = status.reason
    if not said and status.readiness == Readiness.READY:
        error = read_error(row)
        said = str(error) if error else ""
    return Standing(key, row.id, row.conn_type, status, said)


def _status_of(key: AuthorizationKey, row: Authorization, found: FoundConnection | None) -> Status:
    if found is None:
        return _unusable(row, "The connection does not exist any more; make it again, or revoke the authorization.")
    if found.settings is None:
        return _unusable(row, str(found.error))
    try:
        return build_status(build_subject(found.settings, key), row)
    except AuthorizationError as error:
        return _unusable(row, f"The connection was changed: {error}")


def _unusable(row: Authorization, reason: str) -> Status:
    """Return the status of a row whose connection makes no use of it possible."""
    is_revoked = row.state == "revoked"
    return Status(
        str(Readiness.REVOKED if is_revoked else Readiness.PENDING),
        reason,
        account_id=row.account_id,
        account_name=row.account_name,
        scopes=row.scopes.split() if row.scopes is not None else None,
        expires_in_s=row.expires_at - row.now if row.expires_at is not None else None,
        refreshed_at=row.refreshed_at,
        grant_ends_at=row.grant_ends_at,
    )


def _is_to_be_shown(found: FoundConnection, kept: set[tuple[str, str | None, bool]]) -> bool:
    if (found.conn_id, found.team, True) in kept:
        return False
    if (found.conn_id, found.team, False) not in kept:
        return True
    # A connection that is there for its end users alone needs no grant of its own.
    return judge_alone(found).status.readiness == Readiness.READY


def judge_alone(found: FoundConnection) -> Standing:
    """Return where a connection stands that nothing is kept of."""
    key = AuthorizationKey(found.conn_id, found.team)
    if found.settings is None:
        status = Status(str(Readiness.PENDING), str(found.error))
    elif is_brokered(found.settings):
        status = build_status(build_subject(found.settings, key), None)
    elif isinstance(found.settings.auth, Unfilled):
        status = Status(str(Readiness.PENDING), str(found.settings.auth.error))
    else:
        status = Status(str(Readiness.READY))
    return Standing(key, None, found.conn_type, status, status.reason)
