"""From a token to what signs requests with it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from airflow_provider_integry.auth.credentials import ApiKey, BearerToken, DPoPToken, OAuth1
from airflow_provider_integry.auth.dpop import ProofKey
from airflow_provider_integry.auth.grants import TokenSettings
from airflow_provider_integry.auth.jwt import JwtLogin
from airflow_provider_integry.auth.oauth1_consent import OAuth1Consent
from airflow_provider_integry.auth.token import Token

_NO_NONCES: Mapping[str, str] = MappingProxyType({})


def build_credentials(
    settings: TokenSettings,
    token: Token,
    proof_key: ProofKey | None = None,
    nonces: Mapping[str, str] = _NO_NONCES,
) -> ApiKey | BearerToken | DPoPToken | OAuth1:
    """Return what a request is signed with.

    Args:
        settings: How the token is used.
        token: The token.
        proof_key: Key that it is bound to (RFC 9449); None for plain tokens.
        nonces: The servers' latest nonces for proofs, by origin.
    """
    if isinstance(settings, OAuth1Consent):
        return settings.credentials(token)
    if isinstance(settings, JwtLogin) and settings.cookie_name:
        return ApiKey(token.access_token, "cookie", settings.cookie_name)
    if proof_key is not None and token.token_type.lower() == "dpop":
        return DPoPToken(token.access_token, proof_key, nonces)
    return BearerToken(token.access_token, settings.header_name, settings.header_prefix)
