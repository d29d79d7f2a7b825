"""The broker's work done in this process: for the command line, ``dag.test()`` and ``airflow tasks test``."""

from __future__ import annotations

import time
from dataclasses import replace

from airflow_provider_integry import config
from airflow_provider_integry.auth.dpop import load_proof_key
from airflow_provider_integry.auth.token import Token
from airflow_provider_integry.authorizations.accounts import locate
from airflow_provider_integry.authorizations.airflow_store import local_refresher, local_store, team_of
from airflow_provider_integry.authorizations.grant import Authorization, AuthorizationKey
from airflow_provider_integry.authorizations.messages import Status
from airflow_provider_integry.authorizations.refresh import HandedOut
from airflow_provider_integry.authorizations.status import build_status
from airflow_provider_integry.authorizations.steps import Do, Steps, arun_steps, run_steps
from airflow_provider_integry.authorizations.subject import Subject, build_subject
from airflow_provider_integry.authorizations.supply import Supplied, supply_entered
from airflow_provider_integry.settings import ConnectionSettings

# Other processes may replace the token: look again after this long.
LOOK_S = 60.0


class DirectSupplier:
    """Hands out tokens straight from the database.

    Args:
        settings: The connection.
        end_user: End user; None for the connection's own account.
        account: Which of several accounts; None for the default one.
    """

    def __init__(self, settings: ConnectionSettings, end_user: str | None = None, account: str | None = None) -> None:
        self._settings = settings
        self._end_user = end_user
        self._account = account

    def supply(self, rejected: str | None) -> Supplied:
        """Return a token; see `Supplier.supply`."""
        return run_steps(self._hand_out(rejected))

    async def asupply(self, rejected: str | None) -> Supplied:
        """Return a token; see `Supplier.asupply`."""
        return await arun_steps(self._hand_out(rejected))

    def _hand_out(self, rejected: str | None) -> Steps[Supplied]:
        subject: Subject = yield Do(lambda: find_subject(self._settings, self._end_user, self._account))
        found = yield from local_refresher().hand_out(subject, rejected, wait_s=config.wait_s(), is_eager=True)
        return _supplied(found)


def locate_subject(
    settings: ConnectionSettings, end_user: str | None, account: str | None
) -> tuple[Subject, Authorization | None]:
    """Return what is used for one authorization and what is kept of it, its team looked up in the database.

    Raises:
        AuthorizationError: The connection's credentials are not obtained from an endpoint, or not for end users.
        NotAuthorizedError: There is no such connected account.
    """
    key = AuthorizationKey(settings.conn_id, team_of(settings.conn_id), end_user, account)
    found = locate(local_store(), build_subject(settings, key).key)
    return build_subject(settings, found.key), found.row


def find_subject(settings: ConnectionSettings, end_user: str | None, account: str | None) -> Subject:
    """Return what is used for one authorization; see `locate_subject`."""
    return locate_subject(settings, end_user, account)[0]


def read_direct_status(settings: ConnectionSettings, end_user: str | None, account: str | None) -> Status:
    """Return where an authorization stands."""
    return build_status(*locate_subject(settings, end_user, account))


def _supplied(found: HandedOut) -> Supplied:
    row, secrets = found.row, found.secrets
    if secrets.entered:
        return supply_entered(secrets.entered, time.time() + LOOK_S)
    assert secrets.access_token is not None
    now = time.time()
    expires_at = now + (row.expires_at - row.now) if row.expires_at is not None else None
    token = Token(secrets.access_token, expires_at, token_type=secrets.token_type, token_secret=secrets.token_secret)
    if row.scopes is not None:
        token = replace(token, scopes=tuple(row.scopes.split()))
    good_until = now + LOOK_S
    if expires_at is not None:
        good_until = min(good_until, expires_at - 1.0)
    return Supplied(token, good_until, load_proof_key(secrets.proof_key) if secrets.proof_key else None, secrets.kept)
