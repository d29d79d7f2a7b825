"""OAuth 1.0a signatures (RFC 5849), computed by oauthlib."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from dataclasses import replace
from typing import Any, NoReturn, cast
from urllib.parse import quote

from oauthlib.oauth1 import SIGNATURE_TYPE_AUTH_HEADER, SIGNATURE_TYPE_BODY, SIGNATURE_TYPE_QUERY, Client

from airflow_provider_integry.auth.credentials import OAUTH1_PARAMETERS, OAuth1
from airflow_provider_integry.auth.keys import open_private_key
from airflow_provider_integry.auth.wire import HttpRequest
from airflow_provider_integry.errors import CredentialFormatError
from airflow_provider_integry.secret import Secret

FORM = "application/x-www-form-urlencoded"
_PERCENT = re.compile("%[0-9A-Fa-f]{2}")
_SIGNATURE_TYPES = {
    "header": SIGNATURE_TYPE_AUTH_HEADER,
    "query": SIGNATURE_TYPE_QUERY,
    "body": SIGNATURE_TYPE_BODY,
}


class _Client(Client):
    """oauthlib's client, told the body's hash: its own is SHA-1 for every method, and of text alone."""

    body_hash: str | None = None

    def __repr__(self) -> str:
        # oauthlib's own shows the token; `hook.auth` holds this object.
        return f"<OAuth 1.0a client, {self.signature_method}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("An OAuth 1.0a client cannot be pickled: its secrets would be written in clear.")

    def get_oauth_params(self, request: Any) -> list[tuple[str, str]]:
        """Return the protocol's parameters but the signature."""
        params = list(super().get_oauth_params(request))  # type: ignore[no-untyped-call]  # the stub has no types
        return [*params, ("oauth_body_hash", self.body_hash)] if self.body_hash else params


def build_client(credentials: OAuth1, *, timestamp: int | None = None, nonce: str | None = None) -> _Client:
    """Build the oauthlib client that signs with these credentials.

    Args:
        credentials: Consumer and token.
        timestamp: UTC epoch seconds to sign with; None lets oauthlib take the time of each request.
        nonce: Nonce to sign with; None lets oauthlib make one for each request.
    """
    token = credentials.token.reveal() if credentials.token else None
    token_secret = credentials.token_secret.reveal() if credentials.token_secret else None
    is_rsa = credentials.private_key is not None and credentials.signature_method.startswith("RSA")
    private_key = open_private_key(credentials.private_key) if is_rsa and credentials.private_key else None
    return _Client(
        credentials.consumer_key,
        client_secret=credentials.consumer_secret.reveal(),
        resource_owner_key=token,
        resource_owner_secret=token_secret,
        signature_method=credentials.signature_method,
        rsa_key=private_key,
        realm=credentials.realm,
        timestamp=None if timestamp is None else str(timestamp),
        nonce=nonce,
        signature_type=_SIGNATURE_TYPES[credentials.placement],
    )


def sign(
    request: HttpRequest,
    credentials: OAuth1,
    *,
    timestamp: int,
    nonce: str,
    callback: str | None = None,
    verifier: Secret | None = None,
) -> HttpRequest:
    """Return the request with the protocol's parameters in its header, query or form.

    A form-encoded body is part of the signature (RFC 5849 section 3.4.1.3.1); any other body only by its
    hash, where the credentials ask for one. Parameters of an earlier signature are replaced.

    Args:
        request: The request.
        credentials: Consumer and token.
        timestamp: UTC epoch seconds.
        nonce: Unique text.
        callback: Sent as `oauth_callback`, for temporary credentials (RFC 5849 section 2.1).
        verifier: Sent as `oauth_verifier`, to trade them for a token (section 2.3).
    Raises:
        CredentialFormatError: The request cannot be signed as it is.
    """
    _check_signable(request, credentials, callback, verifier)
    content_type = (request.header("Content-Type") or "").split(";")[0].strip().lower()
    is_form = content_type == FORM and request.body is not None
    if credentials.placement == "body":
        request, is_form = _as_form(request, is_form=is_form), True
    if credentials.placement == "query":
        request = replace(request, url=_without_parameters(request.url))
    client = build_client(credentials, timestamp=timestamp, nonce=nonce)
    client.callback_uri = callback
    client.verifier = verifier.reveal() if verifier else None
    if credentials.has_body_hash and not is_form:
        client.body_hash = _hash_body(request.body or b"", credentials.signature_method)
    try:
        url, headers, body = client.sign(
            _encode_query(request.url),
            http_method=cast("Any", request.method),  # the stub names nine methods, the code takes any
            body=(request.body or b"").decode("utf-8") if is_form else None,
            headers={"Content-Type": FORM if is_form else content_type or "application/octet-stream"},
        )
    except ValueError:
        raise CredentialFormatError(
            "OAuth 1.0a signature",
            "cannot be made: percent-encode the URL's query and the form body, and check the private key",
        ) from None
    if credentials.placement == "query":
        return replace(request, url=url)
    if credentials.placement == "body":
        return replace(request, body=(body or "").encode("utf-8"))
    return request.with_header("Authorization", headers["Authorization"])


def _check_signable(request: HttpRequest, credentials: OAuth1, callback: str | None, verifier: Secret | None) -> None:
    """Refuse what oauthlib signs otherwise than RFC 5849: services would refuse the signature, and nobody knew why.

    Raises:
        CredentialFormatError: The path ends with ``;``, which oauthlib leaves out; or a parameter of the protocol
            outside of the header holds ``%41`` or the like, which oauthlib decodes once more than it is encoded.
    """
    if request.url.partition("?")[0].endswith(";"):
        raise CredentialFormatError("OAuth 1.0a signature", "cannot be made of a path that ends with ';'; leave it out")
    if credentials.placement == "header":
        return
    secrets = (credentials.token, verifier)
    texts = (credentials.consumer_key, callback or "", *(secret.reveal() for secret in secrets if secret))
    if any(_PERCENT.search(text) for text in texts):
        raise CredentialFormatError(
            "OAuth 1.0a signature",
            "cannot be made outside of the header where key or token hold a '%'; set placement to header",
        )


def _hash_body(body: bytes, method: str) -> str:
    """Return `oauth_body_hash`: SHA-1 for the methods of RFC 5849, the later methods' own hash for those.

    Source: draft-eaton-oauth-bodyhash section 3, which hashes a missing body as an empty one.
    """
    name = method.rpartition("SHA")[2]
    digest = hashlib.new(f"sha{name}" if name in ("256", "512") else "sha1", body).digest()
    return b64encode(digest).decode("ascii")


def _as_form(request: HttpRequest, *, is_form: bool) -> HttpRequest:
    """Return the request as a form without the parameters of an earlier signature.

    Raises:
        CredentialFormatError: It has a body that is no form.
    """
    if request.body and not is_form:
        raise CredentialFormatError(
            "OAuth 1.0a signature", "goes into the body, but this body is no form; set placement to header or query"
        )
    form = _drop_parameters((request.body or b"").decode("utf-8", "replace"))
    return replace(request, body=form.encode("utf-8")).with_header("Content-Type", FORM)


def _without_parameters(url: str) -> str:
    head, mark, query = url.partition("?")
    kept = _drop_parameters(query)
    return head + (mark + kept if kept else "")


def _drop_parameters(text: str) -> str:
    pieces = [piece for piece in text.split("&") if piece]
    return "&".join(piece for piece in pieces if piece.split("=", 1)[0] not in OAUTH1_PARAMETERS)


def _encode_query(url: str) -> str:
    """Return the URL with every character of its query encoded that oauthlib would not sign.

    HTTP clients send some of them as they are (``?filter[name]=x``); the signature is made of the decoded
    parameters, so that the encoding changes nothing in it.
    """
    head, mark, query = url.partition("?")
    return head + mark + quote(query, safe="!#$%&'()*+,/:;=?@~")
