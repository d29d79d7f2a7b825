"""APIs that want a key, a pair or a password, read by Flask and Werkzeug."""

from __future__ import annotations

import hmac
from typing import Literal

from flask import Flask, request

from servers.api import build_api


def build_key_api(key: str, location: Literal["header", "query", "cookie"], name: str, prefix: str = "") -> Flask:
    """Build an API that wants one key, after exactly this prefix."""

    def verify() -> str | None:
        places = {"header": request.headers, "query": request.args, "cookie": request.cookies}
        values = (
            [value for value in [places[location].get(name)] if value is not None]
            if location == "cookie"
            else places[location].getlist(name)
        )
        return "ada" if len(values) == 1 and _same(values[0], prefix + key) else None

    return build_api("ApiKey", verify)


def build_pair_api(key: str, secret: str, key_header: str = "X-Api-Key", second_header: str = "X-Api-Secret") -> Flask:
    """Build an API that wants a key and a secret, each in a header of its own."""

    def verify() -> str | None:
        found = _same(request.headers.get(key_header, ""), key)
        return "ada" if _same(request.headers.get(second_header, ""), secret) and found else None

    return build_api("Pair", verify)


def build_basic_api(username: str, password: str) -> Flask:
    """Build an API that wants Basic authentication, as Werkzeug reads it."""

    def verify() -> str | None:
        given = request.authorization
        if given is None or given.type != "basic":
            return None
        found = _same(given.username or "", username)
        return "ada" if _same(given.password or "", password) and found else None

    return build_api("Basic", verify)


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode("utf-8"), right.encode("utf-8"))
