"""What an administrator does to one grant: replace it by another, or wipe it.

Both are changes like any other (compare-and-swap on the version), and both begin a new generation: a
refresh that is on its way at that moment finds that its row has moved on, and what it obtained is dropped.
"""

from __future__ import annotations

from typing import Any

from airflow_provider_integry.auth.oauth1_consent import OAuth1Consent
from airflow_provider_integry.auth.oauth2 import GIVEN_GRANTS, OAuth2Settings
from airflow_provider_integry.authorizations import metrics
from airflow_provider_integry.authorizations.asset_events import announce_lost, announce_ready
from airflow_provider_integry.authorizations.events import record
from airflow_provider_integry.authorizations.grant import Authorization, AuthorizationKey, add_seed, is_known_seed
from airflow_provider_integry.authorizations.journal import Journal
from airflow_provider_integry.authorizations.rows import fresh_values
from airflow_provider_integry.authorizations.store import AuthorizationStore
from airflow_provider_integry.authorizations.subject import Subject
from airflow_provider_integry.errors import AuthorizationError
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.settings import ConnectionSettings

# What stays of a grant that is wiped: which authorization it was, and what tells a newly pasted token.
_WIPED = (
    "sealed",
    "token_fingerprint",
    "expires_at",
    "advise_at",
    "require_at",
    "refreshed_at",
    "grant_ends_at",
    "scopes",
    "account_id",
    "account_name",
    "unknown_since",
    "cool_until",
    "error",
    "error_at",
)


def check_grant(settings: ConnectionSettings) -> None:
    """Refuse a connection that needs no grant, because its own credentials suffice.

    Raises:
        AuthorizationError: There is no grant that could be imported or revoked.
    """
    auth = settings.auth
    if isinstance(auth, OAuth1Consent):
        return
    if settings.account_fields:
        raise AuthorizationError(
            f"Connection '{settings.conn_id}' is of type '{settings.conn_type}': its own credentials are in its fields."
            " End users have their own; name one with --end-user."
        )
    how = f"is of type '{settings.conn_type}'"
    if isinstance(auth, OAuth2Settings):
        if auth.grant_type in GIVEN_GRANTS:
            return
        how = f"uses grant type '{auth.grant_type}'"
    raise AuthorizationError(
        f"Connection '{settings.conn_id}' {how}: its own credentials suffice, and it holds no grant. Grants belong to"
        " connections of type 'integry_oauth2' with field 'grant_type' set to"
        " 'authorization_code' or 'refresh_token', or of type 'integry_oauth1' with a consent page."
    )


def check_importable(settings: ConnectionSettings) -> None:
    """Refuse a connection whose grant no refresh token can stand for.

    Raises:
        AuthorizationError: It holds no grant, or one of OAuth 1.0a.
    """
    if not isinstance(settings.auth, OAuth1Consent | OAuth2Settings):
        raise AuthorizationError(
            f"Connection '{settings.conn_id}' is of type '{settings.conn_type}', which has no refresh tokens. Its own"
            " credentials are in its fields; those of an end user are entered with 'airflow integry authorize"
            f" {settings.conn_id} --end-user NAME'."
        )
    check_grant(settings)
    if isinstance(settings.auth, OAuth1Consent):
        raise AuthorizationError(
            f"Connection '{settings.conn_id}' of type '{settings.conn_type}' has no refresh tokens: its grant comes"
            " out of a consent. Authorize it on Airflow's page 'Authorizations', or paste an access token and its"
            " secret into the connection."
        )


def import_grant(
    store: AuthorizationStore, journal: Journal, subject: Subject, refresh_token: Secret, *, owner: str
) -> Authorization:
    """Make a refresh token the grant of an authorization, in the place of any that is there.

    What is pasted into the connection now counts as seen, so that it does not take over again.

    Args:
        store: Where grants are kept.
        journal: Where grants are on their way there.
        subject: Which authorization, of a connection that `check_importable` accepts.
        refresh_token: Obtained elsewhere, for the connection's client.
        owner: Who does it, for the audit log.
    Returns:
        The row as it is now.
    Raises:
        StoreError: It cannot be written.
    """
    values = fresh_values(subject, refresh_token)
    while True:
        row = store.find(subject.key.digest)
        if row is None:
            was_written = store.add(subject.key, values)
        else:
            was_written = _begin_anew(store, journal, row, {**values, "seed": _remember(row, subject.seed_digest)})
        found = store.find(subject.key.digest) if was_written else None
        if found is not None:
            metrics.count("grant.imported")
            record("imported", found, owner=owner)
            announce_ready(found, imported=True)
            return found


def revoke_grant(
    store: AuthorizationStore, journal: Journal, key: AuthorizationKey, seed_digest: str | None, *, owner: str
) -> Authorization | None:
    """Wipe a grant here; the service that gave it is not told.

    Args:
        store: Where grants are kept.
        journal: Where grants are on their way there.
        key: Which authorization.
        seed_digest: Digest of what is pasted into the connection now, so that it does not take over.
        owner: Who does it, for the audit log.
    Returns:
        The row as it is now; None where nothing is kept.
    Raises:
        StoreError: It cannot be written.
    """
    wiped: dict[str, Any] = {**dict.fromkeys(_WIPED), "state": "revoked", "is_rotating": False, "failures": 0}
    while (row := store.find(key.digest)) is not None:
        if _begin_anew(store, journal, row, {**wiped, "seed": _remember(row, seed_digest)}):
            metrics.count("grant.revoked")
            record("revoked", row, owner=owner)
            announce_lost(row, "revoked")
            return store.find(key.digest)
    return None


def _begin_anew(store: AuthorizationStore, journal: Journal, row: Authorization, values: dict[str, Any]) -> bool:
    """Change a row to its next generation; what is on its way to the old one is of no use any more."""
    if not store.change(row, {**values, "generation": row.generation + 1}):
        return False
    journal.remove(row.digest, row.generation)
    return True


def _remember(row: Authorization, seed_digest: str | None) -> str | None:
    """Return column `seed` with what is pasted in the connection now, so that it does not take over later."""
    if seed_digest is None or is_known_seed(row.seed, seed_digest):
        return row.seed
    return add_seed(row.seed, seed_digest)
