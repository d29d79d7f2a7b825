"""What a host application sees of its users' accounts, and of the connections that these belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from airflow_provider_integry.auth.readiness import Readiness
from airflow_provider_integry.authorizations.build_settings import find_connector
from airflow_provider_integry.authorizations.connections import FoundConnection
from airflow_provider_integry.authorizations.entered import account_fields
from airflow_provider_integry.authorizations.grant import Authorization, AuthorizationKey
from airflow_provider_integry.authorizations.status import build_status
from airflow_provider_integry.authorizations.subject import Subject, build_subject
from airflow_provider_integry.connection_fields import Field
from airflow_provider_integry.errors import IntegryError

AppKind = Literal["consent", "form"]
MAX_DESCRIPTION = 500


@dataclass(frozen=True, slots=True)
class App:
    """A connection, as end users see it.

    Attributes:
        conn_id: The connection.
        name, description, logo: What end users read and see; the last two None when empty.
        kind: `consent`: they go to the service and allow it; `form`: they fill in `fields`.
        fields: What they fill in; none for a consent.
        accounts_per_user: `one` or `several`.
        is_listed: Whether the marketplace shows it.
        is_host: Whether it is the host application's own API.
    """

    conn_id: str
    name: str
    description: str | None
    logo: str | None
    kind: AppKind
    fields: tuple[Field, ...]
    accounts_per_user: Literal["one", "several"]
    is_listed: bool
    is_host: bool = False


@dataclass(frozen=True, slots=True)
class ConnectedAccount:
    """One account of an end user.

    Attributes:
        id: Its public id, "ca_" and 32 hex digits.
        conn_id, end_user, account: Whose it is; account None is the first one.
        readiness: Where it stands.
        reason: Why; empty when it is ready.
        account_id, account_name: What the service calls it; None where it has not told.
        is_default: Whether calls that name no account use it.
        created_at, changed_at: UTC epoch seconds; when it was first connected, and when its credentials last changed.
    """

    id: str
    conn_id: str
    end_user: str
    account: str | None
    readiness: Readiness
    reason: str
    account_id: str | None
    account_name: str | None
    is_default: bool
    created_at: float
    changed_at: float


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list.

    Attributes:
        items: What is in it; there may be fewer than were asked for, and more behind them.
        next: What to ask for the next part with; None at the end.
    """

    items: Sequence[ConnectedAccount]
    next: str | None


def build_app(found: FoundConnection, host_connection: str | None = None) -> App | None:
    """Return a connection as end users see it; None where they can have no accounts of their own. Reads files."""
    settings = found.settings
    if settings is None:
        return None
    fields = account_fields(settings)
    if not fields and not _has_consent(found):
        return None
    own = settings.end_users
    return App(
        conn_id=found.conn_id,
        name=own.name or _find_title(settings.connector) or found.conn_id,
        description=own.description[:MAX_DESCRIPTION] if own.description else None,
        logo=own.logo,
        kind="form" if fields else "consent",
        fields=fields,
        accounts_per_user="several" if own.has_several else "one",
        is_listed=own.is_listed,
        is_host=found.conn_id == host_connection,
    )


def build_account(found: FoundConnection, row: Authorization, default: Authorization | None) -> ConnectedAccount:
    """Return an authorization as its host application sees it.

    Args:
        found: Its connection.
        row: What is kept.
        default: The row of the account without a name, of the same connection and end user; None for none.
    """
    assert row.end_user is not None
    readiness, reason = _stand(found, row)
    return ConnectedAccount(
        id=row.public_id or "",
        conn_id=row.conn_id,
        end_user=row.end_user,
        account=row.account,
        readiness=readiness,
        reason=reason,
        account_id=row.account_id,
        account_name=row.account_name,
        is_default=is_default(row, default),
        created_at=row.created_at,
        changed_at=row.refreshed_at or row.created_at,
    )


def is_default(row: Authorization, default: Authorization | None) -> bool:
    """Return whether calls that name no account use this one."""
    if default is None or default.use_account is None:
        return row.account is None
    return (row.account or "") == default.use_account


def key_of(found: FoundConnection, end_user: str, account: str | None) -> AuthorizationKey:
    """Return what an account is kept under."""
    return AuthorizationKey(found.conn_id, found.team, end_user, account)


def find_subject(found: FoundConnection, end_user: str, account: str | None) -> Subject:
    """Return what the connection makes of an account.

    Raises:
        IntegryError: Something is wrong with the connection, or it has no accounts of end users.
    """
    if found.settings is None:
        assert found.error is not None
        raise found.error
    return build_subject(found.settings, key_of(found, end_user, account))


def _stand(found: FoundConnection, row: Authorization) -> tuple[Readiness, str]:
    try:
        status = build_status(find_subject(found, row.end_user or "", row.account), row)
    except IntegryError as error:
        return Readiness.NEEDS_REAUTHORIZATION, str(error)
    return Readiness(status.readiness), status.reason


def _has_consent(found: FoundConnection) -> bool:
    try:
        return find_subject(found, "anybody", None).has_consent
    except IntegryError:
        return False


def _find_title(connector: str | None) -> str | None:
    if not connector:
        return None
    try:
        return find_connector(connector).title
    except IntegryError:
        return None


def defaults_of(rows: Sequence[Authorization], others: Mapping[str, Authorization]) -> list[Authorization | None]:
    """Return, for each row, the row of the account without a name, out of what was read beside them."""
    known = {(row.conn_id, row.end_user): row for row in (*others.values(), *rows) if row.account is None}
    return [known.get((row.conn_id, row.end_user)) for row in rows]
