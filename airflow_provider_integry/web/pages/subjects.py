"""The authorization that a page is about, for those who may see it; for all others it does not exist."""

from __future__ import annotations

from dataclasses import dataclass

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

from airflow_provider_integry.auth_settings import Unfilled
from airflow_provider_integry.authorizations.accounts import resolve_id
from airflow_provider_integry.authorizations.airflow_store import local_store
from airflow_provider_integry.authorizations.connections import FoundConnection, find_connections
from airflow_provider_integry.authorizations.grant import Authorization, AuthorizationKey
from airflow_provider_integry.authorizations.subject import Subject, build_subject, is_served
from airflow_provider_integry.errors import AuthorizationError, NotAuthorizedError
from airflow_provider_integry.web.pages.forms import read_key
from airflow_provider_integry.web.refusals import not_found
from airflow_provider_integry.web.security import may_edit, require_edit, require_seen


@dataclass(frozen=True, slots=True)
class Chosen:
    """An authorization that somebody may see.

    Attributes:
        key: Which one.
        connection: Its connection.
        subject: What the connection makes of it; None where it needs nothing from an endpoint, or is wrong.
        problem: Why there is no such authorization, although there is the connection; empty where there can be.
        row: What is kept of it; None for nothing.
        can_edit: Whether this person may change the connection.
    """

    key: AuthorizationKey
    connection: FoundConnection
    subject: Subject | None
    problem: str
    row: Authorization | None
    can_edit: bool


def choose(user: BaseUser, fields: dict[str, str]) -> Chosen:
    """Return the authorization that a query or form names by connection, end user and account; may block.

    Raises:
        PageError: Status 404: there is no such connection, or not for this person.
        StoreError: The database does not answer.
    """
    named = read_key(fields)
    found = find_connections([named.conn_id]).get(named.conn_id)
    # Asked in any case, so that both refusals take the same way.
    require_seen(user, named.conn_id, found.team if found else None)
    if found is None or not found.is_ours:
        raise not_found()
    key = named._replace(team=found.team)
    try:
        # Whoever is named by a public id has a grant.
        key = resolve_id(local_store(), key)
    except NotAuthorizedError:
        raise not_found() from None
    subject, problem = _judge(found, key)
    row = local_store().find((subject.key if subject else key).digest)
    return Chosen(key, found, subject, problem, row, may_edit(user, key.conn_id, key.team))


def choose_row(user: BaseUser, fields: dict[str, str]) -> tuple[Authorization, FoundConnection | None]:
    """Return what is kept under an id, and its connection, for those who may change it; may block.

    Raises:
        PageError: Status 404: there is no such row, or not for this person; 403: it may be seen alone.
        StoreError: The database does not answer.
    """
    number = fields.get("id", "")
    is_number = number.isascii() and number.isdigit() and len(number) < 19
    rows = local_store().list_by_ids([int(number)]) if is_number else []
    if not rows or not rows[0].is_grant:
        raise not_found()
    row = rows[0]
    require_edit(user, row.conn_id, row.team_name)
    found = find_connections([row.conn_id]).get(row.conn_id)
    return row, found if found and found.team == row.team_name else None


def subject_of(row: Authorization, found: FoundConnection | None) -> Subject | None:
    """Return what a connection makes of what is kept; None where it is gone, or something is wrong with it."""
    if found is None:
        return None
    subject, _ = _judge(found, AuthorizationKey(row.conn_id, row.team_name, row.end_user, row.account))
    return subject if subject and subject.is_grant == row.is_grant else None


def _judge(found: FoundConnection, key: AuthorizationKey) -> tuple[Subject | None, str]:
    if found.settings is None:
        return None, str(found.error)
    if not is_served(found.settings, key.end_user, key.account):
        auth = found.settings.auth
        return None, str(auth.error) if isinstance(auth, Unfilled) else ""
    try:
        return build_subject(found.settings, key), ""
    except AuthorizationError as error:
        return None, str(error)
