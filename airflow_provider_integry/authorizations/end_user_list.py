"""Which end users have authorized a connection, for processes with the database; blocking, and no web types."""

from __future__ import annotations

from collections import Counter

from airflow_provider_integry.authorizations.accounts import Located, locate_many
from airflow_provider_integry.authorizations.airflow_store import local_store, team_of
from airflow_provider_integry.authorizations.end_user_messages import EndUsersAnswer, EndUsersRequest, ListedEndUser
from airflow_provider_integry.authorizations.grant import Authorization, AuthorizationKey
from airflow_provider_integry.authorizations.status import build_status
from airflow_provider_integry.authorizations.store import AuthorizationStore
from airflow_provider_integry.authorizations.subject import ANYBODY, Subject, build_subject
from airflow_provider_integry.errors import NotAuthorizedError
from airflow_provider_integry.settings import ConnectionSettings


def list_end_users(
    store: AuthorizationStore, settings: ConnectionSettings, team: str | None, asked: EndUsersRequest
) -> EndUsersAnswer:
    """Return one page of a connection's end users; rows are read without their encrypted part.

    Args:
        store: Where authorizations are kept.
        settings: The connection.
        team: Its team: what is kept of another team's connection of this name is not listed.
        asked: Which page, and of whom.
    Raises:
        AuthorizationError: The connection acts for itself alone: it has no end users.
        StoreError: The database does not answer.
    """
    subject = build_subject(settings, AuthorizationKey(settings.conn_id, team, ANYBODY))
    rows = store.list_page(conn_id=settings.conn_id, after_id=asked.after_id, limit=asked.limit, with_sealed=False)
    wanted = [row for row in rows if _is_wanted(row, subject, asked)]
    listed: list[ListedEndUser] = []
    left_out: Counter[str] = Counter()
    for row, standing in zip(wanted, _find_standing(store, subject, wanted, asked), strict=True):
        assert row.end_user is not None
        readiness = build_status(subject, standing).readiness
        if readiness in asked.include:
            listed.append(ListedEndUser(row.end_user, readiness, _name_account(row)))
        else:
            left_out[readiness] += 1
    return EndUsersAnswer(listed, dict(left_out), rows[-1].id if len(rows) == asked.limit else None)


def list_directly(settings: ConnectionSettings, asked: EndUsersRequest) -> EndUsersAnswer:
    """Do in this process what the API server does for others; see `list_end_users`."""
    return list_end_users(local_store(), settings, team_of(settings.conn_id), asked)


def _is_wanted(row: Authorization, subject: Subject, asked: EndUsersRequest) -> bool:
    """Return whether a row is of an end user that is asked for, compared as it is written."""
    if row.end_user is None or (row.conn_id, row.team_name) != (subject.key.conn_id, subject.key.team):
        return False
    if row.is_grant != subject.is_grant:
        return False
    if not asked.has_all_accounts:
        return row.account == asked.account
    # What another account has taken the place of is an account no more.
    return row.use_account is None or row.state == "active"


def _find_standing(
    store: AuthorizationStore, subject: Subject, rows: list[Authorization], asked: EndUsersRequest
) -> list[Authorization | None]:
    """Return the row that is used for each: its own, or that of the account that calls by its name get."""
    if asked.has_all_accounts:
        return list(rows)
    others = [row for row in rows if row.use_account is not None]
    keys = [subject.key._replace(end_user=row.end_user, account=row.account) for row in others]
    found = dict(zip((row.id for row in others), locate_many(store, keys), strict=True))
    located = [found.get(row.id, Located(subject.key, row)) for row in rows]
    return [None if isinstance(one, NotAuthorizedError) else one.row for one in located]


def _name_account(row: Authorization) -> str | None:
    """Return the name by which calls get the very account of a row, rather than one that is used in its place."""
    return row.account if row.use_account is None else row.public_id
