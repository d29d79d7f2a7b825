"""From what was found to whether a connection can be used, with the reason in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_integry.auth.readiness import ProbeResult, Readiness, decide_readiness
from airflow_provider_integry.errors import (
    AuthorizationError,
    HttpStatusError,
    IntegryError,
    InvalidGrantError,
    MissingFieldError,
    NonRenewableTokenError,
)

if TYPE_CHECKING:
    from airflow_provider_integry.authorizations.messages import Status
    from airflow_provider_integry.connectors.user_info import Account


@dataclass(frozen=True, slots=True)
class Findings:
    """Where an authorization stands, and why.

    Attributes:
        readiness: The decision.
        reason: What is missing or was refused; empty when ready.
        account: Who the API says it is; None when nobody asked or it does not say.
        was_verified: Whether the API was asked.
    """

    readiness: Readiness
    reason: str = ""
    account: Account | None = None
    was_verified: bool = False

    def describe(self) -> str:
        """Say it in one sentence."""
        if self.readiness is not Readiness.READY:
            return self.reason
        if not self.was_verified:
            return "The settings are complete."
        if self.account is None:
            return (
                "The settings are complete and a credential was obtained. Fill in 'User information URL' to try it"
                " against the API."
            )
        name, account_id = self.account.name, self.account.id
        if name and account_id:
            return f"Connected as {name} (id {account_id})."
        return f"Connected as {name or account_id}." if name or account_id else "Connected."


def find_readiness(
    look_up: Callable[[], object],
    who_am_i: Callable[[], Account | None] | None,
    read_status: Callable[[], Status | None] | None = None,
) -> Findings:
    """Decide where an authorization stands.

    Args:
        look_up: Checks what can be checked without the API.
        who_am_i: Asks the API; None when it is not to be asked.
        read_status: Tells what is kept of the grant; None where nothing is kept.
    Raises:
        ConfigurationError: Something typed is wrong, rather than empty: waiting will not mend it.
        NotAuthorizedError: An end user was given, and the connection has none.
        BrokerError, StoreError: What is kept cannot be asked for.
    """
    try:
        look_up()
    except MissingFieldError as error:
        return Findings(decide_readiness(is_complete=False), str(error))
    kept = _judge_status(read_status()) if read_status else None
    if kept is not None:
        return kept
    if who_am_i is None:
        return Findings(decide_readiness(is_complete=True))
    try:
        account = who_am_i()
    except IntegryError as error:
        probe = _judge(error)
        if probe is None:
            raise
        is_refused = isinstance(error, InvalidGrantError | NonRenewableTokenError)
        readiness = decide_readiness(is_complete=True, grant_refused=is_refused, probe=probe)
        return Findings(readiness, str(error), was_verified=True)
    return Findings(decide_readiness(is_complete=True, probe="accepted"), account=account, was_verified=True)


def _judge_status(status: Status | None) -> Findings | None:
    """Return what a kept grant says; None when it is ready."""
    if status is None:
        return Findings(Readiness.PENDING, "The API server knows no such authorization, or not this connection.")
    readiness = Readiness(status.readiness)
    return None if readiness is Readiness.READY else Findings(readiness, status.reason)


def _judge(error: IntegryError) -> ProbeResult | None:
    """Return what a failed probe says about the authorization; None when it says nothing."""
    if error.retryable:
        return "unreachable"
    if isinstance(error, AuthorizationError):
        return "rejected"
    if isinstance(error, HttpStatusError):
        return "rejected" if error.status in (401, 403) else None
    return None
