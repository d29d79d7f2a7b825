"""Errors as answers to host applications (RFC 9457): what they can do something about, and nothing of the inside."""

from __future__ import annotations

import logging

import msgspec
from fastapi import Response

from airflow_provider_integry.end_users.messages import PROBLEM_TYPE, TITLES, URN, Problem
from airflow_provider_integry.errors import (
    AccountMoveError,
    ConnectLinkError,
    CredentialsRejectedError,
    EndUserError,
    EndUserIdentityError,
    EndUserNotFoundError,
    ImplicitAuthorizationError,
    IntegryError,
    LinkRequestError,
    NotAuthorizedError,
    TransportError,
)

log = logging.getLogger(__name__)
_REFUSALS: tuple[tuple[type[IntegryError], str, int], ...] = (
    (EndUserIdentityError, "identity", 401),
    (EndUserNotFoundError, "not-found", 404),
    (ImplicitAuthorizationError, "implicit-authorization", 422),
    (ConnectLinkError, "connect-link", 409),
    (LinkRequestError, "link-request", 422),
    (AccountMoveError, "account-move", 409),
    (EndUserError, "connect-link", 409),
)


class ProblemError(Exception):
    """A request that is answered with a problem.

    Args:
        name: Last part of the problem's URN; one of `TITLES`.
        status: HTTP status.
        detail: What is wrong and what to do.
        reason: The same in one word; None where the name says it.
        field: The field that is wrong; None where it is not about one.
    """

    def __init__(
        self, name: str, status: int, detail: str, *, reason: str | None = None, field: str | None = None
    ) -> None:
        super().__init__(detail)
        self.problem = build_problem(name, status, detail, reason=reason, field=field)


def build_problem(
    name: str,
    status: int,
    detail: str,
    *,
    retryable: bool = False,
    reason: str | None = None,
    field: str | None = None,
) -> Problem:
    """Return a problem of a kind that the OpenAPI document names."""
    return Problem(f"{URN}{name}", TITLES[name], status, detail, retryable, reason, field)


def describe(error: IntegryError, *, is_host: bool) -> Problem:
    """Return an error of this package as a problem.

    Args:
        error: The error.
        is_host: Whether a server of the host application asks: it is told more than a browser is.
    """
    match error:
        case EndUserError() | LinkRequestError() | AccountMoveError():
            return _describe_refusal(error)
        case NotAuthorizedError() | CredentialsRejectedError():
            detail = str(error) if is_host else "The account is not connected any more. Connect it again."
            return build_problem("not-connected", 409, detail)
        case TransportError():
            return build_problem("service", 503, "The service does not answer now. Try again later.", retryable=True)
        case _:
            # What is wrong with this Airflow is nobody's business outside; its log says it.
            log.error("A host application's request was not fulfilled: %s", error)
            detail = "This cannot be done now. Whoever looks after Airflow finds the reason in its log."
            return build_problem("unavailable", 503, detail, retryable=error.retryable)


def _describe_refusal(error: EndUserError | LinkRequestError | AccountMoveError) -> Problem:
    name, status = next((known, status) for kind, known, status in _REFUSALS if isinstance(error, kind))
    field: str | None = getattr(error, "field", None)
    # Why somebody is not known is for the log alone.
    reason = None if isinstance(error, EndUserIdentityError) else getattr(error, "reason", None)
    return build_problem(name, status, str(error), reason=reason, field=field)


def answer(problem: Problem) -> Response:
    """Return a problem as an HTTP answer."""
    headers = {"Cache-Control": "no-store"}
    if problem.status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="integry", charset="UTF-8", Bearer realm="integry"'
    if problem.retryable:
        headers["Retry-After"] = "5"
    return Response(msgspec.json.encode(problem), problem.status, headers, PROBLEM_TYPE)
