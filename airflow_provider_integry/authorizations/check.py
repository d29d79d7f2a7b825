"""The Test action: one authorization is tried against its API, and what came of it is said in words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_integry.auth.credentials import Credentials
from airflow_provider_integry.auth.dpop import load_proof_key
from airflow_provider_integry.auth.token import Token
from airflow_provider_integry.authorizations.entered import refill, verify
from airflow_provider_integry.authorizations.identity import find_account
from airflow_provider_integry.authorizations.issuing import build_credentials
from airflow_provider_integry.authorizations.refresh import HandedOut, Refresher
from airflow_provider_integry.authorizations.steps import Do, Steps
from airflow_provider_integry.authorizations.subject import Entered, Subject
from airflow_provider_integry.connectors.user_info import Account
from airflow_provider_integry.errors import CredentialsRejectedError, IntegryError
from airflow_provider_integry.settings import ConnectionSettings

if TYPE_CHECKING:
    from airflow_provider_integry.authorizations.grant import Authorization

# Seconds to wait for somebody else who is renewing the token.
WAIT_S = 10.0
# Characters of columns `account_id` and `account_name`.
_MAX_ACCOUNT = 255


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What came of a test.

    Attributes:
        is_ok: Whether the credential works, as far as it could be tried.
        message: The same in one or two sentences; no secret.
        account: Who the API says it is; None when it was not asked or does not say.
        is_tried: Whether the API itself was asked.
        is_other_account: Whether it is another account than the one that authorized.
        error: What is wrong; None when it works.
    """

    is_ok: bool
    message: str
    account: Account | None = None
    is_tried: bool = False
    is_other_account: bool = False
    error: IntegryError | None = None


def check_authorization(
    refresher: Refresher, settings: ConnectionSettings, subject: Subject | None
) -> Steps[CheckResult]:
    """Obtain a credential, renewing it only where that is needed, and ask the API who it belongs to.

    An account that was not known is kept with the authorization.

    Args:
        refresher: Hands out kept tokens.
        settings: The connection.
        subject: Which authorization; None for connections whose credential is in the connection itself.
    Returns:
        What came of it, also where something is wrong.
    Raises:
        StoreError: Kept grants cannot be read.
    """
    try:
        if subject is None:
            return _describe((yield from verify(settings)), None)
        if isinstance(subject.settings, Entered):
            return (yield from _check_entered(refresher, settings, subject))
        return (yield from _check_kept(refresher, settings, subject))
    except IntegryError as error:
        return CheckResult(is_ok=False, message=str(error), error=error)


def _check_kept(refresher: Refresher, settings: ConnectionSettings, subject: Subject) -> Steps[CheckResult]:
    found: HandedOut = yield from refresher.hand_out(subject, wait_s=WAIT_S)
    try:
        account = yield from find_account(settings, _kept_credentials(subject, found), found.secrets.kept)
    except CredentialsRejectedError:
        rejected = found.row.token_fingerprint
        # Renewed at once, where it can be: the service may have ended it before its time.
        found = yield from refresher.hand_out(subject, rejected, wait_s=WAIT_S)
        if found.row.token_fingerprint == rejected:
            raise
        account = yield from find_account(settings, _kept_credentials(subject, found), found.secrets.kept)
    if account is not None:
        yield Do(partial(_keep_account, refresher, found.row, account))
    return _describe(account, found.row)


def _check_entered(refresher: Refresher, settings: ConnectionSettings, subject: Subject) -> Steps[CheckResult]:
    found: HandedOut = yield from refresher.hand_out(subject)
    # A connector is a file.
    filled: ConnectionSettings = yield Do(lambda: refill(settings, found.secrets.entered))
    account = yield from verify(filled)
    if account is not None:
        yield Do(partial(_keep_account, refresher, found.row, account))
    return _describe(account, found.row)


def _kept_credentials(subject: Subject, found: HandedOut) -> Credentials:
    secrets = found.secrets
    assert secrets.access_token is not None
    assert not isinstance(subject.settings, Entered)
    token = Token(secrets.access_token, token_type=secrets.token_type, token_secret=secrets.token_secret)
    proof_key = load_proof_key(secrets.proof_key) if secrets.proof_key else None
    return build_credentials(subject.settings, token, proof_key)


def _keep_account(refresher: Refresher, row: Authorization, account: Account) -> None:
    """Write an account into its row where that knows none; one that is known stays, as only consent replaces it."""
    found = refresher.store.find(row.digest)
    # Another token may be another grant's, and another account's.
    while found is not None and found.token_fingerprint == row.token_fingerprint and found.state == "active":
        known = {"account_id": found.account_id, "account_name": found.account_name}
        told = {"account_id": account.id, "account_name": account.name}
        # A name alone may be written beside an id that is the same, never beside another's.
        is_other = found.account_id is not None and account.id is not None and found.account_id != account.id
        values = {key: text[:_MAX_ACCOUNT] for key, text in told.items() if text and known[key] is None}
        if not values or is_other or refresher.store.change(found, values, keeps_lease=True):
            return
        found = refresher.store.find(row.digest)


def _describe(account: Account | None, row: Authorization | None) -> CheckResult:
    if account is None:
        message = "A credential was obtained. Fill in 'User information URL' to try it against the API."
        return CheckResult(is_ok=True, message=message)
    known = Account(row.account_id, row.account_name) if row else Account()
    message = f"Connected as {name_account(account)}." if account.id or account.name else "Connected."
    is_other = bool(known.id and account.id and known.id != account.id[:_MAX_ACCOUNT])
    if is_other:
        message += f" It was authorized as {name_account(known)}: authorize it again if that is the right one."
    return CheckResult(is_ok=True, message=message, account=account, is_tried=True, is_other_account=is_other)


def name_account(account: Account) -> str:
    """Return an account in words: ``Ada (id 7)``."""
    if account.name and account.id:
        return f"{account.name} (id {account.id})"
    return account.name or (f"id {account.id}" if account.id else "an account without a name")
