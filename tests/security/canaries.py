"""Forty secrets that are known again in every encoding, and the connections that carry them."""

from __future__ import annotations

import base64
import json
from functools import cache
from urllib.parse import quote, quote_plus


def _canary(name: str, tail: str = ' "q" \\+%/&=é') -> str:
    return f"cnry-{name}-7f3a91{tail}"


_PLAIN = ".x_y~z"
# Connection -> its fields; ``{url}`` is the server's. A secret in a header or a cookie has characters of these alone.
CONNECTIONS: dict[str, dict[str, str]] = {
    "key": {"conn_type": "integry_api_key", "password": _canary("key", ' "q" \\+%/&=')},
    "own_header": {"conn_type": "integry_api_key", "password": _canary("own", _PLAIN), "key_name": "X-Api-Key"},
    "query": {"conn_type": "integry_api_key", "password": _canary("query"), "key_location": "query"},
    "cookie": {"conn_type": "integry_api_key", "password": _canary("cookie", _PLAIN), "key_location": "cookie"},
    "own_host": {"conn_type": "integry_api_key_url", "password": _canary("keyurl", _PLAIN)},
    "two": {
        "conn_type": "integry_api_key_secret",
        "api_key": _canary("k1", _PLAIN),
        "api_secret": _canary("s1", _PLAIN),
    },
    "two_basic": {
        "conn_type": "integry_api_key_secret",
        "api_key": _canary("k2", _PLAIN),
        "api_secret": _canary("s2"),
        "pair_style": "basic",
    },
    "basic": {"conn_type": "integry_basic", "login": "ada", "password": _canary("basic")},
    "basic_host": {"conn_type": "integry_basic_url", "login": "ada", "password": _canary("basicurl")},
    "jwt": {"conn_type": "integry_jwt", "private_key": _canary("jwt") * 2},
    "jwt_login": {
        "conn_type": "integry_jwt",
        "jwt_source": "login",
        "login": "ada",
        "password": _canary("login"),
        "login_url": "/token",
    },
    "oauth1": {
        "conn_type": "integry_oauth1",
        "consumer_key": "app",
        "consumer_secret": _canary("cs1"),
        "oauth_token": _canary("ot1", _PLAIN),
        "oauth_token_secret": _canary("ts1"),
    },
    "oauth1_plain": {
        "conn_type": "integry_oauth1",
        "consumer_key": "app",
        "consumer_secret": _canary("cs2"),
        "oauth_token": _canary("ot2", _PLAIN),
        "oauth_token_secret": _canary("ts2"),
        "signature_method": "PLAINTEXT",
    },
    "oauth2": {
        "conn_type": "integry_oauth2",
        "client_id": "app",
        "client_secret": _canary("oauth2"),
        "exchange_url": "{url}/token",
    },
    "oauth2_post": {
        "conn_type": "integry_oauth2",
        "client_id": "app",
        "client_secret": _canary("post"),
        "client_auth": "client_secret_post",
        "exchange_url": "{url}/token",
    },
    "refresh": {
        "conn_type": "integry_oauth2",
        "grant_type": "refresh_token",
        "client_id": "app",
        "client_secret": _canary("refresh"),
        "refresh_token": _canary("rt", _PLAIN),
        "exchange_url": "{url}/token",
    },
}
CONNECTIONS |= {
    "two_hmac": {
        "conn_type": "integry_api_key_secret",
        "api_key": _canary("k3", _PLAIN),
        "api_secret": _canary("s3"),
        "pair_style": "hmac",
        "string_to_sign": "{timestamp}{path}",
        "sign_headers": '{"X-Key": "{key}", "X-Signature": "{signature}"}',
    },
    "oauth1_512": {
        "conn_type": "integry_oauth1",
        "consumer_key": "app",
        "consumer_secret": _canary("cs3"),
        "oauth_token": _canary("ot3", _PLAIN),
        "oauth_token_secret": _canary("ts3"),
        "signature_method": "HMAC-SHA512",
    },
    "oauth1_query": {
        "conn_type": "integry_oauth1",
        "consumer_key": "app",
        "consumer_secret": _canary("cs4"),
        "oauth_token": _canary("ot4", _PLAIN),
        "oauth_token_secret": _canary("ts4"),
        "placement": "query",
    },
    "refresh_post": {
        **CONNECTIONS["refresh"],
        "client_secret": _canary("refresh2"),
        "refresh_token": _canary("rt3", _PLAIN),
        "client_auth": "client_secret_post",
    },
    "own_host_query": {
        "conn_type": "integry_api_key_url",
        "password": _canary("keyurl2"),
        "key_location": "query",
    },
    "jwt_512": {"conn_type": "integry_jwt", "private_key": _canary("jwt512") * 4, "algorithm": "HS512"},
    "jwt_form": {**CONNECTIONS["jwt_login"], "password": _canary("login2"), "login_format": "form"},
    "jwt_basic": {**CONNECTIONS["jwt_login"], "password": _canary("login3"), "login_format": "basic"},
    "oauth2_raw": {**CONNECTIONS["oauth2"], "client_secret": _canary("raw"), "basic_encoding": "raw"},
    "key_prefix": {"conn_type": "integry_api_key", "password": _canary("prefix", _PLAIN), "key_prefix": "Token token="},
}
_SECRETS = {
    "password", "api_key", "api_secret", "private_key", "consumer_secret", "oauth_token", "oauth_token_secret",
    "client_secret", "refresh_token",
}  # fmt: skip


@cache
def canaries_of(kind: str = "all") -> list[str]:
    """Return every canary, or those that the server issues: an access token and a refresh token."""
    issued = [_canary("at", _PLAIN), _canary("rt2", _PLAIN)]
    if kind == "issued":
        return issued
    own = [text for fields in CONNECTIONS.values() for name, text in fields.items() if name in _SECRETS]
    return [*own, *issued]


def encodings(secret: str) -> set[str]:
    """Return a secret as it is, for URLs and forms, in JSON, as Python shows it, in base64 and in hex."""
    raw = secret.encode()
    plain = {
        secret,
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        repr(raw)[2:-1],
        raw.hex(),
    }
    whole = {base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()}
    return plain | whole | set(_inside_base64(raw))


def _inside_base64(raw: bytes) -> list[str]:
    """Return what base64 shows of the bytes wherever in a longer text they stand, as in a Basic header."""
    shown = []
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw + b"\0\0").decode()
        shown.append(encoded[-(-offset * 8 // 6) : (offset + len(raw)) * 8 // 6])
    return [form for text in shown for form in (text, text.translate(str.maketrans("+/", "-_")))]


def find_canaries(text: str, canaries: list[str]) -> list[str]:
    """Return the names of canaries that are in a text, in any encoding; not the canaries themselves."""
    return sorted({secret[5:12] for secret in canaries if any(form in text for form in encodings(secret))})
