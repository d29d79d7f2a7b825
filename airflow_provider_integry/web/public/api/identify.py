"""Who asks, as the headers of a request show it."""

from __future__ import annotations

import base64
import binascii
import re
import time
from urllib.parse import unquote_to_bytes

from starlette.datastructures import Headers

from airflow_provider_integry import config
from airflow_provider_integry.end_users.messages import APP_KEY, SESSION_PREFIX, USER_HASH, USER_ID
from airflow_provider_integry.end_users.principals import Identities, Principal
from airflow_provider_integry.end_users.sessions import Sessions
from airflow_provider_integry.errors import EndUserIdentityError

AUTHORIZATION = "Authorization"
MAX_HEADER = 80 * 1024
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def identify(headers: Headers, identities: Identities, sessions: Sessions) -> Principal:
    """Return who sends a request; may block.

    Args:
        headers: Of the request. One way to show who asks has to be used, and no second one.
        identities: Checks secrets, hashes and tokens.
        sessions: Reads sessions of scripts.
    Raises:
        EndUserIdentityError: Nobody that is known here; always the same for callers.
        StoreError: Nobody can tell whether a token was used before.
    """
    named = {name: _only(headers, name) for name in (AUTHORIZATION, APP_KEY, USER_ID, USER_HASH)}
    authorization = named.pop(AUTHORIZATION)
    if authorization is None:
        return identities.by_hash(*(_decode(named[name], name) for name in (APP_KEY, USER_ID, USER_HASH)))
    if any(value is not None for value in named.values()):
        raise EndUserIdentityError("unreadable", "there is header Authorization and others beside it")
    scheme, _, value = authorization.partition(" ")
    match scheme.lower():
        case "basic":
            return identities.by_secret(*_read_pair(value.strip()))
        case "bearer" if value.strip().startswith(SESSION_PREFIX):
            return _read_session(value.strip().removeprefix(SESSION_PREFIX), sessions)
        case "bearer":
            return identities.by_token(value.strip())[0]
        case _:
            raise EndUserIdentityError("unreadable", "header Authorization is neither Basic nor Bearer")


def _only(headers: Headers, name: str) -> str | None:
    values = headers.getlist(name)
    if name == AUTHORIZATION and values and config.adds_login():
        # Nobody has sent the last one.
        values = values[:-1]
    if len(values) > 1 or sum(map(len, values)) > MAX_HEADER:
        raise EndUserIdentityError("unreadable", f"there is more than one header {name}, or too long a one")
    return values[0] if values else None


def _decode(value: str | None, name: str) -> str:
    """Return a percent-encoded header as text: headers carry ASCII alone, and ids are any text."""
    if not value or not value.isascii() or _BROKEN_ESCAPE.search(value):
        raise EndUserIdentityError("unreadable", f"header {name} is missing, or not percent-encoded")
    try:
        return unquote_to_bytes(value).decode("utf-8")
    except UnicodeDecodeError:
        raise EndUserIdentityError("unreadable", f"header {name} is not percent-encoded UTF-8") from None


def _read_pair(value: str) -> tuple[str, str]:
    """Return user name and password of Basic (RFC 7617, UTF-8)."""
    try:
        name, colon, secret = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        raise EndUserIdentityError("unreadable", "header Authorization is not Basic in base64 and UTF-8") from None
    if not colon:
        raise EndUserIdentityError("unreadable", "header Authorization holds no pair of app key and app secret")
    return name, secret


def _read_session(text: str, sessions: Sessions) -> Principal:
    session = sessions.read(text, now=time.time(), purpose="script")
    if session is None:
        raise EndUserIdentityError("expired", "the session has ended, or was never one")
    return Principal(session.workspace, session.end_user, "session")
