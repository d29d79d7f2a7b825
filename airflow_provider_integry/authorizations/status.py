"""Where one authorization stands, in words: one pure decision over its row."""

from __future__ import annotations

import msgspec

from airflow_provider_integry.auth.readiness import ProbeResult, Readiness, decide_readiness
from airflow_provider_integry.authorizations.errors_wire import from_wire
from airflow_provider_integry.authorizations.grant import Authorization, is_newly_pasted
from airflow_provider_integry.authorizations.messages import Status
from airflow_provider_integry.authorizations.subject import Entered, Subject
from airflow_provider_integry.errors import IntegryError

_CHANGED = "the connection's client id, endpoints or base URL were changed after it was authorized"


def build_status(subject: Subject, row: Authorization | None) -> Status:
    """Return where an authorization stands.

    Args:
        subject: What the connection says now.
        row: What is kept; None when nothing is.
    """
    if row is None:
        is_complete = not subject.is_grant or subject.seed is not None
        missing = "nobody has authorized it yet" if subject.has_consent else "there is no refresh token yet"
        if isinstance(subject.settings, Entered):
            missing = "nobody has entered its credentials yet"
        reason = "" if is_complete else missing
        return Status(str(decide_readiness(is_complete=is_complete)), reason)
    readiness, reason = judge_row(row)
    if row.is_grant and row.binding != subject.binding and row.state == "active":
        readiness, reason = Readiness.NEEDS_REAUTHORIZATION, _CHANGED
    if subject.seed_digest is not None and is_newly_pasted(row, subject.seed_digest):
        # A newly pasted refresh token replaces whatever there is at its first use.
        readiness, reason = Readiness.READY, ""
    return Status(
        str(readiness),
        reason,
        account_id=row.account_id,
        account_name=row.account_name,
        scopes=row.scopes.split() if row.scopes is not None else None,
        expires_in_s=row.expires_at - row.now if row.expires_at is not None else None,
        refreshed_at=row.refreshed_at,
        grant_ends_at=row.grant_ends_at,
    )


def judge_row(row: Authorization) -> tuple[Readiness, str]:
    """Return where a row stands by itself, and why."""
    error = read_error(row)
    reason = str(error) if error else ""
    if row.state != "active":
        is_revoked = row.state == "revoked"
        return decide_readiness(is_complete=True, is_revoked=is_revoked, grant_refused=not is_revoked), reason
    if error is None or row.is_alive():
        return decide_readiness(is_complete=True), ""
    probe: ProbeResult = "unreachable" if error.retryable else "rejected"
    return decide_readiness(is_complete=True, probe=probe), reason


def read_error(row: Authorization) -> IntegryError | None:
    """Return the last error of a row; None where there is none."""
    return from_wire(msgspec.json.decode(row.error)) if row.error else None
