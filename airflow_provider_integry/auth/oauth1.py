"""OAuth 1.0a signatures (RFC 5849), computed by oauthlib."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import quote

from oauthlib.oauth1 import Client

from airflow_provider_integry.auth.credentials import OAuth1
from airflow_provider_integry.auth.wire import HttpRequest
from airflow_provider_integry.errors import CredentialFormatError

FORM = "application/x-www-form-urlencoded"


def build_client(credentials: OAuth1, *, timestamp: int | None = None, nonce: str | None = None) -> Client:
    """Build the oauthlib client that signs with these credentials.

    Args:
        credentials: Consumer and token.
        timestamp: UTC epoch seconds to sign with; None lets oauthlib take the time of each request.
        nonce: Nonce to sign with; None lets oauthlib make one for each request.
    """
    token = credentials.token.reveal() if credentials.token else None
    token_secret = credentials.token_secret.reveal() if credentials.token_secret else None
    private_key = credentials.private_key.reveal() if credentials.private_key else None
    return Client(
        credentials.consumer_key,
        client_secret=credentials.consumer_secret.reveal(),
        resource_owner_key=token,
        resource_owner_secret=token_secret,
        signature_method=credentials.signature_method,
        rsa_key=private_key,
        realm=credentials.realm,
        timestamp=None if timestamp is None else str(timestamp),
        nonce=nonce,
    )


def sign(request: HttpRequest, credentials: OAuth1, *, timestamp: int, nonce: str) -> HttpRequest:
    """Return the request with an ``Authorization: OAuth …`` header.

    A form-encoded body is part of the signature; any other body is not (RFC 5849 section 3.4.1.3.1).

    Raises:
        CredentialFormatError: The URL or the form body cannot be signed as it is.
    """
    content_type = (request.header("Content-Type") or "").split(";")[0].strip().lower()
    is_form = content_type == FORM and request.body is not None
    client = build_client(credentials, timestamp=timestamp, nonce=nonce)
    try:
        _, headers, _ = client.sign(
            _encode_query(request.url),
            http_method=cast("Any", request.method),  # the stub names nine methods, the code takes any
            body=(request.body or b"").decode("utf-8") if is_form else None,
            headers={"Content-Type": FORM} if is_form else {},
        )
    except ValueError:
        raise CredentialFormatError(
            "OAuth 1.0a signature",
            "cannot be made: percent-encode the URL's query and the form body, and check the private key",
        ) from None
    return request.with_header("Authorization", headers["Authorization"])


def _encode_query(url: str) -> str:
    """Return the URL with every character of its query encoded that oauthlib would not sign.

    HTTP clients send some of them as they are (``?filter[name]=x``); the signature is made of the decoded
    parameters, so that the encoding changes nothing in it.
    """
    head, mark, query = url.partition("?")
    return head + mark + quote(query, safe="!#$%&'()*+,/:;=?@~")
