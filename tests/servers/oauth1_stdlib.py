"""An API that wants OAuth 1.0a signatures in one place only, verified by RFC 5849 written down once more.

The base string is made here with the standard library, from the bytes that arrived; `cryptography`
checks RSA. Neither oauthlib nor Authlib takes part.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, unquote_plus

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from flask import Flask, request

from servers.api import build_api

FORM = "application/x-www-form-urlencoded"
Pairs = list[tuple[str, str]]


def escape(text: str) -> str:
    """Percent-encode as RFC 5849 section 3.6 wants it."""
    return quote(text, safe="-._~")


def split_form(text: str) -> Pairs:
    """Decode a form or query, keeping order, doubles and empty values."""
    halves = [piece.partition("=") for piece in text.split("&") if piece]
    return [(unquote_plus(name), unquote_plus(value)) for name, _, value in halves]


def split_header(text: str) -> Pairs:
    """Decode the parameters of ``Authorization: OAuth …``."""
    scheme, _, rest = text.partition(" ")
    if scheme.lower() != "oauth":
        return []
    return [(unquote(name), unquote(value)) for name, value in re.findall(r'([^\s,=]+)="([^"]*)"', rest)]


def build_base_string(method: str, url: str, pairs: Pairs) -> str:
    """Build the signature base string (RFC 5849 section 3.4.1) of a URL without its query."""
    encoded = sorted((escape(name), escape(value)) for name, value in pairs)
    text = "&".join(f"{name}={value}" for name, value in encoded)
    return "&".join((method.upper(), escape(url), escape(text)))


@dataclass
class StrictOAuth1Api:
    """State of such an API.

    Attributes:
        place: Where the protocol's parameters have to be: "header", "query" or "body"; elsewhere they are refused.
        method: The signature method that is accepted.
        consumer, consumer_secret, token, token_secret: What is registered.
        public_pem: For the RSA methods.
        body_hash: Hash of `oauth_body_hash`, which every request but a form needs; None takes none.
        realms: Realm of each accepted request.
        nonces: Nonces that were used.
    """

    place: str
    method: str
    consumer: str
    consumer_secret: str
    token: str | None = None
    token_secret: str = ""
    public_pem: str = ""
    body_hash: str | None = None
    realms: list[str | None] = field(default_factory=list)
    nonces: set[str] = field(default_factory=set)

    def build(self) -> Flask:
        """Build the application."""
        return build_api("OAuth", self._verify)

    def _verify(self) -> str | None:
        raw_path, _, raw_query = request.environ["RAW_URI"].partition("?")
        header = split_header(request.headers.get("Authorization", ""))
        realm = dict(header).get("realm")
        is_form = request.mimetype == FORM
        places = {
            "header": [pair for pair in header if pair[0] != "realm"],
            "query": split_form(raw_query),
            "body": split_form(request.get_data(as_text=True)) if is_form else [],
        }
        protocol = {name: [pair for pair in pairs if pair[0].startswith("oauth_")] for name, pairs in places.items()}
        given = dict(protocol.pop(self.place))
        everything = [pair for pairs in places.values() for pair in pairs]
        signed = [pair for pair in everything if pair[0] != "oauth_signature"]
        is_alone = len(given) == sum(pair[0].startswith("oauth_") for pair in everything)
        base = build_base_string(request.method, f"http://{request.host}{raw_path}", signed)
        checks = (
            is_alone and not any(protocol.values()),
            given.get("oauth_consumer_key") == self.consumer,
            given.get("oauth_token") == self.token,
            given.get("oauth_signature_method") == self.method,
            given.get("oauth_version", "1.0") == "1.0",
            given.get("oauth_timestamp", "").isdigit(),
            bool(given.get("oauth_nonce")) and given["oauth_nonce"] not in self.nonces,
            self._has_body_hash(given, is_form=is_form),
            self._is_signature(given.get("oauth_signature", ""), base),
        )
        if not all(checks):
            return None
        self.nonces.add(given["oauth_nonce"])
        self.realms.append(realm)
        return "ada"

    def _has_body_hash(self, given: dict[str, str], *, is_form: bool) -> bool:
        if self.body_hash is None or is_form:
            return "oauth_body_hash" not in given
        digest = base64.b64encode(hashlib.new(self.body_hash, request.get_data()).digest()).decode()
        return given.get("oauth_body_hash") == digest

    def _is_signature(self, signature: str, base: str) -> bool:
        kind, _, name = self.method.partition("-")
        key = f"{escape(self.consumer_secret)}&{escape(self.token_secret)}"
        if kind == "PLAINTEXT":
            return hmac.compare_digest(signature, key)
        if kind == "HMAC":
            digest = hmac.new(key.encode(), base.encode(), name.lower()).digest()
            return hmac.compare_digest(signature, base64.b64encode(digest).decode())
        public: Any = load_pem_public_key(self.public_pem.encode())
        hash_: hashes.HashAlgorithm = getattr(hashes, name)()
        try:
            public.verify(base64.b64decode(signature, validate=True), base.encode(), padding.PKCS1v15(), hash_)
        except (InvalidSignature, binascii.Error):
            return False
        return True
