"""How a host application shows which of its users it speaks for: a hash of the user's id, or a signed token.

Both are made with the application's secret on its server. The hash says who somebody is and never ends, so
it is for calls over https alone; a token lives ten minutes at most and is used once.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import jwt as pyjwt

from airflow_provider_integry.errors import EndUserIdentityError
from airflow_provider_integry.secret import Secret

MAX_USER_ID = 255
# A token with a long key of an API and a picture's URL has some kilobytes.
MAX_TOKEN = 16 * 1024
MAX_JTI = 128
LIFETIME_S = 600
# Clocks of two machines are rarely closer than this.
LEEWAY_S = 60
# RFC 7518 section 3.2: a key of HS256 has as many bits as the hash, or more.
MIN_SECRET_BYTES = 32
_ALGORITHM = "HS256"
_MAX_CLAIM = 2048
_MAX_TIME = 1e12
# RFC 7515 section 4.1.11: no extension is understood here.
_HEADER_NAMES = frozenset({"alg", "typ", "kid"})


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a token was signed for.

    Attributes:
        app_key: Which host application.
        user_id: Which of its users; None for the application itself.
        jti: Unique name of the token: it is accepted once.
        expires_at: When the token ends, UTC epoch seconds.
        api_key: The user's credential for the application's own API; None where it is not passed on.
        name, picture: What a page may show of the user; None where they are not told.
    """

    app_key: str
    user_id: str | None
    jti: str
    expires_at: float
    api_key: Secret | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)
    picture: str | None = field(default=None, repr=False)


def check_user_id(user_id: str) -> str:
    """Return an id of a user as it is: no character of it is folded, trimmed or normalised.

    Raises:
        EndUserIdentityError: It is empty, longer than 255 characters, or holds NUL or half of a character.
    """
    if not 1 <= len(user_id) <= MAX_USER_ID:
        raise EndUserIdentityError(
            "user_id", f"the user id has {len(user_id)} characters; 1 to {MAX_USER_ID} are taken"
        )
    if "\x00" in user_id or not _is_whole(user_id):
        raise EndUserIdentityError("user_id", "the user id holds a character that no database keeps")
    return user_id


def user_hash(app_secret: Secret, user_id: str) -> str:
    """Return the hash that goes with a user's id: HMAC-SHA256 of its UTF-8 with the secret, in lower-case hex."""
    key = app_secret.reveal().encode("utf-8", "surrogatepass")
    return hmac.new(key, check_user_id(user_id).encode("utf-8"), hashlib.sha256).hexdigest()


def check_user_hash(app_secret: Secret, user_id: str, given: str) -> None:
    """Check a user's hash, in a time that tells nothing about it.

    Raises:
        EndUserIdentityError: It is another one.
    """
    expected = user_hash(app_secret, user_id)
    # As bytes: `compare_digest` takes no text beyond ASCII.
    if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "surrogatepass")):
        raise EndUserIdentityError("signature", "the hash is not that of the user id")


def check_secret(app_secret: Secret, given: str) -> None:
    """Check a host application's secret, in a time that tells nothing about it.

    Raises:
        EndUserIdentityError: It is another one.
    """
    # Digests have one length, whatever was given.
    pair = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in (app_secret.reveal(), given)]
    if not hmac.compare_digest(*pair):
        raise EndUserIdentityError("signature", "the app secret is another one")


def sign_identity(
    app_key: str,
    app_secret: Secret,
    user_id: str | None,
    *,
    now: float,
    unique: str,
    lifetime_s: int = LIFETIME_S,
    told: Mapping[str, str | None] = MappingProxyType({}),
) -> str:
    """Sign a token for a user, as a host application does.

    Args:
        app_key: The host application.
        app_secret: Its secret.
        user_id: Which user; None for the application itself.
        now: Current time, UTC epoch seconds.
        unique: Unique text, for `jti`.
        lifetime_s: Seconds (1 to 600) for which it may be used.
        told: Further claims, such as `api_key`, `name` and `picture`; see `Identity`. None is left out.
    """
    claims: dict[str, Any] = {"app_key": app_key, "iat": int(now), "exp": int(now) + lifetime_s, "jti": unique}
    if user_id is not None:
        claims |= {"user_id": user_id, "hash": user_hash(app_secret, user_id)}
    claims |= {key: value for key, value in told.items() if value is not None}
    return pyjwt.encode(claims, app_secret.reveal().encode("utf-8"), algorithm=_ALGORITHM)


def peek_app_key(token: str) -> str:
    """Return whose token this claims to be, unchecked: for nothing but to find the secret to check it with.

    Raises:
        EndUserIdentityError: It cannot be read.
    """
    _check_shape(token)
    try:
        claims = pyjwt.decode(token, options={"verify_signature": False})
    except (pyjwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise EndUserIdentityError("unreadable", "the token cannot be read") from None
    app_key = claims.get("app_key")
    if not isinstance(app_key, str) or not app_key:
        raise EndUserIdentityError("claims", "the token has no claim 'app_key'")
    return app_key


def read_identity(token: str, app_key: str, app_secret: Secret, now: float) -> Identity:
    """Check a token and return who it was signed for; that it is used once is the caller's to see to.

    Args:
        token: JWT in compact form.
        app_key: The host application that it must come from.
        app_secret: Its secret.
        now: Current time, UTC epoch seconds.
    Raises:
        EndUserIdentityError: It is not accepted.
    Source: RFC 7519 section 4.1, RFC 8725 section 3.
    """
    _check_shape(token)
    # PyJWT takes times as text and lives of any length; here they are checked more closely.
    options: Any = dict.fromkeys((f"verify_{name}" for name in ("exp", "iat", "nbf", "aud", "jti", "sub")), False)
    try:
        claims = pyjwt.decode(token, app_secret.reveal().encode("utf-8"), algorithms=[_ALGORITHM], options=options)
    except (pyjwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise EndUserIdentityError("signature", "the token is not signed with this app secret by HS256") from None
    if not hmac.compare_digest(_text(claims, "app_key", required=True).encode(), app_key.encode()):
        raise EndUserIdentityError("claims", "claim 'app_key' is another application's")
    user_id = _read_user(claims, app_secret)
    api_key = _text(claims, "api_key", most=64 * 1024)
    return Identity(
        app_key=app_key,
        user_id=user_id,
        jti=_text(claims, "jti", required=True, most=MAX_JTI),
        expires_at=_check_times(claims, now),
        api_key=Secret(api_key) if api_key else None,
        name=_text(claims, "name") or None,
        picture=_text(claims, "picture") or None,
    )


def _check_shape(token: str) -> None:
    if len(token) > MAX_TOKEN:
        raise EndUserIdentityError("unreadable", f"the token has more than {MAX_TOKEN} characters")
    try:
        header = pyjwt.get_unverified_header(token)
    except (pyjwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise EndUserIdentityError("unreadable", "the token cannot be read") from None
    if header.get("alg") != _ALGORITHM or set(header) - _HEADER_NAMES:
        raise EndUserIdentityError("unreadable", "the token's header is not that of a plain HS256 signature")


def _read_user(claims: dict[str, Any], app_secret: Secret) -> str | None:
    if claims.get("user_id") is None:
        if claims.get("hash") is not None:
            raise EndUserIdentityError("claims", "claim 'hash' is there without 'user_id'")
        return None
    user_id = claims["user_id"]
    if not isinstance(user_id, str):
        # A number is not its digits: 1 and "1" may be two users.
        raise EndUserIdentityError("user_id", "claim 'user_id' is not a text")
    check_user_id(user_id)
    if claims.get("hash") is not None:
        check_user_hash(app_secret, user_id, _text(claims, "hash"))
    return user_id


def _check_times(claims: dict[str, Any], now: float) -> float:
    ends = _time(claims, "exp")
    if ends is None:
        raise EndUserIdentityError("claims", "the token has no claim 'exp'")
    if now > ends + LEEWAY_S:
        raise EndUserIdentityError("expired", "the token has expired")
    if ends > now + LIFETIME_S + LEEWAY_S:
        raise EndUserIdentityError("claims", f"the token lives longer than {LIFETIME_S} seconds")
    for name in ("iat", "nbf"):
        begins = _time(claims, name)
        if begins is not None and begins > now + LEEWAY_S:
            raise EndUserIdentityError("claims", "the token comes from the future; compare both clocks")
    return ends


def _time(claims: dict[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _MAX_TIME:
        raise EndUserIdentityError("claims", f"claim '{name}' is not a time in seconds")
    return float(value)


def _text(claims: dict[str, Any], name: str, *, required: bool = False, most: int = _MAX_CLAIM) -> str:
    value = claims.get(name)
    if value is None and not required:
        return ""
    if isinstance(value, str) and len(value) <= most and (value or not required) and _is_whole(value):
        return value
    raise EndUserIdentityError("claims", f"claim '{name}' is not a text of 1 to {most} characters")


def _is_whole(text: str) -> bool:
    """Return whether a text has no half of a character."""
    return not any("\ud800" <= char <= "\udfff" for char in text)
