"""Answers that are not a success, as typed errors."""

from __future__ import annotations

import re

from airflow_provider_integry.auth.wire import HttpResponse, parse_retry_after
from airflow_provider_integry.connectors.answer_rules import ErrorRules, Finding, inspect
from airflow_provider_integry.connectors.excerpt import find_message
from airflow_provider_integry.connectors.select import decode_answer
from airflow_provider_integry.errors import (
    FailureAnsweredError,
    HttpStatusError,
    PassingFailureError,
    ResponseFormatError,
    ServerError,
    ThrottledError,
    TokenExpiredError,
)
from airflow_provider_integry.secret import build_excerpt

_REQUEST_ID_HEADERS = (
    "X-Request-Id",
    "Request-Id",
    "X-Correlation-Id",
    "X-Amzn-RequestId",
    "X-Amz-Request-Id",
    "X-GitHub-Request-Id",
    "X-Trace-Id",
    "CF-Ray",
)
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:/=+-]{1,100}", re.ASCII)
_TITLE = re.compile(r"<title[^>]*>([^<]{1,400})", re.IGNORECASE)


_NO_RULES = ErrorRules()


def refuse_failure(
    activity: str,
    response: HttpResponse,
    now: float | None = None,
    rules: ErrorRules | None = None,
    *,
    retry_after_s: float | None = None,
) -> None:
    """Raise for an answer that is no success, by its status or by what the connector declares.

    Args:
        activity: Name of the activity.
        response: The answer.
        now: Current time, UTC epoch seconds; without it a Retry-After date is not understood.
        rules: What the connector declares of its errors.
        retry_after_s: Seconds to wait before another try where that is known already; else header Retry-After.
    Raises:
        HttpStatusError: Of the class that `_choose` finds.
    """
    if response.is_success and (rules is None or rules.failed_when is None):
        return
    found = inspect(rules or _NO_RULES, response.status, response.body)
    if found.is_failure:
        raise _build(activity, response, now, found, retry_after_s)


def build_status_error(activity: str, response: HttpResponse, now: float | None = None) -> HttpStatusError:
    """Build the error for a status that is not 2xx.

    Returns:
        ThrottledError for 429, ServerError for 5xx, 408 and 425, else HttpStatusError.
    """
    return _build(activity, response, now, inspect(_NO_RULES, response.status, response.body))


def _build(
    activity: str, response: HttpResponse, now: float | None, found: Finding, retry_after_s: float | None = None
) -> HttpStatusError:
    told_s = parse_retry_after(response.header("Retry-After"), now)
    return _choose(response, found)(
        activity,
        response.status,
        detail=found.message or find_detail(response),
        request_id=find_request_id(response),
        retry_after_s=told_s if retry_after_s is None else retry_after_s,
        code=found.code,
    )


def _choose(response: HttpResponse, found: Finding) -> type[HttpStatusError]:
    if found.is_expired:
        return TokenExpiredError
    if found.is_throttled:
        return ThrottledError
    if found.is_passing:
        return PassingFailureError
    if response.status >= 500 or response.status in (408, 425):
        return ServerError
    return FailureAnsweredError if response.is_success else HttpStatusError


def find_detail(response: HttpResponse) -> str:
    """Return the vendor's message, at most 200 characters on one line; empty when there is none."""
    try:
        return find_message(decode_answer("", response, may_be_empty=True))
    except ResponseFormatError:
        text = response.body[:4096].decode("utf-8", "replace")
    if title := _TITLE.search(text):
        return build_excerpt(title.group(1))
    return build_excerpt(text) if response.content_type == "text/plain" else ""


def find_request_id(response: HttpResponse) -> str | None:
    """Return the vendor's id of the request, where one of the usual headers has it."""
    for name in _REQUEST_ID_HEADERS:
        value = (response.header(name) or "").strip()
        if _REQUEST_ID.fullmatch(value):
            return value
    return None
