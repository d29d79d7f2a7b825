"""An API that wants OAuth 1.0a signatures, verified by Authlib.

Authlib verifies HMAC-SHA1, RSA-SHA1 and PLAINTEXT itself. For the other hashes it gives the base
string, and the standard library or `cryptography` does the rest.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from authlib.integrations.flask_oauth1 import ResourceProtector
from authlib.oauth1.errors import OAuth1Error
from authlib.oauth1.rfc5849.signature import generate_signature_base_string
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from flask import Flask, request

from servers.api import build_api

# Authlib refuses http otherwise; these servers listen on loopback alone.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

FORM = "application/x-www-form-urlencoded"
METHODS = ["HMAC-SHA1", "HMAC-SHA256", "HMAC-SHA512", "RSA-SHA1", "RSA-SHA256", "RSA-SHA512", "PLAINTEXT"]


@dataclass(frozen=True)
class Consumer:
    """A registered application."""

    client_id: str
    client_secret: str
    rsa_public_key: str

    def get_client_secret(self) -> str:
        """Return the secret, as Authlib asks for it."""
        return self.client_secret

    def get_rsa_public_key(self) -> str:
        """Return the public key, as Authlib asks for it."""
        return self.rsa_public_key


@dataclass(frozen=True)
class TokenCredential:
    """An account's token."""

    oauth_token: str
    oauth_token_secret: str

    def get_oauth_token(self) -> str:
        """Return the token, as Authlib asks for it."""
        return self.oauth_token

    def get_oauth_token_secret(self) -> str:
        """Return its secret, as Authlib asks for it."""
        return self.oauth_token_secret


def _verify_hmac(hash_name: str) -> Callable[[Any], bool]:
    def verify(oauth: Any) -> bool:
        key = "&".join(quote(part or "", safe="~") for part in (oauth.client_secret, oauth.token_secret))
        digest = hmac.new(key.encode(), generate_signature_base_string(oauth).encode(), getattr(hashlib, hash_name))
        return hmac.compare_digest(base64.b64encode(digest.digest()), oauth.signature.encode())

    return verify


def _verify_rsa(hash_: hashes.HashAlgorithm) -> Callable[[Any], bool]:
    def verify(oauth: Any) -> bool:
        key = load_pem_public_key(oauth.rsa_public_key.encode())
        try:
            signature = base64.b64decode(oauth.signature, validate=True)
            key.verify(signature, generate_signature_base_string(oauth).encode(), padding.PKCS1v15(), hash_)  # type: ignore[union-attr,call-arg]
        except (InvalidSignature, binascii.Error):
            return False
        return True

    return verify


class Protector(ResourceProtector):  # type: ignore[misc]
    """Authlib's protector with the hashes that it does not bring."""

    SIGNATURE_METHODS = {  # noqa: RUF012 - Authlib's own shape
        **ResourceProtector.SIGNATURE_METHODS,
        "HMAC-SHA256": _verify_hmac("sha256"),
        "HMAC-SHA512": _verify_hmac("sha512"),
        "RSA-SHA256": _verify_rsa(hashes.SHA256()),
        "RSA-SHA512": _verify_rsa(hashes.SHA512()),
    }


class OAuth1Api:
    """State of such an API: one consumer, one token, and the nonces that were used."""

    def __init__(self, consumer: Consumer, token: TokenCredential, methods: list[str] | None = None) -> None:
        self.consumer = consumer
        self.token = token
        self.realms: list[str | None] = []
        self._methods = methods or METHODS
        self._nonces: set[tuple[Any, ...]] = set()
        self._lock = threading.Lock()

    def build(self) -> Flask:
        """Build the application."""
        self._protector = Protector(
            query_client=lambda key: self.consumer if key == self.consumer.client_id else None,
            query_token=lambda _, token: self.token if token == self.token.oauth_token else None,
            exists_nonce=self._is_used,
        )
        self._protector.SUPPORTED_SIGNATURE_METHODS = self._methods
        return build_api("OAuth", self._verify)

    def _verify(self) -> str | None:
        # The raw form: Authlib would keep one of several fields of a name.
        form = request.get_data(as_text=True) if request.mimetype == FORM else None
        # `request.url` is decoded for display; the signature is made of what was sent.
        url = request.host_url.rstrip("/") + request.environ["RAW_URI"]
        try:
            oauth = self._protector.validate_request(request.method, url, form, request.headers)
        except (OAuth1Error, ValueError):
            return None
        self.realms.append(oauth.realm)
        return "ada"

    def _is_used(self, nonce: str, timestamp: str, client_id: str, token: str) -> bool:
        entry = (nonce, timestamp, client_id, token)
        with self._lock:
            is_used = entry in self._nonces
            self._nonces.add(entry)
        return is_used
