"""Answers of OAuth 1.0a services: credentials, and refusals in their many shapes.

RFC 5849 wants forms and says nothing about errors. Services send them as forms with `oauth_problem`, in
the WWW-Authenticate header, as JSON and as plain text, with any status.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from airflow_provider_integry import errors
from airflow_provider_integry.auth.token_errors import describe_type, find_error, is_unavailable, raise_token_error
from airflow_provider_integry.auth.wire import HttpResponse, redact_url
from airflow_provider_integry.secret import Secret, build_excerpt

MAX_ANSWER = 64 * 1024
MAX_VALUES = 100
# Longer values are tokens at most, and those are not among what may be kept.
MAX_NAME, MAX_VALUE = 100, 4096

# What nobody may send in two versions: one of them would be believed.
_PROTOCOL = frozenset({"oauth_token", "oauth_token_secret", "oauth_callback_confirmed"})
# Codes of the OAuth problem reporting extension: https://wiki.oauth.net/w/page/12238543/ProblemReporting
_CONSUMER_CODES = frozenset(
    {
        "consumer_key_unknown",
        "consumer_key_rejected",
        "consumer_key_refused",
        "signature_invalid",
        "signature_method_rejected",
        "timestamp_refused",
        "nonce_used",
        "invalid_client",
        "invalid_signature_method",
    }
)
_CONSENT_CODES = frozenset(
    {
        "token_expired",
        "token_revoked",
        "token_rejected",
        "token_used",
        "verifier_invalid",
        "permission_denied",
        "permission_unknown",
        "additional_authorization_required",
        "user_refused",
    }
)
_NAME = re.compile(r"[A-Za-z0-9_.:\[\]-]+")
_CHALLENGE = re.compile(r'(oauth_problem(?:_advice)?)="([^"]*)"')


def read_answer(response: HttpResponse, *, sent: Sequence[Secret], has_consent: bool) -> dict[str, str]:
    """Return the values of an answer that grants something.

    Args:
        response: The answer to a signed request.
        sent: Secrets of the request, hidden should the service echo them.
        has_consent: Whether the request was for the token, so that the application itself was accepted before.
    Returns:
        Texts by name; numbers and switches of a JSON answer as texts, what is nested in it left out.
    Raises:
        TokenEndpointError: The service says no; the subclass says why.
        TokenResponseError: The answer cannot be read, or says two things.
    """
    data = _decode(response)
    code, text = _find_problem(response, data)
    if code or not response.is_success:
        _raise(response, code, text, sent, has_consent=has_consent)
    values = _collect(data.items(), response) if isinstance(data, Mapping) else {}
    if not values:
        raise _unreadable(response, f"no form in {describe_type(response)}, {len(response.body)} bytes")
    return values


def keep_values(values: Mapping[str, str]) -> dict[str, str]:
    """Return what of an answer may be kept beside the token: nothing secret, and nothing endless."""
    return {
        name: value
        for name, value in values.items()
        if name not in _PROTOCOL and len(name) <= MAX_NAME and len(value) <= MAX_VALUE
    }


def find_text(values: Mapping[str, str], name: str, response: HttpResponse, sent: Sequence[Secret]) -> Secret:
    """Return a value that has to be there.

    Args:
        values: The answer's.
        name: Which one.
        response: The answer, for the error.
        sent: Secrets of the request, hidden should the service echo them.
    Raises:
        TokenResponseError: It is not, or is empty.
    """
    if value := values.get(name):
        return Secret(value)
    known = ", ".join(build_excerpt(key, hide=sent, limit=40) for key in sorted(values)[:12])
    raise _unreadable(response, f"no '{name}' in {describe_type(response)}; its names are {known}")


def _decode(response: HttpResponse) -> Any:
    """Return a JSON object, the pairs of a form as an object, or None."""
    try:
        text = response.body.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        return None
    if len(response.body) > MAX_ANSWER or not text or text.startswith("<"):
        return None
    if text.startswith(("{", "[")):
        try:
            return json.loads(text, object_pairs_hook=lambda pairs: _collect(pairs, response, is_deep=True))
        except (ValueError, RecursionError):
            return None
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_VALUES)
    except ValueError:
        return None
    # A sentence is no form, whatever it holds.
    return _collect(pairs, response) if pairs and all(_NAME.fullmatch(name) for name, _ in pairs) else None


def _collect(pairs: Iterable[tuple[str, Any]], response: HttpResponse, *, is_deep: bool = False) -> dict[str, Any]:
    """Return pairs as an object, the first of each name.

    Args:
        pairs: Names and values.
        response: Where they come from, for the error.
        is_deep: Whether values stay as they are; otherwise they become texts and what is nested is left out.
    Raises:
        TokenResponseError: A value of the protocol is there twice, and differs.
    """
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found and name in _PROTOCOL and found[name] != value:
            raise _unreadable(response, f"'{name}' is there twice with different values")
        if is_deep:
            found.setdefault(name, value)
        elif isinstance(value, str | int | float):
            found.setdefault(name, str(value).lower() if isinstance(value, bool) else str(value))
    return found


def _find_problem(response: HttpResponse, data: Any) -> tuple[str, str]:
    """Return (code, explanation) of a refusal, whatever its status; ("", "") if there is none."""
    challenge = dict(_CHALLENGE.findall((response.header("WWW-Authenticate") or "")[:MAX_VALUE]))
    for values in (data if isinstance(data, Mapping) else {}, challenge):
        if code := values.get("oauth_problem"):
            return str(code), str(values.get("oauth_problem_advice") or "")
    found, text = find_error(data)
    if found:
        return found, text or _text_of(data, "description")
    is_text = data is None and response.content_type in ("text/plain", "") and not response.is_success
    return "", response.body[:MAX_VALUE].decode("utf-8", "replace") if is_text else ""


def _text_of(data: Any, name: str) -> str:
    value = data.get(name) if isinstance(data, Mapping) else None
    return value if isinstance(value, str) else ""


def _raise(response: HttpResponse, code: str, text: str, sent: Sequence[Secret], *, has_consent: bool) -> NoReturn:
    status = response.status
    if 300 <= status < 400 or (is_unavailable(status) and code not in _CONSUMER_CODES | _CONSENT_CODES):
        raise_token_error(response, code or None, text, sent)
    kind: type[errors.TokenEndpointError] = errors.TokenEndpointError
    if code in _CONSUMER_CODES:
        kind = errors.ConsumerRefusedError
    elif code in _CONSENT_CODES or status == 401:
        # The application's own signature was accepted before there was a consent to trade.
        kind = errors.ConsentUsedUpError if has_consent else errors.ConsumerRefusedError
    shown = build_excerpt(text, hide=sent) or f"no error code, {describe_type(response)}, {len(response.body)} bytes"
    raise kind(redact_url(response.url), status, build_excerpt(code, hide=sent, limit=80), shown)


def _unreadable(response: HttpResponse, problem: str) -> errors.TokenResponseError:
    return errors.TokenResponseError(redact_url(response.url), response.status, problem)
