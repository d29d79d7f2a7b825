"""Consent on another device (RFC 8628): a code to enter there, and a token endpoint to be asked until it is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_integry.auth.oauth2 import Moment, OAuth2Settings, build_client_request
from airflow_provider_integry.auth.token import Token, parse_number, parse_token_response
from airflow_provider_integry.auth.token_errors import find_error, raise_token_error
from airflow_provider_integry.auth.wire import HttpRequest, HttpResponse, parse_retry_after, redact_url
from airflow_provider_integry.errors import (
    ConsentDeniedError,
    DeviceCodeExpiredError,
    TokenEndpointUnavailableError,
    TokenResponseError,
    UrlNotAllowedError,
)
from airflow_provider_integry.secret import Secret, build_excerpt
from airflow_provider_integry.urls import check_url

DEFAULT_INTERVAL_S, SLOW_DOWN_S = 5.0, 5.0
# What a server may ask for at most; a day is longer than anybody keeps a terminal open.
MAX_INTERVAL_S, MAX_LIFE_S = 300.0, 86_400.0
# Where the service does not say, which it must.
DEFAULT_LIFE_S = 1800.0
# A code that somebody types; a longer one is none.
MAX_USER_CODE = 64
_URI_NAMES = ("verification_uri", "verification_url")
_COMPLETE_NAMES = ("verification_uri_complete", "verification_url_complete")


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """What the device endpoint answers.

    Attributes:
        device_code: What the token endpoint is asked with. Secret; never shown.
        user_code: What somebody enters.
        verification_uri: Where.
        verification_uri_complete: The same with the code in it; None where the service tells none.
        expires_at: When both codes end, UTC epoch seconds.
        interval_s: Seconds between two requests.
    """

    device_code: Secret
    user_code: str
    verification_uri: str
    verification_uri_complete: str | None
    expires_at: float
    interval_s: float = DEFAULT_INTERVAL_S


@dataclass(frozen=True, slots=True)
class Polling:
    """How often the token endpoint is asked from now on.

    Attributes:
        interval_s: Seconds to wait before the next request.
        expires_at: When it is over, UTC epoch seconds.
        conn_id: The connection, for messages.
    """

    interval_s: float
    expires_at: float
    conn_id: str

    def slower(self) -> Polling:
        """Return the polling after a slow_down: five seconds more, for good (RFC 8628 section 3.5)."""
        return replace(self, interval_s=min(MAX_INTERVAL_S, self.interval_s + SLOW_DOWN_S))

    def backed_off(self, retry_after_s: float | None = None) -> Polling:
        """Return the polling after a request without an answer: half as often (RFC 8628 section 3.5)."""
        wait_s = max(self.interval_s * 2.0, retry_after_s or 0.0)
        return replace(self, interval_s=min(MAX_INTERVAL_S, wait_s))

    def check(self, now: float) -> None:
        """Refuse to go on once the code has ended.

        Raises:
            DeviceCodeExpiredError: It has.
        """
        if now >= self.expires_at:
            raise DeviceCodeExpiredError(self.conn_id)


def build_device_request(settings: OAuth2Settings, url: str, moment: Moment | None = None) -> HttpRequest:
    """Build the request for a code to enter elsewhere.

    Source: RFC 8628 section 3.1; `resource` is RFC 8707's.
    """
    params = {"scope": settings.scope_separator.join(settings.scopes)} if settings.scopes else {}
    params["client_id"] = settings.client_id
    params |= {"audience": settings.audience} if settings.audience else {}
    params |= {"resource": settings.resource} if settings.resource else {}
    return build_client_request(settings, url, params, moment)


def parse_device_answer(
    response: HttpResponse, *, requested_at: float, allow_http: bool = False, sent: Sequence[Secret] = ()
) -> DeviceCode:
    """Read the answer of the device endpoint.

    Args:
        response: The answer.
        requested_at: When the request was started, UTC epoch seconds; lifetimes count from here.
        allow_http: Whether a page over http is shown to people.
        sent: Secrets of the request, to be hidden should the server echo them.
    Raises:
        TokenEndpointError: The server says no; the subclass says why.
        TokenResponseError: There are no codes in the answer, or an address that nobody should open.
    Source: RFC 8628 section 3.2; some services spell the address ``verification_url``.
    """
    data = _decode(response)
    error, description = find_error(data)
    if error or not response.is_success:
        raise_token_error(response, error, description, sent)
    device_code, user_code = data.get("device_code"), data.get("user_code")
    if not isinstance(device_code, str) or not device_code or not _is_user_code(user_code):
        raise _wrong(response, "no device_code and user_code in the answer; check field 'device_url'")
    address = _read_address(data, _URI_NAMES, response, allow_http)
    if address is None:
        raise _wrong(response, "no verification_uri in the answer, so nobody can enter the code")
    life_s = parse_number(data.get("expires_in")) or DEFAULT_LIFE_S
    interval_s = parse_number(data.get("interval"))
    return DeviceCode(
        Secret(device_code),
        str(user_code),
        address,
        _read_address(data, _COMPLETE_NAMES, response, allow_http),
        requested_at + min(max(life_s, 1.0), MAX_LIFE_S),
        DEFAULT_INTERVAL_S if interval_s is None else min(max(interval_s, 1.0), MAX_INTERVAL_S),
    )


def judge_poll(
    response: HttpResponse, polling: Polling, settings: OAuth2Settings, device_code: Secret, *, requested_at: float
) -> Token | Polling:
    """Return the token, or how to go on asking.

    Args:
        response: The token endpoint's answer.
        polling: How often it was asked so far.
        settings: The client.
        device_code: What it was asked with.
        requested_at: When the request was started, UTC epoch seconds.
    Raises:
        ConsentDeniedError: Somebody said no.
        DeviceCodeExpiredError: Nobody has entered the code in time.
        TokenEndpointError, TokenResponseError: The server refuses, or its answer makes no sense.
    Source: RFC 8628 section 3.5.
    """
    error, description = find_error(_decode(response))
    sent = (*settings.secrets, device_code)
    match (error or "").lower():
        case "authorization_pending":
            return polling
        case "slow_down":
            return polling.slower()
        case "expired_token" | "code_expired":
            raise DeviceCodeExpiredError(polling.conn_id)
        case "access_denied" | "authorization_declined":
            said = build_excerpt(description, hide=sent)
            raise ConsentDeniedError(polling.conn_id, "access_denied", said)
        case _:
            return _read_token(response, polling, settings, sent, requested_at)


def _read_token(
    response: HttpResponse, polling: Polling, settings: OAuth2Settings, sent: Sequence[Secret], requested_at: float
) -> Token | Polling:
    try:
        return parse_token_response(response, requested_at=requested_at, shape=settings.shape, sent=sent)
    except TokenEndpointUnavailableError:
        # Down or throttling: the code lives on.
        return polling.backed_off(parse_retry_after(response.header("Retry-After"), requested_at))


def _decode(response: HttpResponse) -> Mapping[str, Any]:
    try:
        data = json.loads(response.body)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _is_user_code(text: object) -> bool:
    return isinstance(text, str) and 0 < len(text) <= MAX_USER_CODE and text.isprintable() and text.isascii()


def _read_address(
    data: Mapping[str, Any], names: Sequence[str], response: HttpResponse, allow_http: bool
) -> str | None:
    """Return the address under one of these names; None where there is none.

    Raises:
        TokenResponseError: One that nobody should be sent to, or that would move a terminal's cursor.
    """
    found = next((data[name] for name in names if isinstance(data.get(name), str) and data[name]), None)
    if found is None:
        return None
    try:
        return check_url(found, names[0], allow_http=allow_http)
    except UrlNotAllowedError as error:
        raise _wrong(response, f"its {names[0]} {error.problem}") from None


def _wrong(response: HttpResponse, problem: str) -> TokenResponseError:
    return TokenResponseError(redact_url(response.url), response.status, problem)
