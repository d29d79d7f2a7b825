"""When to send a request again, and how long to wait first: pure decisions."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal

Failure = Literal["connect", "broken", "timeout"]

# RFC 9110 section 9.2.2: sending these twice does what sending them once does.
IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how fast.

    Attributes:
        max_retries: Most further attempts (>= 0).
        deadline_s: Seconds in all, waits included.
        base_s: First wait at most this many seconds; each later one twice the one before.
        cap_s: No wait of ours is longer; a server's Retry-After may be.
        throttle_waits_s: Waits after "too many requests" where the server does not say, the last one again and
            again, however often; empty for those above.
        max_wait_s: A longer wait is not made, and left to the caller; None for no such limit.
        patience_s: Seconds in all that are waited for "too many requests", beside the deadline and however
            often; None counts these waits as all others.
    """

    max_retries: int = 3
    deadline_s: float = 300.0
    base_s: float = 0.5
    cap_s: float = 30.0
    throttle_waits_s: tuple[float, ...] = ()
    max_wait_s: float | None = None
    patience_s: float | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """Send the request now; `rejected` names the token that the API has just refused."""

    rejected: str | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait this many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt.

    Attributes:
        spent_s: Seconds since the first attempt began.
        status: HTTP status; None when there was no answer.
        failure: Why there was no answer; None when there was one.
        retry_after_s: Seconds the server asks to wait.
        is_expired: Whether it is declared that this answer, beside 401, means an expired token.
        is_throttled: Whether it is declared that this answer, beside 429, means too many requests.
        is_passing: Whether it is declared that this failure passes, beside those that always do.
        throttled: Answers in a row, this one included, that meant too many requests.
        waited_s: Seconds waited for those so far.
        fingerprint: Token that was sent, if it can be renewed.
        wants_nonce: Whether the server refused a proof for lack of a nonce that it has now given.
        jitter: Random number in [0, 1).
    """

    spent_s: float
    status: int | None = None
    failure: Failure | None = None
    retry_after_s: float | None = None
    is_expired: bool = False
    is_throttled: bool = False
    is_passing: bool = False
    throttled: int = 1
    waited_s: float = 0.0
    fingerprint: str | None = None
    wants_nonce: bool = False
    jitter: float = 1.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What follows an outcome that stands otherwise.

    Attributes:
        wait_s: Seconds to wait before the next attempt; None when there is to be none.
        declined_s: Seconds after which the caller may try again, where that was too long to wait; None elsewhere.
    """

    wait_s: float | None = None
    declined_s: float | None = None


def exchange(
    policy: RetryPolicy, method: str, *, is_replayable: bool = True, has_idempotency_key: bool = False
) -> Generator[Send | Wait, Outcome | None, float | None]:
    """Lead one request to its last attempt; the last outcome stands when the generator ends.

    A 401 for a renewable token, or what is declared to mean the same, is followed by one more attempt with a
    new one. Passing failures are retried where a second sending can do no harm.

    Args:
        policy: How often and how fast.
        method: Upper-case method.
        is_replayable: Whether the body can be sent again; a stream cannot.
        has_idempotency_key: Whether the server recognises a second sending, or does no harm by it.
    Returns:
        Seconds after which the caller may try again, where that was too long to wait here; None elsewhere.
    """
    outcome = yield Send()
    renewed, has_nonce, attempt = False, False, 0
    is_repeatable = is_replayable and (has_idempotency_key or method in IDEMPOTENT_METHODS)
    while outcome is not None:
        if outcome.status == 401 and outcome.wants_nonce and is_replayable and not has_nonce:
            has_nonce = True
            outcome = yield Send()
            continue
        is_refused = outcome.status == 401 or outcome.is_expired
        if is_refused and outcome.fingerprint and is_replayable and not renewed:
            renewed = True
            outcome = yield Send(rejected=outcome.fingerprint)
            continue
        plan = choose_wait(policy, outcome, attempt, is_replayable=is_replayable, is_repeatable=is_repeatable)
        if plan.wait_s is None:
            return plan.declined_s
        attempt += 1
        yield Wait(plan.wait_s)
        outcome = yield Send()
    return None


def choose_wait(
    policy: RetryPolicy, outcome: Outcome, attempt: int, *, is_replayable: bool, is_repeatable: bool
) -> Plan:
    """Return how long to wait before the next attempt, if there is to be one."""
    if not is_replayable or not _may_repeat(outcome, is_repeatable):
        return Plan()
    is_throttled = outcome.status == 429 or outcome.is_throttled
    wait_s = _choose_seconds(policy, outcome, attempt, is_throttled=is_throttled)
    is_scheduled = is_throttled and bool(policy.throttle_waits_s)
    is_told = outcome.retry_after_s is not None
    declined = Plan(declined_s=wait_s if is_told or is_scheduled else None)
    # Where waiting costs nothing, or was agreed on, it is made as often as it takes.
    is_endless = is_scheduled or (is_throttled and is_told and policy.patience_s is not None)
    if attempt >= policy.max_retries and not is_endless:
        return declined
    if policy.max_wait_s is not None and wait_s > policy.max_wait_s:
        return declined
    if is_throttled and policy.patience_s is not None:
        return Plan(wait_s) if outcome.waited_s + wait_s <= policy.patience_s else declined
    return Plan(wait_s) if outcome.spent_s + wait_s < policy.deadline_s else declined


def _choose_seconds(policy: RetryPolicy, outcome: Outcome, attempt: int, *, is_throttled: bool) -> float:
    if outcome.retry_after_s is not None:
        return max(0.0, outcome.retry_after_s)
    if is_throttled and policy.throttle_waits_s:
        return policy.throttle_waits_s[min(outcome.throttled, len(policy.throttle_waits_s)) - 1]
    backoff_s: float = policy.base_s * 2**attempt
    return min(policy.cap_s, backoff_s) * outcome.jitter


def _may_repeat(outcome: Outcome, is_repeatable: bool) -> bool:
    """Nothing was sent, or the server refused to act, or acting twice does no harm."""
    if outcome.failure == "connect" or outcome.status == 429 or outcome.is_throttled:
        return True
    is_passing = outcome.is_passing or outcome.status in PASSING_STATUS
    return is_repeatable and (outcome.failure is not None or is_passing)
