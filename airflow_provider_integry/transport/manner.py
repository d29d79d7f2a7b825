"""How the requests of one call are sent, beside what the connection says: its limits, its patience, its doubts.

A session keeps what it has learned in here, for whoever made the call.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from airflow_provider_integry.auth.wire import parse_retry_after
from airflow_provider_integry.connectors.judgement import Judge, Judgement
from airflow_provider_integry.transport.retry import Failure, Outcome, RetryPolicy

# After these, and after no answer at all, a write may have happened.
DOUBTFUL_STATUS = frozenset({408, 500, 502, 503, 504})


class Gate(Protocol):
    """Lets requests through one by one, so that a limit holds over all processes."""

    def enter(self, patience_s: float) -> None:
        """Wait until a request may be sent.

        Args:
            patience_s: Most seconds to wait.
        Raises:
            LimitReachedError: It takes longer than that.
        """

    def leave(self) -> None:
        """Tell that the request that was let through has its answer, or will have none."""

    async def aenter(self, patience_s: float) -> None:
        """Do what `enter` does, without blocking the event loop."""

    async def aleave(self) -> None:
        """Do what `leave` does, without blocking the event loop."""


@dataclass(slots=True)
class Manner:
    """How the requests of one call are sent, one after the other.

    Attributes:
        judge: Says what answers mean; None for their status alone.
        gate: Lets requests through; None where nothing is limited.
        is_read: Whether an answer is read to its end at once, so that one that breaks off is tried again, or known
            to be in doubt; sync sessions do that anyway.
        is_streamed: Whether a success is left unread in async sessions, for whoever asked; sync ones know by
            themselves.
        is_repeatable: Whether any request may be sent twice without harm; else its method and headers decide.
        throttle_waits_s: Waits after answers that say "too many requests" and not for how long; empty for the
            session's own waits.
        max_wait_s: A longer wait is left to the caller; None for no such limit.
        give_up_s: Most seconds in all that are waited for limits where `is_patient`.
        is_patient: Whether waits for limits take nothing from a request's total time.
        throttled: Answers in a row that said "too many requests".
        declined_wait_s: The wait that was left to the caller; None where there was none.
        is_in_doubt: Whether a request was sent, and nothing tells what became of it.
        rests_until: Monotonic seconds before which the API wants no request.
        waited_s: Seconds waited for limits so far.
    """

    judge: Judge | None = None
    gate: Gate | None = None
    is_read: bool = False
    is_streamed: bool = False
    is_repeatable: bool = False
    throttle_waits_s: tuple[float, ...] = ()
    max_wait_s: float | None = None
    give_up_s: float = 0.0
    is_patient: bool = False
    throttled: int = 0
    declined_wait_s: float | None = None
    is_in_doubt: bool = False
    rests_until: float = 0.0
    waited_s: float = 0.0

    def begin(self) -> None:
        """Forget what was learned of the request before this one."""
        self.declined_wait_s = None
        self.is_in_doubt = False

    def apply_to(self, policy: RetryPolicy) -> RetryPolicy:
        """Return the policy of a session as this call has it."""
        return RetryPolicy(
            policy.max_retries,
            policy.deadline_s,
            policy.base_s,
            policy.cap_s,
            throttle_waits_s=self.throttle_waits_s,
            max_wait_s=self.max_wait_s,
            patience_s=self.give_up_s if self.is_patient else None,
        )

    def choose_rest(self, deadline_s: float) -> float:
        """Return the seconds to leave the API alone before the next request; 0 where that would take too long.

        Args:
            deadline_s: Seconds that one request may take in all.
        """
        rest_s = self.rests_until - time.monotonic()
        limit_s = self.give_up_s if self.is_patient else deadline_s
        if self.max_wait_s is not None:
            limit_s = min(limit_s, self.max_wait_s)
        return rest_s if 0.0 < rest_s < limit_s else 0.0

    def choose_patience(self, left_s: float) -> float:
        """Return the most seconds to wait for the gate.

        Args:
            left_s: Seconds that are left for the request in all.
        """
        if self.is_patient:
            return max(0.0, self.give_up_s - self.waited_s)
        return max(0.0, left_s if self.max_wait_s is None else min(left_s, self.max_wait_s))

    def forgive(self, waited_s: float, outcome: Outcome | None = None) -> float:
        """Count a wait for a limit; return the seconds of it that take nothing from the request's total time.

        Args:
            waited_s: Seconds that were waited.
            outcome: What was waited after; None at the gate.
        """
        if not self.is_patient or (outcome is not None and outcome.status != 429 and not outcome.is_throttled):
            return 0.0
        self.waited_s += waited_s
        return waited_s

    def needs_body(self, status: int) -> bool:
        """Return whether an answer with this status has to be read before it can be judged."""
        return self.judge is not None and self.judge.needs_body(status)

    def learn(self, status: int, header: Callable[[str], str | None], body: bytes) -> Judgement:
        """Judge an answer, and remember what matters for later requests."""
        now = time.time()
        judged = self.judge.judge(status, header, body, now) if self.judge else Judgement(is_throttled=status == 429)
        self.throttled = self.throttled + 1 if judged.is_throttled else 0
        if judged.pause_s:
            self.rests_until = time.monotonic() + judged.pause_s
        # A 503 with a time is a server that takes nothing in now.
        is_closed = status == 503 and parse_retry_after(header("Retry-After"), now) is not None
        if judged.is_throttled or judged.is_expired or status == 401 or is_closed:
            return judged
        self.is_in_doubt = status in DOUBTFUL_STATUS
        return judged

    def lose(self, failure: Failure | None) -> None:
        """Remember that no answer came."""
        self.is_in_doubt = self.is_in_doubt or failure in ("broken", "timeout")
