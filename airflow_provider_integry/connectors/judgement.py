"""What an answer calls for, told to whoever sends requests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_integry.connectors.answer_rules import ErrorRules
    from airflow_provider_integry.connectors.rate_limits import Limits


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an answer calls for.

    Attributes:
        is_expired: A new token.
        is_throttled: Patience; the API has not acted.
        is_passing: Another try, where that does no harm.
        is_failure: Whether it is an error at all.
        told: The vendor's code and message, in short, of an error whose status is a success.
        retry_after_s: Seconds until another try, where a header of the API's own says so.
        pause_s: Seconds to wait before the next request after a success.
    """

    is_expired: bool = False
    is_throttled: bool = False
    is_passing: bool = False
    is_failure: bool = False
    told: str = ""
    retry_after_s: float | None = None
    pause_s: float = 0.0

    def choose_wait(self, retry_after_s: float | None) -> float | None:
        """Return the seconds to wait, of what header Retry-After and the API's own say; None where neither does."""
        return self.retry_after_s if retry_after_s is None else retry_after_s


class Judge:
    """Judges answers by what a connector declares.

    Args:
        errors: What its errors say; None where nothing is declared.
        limits: How it tells about its limits; None likewise.
    """

    def __init__(self, errors: ErrorRules | None, limits: Limits | None) -> None:
        self._errors = errors
        self._limits = limits

    def needs_body(self, status: int) -> bool:
        """Return whether an answer with this status has to be read before it can be judged."""
        # Lazy for start-up cost: sessions without a connector judge nothing.
        from airflow_provider_integry.connectors.answer_rules import needs_body

        return self._errors is not None and needs_body(self._errors, status)

    def judge(self, status: int, header: Callable[[str], str | None], body: bytes, now: float) -> Judgement:
        """Return what an answer calls for.

        Args:
            status: HTTP status.
            header: Returns a header of the answer by name.
            body: The answer's body where `needs_body`.
            now: Current time, UTC epoch seconds.
        """
        # Lazy for start-up cost, as above.
        from airflow_provider_integry.connectors.answer_rules import ErrorRules, inspect
        from airflow_provider_integry.connectors.rate_limits import Limits, read_pause, read_reset

        found = inspect(self._errors or ErrorRules(), status, body)
        limits = self._limits or Limits()
        if not found.is_failure:
            return Judgement(pause_s=read_pause(limits, header, now))
        return Judgement(
            found.is_expired,
            found.is_throttled,
            found.is_passing,
            is_failure=True,
            told=": ".join(filter(None, (found.code, found.message))) if 200 <= status < 300 else "",
            retry_after_s=read_reset(limits, header, now) if found.is_throttled else None,
        )
