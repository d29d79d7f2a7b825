"""Implicit authorization: a host application passes on the credential of its signed-in user."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from airflow_provider_integry.authorizations.connections import FoundConnection
from airflow_provider_integry.authorizations.entered import account_fields, refill, verify
from airflow_provider_integry.authorizations.steps import Do, Steps
from airflow_provider_integry.authorizations.subject import Subject, check_new_names
from airflow_provider_integry.connection_fields import Field
from airflow_provider_integry.connectors.user_info import Account
from airflow_provider_integry.end_users.accounts import find_subject, key_of
from airflow_provider_integry.end_users.principals import Principal
from airflow_provider_integry.end_users.workspaces import Directory
from airflow_provider_integry.errors import (
    ConnectionConfigError,
    CredentialsRejectedError,
    EnteredFieldError,
    ImplicitAuthorizationError,
    LoginRefusedError,
    NotAuthorizedError,
)
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.settings import ConnectionSettings


class Prepared(NamedTuple):
    """Credentials that were checked and are not stored yet.

    Attributes:
        subject: Which authorization they are for.
        entered: What was passed on, by field.
        settings: The connection with them in it.
        account: Whose they are; None where nobody was asked, or nobody told.
    """

    subject: Subject
    entered: Mapping[str, str | Secret]
    settings: ConnectionSettings
    account: Account | None


def map_app_auth(
    fields: tuple[Field, ...], api_key: str, auth_id: str | None = None, extras: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the fields of an account, out of what `appAuth` of the embedded script names ``{apiKey, authId, extras}``.

    Args:
        fields: The fields of the connection's accounts.
        api_key: The credential: the first secret field.
        auth_id: The account's name at the service: the user name, where there is one.
        extras: Further fields by name; they win.
    """
    found: dict[str, str] = {}
    secret = next((item.name for item in fields if item.is_secret), None)
    if secret is not None:
        found[secret] = api_key
    names = {item.name for item in fields}
    login = next((name for name in ("login", "username") if name in names), None)
    if auth_id is not None and login is not None:
        found[login] = auth_id
    return {**found, **(extras or {})}


def find_implicit(directory: Directory, by: Principal, conn_id: str, account: str | None) -> FoundConnection:
    """Return the connection for which a host application passes credentials on.

    Raises:
        ImplicitAuthorizationError: That is not possible; `reason` says why.
    """
    found = directory.find_app(conn_id)
    workspace = by.workspace
    unknown = (
        f"There is no connection '{conn_id}' for this application. Whoever looks after Airflow enters the workspace's"
        " id into the connection's field 'workspace'."
    )
    # One answer for what is not there, is nobody's, or cannot be read: it says nothing about internal connections.
    if found is None or found.settings is None or found.team != workspace.team:
        raise ImplicitAuthorizationError("unknown_connection", unknown)
    own = found.settings.end_users
    if own.workspace is None:
        raise ImplicitAuthorizationError("unknown_connection", unknown)
    if own.workspace != workspace.conn_id:
        problem = (
            f"Connection '{conn_id}' belongs to another workspace: its credentials cannot be passed on by this one."
        )
        raise ImplicitAuthorizationError("other_workspace", problem)
    if not account_fields(found.settings):
        problem = (
            f"Connection '{conn_id}' is of type '{found.conn_type}', which takes somebody's consent: credentials of"
            " keys, passwords and JWTs alone can be passed on. Use a connect link."
        )
        raise ImplicitAuthorizationError("unsupported_type", problem)
    if account is not None and not own.has_several:
        problem = f"Connection '{conn_id}' allows one account per user; leave the account's name out."
        raise ImplicitAuthorizationError("several_accounts", problem, "account")
    return found


def prepare(
    found: FoundConnection, end_user: str, fields: Mapping[str, str | Secret], account: str | None, *, is_tried: bool
) -> Steps[Prepared]:
    """Check credentials, and try them out where that is asked for.

    Raises:
        ImplicitAuthorizationError: A field is wrong, or the service refuses them.
        TransportError: The service does not answer.
        IntegryError: It answers something that makes no sense.
    """
    assert found.settings is not None
    try:
        check_new_names(key_of(found, end_user, account))
    except NotAuthorizedError as error:
        raise ImplicitAuthorizationError("fields", error.reason, "account") from None
    try:
        settings: ConnectionSettings = yield Do(partial(refill, found.settings, fields))
    except EnteredFieldError as error:
        raise ImplicitAuthorizationError("fields", error.problem, error.field) from None
    except ConnectionConfigError as error:
        raise ImplicitAuthorizationError("unknown_connection", str(error)) from None
    told = None
    if is_tried:
        try:
            told = yield from verify(settings)
        except (CredentialsRejectedError, LoginRefusedError):
            problem = "The service refuses these credentials. Check them, and that they are for this service."
            raise ImplicitAuthorizationError("refused", problem) from None
    subject = find_subject(found, end_user, account)
    return Prepared(subject, fields, settings, told)


def dump_prepared(ready: Prepared) -> dict[str, object]:
    """Return checked credentials as JSON values, secrets included: only to be encrypted."""
    entered = {name: one.reveal() if isinstance(one, Secret) else one for name, one in ready.entered.items()}
    account = [ready.account.id, ready.account.name] if ready.account else None
    return {"entered": entered, "account": account, "binding": ready.subject.binding}


class Dumped(NamedTuple):
    """What `dump_prepared` was given.

    Attributes:
        entered: Credentials by field.
        account: Whose they are.
        binding: Where they may be sent: with another one they are not used.
    """

    entered: dict[str, Secret]
    account: Account | None
    binding: str


def load_prepared(data: Mapping[str, Any]) -> Dumped:
    """Return what `dump_prepared` was given."""
    entered = {name: Secret(text) for name, text in data["entered"].items()}
    return Dumped(entered, Account(*data["account"]) if data["account"] else None, data["binding"])
