"""Which end users have authorized a connection, for processes with the database; blocking, and no web types."""

from __future__ import annotations

from collections import Counter

from airflow_provider_integry.authorizations.airflow_store import local_store, team_of
from airflow_provider_integry.authorizations.end_user_messages import EndUsersAnswer, EndUsersRequest, ListedEndUser
from airflow_provider_integry.authorizations.grant import Authorization, AuthorizationKey
from airflow_provider_integry.authorizations.status import build_status
from airflow_provider_integry.authorizations.store import AuthorizationStore
from airflow_provider_integry.authorizations.subject import Subject, build_subject
from airflow_provider_integry.settings import ConnectionSettings

# Whose name does not matter: what a connection says of one end user it says of all.
_ANYBODY = "anybody"


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
    subject = build_subject(settings, AuthorizationKey(settings.conn_id, team, _ANYBODY))
    rows = store.list_page(conn_id=settings.conn_id, after_id=asked.after_id, limit=asked.limit, with_sealed=False)
    listed: list[ListedEndUser] = []
    left_out: Counter[str] = Counter()
    for row in rows:
        if not _is_wanted(row, subject, asked):
            continue
        assert row.end_user is not None
        readiness = build_status(subject, row).readiness
        if readiness in asked.include:
            listed.append(ListedEndUser(row.end_user, readiness, row.account))
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
    return row.is_grant == subject.is_grant and (asked.has_all_accounts or row.account == asked.account)
