"""Makers of hostile inputs: each takes a `random.Random` and returns one input.

hypothesis hands in a random of its own, whose choices it can shrink; a long run hands in a seeded one. Either way
the same choices make the same input.
"""

from __future__ import annotations

import base64
import json
import math
from functools import cache
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

from security.threats import TESTS

CANARY = 'canary-7f3a+"%&=é'
ODD_TEXTS = (
    "", " ", "\x00", "a\r\nX: y", "%", "%00", "%zz", "%F0%9F%98%80", "\ud800", "é", "\u202e", "☃", "😀", "'", '"', "\\",
    "<script>", "{{7*7}}", "${x}", "../..", "//evil", "null", "-0", "1e400", "NaN", "0x10", "٣", "\ufeff", CANARY,
)  # fmt: skip
ODD_NUMBERS = (0, -1, 1, 3600, 1e308, -1e308, 1e400, math.nan, 2**53, 2**64, 10**400, 1.5, 1_700_000_000_000)
ALPHABET = "ab/?#[]@!$&'()*+,;=:%-._~ \t\n\"\\{}<>|^`é☃\x00\x7f"


def choose(random: Random, *options: Any) -> Any:
    """Return one of the options."""
    return options[random.randrange(len(options))]


def make_text(random: Random, longest: int = 12) -> str:
    """Return a short text, an odd one more often than not."""
    if random.randrange(3) == 0:
        return choose(random, *ODD_TEXTS)
    return "".join(choose(random, *ALPHABET) for _ in range(random.randrange(longest)))


def make_json(random: Random, depth: int = 3) -> Any:
    """Return any JSON value, numbers that JSON does not have too."""
    kind = random.randrange(8 if depth else 5)
    if kind < 2:
        return make_text(random)
    if kind < 5:
        return choose(random, None, True, False, *ODD_NUMBERS) if kind < 4 else make_text(random, 40)
    inner = [make_json(random, depth - 1) for _ in range(random.randrange(4))]
    return inner if kind == 5 else {make_text(random, 6): value for value in inner}


def mutate(random: Random, data: bytes) -> bytes:
    """Return bytes with a few of them changed, left out, doubled or put elsewhere."""
    changed = bytearray(data)
    for _ in range(random.randrange(1, 5)):
        at, end = sorted(random.randrange(len(changed) + 1) for _ in range(2))
        end = min(end, at + 16)
        kind = random.randrange(5)
        if kind == 0:
            changed[at:end] = b""
        elif kind == 1:
            changed[at:at] = make_text(random).encode("utf-8", "surrogatepass")
        elif kind == 2:
            changed[at:at] = changed[at:end] * 2
        elif kind == 3:
            changed[at : at + 1] = bytes([random.randrange(256)])
        else:
            del changed[at:]
    return bytes(changed)


# -- token responses --------------------------------------------------------------------------------

TOKEN_KEYS = (
    "access_token", "accessToken", "token", "jwt", "id_token", "refresh_token", "expires_in", "expiresIn", "expires",
    "expires_at", "expires_on", "expiration", "refresh_expires_in", "refresh_token_expires_at", "scope", "scopes",
    "token_type", "error", "error_description", "errors", "ok", "message", "status", "data", "authed_user",
)  # fmt: skip
MOMENTS = ("2026-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-13-01", "20260101")
TYPES = (None, "application/json", "application/x-www-form-urlencoded", "text/plain", "text/html", "x/y+json", ";", "é")


def make_jwt_text(random: Random) -> str:
    """Return three parts that look like a JWT."""
    claims = {"exp": make_json(random, 1)} if random.randrange(2) else make_json(random, 2)
    parts = [b'{"alg":"HS256"}', json.dumps(claims).encode(), make_text(random).encode("utf-8", "surrogatepass")]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def make_token_body(random: Random) -> bytes:
    """Return the body of a token endpoint's answer: JSON, a form, text, or what is left of them."""
    data = {}
    for _ in range(random.randrange(1, 6)):
        kind = random.randrange(4)
        value = choose(random, make_jwt_text(random), *MOMENTS) if kind == 0 else make_json(random, kind)
        data[choose(random, *TOKEN_KEYS) if random.randrange(5) else make_text(random)] = value
    kind = random.randrange(8)
    if kind < 4:
        body = json.dumps(data, ensure_ascii=bool(kind % 2)).encode("utf-8", "surrogatepass")
    elif kind < 6:
        body = urlencode({name: str(value)[:200] for name, value in data.items()}, errors="surrogatepass").encode()
    elif kind == 6:
        body = make_jwt_text(random).encode()
    elif random.randrange(2):
        # More digits than Python turns into a number.
        body = b'{"access_token":"t","expires_in":' + b"9" * random.randrange(6000) + b"}"
    else:
        body = b"[" * random.randrange(1, 3000) + make_text(random).encode("utf-8", "surrogatepass")
    body = choose(random, b"", b"\xef\xbb\xbf", b"\n")[: random.randrange(4)] + body
    return mutate(random, body) if random.randrange(3) == 0 else body


def make_token_response(random: Random) -> tuple[bytes, str | None, int, str | None, str | None]:
    """Return body, content type, status, and where a connection says that token and expiry are."""
    status = choose(random, 200, 200, 200, 201, 204, 302, 400, 401, 403, 429, 500, 503, 599)
    path = choose(random, None, None, None, "data.token", "@", "*.token", "[0]", "errors[0].message", "length(@)")
    return make_token_body(random), choose(random, *TYPES), status, path, choose(random, None, None, "data.exp", "@")


# -- callbacks --------------------------------------------------------------------------------------

CALLBACK_NAMES = (
    "code", "state", "iss", "error", "error_description", "error_uri", "oauth_token", "oauth_verifier", "denied",
    "scope", "hmac", "realmId", "session_state", "next", "redirect_uri", "oauth_problem",
)  # fmt: skip


def make_callback(random: Random, state: str, issuer: str) -> tuple[str, str, bytes, bool]:
    """Return method, last part of the path, query or form, and whether the browser brings its cookie.

    Args:
        random: What chooses.
        state: One that was begun, so that some inputs come further than the first check.
        issuer: What `iss` has to be.
    """
    pairs = []
    for _ in range(random.randrange(7)):
        name = choose(random, *CALLBACK_NAMES) if random.randrange(6) else make_text(random)
        value = {"state": state, "oauth_token": state, "iss": issuer}.get(name) if random.randrange(2) else None
        pairs.append((name, make_text(random, 30) if value is None else value))
    query = urlencode(pairs, errors="surrogatepass", quote_via=quote).encode()
    if random.randrange(4) == 0:
        query += b"&" + choose(random, b"state=", b"code=") + b"x" * random.randrange(40_000)
    if random.randrange(3) == 0:
        query = mutate(random, query)
    context = choose(random, "", "", "", "0", ".evil", "%2e", "é", "/x")
    return choose(random, "GET", "GET", "GET", "POST"), context, query, random.randrange(4) > 0


# -- connector files --------------------------------------------------------------------------------


@cache
def connector_seeds() -> tuple[bytes, ...]:
    """Return the smaller connectors of the catalog, which come apart into hostile ones."""
    folder = TESTS.parent / "airflow_provider_integry" / "connectors" / "catalog"
    texts = [path.read_bytes() for path in sorted(folder.glob("*.yaml"))]
    small = [_head_of(text) for text in texts]
    return tuple(small)


def _head_of(text: bytes) -> bytes:
    """Return a connector with its first activities alone, so that reading it takes a few milliseconds."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith(b"#")]
    starts = [at for at, line in enumerate(lines) if line[:2] == b"  " and line[2:3] not in (b" ", b"-")]
    end = next((at for at in starts if at >= 60), len(lines))
    return b"\n".join(lines[:end]) + b"\n"


YAML_WORDS = (
    "name", "title", "base_url", "hosts", "headers", "user_info", "activities", "kind", "path", "inputs", "in",
    "type", "paging", "cursor", "param", "size", "result", "default", "enum", "$ref", "items", "properties", "required",
    "method", "query", "action", "trigger", "webhook", "poll", "verify", "auth", "rate_limit", "errors", "idempotency",
)  # fmt: skip
YAML_SCALARS = (
    "crm", "/x/{a}", "https://h.example", "a[?b]", "foo(", "*x", "&x", "!!python/object:os.system", "<<", "- -", "{",
    "|", ">", "1e999", ".inf", "0o17", "~", "yes", "2026-01-01", "'", '"', "\t", "? :", "%YAML 1.2", "---", "...", "@",
)  # fmt: skip


def make_connector(random: Random) -> bytes:
    """Return a connector file: one of the catalog that was damaged, a tree of known words, or neither."""
    kind = random.randrange(4)
    if kind < 2:
        seed = choose(random, *connector_seeds())
        lines = seed.splitlines(keepends=True)
        for _ in range(random.randrange(3)):
            at, end = sorted(random.randrange(len(lines) + 1) for _ in range(2))
            lines[at : min(end, at + 6)] = choose(random, [], lines[at : at + 3] * 2, [make_yaml_line(random)])
        data = b"".join(lines)
        return mutate(random, data) if kind else data
    if kind == 2:
        tree = {"name": "crm", "title": "CRM", "activities": {"a": make_tree(random, 4)}, **make_tree(random, 3)}
        return json.dumps(tree).encode("utf-8", "surrogatepass")
    return b"\n".join(make_yaml_line(random) for _ in range(random.randrange(12)))


def make_yaml_line(random: Random) -> bytes:
    """Return one line of YAML, or of what looks like it."""
    indent = " " * random.randrange(7)
    key, value = choose(random, *YAML_WORDS), choose(random, *YAML_SCALARS, *YAML_WORDS)
    line = choose(
        random, f"{indent}{key}: {value}", f"{indent}- {value}", f"{indent}{value}", f"{key}: {make_text(random)}"
    )
    return f"{line}\n".encode("utf-8", "surrogatepass")


def make_tree(random: Random, depth: int) -> dict[str, Any]:
    """Return an object of a connector's words."""
    found: dict[str, Any] = {}
    for _ in range(random.randrange(1, 5)):
        kind = random.randrange(4)
        inner = make_tree(random, depth - 1) if depth else {}
        value = (
            choose(random, *YAML_SCALARS, *ODD_TEXTS, *ODD_NUMBERS[:9]) if kind == 0 else choose(random, *YAML_WORDS)
        )
        found[choose(random, *YAML_WORDS)] = (
            inner if kind > 1 else [value, inner] if random.randrange(4) == 0 else value
        )
    return found


# -- OAuth 1.0a signatures ---------------------------------------------------------------------------


def make_signed(random: Random) -> dict[str, Any]:
    """Return the parts of a request and of credentials for `auth.oauth1.sign`."""
    host = choose(random, "api.example.com", "API.Example.com", "127.0.0.1", "h-1.example:8443", "example.com:443")
    path = "".join(
        choose(random, "/", "a", "%20", "~", "r%20v", "%E2%98%83", "-", ".", ";", "@", ":") for _ in range(4)
    )
    names = [make_plain(random) or "n" for _ in range(random.randrange(5))]
    query = "&".join(f"{quote(name, safe='')}={make_encoded(random)}" for name in names)
    method = choose(random, "GET", "POST", "PUT", "PATCH", "DELETE")
    has_form = method != "GET" and random.randrange(2) == 0
    form = [(make_plain(random), make_plain(random)) for _ in range(random.randrange(4))] if has_form else None
    return {
        "method": method,
        "url": f"{choose(random, 'https', 'http', 'HTTPS')}://{host}/{path}{'?' if query else ''}{query}",
        "form": urlencode(form) if form is not None else None,
        "consumer": make_plain(random) or "ck",
        "consumer_secret": make_plain(random),
        "token": choose(random, None, make_plain(random) or "ot"),
        "token_secret": make_plain(random),
        "signature_method": choose(random, "HMAC-SHA1", "HMAC-SHA256", "HMAC-SHA512", "PLAINTEXT"),
        "placement": choose(random, "header", "query", "body" if has_form else "header"),
        "realm": choose(random, None, "Photos", "123_SB1"),
        "timestamp": random.randrange(2**33),
        "nonce": "".join(choose(random, *"0123456789abcdef") for _ in range(8)),
    }


def make_plain(random: Random) -> str:
    """Return a text that a form can carry."""
    return "".join(choose(random, *"ab1-._~ +%&=/?:@!*'(),;é☃😀\"<") for _ in range(random.randrange(7)))


def make_encoded(random: Random) -> str:
    """Return a query value as clients write it: some encode more than others."""
    return quote(make_plain(random), safe=choose(random, "", "/", ":@", "~", "!*'(),;:@/?"))


# -- JWTs --------------------------------------------------------------------------------------------


def make_jwt_claims(random: Random) -> dict[str, Any]:
    """Return claims of a proof that are right, or nearly."""
    claims: dict[str, Any] = {
        "aud": "integry-broker", "sub": "acme", "iat": 1_700_000_000, "exp": 1_700_000_060, "jti": "n", "end_user": "u",
    }  # fmt: skip
    for _ in range(random.randrange(3)):
        name = choose(random, "aud", "sub", "iat", "exp", "jti", "nbf", "end_user", "account", "iss", make_text(random))
        claims[name] = choose(
            random, make_json(random, 1), 1_700_000_000, 1_700_000_059.5, "1700000060", ["integry-broker"]
        )
        if random.randrange(4) == 0:
            del claims[name]
    return claims


def make_jwt_header(random: Random) -> dict[str, Any]:
    """Return the header of a JWT, whose algorithm is seldom the right one."""
    header: dict[str, Any] = {
        "alg": choose(random, *["HS256"] * 4, "none", "None", "HS512", "RS256", "", None, "hs256")
    }
    for _ in range(random.randrange(2)):
        header[choose(random, "kid", "jku", "jwk", "x5u", "crit", "b64", "typ", "zip")] = make_json(random, 1)
    return header
