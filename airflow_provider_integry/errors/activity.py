"""The API was reached, and the activity failed."""

from __future__ import annotations

import math

from airflow_provider_integry.errors.base import IntegryError


class OutputBrokenError(IntegryError):
    """Writing to `output_path` broke off; nothing was left behind."""

    retryable = True

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"output_path '{path}': {problem}")
        self.path = path
        self.problem = problem


class ActivityError(IntegryError):
    """The API was reached, and the activity failed.

    Args:
        activity: The activity.
        problem: What happened and what to do.
    """

    def __init__(self, activity: str, problem: str) -> None:
        super().__init__(f"Activity '{activity}': {problem}")
        self.activity = activity
        self.problem = problem


class HttpStatusError(ActivityError):
    """The API answered with a status that is not a success.

    Args:
        activity: The activity.
        status: HTTP status.
        detail: The vendor's own message, at most 200 characters, redacted.
        request_id: The vendor's id of this request, where it sends one.
        retry_after_s: Seconds to wait before another try, as the server or the connector has it; None
            when neither says.
        code: The vendor's own code of the error, where the connector says where it is.
    """

    def __init__(
        self,
        activity: str,
        status: int,
        detail: str = "",
        request_id: str | None = None,
        retry_after_s: float | None = None,
        code: str | None = None,
    ) -> None:
        ident = f" (request id {request_id})" if request_id else ""
        told = "".join(f": {part}" for part in (f"code {code}" if code else "", detail) if part)
        wait = f". Try again in {in_words(retry_after_s)}." if retry_after_s and self.retryable else ""
        super().__init__(activity, f"the API answered {status}{ident}{told}{wait}")
        self.status = status
        self.detail = detail
        self.request_id = request_id
        self.retry_after_s = retry_after_s
        self.code = code


class ThrottledError(HttpStatusError):
    """Too many requests: status 429, or what the connector declares to mean it. The API has not acted."""

    retryable = True


class ServerError(HttpStatusError):
    """Status 5xx, 408 or 425: the server could not answer now."""

    retryable = True


class FailureAnsweredError(HttpStatusError):
    """The status is a success, and the answer says that the activity failed, as the connector declares."""


class PassingFailureError(HttpStatusError):
    """The answer has a code that the connector declares to pass by itself."""

    retryable = True


class TokenExpiredError(HttpStatusError):
    """The answer means, as the connector declares, that the credential has expired or is refused."""


class LimitReachedError(ActivityError):
    """The connector's own limit leaves no room for a request in time; nothing was sent.

    Args:
        activity: The activity.
        limit: The limit in words.
        retry_after_s: Seconds until there may be room.
    """

    retryable = True

    def __init__(self, activity: str, limit: str, retry_after_s: float) -> None:
        problem = f"the limit of {limit} is used up, and nothing was sent. Try again in {in_words(retry_after_s)}."
        super().__init__(activity, problem)
        self.limit = limit
        self.retry_after_s = retry_after_s


class OutcomeUnknownError(ActivityError):
    """A write was sent, and nothing tells whether the API has acted; it is not sent again.

    Args:
        activity: The activity.
        cause: What came in place of an answer.
        request: Method and URL without query.
    """

    def __init__(self, activity: str, cause: str, request: str) -> None:
        super().__init__(
            activity,
            f"{cause}. The API may or may not have acted on {request}, so it was not sent again. Look there whether"
            " what this activity does has happened, and run the task again only if it has not. If the API recognises"
            " a repeated request, declare 'idempotency' in the connector: it is then sent again without harm.",
        )
        self.cause = cause
        self.request = request


class ResponseFormatError(ActivityError):
    """The answer is not what the connector describes."""


class SchemaMismatchError(ResponseFormatError):
    """The answer does not fit the schema that the connector declares for it."""


class PagingError(ActivityError):
    """Paging loops, leads to another host, or does not end."""


class ResultTooLargeError(ActivityError):
    """The result is larger than XCom should hold; nothing was stored."""


def in_words(seconds: float) -> str:
    """Return a span of time for people, rounded up: 45 s, 10 min, 36 h."""
    whole = math.ceil(seconds)
    if whole <= 120:
        return f"{whole} s"
    minutes = -(-whole // 60)
    return f"{minutes} min" if minutes <= 120 else f"{-(-minutes // 60)} h"
