"""APIs that want requests signed with a shared secret, each in the style of a real vendor, by the standard library.

Each scheme is a function of what arrived: it builds the signature that the vendor's documentation
describes and says whether the request carries it. Time and nonce are checked as the vendors do.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import NamedTuple
from urllib.parse import parse_qsl, quote

from flask import Flask, request

from servers.api import build_api

MAX_SKEW_S = 30


class Pair(NamedTuple):
    """A registered key and its secret, as the vendor shows them."""

    key: str
    secret: str


Scheme = Callable[[Pair], bool]


def build_hmac_api(pair: Pair, scheme: Scheme) -> Flask:
    """Build an API that wants requests signed after this scheme."""
    return build_api("Hmac", lambda: "ada" if scheme(pair) else None)


def _target() -> tuple[str, str]:
    """Return path and query as they were sent."""
    path, _, query = request.environ["RAW_URI"].partition("?")
    return path, query


def _is_recent(seconds: float) -> bool:
    return abs(time.time() - seconds) <= MAX_SKEW_S


def _mac(secret: bytes, message: bytes, name: str = "sha256") -> bytes:
    return hmac.new(secret, message, name).digest()


def _same(given: str | None, wanted: str) -> bool:
    return hmac.compare_digest((given or "").encode(), wanted.encode())


def exchange_hex(pair: Pair) -> bool:
    """Verify timestamp + method + path with query + body, hex; three headers, as trading APIs have it."""
    path, query = _target()
    stamp = request.headers.get("CB-ACCESS-TIMESTAMP", "")
    if not stamp.isdigit() or not _is_recent(int(stamp)):
        return False
    message = f"{stamp}{request.method}{path}{'?' + query if query else ''}".encode() + request.get_data()
    return _same(request.headers.get("CB-ACCESS-KEY"), pair.key) and _same(
        request.headers.get("CB-ACCESS-SIGN"), _mac(pair.secret.encode(), message).hex()
    )


def lines_base64(pair: Pair) -> bool:
    r"""Verify method\npath\nbase64 of the body's SHA-512, in one Authorization header, base64 and SHA-512."""
    found = re.fullmatch(r'HMAC-SHA512 Credential="([^"]+)", Signature="([^"]+)"', request.headers["Authorization"])
    body_hash = base64.b64encode(hashlib.sha512(request.get_data()).digest()).decode()
    message = "\n".join((request.method, _target()[0], body_hash)).encode()
    wanted = base64.b64encode(_mac(pair.secret.encode(), message, "sha512")).decode()
    return bool(found) and _same(found[1], pair.key) and _same(found[2], wanted)


def sorted_query(pair: Pair) -> bool:
    """Verify the query sorted by name and percent-encoded, with the key in front; SHA-1, as shops have it."""
    pairs = sorted(parse_qsl(_target()[1], keep_blank_values=True))
    text = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
    signature = _mac(pair.secret.encode(), f"{pair.key}|{text}".encode(), "sha1").hex()
    return _same(request.headers.get("X-App"), pair.key) and _same(request.headers.get("X-Signature"), signature)


def base64_secret_milliseconds(pair: Pair) -> bool:
    """Verify nonce, time in milliseconds and path, under a secret that is base64; the nonce works once."""
    stamp, nonce = request.headers.get("X-Time", ""), request.headers.get("X-Nonce", "")
    if not re.fullmatch(r"\d{13}", stamp) or not _is_recent(int(stamp) / 1000) or len(nonce) < 16:
        return False
    message = f"{pair.key}:{stamp}:{nonce}:{request.method}:{_target()[0]}".encode()
    signature = base64.urlsafe_b64encode(_mac(base64.b64decode(pair.secret), message)).decode().rstrip("=")
    return _same(request.headers.get("X-Key"), pair.key) and _same(request.headers.get("X-Sign"), signature)


def http_date(pair: Pair) -> bool:
    r"""Verify method\nhost\npath\nHTTP date, sent as the password of Basic authentication (as 2-factor services do)."""
    date = request.headers.get("X-Date", "")
    if not re.fullmatch(r"\w{3}, \d{2} \w{3} \d{4} [\d:]{8} GMT", date):
        return False
    if not _is_recent(parsedate_to_datetime(date).timestamp()):
        return False
    message = "\n".join((request.method, request.host, _target()[0], request.content_type or "", date)).encode()
    wanted = f"APIAuth {pair.key}:{base64.b64encode(_mac(pair.secret.encode(), message)).decode()}"
    return _same(request.headers.get("Authorization"), wanted)


def iso_time_in_hex_secret(pair: Pair) -> bool:
    """Verify ISO time, whole URL and hash of the body, under a secret that is hexadecimal."""
    stamp = request.headers.get("X-Timestamp", "")
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", stamp):
        return False
    url = f"http://{request.host}{request.environ['RAW_URI']}"
    message = f"{stamp}{url}{hashlib.sha256(request.get_data()).hexdigest()}".encode()
    signature = _mac(bytes.fromhex(pair.secret), message).hex()
    return _same(request.headers.get("X-Key"), pair.key) and _same(
        request.headers.get("X-Signature"), f"v1={signature}"
    )
