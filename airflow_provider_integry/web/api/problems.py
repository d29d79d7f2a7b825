"""Errors as answers (RFC 9457)."""

from __future__ import annotations

import re

import msgspec
from fastapi import Response

from airflow_provider_integry.authorizations.errors_wire import to_wire
from airflow_provider_integry.authorizations.messages import PROBLEM_TYPE, Problem
from airflow_provider_integry.errors import (
    IntegryError,
    RefreshInProgressError,
    StoreError,
)

_URN = "urn:integry:problem:"
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
        self.problem = Problem(f"{_URN}{name}", title, status, detail)


def not_found() -> ProblemError:
    """Return the one answer for what is not there and what is not yours."""
    return ProblemError("not-found", 404, "Not found", _NOT_FOUND)


def failed() -> ProblemError:
    """Return the answer for what nobody has thought of; the log has the rest."""
    return ProblemError("failed", 500, "Failed", "The API server failed in an unexpected way; its log says how.")


def describe(error: IntegryError) -> Problem:
    """Return an error of this package as a problem."""
    status = 503 if error.retryable or isinstance(error, StoreError) else 409
    words = _words_of(type(error))
    return Problem(
        f"{_URN}{words}",
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
        is_on_its_way = problem.type == f"{_URN}{_words_of(RefreshInProgressError)}"
        headers["Retry-After"] = "0" if is_on_its_way else "1"
    if problem.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(msgspec.json.encode(problem), problem.status, headers, PROBLEM_TYPE)


def _words_of(kind: type[IntegryError]) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__.removesuffix("Error")).lower()
