"""Credentials that end users enter: checked against their connection, tried out, and kept like grants.

A connection of a key, password or JWT says what belongs to the app: how credentials are sent and where. What
belongs to the account (`account_fields`) is entered by each end user, and put into the connection in the place of
its own account's when a task uses it. So a task signs as it always does.
"""

from __future__ import annotations

import logging
import secrets as random_secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import uuid4

from airflow_provider_integry.auth.credentials import BearerToken, Combined, Credentials, check_no_controls, main_of
from airflow_provider_integry.auth.grants import obtain_token
from airflow_provider_integry.auth.jwt import JwtLogin, JwtSigning, mint_jwt
from airflow_provider_integry.authorizations.build_settings import build_settings
from airflow_provider_integry.authorizations.conversation import converse
from airflow_provider_integry.authorizations.crypto import seal
from airflow_provider_integry.authorizations.grant import Authorization, GrantSecrets
from airflow_provider_integry.authorizations.identity import find_account
from airflow_provider_integry.authorizations.issuing import build_credentials
from airflow_provider_integry.authorizations.journal import Journal
from airflow_provider_integry.authorizations.refresh import Events
from airflow_provider_integry.authorizations.rows import fresh_values
from airflow_provider_integry.authorizations.steps import Do, Pause, Steps
from airflow_provider_integry.authorizations.store import AuthorizationStore
from airflow_provider_integry.authorizations.subject import Subject, check_new_names
from airflow_provider_integry.connection_fields import Field
from airflow_provider_integry.connectors.user_info import Account
from airflow_provider_integry.errors import (
    AuthorizationError,
    ConnectionConfigError,
    CredentialFormatError,
    EnteredFieldError,
    StoreUnavailableError,
)
from airflow_provider_integry.field_values import read_extra
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.settings import ConnectionSettings, RawConnection
from airflow_provider_integry.transport.guard import HostGuard
from airflow_provider_integry.urls import check_public_url

log = logging.getLogger(__name__)
# Longer than any credential, and what a field of a connection takes.
MAX_CHARS = 64 * 1024
STORING_TRIES = 20
_LOGIN_S = 30.0


def account_fields(settings: ConnectionSettings) -> tuple[Field, ...]:
    """Return the fields that an end user fills in; none where consent is given instead, or nobody has an own account.

    `required` of each says whether it must be filled in; one that is neither required nor secret is as the
    connection has it where it is left empty.
    """
    return settings.account_fields


def fill(raw: RawConnection, entered: Mapping[str, str | Secret]) -> ConnectionSettings:
    """Return a connection with an end user's credentials in the place of its own. Reads files: not for an event loop.

    Args:
        raw: The connection.
        entered: What the end user has entered, by field; an empty text is nothing.
    Raises:
        EnteredFieldError: A field is missing, not asked for, or cannot be used.
        AuthorizationError: The connection has nothing that end users could enter.
        ConnectionConfigError: Something else is wrong with the connection.
    """
    app = build_settings(raw, allow_unfilled=True)
    asked = {item.name: item for item in account_fields(app)}
    if not asked:
        raise AuthorizationError(
            f"Connection '{app.conn_id}' of type '{app.conn_type}' has no fields that an end user could fill in."
        )
    texts = {name: _check_text(asked, name, value) for name, value in entered.items()}
    given = {name: text for name, text in texts.items() if text.strip()}
    for name, item in asked.items():
        if item.required and name not in given:
            raise EnteredFieldError(name, f"is empty, and needed; fill in '{item.label}'")
    try:
        filled = build_settings(_overlay(raw, asked, given))
    except ConnectionConfigError as error:
        if error.field in asked:
            raise EnteredFieldError(error.field, error.problem) from None
        raise
    return _restrict(app, filled) if "host" in given else filled


def refill(settings: ConnectionSettings, entered: Mapping[str, str | Secret]) -> ConnectionSettings:
    """Do what `fill` does, for a connection that was read already."""
    assert settings.raw is not None
    return fill(settings.raw.reveal(), entered)


def _check_text(asked: Mapping[str, Field], name: str, value: object) -> str:
    item = asked.get(name)
    if item is None:
        raise EnteredFieldError(_short(name), f"is not asked for; fill in: {', '.join(asked)}")
    text = value.reveal() if isinstance(value, Secret) else value
    if not isinstance(text, str):
        raise EnteredFieldError(name, "is no text; give plain text")
    if len(text) > MAX_CHARS:
        raise EnteredFieldError(name, f"is longer than {MAX_CHARS} characters")
    try:
        # A key in PEM has lines.
        is_key = name == "private_key"
        check_no_controls(text.translate({10: None, 13: None}) if is_key else text, name)
    except CredentialFormatError as error:
        raise EnteredFieldError(name, error.problem) from None
    return text


def _overlay(raw: RawConnection, asked: Mapping[str, Field], given: Mapping[str, str]) -> RawConnection:
    """Return a connection's columns with an account's fields in the place of its own account's.

    Nothing of its own account is left: what must be entered, or is secret, never comes from there.
    """
    extra = read_extra(raw.conn_id, raw.extra)
    columns: dict[str, Any] = {}
    for name, item in asked.items():
        if name not in given and not item.required and not item.is_secret:
            continue
        if item.column:
            columns[item.column] = given.get(name)
        else:
            extra[name] = given.get(name)
    if "host" in columns:
        columns.update(schema=None, port=None)
    return replace(raw, extra=extra, **columns)


def _restrict(app: ConnectionSettings, filled: ConnectionSettings) -> ConnectionSettings:
    """Return a connection whose base URL an end user has typed: it may lead to public hosts alone, over https.

    Hosts that the connection lists are known to whoever edits it, and may be private, or take its secret headers.

    Raises:
        EnteredFieldError: It may not lead there.
    """
    assert filled.base_url is not None
    known = HostGuard(app.base_url, app.allowed_hosts, allow_http=app.allow_http)
    if known.allows(filled.base_url):
        return filled
    problem = check_public_url(filled.base_url)
    if problem is None and filled.secret_headers:
        problem = (
            "leads to a host that may not have this connection's secret headers. Whoever looks after the connection can"
            " list the host in field 'allowed_hosts'"
        )
    if problem is not None:
        raise EnteredFieldError("host", problem)
    return replace(filled, allow_http=False, transport=replace(filled.transport, is_public_only=True))


def verify(settings: ConnectionSettings) -> Steps[Account | None]:
    """Ask the API who an account is, with what was entered for it.

    Args:
        settings: What `fill` has returned.
    Returns:
        The account; None where nothing says how to ask.
    Raises:
        AuthorizationError: The API, or its login, refuses it.
        TransportError: It does not answer.
        IntegryError: As `find_account` says.
    """
    credentials = yield from obtain_credentials(settings)
    return (yield from find_account(settings, credentials))


def obtain_credentials(settings: ConnectionSettings) -> Steps[Credentials]:
    """Return what a request is signed with that uses the fields of a connection; a login is made where that takes one.

    Raises:
        AuthorizationError: The login refuses it, or the credential comes from a consent.
        TransportError: The login does not answer.
        MissingFieldError: The connection has no account of its own.
    """
    settings.check_filled()
    auth = settings.auth
    if isinstance(auth, JwtSigning):
        token = mint_jwt(auth, now=time.time())
        found: Credentials = BearerToken(token.access_token, auth.header_name, auth.header_prefix)
    elif isinstance(auth, JwtLogin):
        steps = obtain_token(auth, refresh_token=None, endpoint=None, now=time.time, unique=lambda: uuid4().hex)
        obtained = yield from converse(steps, settings.transport, what="Login", total_s=_LOGIN_S)
        found = build_credentials(auth, obtained.token)
    elif isinstance(auth, Credentials):
        found = auth
    else:
        raise AuthorizationError(f"Connection '{settings.conn_id}': its credential comes from an endpoint.")
    return Combined(main_of(found), settings.secret_headers) if settings.secret_headers else found


def store_entered(
    store: AuthorizationStore,
    journal: Journal,
    events: Events,
    subject: Subject,
    entered: Mapping[str, str | Secret],
    account: Account | None,
    *,
    owner: str,
) -> Steps[Authorization]:
    """Keep what was entered for an authorization, in the place of anything that is there.

    Args:
        store: Where grants are kept.
        journal: Where grants are on their way there: what is on its way to the old one is dropped.
        events: Is told.
        subject: Which authorization.
        entered: What `fill` has accepted.
        account: Whose it is, as `verify` has found out; None where nobody has told.
        owner: Who did it, for the audit log.
    Returns:
        The row as it is now.
    Raises:
        StoreError: It cannot be written.
        NotAuthorizedError: It cannot be kept under such a name.
    """
    check_new_names(subject.key)
    kept = {name: one if isinstance(one, Secret) else Secret(one) for name, one in entered.items()}
    kept = {name: secret for name, secret in kept.items() if secret.reveal().strip()}
    for left in reversed(range(STORING_TRIES)):
        try:
            row: Authorization | None = yield Do(partial(_write, store, journal, subject, kept, account))
        except StoreUnavailableError:
            if not left:
                raise
            log.warning("Connection '%s': an account is not stored yet; trying again.", subject.key.conn_id)
            yield Pause(1.0)
            continue
        if row is not None:
            # Writes to the database, which must not hold up an event loop.
            yield Do(partial(events.authorized, row, owner))
            return row
    raise StoreUnavailableError("The authorization changes all the time; try again.")


def _write(
    store: AuthorizationStore,
    journal: Journal,
    subject: Subject,
    entered: Mapping[str, Secret],
    account: Account | None,
) -> Authorization | None:
    """Write once; None where somebody else has changed the row at this moment."""
    found = store.find(subject.key.digest)
    values = {
        **fresh_values(subject, None),
        "sealed": seal(GrantSecrets(entered=entered), subject.key.digest),
        # Random: a hash of a password that people choose would tell it to whoever reads the database.
        "token_fingerprint": random_secrets.token_hex(8),
        "refreshed_at": found.now if found else store.read_clock(),
        "account_id": account.id[:255] if account and account.id else None,
        "account_name": account.name[:255] if account and account.name else None,
    }
    if found is None:
        was_written = store.add(subject.key, {**values, "generation": 1})
    else:
        was_written = store.change(found, {**values, "generation": found.generation + 1})
        if was_written:
            journal.remove(found.digest, found.generation)
    return store.find(subject.key.digest) if was_written else None


def _short(name: object) -> str:
    text = "".join(char if char.isprintable() else "?" for char in str(name))
    return text if len(text) <= 40 else f"{text[:39]}…"
