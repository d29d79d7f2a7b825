"""A grant that waits for somebody's word, as JSON values and back; and the credentials that it makes."""

from __future__ import annotations

from typing import Any

from airflow_provider_integry.auth.credentials import Combined, Credentials
from airflow_provider_integry.auth.dpop import dump_proof_key, load_proof_key
from airflow_provider_integry.auth.grants import Obtained
from airflow_provider_integry.auth.oauth1_consent import OAuth1Consent
from airflow_provider_integry.auth.oauth2 import OAuth2Settings
from airflow_provider_integry.auth.token import Token
from airflow_provider_integry.authorizations.granting import Given
from airflow_provider_integry.authorizations.issuing import build_credentials
from airflow_provider_integry.connectors.user_info import Account
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.settings import ConnectionSettings


def dump_given(given: Given) -> dict[str, Any]:
    """Return a grant as JSON values, secrets included: only to be encrypted."""
    token, account = given.obtained.token, given.account
    return {
        "access_token": token.access_token.reveal(),
        "refresh_token": token.refresh_token.reveal() if token.refresh_token else None,
        "token_secret": token.token_secret.reveal() if token.token_secret else None,
        "proof_key": dump_proof_key(given.proof_key).reveal() if given.proof_key else None,
        "expires_at": token.expires_at,
        "refresh_expires_at": token.refresh_expires_at,
        "scopes": list(token.scopes) if token.scopes is not None else None,
        "token_type": token.token_type,
        "endpoint": given.obtained.endpoint,
        "nonce": given.obtained.nonce,
        "local_now": given.local_now,
        "kept": dict(given.kept),
        "account": [account.id, account.name] if account else None,
    }


def load_given(data: dict[str, Any]) -> Given:
    """Return the grant that `dump_given` was given."""
    token = Token(
        Secret(data["access_token"]),
        data["expires_at"],
        refresh_token=_secret(data["refresh_token"]),
        scopes=tuple(data["scopes"]) if data["scopes"] is not None else None,
        token_type=data["token_type"],
        refresh_expires_at=data["refresh_expires_at"],
        token_secret=_secret(data["token_secret"]),
    )
    proof_key = _secret(data["proof_key"])
    return Given(
        Obtained(token, data["endpoint"], data["nonce"]),
        data["local_now"],
        data["kept"],
        Account(*data["account"]) if data["account"] else None,
        load_proof_key(proof_key) if proof_key else None,
    )


def credentials_of(settings: ConnectionSettings, given: Given) -> Credentials:
    """Return what a request of a connection is signed with that uses a new grant."""
    auth = settings.auth
    assert isinstance(auth, OAuth1Consent | OAuth2Settings)
    main = build_credentials(auth, given.obtained.token, given.proof_key)
    return Combined(main, settings.secret_headers) if settings.secret_headers else main


def _secret(text: str | None) -> Secret | None:
    return Secret(text) if text else None
