"""Bodies that are streams, under credentials that have to see the body."""

from __future__ import annotations

from airflow_provider_integry.auth.credentials import Credentials, OAuth1
from airflow_provider_integry.auth.hmac_signing import HmacSigned
from airflow_provider_integry.errors import CredentialFormatError

_BODY_PLACEHOLDERS = ("{body}", "{body_hash}")


def check_stream(credentials: Credentials) -> None:
    """Refuse to send a stream with a credential that signs the body or goes into it.

    Raises:
        CredentialFormatError: It does; the body has to be given as bytes.
    """
    match credentials:
        case OAuth1(placement=placement, has_body_hash=has_body_hash):
            sees_body = placement == "body" or has_body_hash
        case HmacSigned(string_to_sign=string_to_sign, headers=headers):
            sees_body = any(mark in text for mark in _BODY_PLACEHOLDERS for text in (string_to_sign, *headers.values()))
        case _:
            sees_body = False
    if sees_body:
        raise CredentialFormatError(
            "This connection's signature", "has to see the body, and this one is a stream; give it as bytes"
        )
