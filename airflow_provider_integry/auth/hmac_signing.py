"""Requests signed with a shared secret in a vendor's own way, declared rather than programmed.

Vendors differ in what they sign, how they hash and write it, and in which headers it goes. All of
that is data here: a string-to-sign and headers made of ``{placeholders}``, replaced once and never
looked at again, so that a value that looks like a placeholder stays as it is.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import formatdate
from typing import Literal
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from airflow_provider_integry.auth.wire import HttpRequest
from airflow_provider_integry.errors import CredentialFormatError
from airflow_provider_integry.secret import Secret

HashName = Literal["sha1", "sha256", "sha384", "sha512", "md5"]
Encoding = Literal["hex", "base64", "base64url"]
SecretEncoding = Literal["text", "base64", "hex"]
TimestampFormat = Literal["seconds", "milliseconds", "iso8601", "http_date"]

PLACEHOLDERS = frozenset(
    {
        "method",
        "url",
        "host",
        "path",
        "query",
        "path_and_query",
        "sorted_query",
        "body",
        "body_hash",
        "content_type",
        "timestamp",
        "nonce",
        "key",
        "secret",
    }
)
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class HmacSigned:
    r"""A key and a secret that sign each request.

    Attributes:
        key: Identifies the account.
        secret: Signs.
        string_to_sign: Template; placeholders are in `PLACEHOLDERS`, ``\n`` is a line break.
        headers: Header names to templates, with ``{signature}`` beside the placeholders.
        hash_name: Hash of the HMAC (RFC 2104) and of ``{body_hash}``.
        encoding: How the signature is written.
        body_hash_encoding: How ``{body_hash}`` is written.
        secret_encoding: How the secret's bytes are written in the connection.
        timestamp_format: How ``{timestamp}`` is written.
    """

    key: Secret
    secret: Secret
    string_to_sign: str
    headers: Mapping[str, str] = field(default_factory=dict)
    hash_name: HashName = "sha256"
    encoding: Encoding = "hex"
    body_hash_encoding: Encoding = "hex"
    secret_encoding: SecretEncoding = "text"
    timestamp_format: TimestampFormat = "seconds"

    def __post_init__(self) -> None:
        check_template(self.string_to_sign, "string_to_sign", PLACEHOLDERS)
        for name, template in self.headers.items():
            check_template(template, f"sign_headers.{name}", PLACEHOLDERS | {"signature"})
        if not any("{signature}" in template for template in self.headers.values()):
            raise CredentialFormatError("sign_headers", "has no header with {signature}; add one")
        _secret_bytes(self)


def check_template(template: str, what: str, allowed: frozenset[str]) -> None:
    """Refuse a template that names an unknown placeholder.

    Raises:
        CredentialFormatError: It does, or it is empty.
    """
    if not template:
        raise CredentialFormatError(what, "is empty; write for example {method}\\n{path}\\n{timestamp}")
    for name in _PLACEHOLDER.findall(template):
        if name not in allowed:
            raise CredentialFormatError(
                what, f"names {{{name}}}, which does not exist; use {', '.join(sorted(allowed))}"
            )


def sign_hmac(request: HttpRequest, credentials: HmacSigned, *, timestamp: float, nonce: str) -> HttpRequest:
    """Return the request with the declared headers.

    Args:
        request: The request, with the body that will be sent.
        credentials: Key, secret and templates.
        timestamp: UTC epoch seconds.
        nonce: Unique text.
    """
    values = _Values(request, credentials, timestamp, nonce)
    template = credentials.string_to_sign.replace("\\n", "\n")
    message = _fill(template, values.get)
    digest = hmac.new(_secret_bytes(credentials), message, credentials.hash_name).digest()
    signature = _write(digest, credentials.encoding)
    for name, header in credentials.headers.items():
        value = _fill(header, lambda key: signature.encode() if key == "signature" else values.get(key))
        request = request.with_header(name, value.decode("latin-1"))
    return request


class _Values:
    """What the placeholders stand for in one request."""

    def __init__(self, request: HttpRequest, credentials: HmacSigned, timestamp: float, nonce: str) -> None:
        self._request = request
        self._credentials = credentials
        self._parts = urlsplit(request.url)
        self._texts: dict[str, Callable[[], str]] = {
            "method": lambda: request.method,
            "url": lambda: request.url,
            "host": lambda: self._parts.netloc,
            "path": self._path,
            "query": lambda: self._parts.query,
            "path_and_query": self._path_and_query,
            "sorted_query": self._sorted_query,
            "body_hash": self._body_hash,
            "content_type": lambda: request.header("Content-Type") or "",
            "timestamp": lambda: _write_time(timestamp, credentials.timestamp_format),
            "nonce": lambda: nonce,
            "key": credentials.key.reveal,
            "secret": credentials.secret.reveal,
        }

    def get(self, name: str) -> bytes:
        """Return the bytes of one placeholder."""
        if name == "body":
            return self._request.body or b""
        return self._texts[name]().encode("utf-8")

    def _path(self) -> str:
        return self._parts.path or "/"

    def _path_and_query(self) -> str:
        return f"{self._path()}?{self._parts.query}" if self._parts.query else self._path()

    def _sorted_query(self) -> str:
        pairs = sorted(parse_qsl(self._parts.query, keep_blank_values=True))
        return urlencode(pairs, quote_via=quote, safe="")

    def _body_hash(self) -> str:
        digest = hashlib.new(self._credentials.hash_name, self._request.body or b"").digest()
        return _write(digest, self._credentials.body_hash_encoding)


def _fill(template: str, value_of: Callable[[str], bytes]) -> bytes:
    """Replace each placeholder once, in bytes: a body need not be text."""
    pieces, position = [], 0
    for match in _PLACEHOLDER.finditer(template):
        pieces += [template[position : match.start()].encode("utf-8"), value_of(match.group(1))]
        position = match.end()
    return b"".join([*pieces, template[position:].encode("utf-8")])


def _secret_bytes(credentials: HmacSigned) -> bytes:
    text = credentials.secret.reveal()
    try:
        if credentials.secret_encoding == "base64":
            return base64.b64decode(text, validate=True)
        if credentials.secret_encoding == "hex":
            return bytes.fromhex(text)
    except (binascii.Error, ValueError):
        raise CredentialFormatError(
            "api_secret", f"is not {credentials.secret_encoding}; set key_encoding to how it is written"
        ) from None
    return text.encode("utf-8")


def _write(digest: bytes, encoding: Encoding) -> str:
    if encoding == "hex":
        return digest.hex()
    if encoding == "base64":
        return base64.b64encode(digest).decode("ascii")
    return base64.urlsafe_b64encode(digest).decode("ascii").rstrip("=")


def _write_time(timestamp: float, style: TimestampFormat) -> str:
    if style == "milliseconds":
        return str(int(timestamp * 1000))
    if style == "iso8601":
        moment = datetime.fromtimestamp(timestamp, tz=timezone.utc)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
    if style == "http_date":
        return formatdate(timestamp, usegmt=True)
    return str(int(timestamp))
