"""Refusals of token endpoints: one exception class per cause.

Source: RFC 6749 section 5.2; vendors add codes of their own and put errors into 200 answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from airflow_provider_integry import errors
from airflow_provider_integry.auth.wire import HttpResponse, redact_url
from airflow_provider_integry.secret import Secret, build_excerpt

_BY_CODE: Mapping[str, type[errors.TokenEndpointError]] = {
    "invalid_request": errors.InvalidRequestError,
    "invalid_client": errors.InvalidClientError,
    "incorrect_client_credentials": errors.InvalidClientError,
    "invalid_grant": errors.InvalidGrantError,
    "bad_verification_code": errors.InvalidGrantError,
    "bad_refresh_token": errors.InvalidGrantError,
    "invalid_refresh_token": errors.InvalidGrantError,
    "token_revoked": errors.InvalidGrantError,
    "unauthorized_client": errors.UnauthorizedClientError,
    "unsupported_grant_type": errors.UnsupportedGrantTypeError,
    "invalid_scope": errors.InvalidScopeError,
}
_UNAVAILABLE_CODES = frozenset({"temporarily_unavailable", "server_error", "slow_down", "internal_failure"})
_MEDIA_TYPE = re.compile(r"(application|text|image|multipart)/[a-z0-9.+-]{1,40}")
_UNAVAILABLE_STATUS = frozenset({408, 425, 429, *range(500, 600)})


def find_error(data: Any) -> tuple[str | None, str]:
    """Return (error code, description) that an answer holds, whatever its status; (None, "") if none.

    Knows ``{"error": code}``, ``{"error": {"code": …, "message": …}}``, ``{"ok": false}``,
    ``{"status": code}`` and ``{"errors": [...]}``; an empty or false `error` is no error.
    """
    if not isinstance(data, Mapping):
        return None, ""
    description = data.get("error_description") or data.get("message") or ""
    error = data.get("error")
    if isinstance(error, Mapping) and error:
        code = error.get("status") or error.get("type") or error.get("code") or "error"
        return str(code), str(error.get("message") or description)
    if isinstance(error, str | int) and error:
        return str(error), str(description)
    if data.get("ok") is False or data.get("success") is False:
        return str(error or "error"), str(description)
    errors_list = data.get("errors")
    if isinstance(errors_list, list) and errors_list:
        first = errors_list[0]
        text = first.get("message", "") if isinstance(first, Mapping) else first
        return "error", str(text)
    status = data.get("status")
    if isinstance(status, str) and status.lower() in _BY_CODE:
        return status, str(description)
    return None, ""


def raise_token_error(response: HttpResponse, error: str | None, description: str, sent: Sequence[Secret]) -> NoReturn:
    """Raise the class that fits a refusal.

    Args:
        response: The answer.
        error: Code found in it; None when there is none, as in an HTML page.
        description: The server's explanation.
        sent: Secrets of the request, to be hidden in the explanation.
    """
    url, status = redact_url(response.url), response.status
    code = build_excerpt(error, hide=sent, limit=80) if error else ""
    text = build_excerpt(description, hide=sent) if error or description else _describe_body(response)
    known = _BY_CODE.get((error or "").lower())
    if known:
        raise known(url, status, code, text)
    if is_unavailable(status) or (error or "").lower() in _UNAVAILABLE_CODES:
        wait = response.header("Retry-After") or ""
        retry_after_s = float(wait) if wait.isdigit() and len(wait) < 10 else None
        raise errors.TokenEndpointUnavailableError(url, status, code, text, retry_after_s)
    if status == 401:
        raise errors.InvalidClientError(url, status, code, text)
    if 300 <= status < 400:
        raise errors.TokenResponseError(
            url, status, "redirects are not followed here; put the final URL into the connection"
        )
    raise errors.TokenEndpointError(url, status, code, text)


def is_unavailable(status: int) -> bool:
    """Return whether a status says that asking later may help."""
    return status in _UNAVAILABLE_STATUS


def describe_type(response: HttpResponse) -> str:
    """Return the media type of an answer as it may be shown."""
    kind = response.content_type
    if not kind:
        return "no content type"
    return kind if _MEDIA_TYPE.fullmatch(kind) else build_excerpt(kind, limit=40)


def _describe_body(response: HttpResponse) -> str:
    return f"no error code, {describe_type(response)}, {len(response.body)} bytes"
