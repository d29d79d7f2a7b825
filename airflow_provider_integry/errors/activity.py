"""The API was reached, and the activity failed."""

from __future__ import annotations

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
        retry_after_s: Seconds the server asks to wait; None when it does not say.
    """

    def __init__(
        self,
        activity: str,
        status: int,
        detail: str = "",
        request_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        tail = f": {detail}" if detail else ""
        ident = f" (request id {request_id})" if request_id else ""
        super().__init__(activity, f"the API answered {status}{ident}{tail}")
        self.status = status
        self.detail = detail
        self.request_id = request_id
        self.retry_after_s = retry_after_s


class ThrottledError(HttpStatusError):
    """Status 429: too many requests."""

    retryable = True


class ServerError(HttpStatusError):
    """Status 5xx, 408 or 425: the server could not answer now."""

    retryable = True


class ResponseFormatError(ActivityError):
    """The answer is not what the connector describes."""


class PagingError(ActivityError):
    """Paging loops, leads to another host, or does not end."""


class ResultTooLargeError(ActivityError):
    """The result is larger than XCom should hold; nothing was stored."""
