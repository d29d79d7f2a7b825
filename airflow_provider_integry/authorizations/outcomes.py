"""What the end of a refresh means: which columns a new token fills, and what an error says about the grant."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from airflow_provider_integry.auth.dpop import ProofKey, dump_proof_key, load_proof_key, make_proof_key
from airflow_provider_integry.auth.grants import Obtained
from airflow_provider_integry.auth.oauth2 import OAuth2Settings
from airflow_provider_integry.authorizations.grant import Authorization, GrantSecrets, choose_end, choose_windows
from airflow_provider_integry.authorizations.journal import JournalEntry
from airflow_provider_integry.authorizations.links import authorize_link
from airflow_provider_integry.authorizations.subject import Subject
from airflow_provider_integry.errors import (
    ConnectionBrokenError,
    IntegryError,
    InvalidGrantError,
    ReauthorizationNeededError,
    RequestTimeoutError,
    ResponseTooLargeError,
    TokenEndpointUnavailableError,
    TokenResponseError,
)

# Statuses that say that nothing was done.
_NOT_DONE = (429, 503)
# After one of these the server may have acted: a refresh token may be used up.
_MAYBE_DONE = (RequestTimeoutError, ConnectionBrokenError, TokenResponseError, ResponseTooLargeError)


def may_have_acted(error: Exception) -> bool:
    """Return whether the token endpoint may have done its work although no token arrived."""
    if isinstance(error, TokenEndpointUnavailableError):
        return error.status not in _NOT_DONE
    return isinstance(error, _MAYBE_DONE) or not isinstance(error, IntegryError)


def build_loss(subject: Subject, cause: str, error: IntegryError | None) -> ReauthorizationNeededError:
    """Return the error that everybody gets whose grant is lost for this cause."""
    said = f" {error}" if error else ""
    if cause == "refresh_outcome_unknown":
        said = (
            " A refresh was sent and its answer never arrived; the refresh token is used up"
            f"{' since' if error is None else ', as the service says now'}.{said}"
        )
    # An invalid_grant says by itself what to do.
    key = subject.key
    link = authorize_link(key.conn_id, key.end_user, key.account) if subject.has_consent else None
    advice = "" if isinstance(error, InvalidGrantError) or link else " Authorize again, or paste a new refresh token."
    reason = f"the grant is lost ({cause}).{said}{advice}"
    return ReauthorizationNeededError(key.conn_id, key.end_user, reason, cause, link)


def choose_proof_key(subject: Subject, secrets: GrantSecrets) -> ProofKey | None:
    """Return the key that a token is to be bound to; None for plain tokens."""
    if not (isinstance(subject.settings, OAuth2Settings) and subject.settings.uses_dpop):
        return None
    return load_proof_key(secrets.proof_key) if secrets.proof_key else make_proof_key()


def build_entry(
    subject: Subject,
    row: Authorization,
    secrets: GrantSecrets,
    obtained: Obtained,
    proof_key: ProofKey | None,
    offset_s: float,
) -> JournalEntry:
    """Return what is kept of an answer.

    Args:
        subject: For what.
        row: The row, with our lease.
        secrets: What it held before.
        obtained: The answer.
        proof_key: Key that the token is bound to.
        offset_s: Seconds that the database is ahead of this machine.
    """
    token = obtained.token
    told_end_at = token.refresh_expires_at + offset_s if token.refresh_expires_at is not None else None
    expires_at = token.expires_at + offset_s if token.expires_at is not None else None
    windows = choose_windows(row.now, expires_at, jitter())
    is_new = bool(token.refresh_token) and token.refresh_token != secrets.refresh_token
    values: dict[str, Any] = {
        "state": "active",
        "token_fingerprint": token.fingerprint,
        **windows._asdict(),
        "refreshed_at": row.now,
        "is_rotating": row.is_rotating or is_new,
        "scopes": " ".join(token.scopes) if token.scopes is not None else row.scopes,
        "unknown_since": None,
        "failures": 0,
        "cool_until": None,
        "error": None,
        "error_at": None,
        **choose_end(row, told_end_at, subject.grant_lifetime_s)._asdict(),
    }
    kept = replace(
        secrets,
        access_token=token.access_token,
        refresh_token=token.refresh_token or secrets.refresh_token,
        token_type=token.token_type,
        proof_key=dump_proof_key(proof_key) if proof_key else None,
        endpoint=obtained.endpoint,
        nonce=obtained.nonce,
        token_secret=token.token_secret,
    )
    return JournalEntry(row.digest, row.created_at, row.generation, kept, values)


def jitter() -> float:
    """Return a random number in [0, 1), so that what was made together is not renewed together."""
    return random.random()  # noqa: S311 - scatter, no secret


def dump(data: dict[str, Any]) -> str:
    """Return an error as it is kept in a row."""
    # Lazy for start-up cost: nothing is wrong most of the time.
    import msgspec

    return msgspec.json.encode(data).decode()


def load(text: str) -> dict[str, Any]:
    """Return an error of a row, for `from_wire`."""
    # Lazy for start-up cost, as above.
    import msgspec

    return dict(msgspec.json.decode(text))
