"""JWTs as credentials: signed here, or fetched from a login endpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode

import jwt as pyjwt

from airflow_provider_integry.auth.apply import encode_basic
from airflow_provider_integry.auth.token import Token, TokenShape, parse_number
from airflow_provider_integry.auth.wire import HttpRequest
from airflow_provider_integry.errors import CredentialFormatError
from airflow_provider_integry.secret import Secret

SigningAlgorithm = Literal[
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]
LoginFormat = Literal["json", "form", "basic"]
# Servers with clocks behind ours refuse a token from their future; half a minute back harms nobody.
CLOCK_SKEW_S = 30


@dataclass(frozen=True, slots=True)
class JwtSigning:
    """How to make a JWT here.

    Attributes:
        key: Shared secret, or private key as PEM; checked by `keys.check_signing_key`.
        algorithm: JWS algorithm (RFC 7518 section 3.1).
        lifetime_s: Seconds from making to `exp` (> 0).
        issuer, subject, audience: `iss`, `sub` and `aud`; left out when empty.
        key_id: `kid` of the header.
        claims: Further claims; they win over the standard ones.
        header_name, header_prefix: Where the token goes on a request.
    """

    key: Secret
    algorithm: SigningAlgorithm = "HS256"
    lifetime_s: int = 300
    issuer: str | None = None
    subject: str | None = None
    audience: str | None = None
    key_id: str | None = None
    claims: Mapping[str, Any] = field(default_factory=dict)
    header_name: str = "Authorization"
    header_prefix: str = "Bearer "

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Every secret in here, for masking and redaction."""
        return (self.key,)


@dataclass(frozen=True, slots=True)
class JwtLogin:
    """How to fetch a JWT from a login endpoint.

    Attributes:
        url: Login endpoint, absolute.
        username, password: What is logged in with.
        body_format: JSON or form body; ``basic`` sends both as Basic authentication instead.
        body: Body to send, in which ``{username}`` and ``{password}`` stand for the two.
        shape: Where token and expiry are in the answer.
        header_name, header_prefix: Where the token goes on a request.
        second_url: Endpoint that trades the first token for the one to use; None where one step is all.
        second_body: JSON body for it, in which ``{token}`` stands for the first token, which is also sent
            as a Bearer token.
        second_shape: Where token and expiry are in the second answer.
        cookie_name: Session cookie that the login sets and that is the credential; None for a token.
    """

    url: str
    username: str
    password: Secret
    body_format: LoginFormat = "json"
    body: Mapping[str, Any] = field(default_factory=lambda: {"username": "{username}", "password": "{password}"})
    shape: TokenShape = field(default_factory=TokenShape)
    header_name: str = "Authorization"
    header_prefix: str = "Bearer "
    second_url: str | None = None
    second_body: Mapping[str, Any] = field(default_factory=dict)
    second_shape: TokenShape = field(default_factory=TokenShape)
    cookie_name: str | None = None

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Every secret in here, for masking and redaction."""
        return (self.password,)


def mint_jwt(settings: JwtSigning, *, now: float) -> Token:
    """Sign a JWT.

    Args:
        settings: Key, algorithm and claims.
        now: Current time, UTC epoch seconds.
    Returns:
        Token whose `expires_at` is the JWT's `exp`.
    Raises:
        CredentialFormatError: The key does not fit the algorithm, or a claim is no JSON.
    Source: RFC 7519 section 4.1.
    """
    issued_at = int(now)
    claims: dict[str, Any] = {"iat": issued_at - CLOCK_SKEW_S, "exp": issued_at + settings.lifetime_s}
    named = {"iss": settings.issuer, "sub": settings.subject, "aud": settings.audience}
    claims.update({name: value for name, value in named.items() if value})
    claims.update(settings.claims)
    ends_at = parse_number(claims["exp"])
    if ends_at is None:
        raise CredentialFormatError("JWT", "cannot be made: the further claim 'exp' is not a number of seconds")
    headers = {"kid": settings.key_id} if settings.key_id else None
    try:
        text = pyjwt.encode(claims, settings.key.reveal(), algorithm=settings.algorithm, headers=headers)
    except (pyjwt.PyJWTError, TypeError, ValueError, AttributeError, NotImplementedError):
        # PyJWT finds out by AttributeError that a public key does not sign.
        raise CredentialFormatError(
            "JWT", f"cannot be signed with {settings.algorithm}; check the signing key and the extra claims"
        ) from None
    return Token(Secret(text), expires_at=ends_at)


def build_login_request(settings: JwtLogin) -> HttpRequest:
    """Build the request that logs in.

    Placeholders are replaced once, as text: a password that looks like a placeholder stays as it is.
    """
    headers = [("Accept", "application/json")]
    values = {"{username}": settings.username, "{password}": settings.password.reveal()}
    if settings.body_format == "basic":
        headers.append(("Authorization", encode_basic(settings.username, settings.password.reveal())))
        return HttpRequest("POST", settings.url, tuple(headers), b"")
    body = _fill(settings.body, values)
    if settings.body_format == "json":
        headers.append(("Content-Type", "application/json"))
        return HttpRequest("POST", settings.url, tuple(headers), json.dumps(body).encode())
    headers.append(("Content-Type", "application/x-www-form-urlencoded"))
    form = {name: _form_text(value) for name, value in body.items()}
    return HttpRequest("POST", settings.url, tuple(headers), urlencode(form).encode())


def build_second_request(settings: JwtLogin, token: Secret) -> HttpRequest:
    """Build the request that trades the login's token for the one to use."""
    headers = [
        ("Accept", "application/json"),
        ("Authorization", f"Bearer {token.reveal()}"),
        ("Content-Type", "application/json"),
    ]
    body = _fill(settings.second_body, {"{token}": token.reveal()})
    return HttpRequest("POST", settings.second_url or "", tuple(headers), json.dumps(body).encode())


def _form_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _fill(template: Any, values: Mapping[str, str]) -> Any:
    if isinstance(template, str):
        return values.get(template, template)
    if isinstance(template, Mapping):
        return {key: _fill(value, values) for key, value in template.items()}
    if isinstance(template, list):
        return [_fill(value, values) for value in template]
    return template
