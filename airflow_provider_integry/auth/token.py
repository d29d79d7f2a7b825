"""Tokens, and the many shapes in which token endpoints hand them out.

RFC 6749 section 5.1 wants a JSON object with `access_token`, `token_type` and `expires_in` in
seconds. Real endpoints answer with forms, plain text, nested objects, expiry as text, float,
milliseconds or a date, and with errors inside a 200. The parser here takes all of these, and names
one exception class per cause for what remains.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from urllib.parse import parse_qsl

from airflow_provider_integry.auth.token_errors import describe_type, find_error, raise_token_error
from airflow_provider_integry.auth.wire import HttpResponse, redact_url
from airflow_provider_integry.errors import CredentialFormatError, TokenResponseError
from airflow_provider_integry.secret import Secret, build_excerpt

JsonObject = Mapping[str, Any]

_TOKEN_NAMES = ("access_token", "accessToken", "token", "jwt", "id_token", "idToken", "sessionToken")
_REFRESH_NAMES = ("refresh_token", "refreshToken")
_LIFETIME_NAMES = ("expires_in", "expiresIn", "expires_in_seconds", "expires")
# When the refresh token itself ends (Keycloak, Microsoft and others, QuickBooks).
_REFRESH_LIFETIME_NAMES = (
    "refresh_token_expires_in",
    "refresh_expires_in",
    "x_refresh_token_expires_in",
    "refresh_token_expires_at",
)
_MOMENT_NAMES = ("expires_at", "expiresAt", "expires_on", "expiry", "expiration", "expires")
_FORM_NAMES = frozenset({*_TOKEN_NAMES, "error"})
# A "lifetime" above this (about 31 years) is a moment, and a moment above the second is in milliseconds.
_EPOCH_FLOOR_S = 1_000_000_000
_EPOCH_MS_FLOOR = 100_000_000_000


@dataclass(frozen=True, slots=True)
class TokenShape:
    """Where an endpoint puts the parts of its answer, where it is not the standard place.

    Attributes:
        token_path: JMESPath of the token; None tries the usual names.
        expires_path: JMESPath of the expiry, as lifetime in seconds or as a moment.
        default_lifetime_s: Lifetime to assume when the answer tells none; None means unknown.
        unit_s: Seconds that one unit of a lifetime in the answer stands for.
    """

    token_path: str | None = None
    expires_path: str | None = None
    default_lifetime_s: float | None = None
    unit_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Token:
    """An access token with what is known about it.

    Attributes:
        access_token: The token.
        expires_at: UTC epoch seconds; None when unknown or never.
        refresh_token: Trades for the next access token; None when there is none.
        scopes: Granted scopes; None when the answer does not tell.
        token_type: As told, "Bearer" when not told.
        refresh_expires_at: When the refresh token ends, UTC epoch seconds; None when unknown or never.
        token_secret: OAuth 1.0a: what requests are signed with beside the token, which is never sent.
    """

    access_token: Secret
    expires_at: float | None = None
    refresh_token: Secret | None = None
    scopes: tuple[str, ...] | None = None
    token_type: str = "Bearer"
    refresh_expires_at: float | None = None
    token_secret: Secret | None = None
    fingerprint: str = field(init=False, default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "fingerprint", self.access_token.fingerprint())

    def is_expired(self, now: float, leeway_s: float = 0.0) -> bool:
        """Tell whether the token is no longer good for `leeway_s` more seconds.

        A token of unknown life is never expired: only the API can tell.
        """
        return self.expires_at is not None and now + leeway_s >= self.expires_at


def parse_token_response(
    response: HttpResponse,
    *,
    requested_at: float,
    shape: TokenShape | None = None,
    previous_refresh_token: Secret | None = None,
    sent: Sequence[Secret] = (),
) -> Token:
    """Read the answer of a token or login endpoint.

    Args:
        response: The answer.
        requested_at: When the request was *started*, UTC epoch seconds; lifetimes count from here.
        shape: Where the parts are; the usual places by default.
        previous_refresh_token: Kept when the answer has none (RFC 6749 section 6).
        sent: Secrets that were in the request, hidden should the server echo them.
    Raises:
        TokenEndpointError: The server says no; the subclass says why.
        TokenResponseError: There is no token in the answer.
    """
    shape = shape or TokenShape()
    data = _decode(response)
    error, description = find_error(data)
    if error or not response.is_success:
        raise_token_error(response, error, description, sent)
    access_token = _find_token(data, shape, response, sent)
    object_data = _holder_at(shape.token_path, data) if shape.token_path else _holder_of(data)
    refresh = _first_text(object_data, _REFRESH_NAMES)
    return Token(
        access_token=Secret(access_token),
        expires_at=_find_expiry(data, object_data, shape, access_token, requested_at),
        refresh_token=Secret(refresh) if refresh else previous_refresh_token,
        scopes=parse_scopes(object_data.get("scope", object_data.get("scopes"))),
        token_type=_first_text(object_data, ("token_type", "tokenType")) or "Bearer",
        refresh_expires_at=_first_moment(object_data, _REFRESH_LIFETIME_NAMES, requested_at, 1.0),
    )


def read_answer(response: HttpResponse) -> Any:
    """Return what a token endpoint's answer holds, decoded; None when it is neither JSON, a form nor a bare text.

    Raises:
        TokenResponseError: It names two tokens under one key.
    """
    return _decode(response)


def parse_scopes(value: object) -> tuple[str, ...] | None:
    """Return scopes from a space- or comma-separated text or a list; None when not told."""
    if isinstance(value, str):
        return tuple(part for part in value.replace(",", " ").split() if part)
    if isinstance(value, list):
        return tuple(str(part) for part in value)
    return None


def parse_number(value: object) -> float | None:
    """Return a finite number from a number or its text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def read_jwt_expiry(token: str) -> float | None:
    """Return the `exp` of a JWT without verifying it; None when the text is no JWT or has none.

    Source: RFC 7519 section 4.1.4.
    """
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    return parse_number(claims.get("exp")) if isinstance(claims, dict) else None


def _decode(response: HttpResponse) -> Any:
    """Decode JSON, a form, or a bare text; None when the body is none of these."""
    text = response.body.decode("utf-8-sig", "replace").strip()
    is_json = text[:1] in ("{", "[", '"')
    if is_json or response.content_type.endswith("json"):
        try:
            return json.loads(text, object_pairs_hook=_build_object)
        except _AmbiguousError as error:
            url, problem = redact_url(response.url), f"the key '{error}' is there twice with different values"
            raise TokenResponseError(url, response.status, problem) from None
        except (ValueError, RecursionError):
            if is_json:
                return None
    if text.startswith("<") or not text:
        return None
    form = dict(parse_qsl(text, keep_blank_values=True)) if "\n" not in text else {}
    is_bare = len(form) == 1 and not "".join(form.values()).strip("=")
    if form.keys() & _FORM_NAMES or (response.content_type == "application/x-www-form-urlencoded" and not is_bare):
        return form
    return text if len(text.split()) == 1 else None


class _AmbiguousError(Exception):
    """An answer names two tokens; the name of the key is its only argument."""


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build a JSON object, refusing two tokens under one name: nobody could tell which one counts."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found and name in (*_TOKEN_NAMES, *_REFRESH_NAMES) and found[name] != value:
            raise _AmbiguousError(name)
        found[name] = value
    return found


def _holder_of(data: Any) -> JsonObject:
    """Return the object that holds the token: the top one, or the only nested one with a token in it."""
    if not isinstance(data, Mapping):
        return {}
    if _first_text(data, _TOKEN_NAMES):
        return data
    inner = [value for value in data.values() if isinstance(value, Mapping)]
    nested = [value for value in inner if _first_text(value, _TOKEN_NAMES)]
    return nested[0] if len(nested) == 1 else data


def _holder_at(token_path: str, data: Any) -> JsonObject:
    """Return the object beside whose token a path points.

    What surrounds it counts too, unless that has a token of its own: then its expiry and refresh token
    belong to that one.
    """
    try:
        holder = _search(token_path.rpartition(".")[0], data) if "." in token_path else data
    except CredentialFormatError:
        holder = data
    if holder is data or not isinstance(holder, Mapping):
        return _holder_of(data)
    around = data if isinstance(data, Mapping) and not _first_text(data, _TOKEN_NAMES) else {}
    return {**around, **holder}


def _find_token(data: Any, shape: TokenShape, response: HttpResponse, sent: Sequence[Secret]) -> str:
    if shape.token_path:
        token = _search(shape.token_path, data)
        place = f"at '{shape.token_path}'"
    elif isinstance(data, str):
        token, place = data, "as text"
    else:
        token, place = _first_text(_holder_of(data), _TOKEN_NAMES), f"under {', '.join(_TOKEN_NAMES[:3])}"
    if isinstance(token, str) and token:
        return token
    known = sorted(map(str, data))[:12] if isinstance(data, Mapping) else []
    names = [build_excerpt(name, hide=sent, limit=40) for name in known]
    keys = f"; its keys are {', '.join(names)}" if names else ""
    raise TokenResponseError(
        redact_url(response.url), response.status, f"no token {place} in {describe_type(response)}{keys}"
    )


def _find_expiry(
    data: Any, holder: JsonObject, shape: TokenShape, access_token: str, requested_at: float
) -> float | None:
    if shape.expires_path:
        found = _read_moment(_search(shape.expires_path, data), requested_at, shape.unit_s)
    else:
        names = (*_LIFETIME_NAMES, *_MOMENT_NAMES)
        found = _first_moment(holder, names, requested_at, shape.unit_s)
    if found is None:
        found = read_jwt_expiry(access_token)
    if found is None and shape.default_lifetime_s:
        found = requested_at + shape.default_lifetime_s
    return found


def _first_moment(holder: JsonObject, names: Sequence[str], requested_at: float, unit_s: float) -> float | None:
    moments = (_read_moment(holder.get(name), requested_at, unit_s) for name in names if name in holder)
    return next((moment for moment in moments if moment is not None), None)


def _read_moment(value: object, requested_at: float, unit_s: float) -> float | None:
    """Return when something ends, from a lifetime, an epoch in seconds or milliseconds, or an ISO date.

    Zero and below mean "unknown or never", never "already over".
    """
    number = parse_number(value)
    if number is None:
        return _read_iso(value) if isinstance(value, str) else None
    if number <= 0:
        return None
    if number * unit_s < _EPOCH_FLOOR_S:
        return requested_at + number * unit_s
    return number / 1000 if number >= _EPOCH_MS_FLOOR else number


def _read_iso(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        return None
    seconds = (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
    return seconds if seconds > 0 else None


def _first_text(holder: JsonObject, names: Sequence[str]) -> str | None:
    return next((value for name in names if isinstance(value := holder.get(name), str) and value), None)


def _search(path: str, data: Any) -> Any:
    # Lazy for start-up cost: most endpoints answer in the standard shape.
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        return jmespath.search(path, data)
    except JMESPathError:
        raise CredentialFormatError(f"Path '{path}'", "is not a JMESPath that fits the answer") from None
