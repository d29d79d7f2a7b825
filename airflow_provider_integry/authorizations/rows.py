"""What a row has to become: new, because a connection was changed or a token pasted, or unusable, and why."""

from __future__ import annotations

from typing import Any

from airflow_provider_integry.authorizations.crypto import seal
from airflow_provider_integry.authorizations.errors_wire import from_wire
from airflow_provider_integry.authorizations.grant import (
    ENTERED_TYPES,
    Authorization,
    GrantSecrets,
    add_seed,
    is_newly_pasted,
)
from airflow_provider_integry.authorizations.links import authorize_link
from airflow_provider_integry.authorizations.outcomes import load
from airflow_provider_integry.authorizations.subject import Subject
from airflow_provider_integry.errors import IntegryError, NotAuthorizedError
from airflow_provider_integry.secret import Secret


def explain(row: Authorization, verdict: str) -> IntegryError:
    """Return the error for an authorization that cannot be used now."""
    # What is entered is entered elsewhere.
    is_entered = row.conn_type in ENTERED_TYPES
    link = None if is_entered else authorize_link(row.conn_id, row.end_user, row.account)
    if verdict == "revoked":
        return NotAuthorizedError(row.conn_id, row.end_user, "it was revoked here.", link)
    if row.error is not None:
        return from_wire(load(row.error))
    return NotAuthorizedError(row.conn_id, row.end_user, "its token cannot be renewed.", link)


def fresh_values(subject: Subject, refresh_token: Secret | None) -> dict[str, Any]:
    """Return the columns of a row that starts over with what the connection says now.

    Args:
        subject: The authorization.
        refresh_token: What its first token is obtained with; None where the connection alone suffices.
    """
    return {
        "conn_type": subject.conn_type,
        "binding": subject.binding,
        "is_grant": subject.is_grant,
        "seed": subject.seed_digest,
        "sealed": seal(GrantSecrets(refresh_token=refresh_token), subject.key.digest),
        "state": "active",
        "is_rotating": False,
        "failures": 0,
        **dict.fromkeys(
            (
                "token_fingerprint",
                "expires_at",
                "advise_at",
                "require_at",
                "refreshed_at",
                "forced_at",
                "grant_ends_at",
                "idle_limit_s",
                "scopes",
                # Who it was for is not who it is for.
                "account_id",
                "account_name",
                "unknown_since",
                "cool_until",
                "cool_for",
                "error",
                "error_at",
                # What is new is used itself.
                "use_account",
            )
        ),
    }


def is_settled(subject: Subject, row: Authorization) -> bool:
    """Return whether `Refresher.open` would return a row as it stands."""
    return renewed_values(subject, row) is None and (not row.is_grant or row.binding == subject.binding)


def renewed_values(subject: Subject, row: Authorization) -> dict[str, Any] | None:
    """Return the columns that a changed connection makes new; None where the row stands."""
    seeds = subject.seed_digest
    if subject.is_grant:
        if seeds is None or not is_newly_pasted(row, seeds):
            return _corrected_values(subject, row)
        seeds = add_seed(row.seed, seeds)
    elif row.binding == subject.binding:
        return None
    return {**fresh_values(subject, subject.seed), "seed": seeds, "generation": row.generation + 1}


def _corrected_values(subject: Subject, row: Authorization) -> dict[str, Any] | None:
    """Return the columns that change because somebody corrects a connection; None where nothing does."""
    values: dict[str, Any] = {}
    # Pasted and never used: who changes the other fields is still setting it up.
    is_unused = row.refreshed_at is None and row.seed is not None and row.state == "active"
    if is_unused and row.binding != subject.binding:
        values["binding"] = subject.binding
    if row.cool_until is not None and row.cool_for != subject.fingerprint:
        values.update(cool_until=None, failures=0)
    return values or None


def is_window_over(subject: Subject, row: Authorization) -> bool:
    """Return whether an answer was lost so long ago that the old refresh token must not be tried again."""
    if not row.is_grant or row.unknown_since is None or not subject.retry_window_s:
        return False
    return row.now - row.unknown_since > subject.retry_window_s
