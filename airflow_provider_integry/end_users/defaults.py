"""Which of several accounts is used: the default one, and the one that another has taken the place of.

A row says so by `use_account`, which is followed once. So nothing is ever written that would have to be followed
twice, and what pointed to an account that is replaced points to the new one from then on.
"""

from __future__ import annotations

from airflow_provider_integry.authorizations.grant import Authorization, AuthorizationKey
from airflow_provider_integry.authorizations.store import AuthorizationStore
from airflow_provider_integry.errors import AccountMoveError, StoreUnavailableError

_TRIES = 20
_PAGE_ROWS = 500


def choose_default(store: AuthorizationStore, row: Authorization, nameless: AuthorizationKey) -> None:
    """Make calls that name no account use one account.

    Args:
        store: Where authorizations are kept.
        row: The account.
        nameless: Key of the account without a name, of the same connection and end user.
    Raises:
        AccountMoveError: It is revoked.
        StoreError: It cannot be written.
    """
    if row.state == "revoked":
        raise AccountMoveError("a revoked account cannot be the default one; connect it again first.")
    for _ in range(_TRIES):
        default = store.find(nameless.digest)
        if default is not None:
            if store.point(default, row.account):
                return
        elif row.account is None or store.add(nameless, _placeholder(row)):
            return
    raise StoreUnavailableError("The authorization changes all the time; try again.")


def redirect(store: AuthorizationStore, before: Authorization, after: Authorization) -> None:
    """Let everything that means one account mean another.

    Args:
        store: Where authorizations are kept.
        before: The account whose place is taken.
        after: The one that takes it.
    Raises:
        AccountMoveError: They are not two accounts of one connection and end user, or the second is revoked.
        StoreError: It cannot be written.
    """
    place = (before.conn_id, before.team_name, before.end_user)
    if place != (after.conn_id, after.team_name, after.end_user):
        raise AccountMoveError("both accounts must be of one connection and one end user.")
    if before.id == after.id:
        raise AccountMoveError("an account cannot take its own place.")
    if after.state == "revoked":
        raise AccountMoveError("the account that takes the other's place is revoked; connect it again first.")
    # The account itself first: a program that dies in between leaves nothing that leads nowhere.
    for row in [before, *_list_pointing(store, before)]:
        _point(store, row, None if row.id == after.id else after)


def _list_pointing(store: AuthorizationStore, target: Authorization) -> list[Authorization]:
    named, after_id, found = target.account or "", 0, []
    while rows := store.page([target.conn_id], end_user=target.end_user, after_id=after_id, limit=_PAGE_ROWS):
        after_id = rows[-1].id
        found += [row for row in rows if row.use_account == named and row.team_name == target.team_name]
    return found


def _point(store: AuthorizationStore, row: Authorization, target: Authorization | None) -> None:
    found: Authorization | None = row
    for _ in range(_TRIES):
        if found is None or store.point(found, (target.account or "") if target else None):
            return
        found = store.find(row.digest)
    raise StoreUnavailableError("The authorization changes all the time; try again.")


def _placeholder(row: Authorization) -> dict[str, object]:
    """Return the columns of an account without a name that was never connected, and stands for another."""
    return {
        "conn_type": row.conn_type,
        "binding": row.binding,
        "is_grant": True,
        "state": "revoked",
        "use_account": row.account,
    }
