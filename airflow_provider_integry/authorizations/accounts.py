"""Which row an authorization is: by its names, by its public id, or by the account that stands in for it.

A row may say that another account of the same end user is used in its place. That is followed once, and here
alone: for credentials, for where an authorization stands, and for permits.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import NamedTuple, TypeVar

from airflow_provider_integry.authorizations.grant import Authorization, AuthorizationKey
from airflow_provider_integry.authorizations.store import AuthorizationStore
from airflow_provider_integry.errors import NotAuthorizedError

T = TypeVar("T")


class Located(NamedTuple):
    """An authorization that was looked for.

    Attributes:
        key: What it is kept under; its account is never a public id.
        row: What is kept; None for nothing.
    """

    key: AuthorizationKey
    row: Authorization | None


class Lookup(NamedTuple):
    """One row to look for: by its digest, or by its public id."""

    digest: str | None = None
    public_id: str | None = None


Locating = Generator[Lookup, Authorization | None, "Located | NotAuthorizedError"]


def locating(key: AuthorizationKey) -> Locating:
    """Say which rows to look for, and end with the authorization, or the error for one that does not exist.

    A public id means its own row; only when that is not active any more, the one that has taken its place.

    Args:
        key: Which authorization is asked for; its account may be a public id.
    """
    if key.has_id:
        row = yield Lookup(public_id=key.account)
        if row is None or not _is_theirs(row, key):
            return explain_unknown(key)
        key = key._replace(account=row.account)
        if row.state == "active":
            return Located(key, row)
    else:
        row = yield Lookup(digest=key.digest)
    if row is None or row.use_account is None:
        return Located(key, row)
    key = key._replace(account=row.use_account or None)
    return Located(key, (yield Lookup(digest=key.digest)))


def locate(store: AuthorizationStore, key: AuthorizationKey) -> Located:
    """Look for one authorization.

    Raises:
        NotAuthorizedError: It is named by a public id that is not this end user's, or nobody's.
        StoreError: The rows cannot be read.
    """
    found = locate_many(store, [key])[0]
    if isinstance(found, NotAuthorizedError):
        raise found
    return found


def locate_many(store: AuthorizationStore, keys: Sequence[AuthorizationKey]) -> list[Located | NotAuthorizedError]:
    """Look for many authorizations, with as few queries as there can be; in their order.

    Raises:
        StoreError: The rows cannot be read.
    """
    found: list[Located | NotAuthorizedError | None] = [None] * len(keys)
    waiting = [(number, steps, next(steps)) for number, steps in enumerate(map(locating, keys))]
    while waiting:
        lookups = [lookup for _, _, lookup in waiting]
        digests = [one.digest for one in lookups if one.digest is not None]
        ids = {one.public_id for one in lookups if one.public_id is not None}
        rows = store.find_many(digests) if digests else {}
        named = store.find_by_public_ids(ids) if ids else {}
        again = []
        for number, steps, lookup in waiting:
            row = rows.get(lookup.digest) if lookup.digest is not None else named.get(lookup.public_id or "")
            try:
                again.append((number, steps, steps.send(row)))
            except StopIteration as end:
                found[number] = end.value
        waiting = again
    return [one for one in found if one is not None]


def resolve_id(store: AuthorizationStore, key: AuthorizationKey) -> AuthorizationKey:
    """Return what an authorization is kept under that may be named by its public id; nothing is followed.

    Raises:
        NotAuthorizedError: It is named by a public id that is not this end user's, or nobody's.
        StoreError: The row cannot be read.
    """
    if not key.has_id or key.account is None:
        return key
    row = store.find_by_public_id(key.account)
    if row is None or not _is_theirs(row, key):
        raise explain_unknown(key)
    return key._replace(account=row.account)


def explain_unknown(key: AuthorizationKey) -> NotAuthorizedError:
    """Return the error for a public id that means no authorization of this connection and end user."""
    reason = f"there is no connected account '{key.account}' of this connection and end user."
    return NotAuthorizedError(key.conn_id, key.end_user, reason)


def _is_theirs(row: Authorization, key: AuthorizationKey) -> bool:
    place = (row.conn_id, row.team_name, row.end_user, row.is_grant)
    return place == (key.conn_id, key.team, key.end_user, key.kind == "grant")
