"""Errors as answers (RFC 9457)."""

from __future__ import annotations

import re

import msgspec
from fastapi import Response

from airflow_provider_integry.authorizations.errors_wire import to_wire
from airflow_provider_integry.authorizations.messages import PROBLEM_TYPE, Problem
from airflow_provider_integry.errors import (
    AuthorizationError,
    ConfigurationError,
    IntegryError,
    RefreshInProgressError,
)

_NOT_FOUND = "There is no such authorization, or the proof does not fit its connection."


class ProblemError(Exception):
    """A request that is answered with a problem.

    Args:
        name: Last part of the problem's URN.
        status: HTTP status.
        title: The kind of problem.
        detail: What is wrong and what to do.
    """

    def __init__(self, name: str, status: int, title: str, detail: str) -> None:
        super().__init__(detail)
        self.problem = Problem(f"urn:integry:problem:{name}", title, status, detail)


def not_found() -> ProblemError:
    """Return the one answer for what is not there and what is not yours."""
    return ProblemError("not-found", 404, "Not found", _NOT_FOUND)


def describe(error: IntegryError) -> Problem:
    """Return an error of this package as a problem."""
    if error.retryable:
        status = 503
    elif isinstance(error, AuthorizationError | ConfigurationError):
        status = 409
    else:
        status = 500
    kind = type(error).__name__.removesuffix("Error")
    words = re.sub(r"(?<!^)(?=[A-Z])", "-", kind).lower()
    return Problem(
        f"urn:integry:problem:{words}",
        words.replace("-", " ").capitalize(),
        status,
        str(error),
        retryable=error.retryable,
        error=to_wire(error),
    )


def answer(problem: Problem) -> Response:
    """Return a problem as an HTTP answer."""
    headers = {"Cache-Control": "no-store"}
    if problem.retryable:
        headers["Retry-After"] = "0" if problem.type.endswith(RefreshInProgressError.__name__) else "1"
    return Response(msgspec.json.encode(problem), problem.status, headers, PROBLEM_TYPE)
