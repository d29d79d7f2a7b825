"""Put a credential on a request: the one function that all transports use."""

from __future__ import annotations

from base64 import b64encode

from airflow_provider_integry.auth.credentials import (
    ApiKey,
    ApiKeyPair,
    Basic,
    BearerToken,
    Combined,
    Credentials,
    DPoPToken,
)
from airflow_provider_integry.auth.dpop import build_proof
from airflow_provider_integry.auth.hmac_signing import HmacSigned, sign_hmac
from airflow_provider_integry.auth.wire import HttpRequest
from airflow_provider_integry.urls import origin_of


def encode_basic(username: str, password: str) -> str:
    """Build the value of a Basic Authorization header, in UTF-8.

    Source: RFC 7617 section 2.1.
    """
    return "Basic " + b64encode(f"{username}:{password}".encode()).decode("ascii")


def apply(request: HttpRequest, credentials: Credentials, *, timestamp: float, nonce: str) -> HttpRequest:
    """Return the request as it has to be sent with these credentials.

    Args:
        request: The request; a credential that it already carries in the same place is replaced.
        credentials: Any of the mechanisms.
        timestamp: UTC epoch seconds; used by what signs (OAuth 1.0a, HMAC).
        nonce: Unique text; used by what signs.
    Raises:
        CredentialFormatError: The request cannot be signed as it is.
    """
    match credentials:
        case Combined(main=main, headers=headers):
            request = apply(request, main, timestamp=timestamp, nonce=nonce)
            for name, secret in headers:
                request = request.with_header(name, secret.reveal())
            return request
        case ApiKey():
            return _apply_key(request, credentials)
        case ApiKeyPair():
            request = request.with_header(credentials.key_name, credentials.key.reveal())
            return request.with_header(credentials.secret_name, credentials.secret.reveal())
        case Basic(username=username, password=password):
            return request.with_header("Authorization", encode_basic(username, password.reveal()))
        case BearerToken():
            return request.with_header(credentials.name, credentials.prefix + credentials.token.reveal())
        case DPoPToken():
            return _apply_dpop(request, credentials, timestamp, nonce)
        case HmacSigned():
            return sign_hmac(request, credentials, timestamp=timestamp, nonce=nonce)
        case _:
            # Lazy for start-up cost: oauthlib is needed by one connection type of eight.
            from airflow_provider_integry.auth.oauth1 import sign

            return sign(request, credentials, timestamp=int(timestamp), nonce=nonce)


def _apply_dpop(request: HttpRequest, credentials: DPoPToken, timestamp: float, nonce: str) -> HttpRequest:
    proof = build_proof(
        credentials.proof_key,
        method=request.method,
        url=request.url,
        now=timestamp,
        jti=nonce,
        access_token=credentials.token,
        nonce=credentials.nonces.get(str(origin_of(request.url))),
    )
    return request.with_header("Authorization", f"DPoP {credentials.token.reveal()}").with_header("DPoP", proof)


def _apply_key(request: HttpRequest, credentials: ApiKey) -> HttpRequest:
    value = credentials.prefix + credentials.key.reveal()
    if credentials.location == "header":
        return request.with_header(credentials.name, value)
    if credentials.location == "query":
        return request.with_query([(credentials.name, value)])
    others = [
        piece.strip()
        for piece in (request.header("Cookie") or "").split(";")
        if piece.strip() and piece.split("=", 1)[0].strip() != credentials.name
    ]
    return request.with_header("Cookie", "; ".join([*others, f"{credentials.name}={value}"]))
