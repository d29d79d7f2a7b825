"""JWTs that speak to a token endpoint: client authentication and the jwt-bearer grant (RFC 7523)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_integry.auth.jwt import JwtSigning, SigningAlgorithm, mint_jwt
from airflow_provider_integry.secret import Secret

CLIENT_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# RFC 7523 leaves the life open; servers refuse what lives much longer than it takes to arrive.
LIFETIME_S = 60


@dataclass(frozen=True, slots=True)
class AssertionSettings:
    """How to sign an assertion.

    Attributes:
        key: Private key as PEM, or a shared secret of at least the hash's size.
        algorithm: JWS algorithm.
        key_id: `kid` of the header.
        subject: `sub` of a jwt-bearer grant: whom the client acts for; the client itself by default.
        claims: Further claims; they win over the standard ones.
    """

    key: Secret
    algorithm: SigningAlgorithm = "RS256"
    key_id: str | None = None
    subject: str | None = None
    claims: Mapping[str, Any] = field(default_factory=dict)


def build_assertion(
    settings: AssertionSettings, *, client_id: str, audience: str, now: float, jti: str, subject: str | None = None
) -> Secret:
    """Sign an assertion.

    Args:
        settings: Key and claims.
        client_id: `iss`, and `sub` unless another is given.
        audience: The authorization server's issuer identifier, or the token endpoint where no issuer
            is known. One text, never a list: a list would let one server replay it at another.
        now: Current time, UTC epoch seconds.
        jti: Unique text; servers refuse a second use.
        subject: `sub`.
    Source: RFC 7523 section 3.
    """
    signing = JwtSigning(
        key=settings.key,
        algorithm=settings.algorithm,
        lifetime_s=LIFETIME_S,
        issuer=client_id,
        subject=subject or client_id,
        audience=audience,
        key_id=settings.key_id,
        claims={"jti": jti, **settings.claims},
    )
    return mint_jwt(signing, now=now).access_token
