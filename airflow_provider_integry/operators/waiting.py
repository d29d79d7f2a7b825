"""What an operator does when an API wants to be left alone for a while: it gives its worker slot back."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context

    from airflow_provider_integry.connectors.run import ActivityCall
    from airflow_provider_integry.errors import IntegryError
    from airflow_provider_integry.hooks.sending import Patience

# Tasks that were refused together should not come back together.
_SPREAD, _MOST_SPREAD_S = 0.1, 30.0


class Waits(NamedTuple):
    """What a task has waited for an API's limits before this run of its activity.

    Attributes:
        throttled: How often in a row the API has said "too many requests".
        waited_s: Seconds in all.
    """

    throttled: int = 0
    waited_s: float = 0.0

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> Waits:
        """Return what an event of `WaitTrigger` tells."""
        return cls(int(event.get("throttled", 0)), float(event.get("waited_s", 0.0)))


def choose_patience(waits: Waits, *, is_deferrable: bool) -> Patience:
    """Return how long a call waits on the worker: not for long where it can wait elsewhere."""
    # Lazy for start-up cost: not needed to parse a DAG file.
    from airflow_provider_integry import config
    from airflow_provider_integry.hooks.sending import Patience

    return Patience(config.defer_wait_s() if is_deferrable else None, throttled=waits.throttled)


def wait_elsewhere(
    operator: BaseOperator, call: ActivityCall, error: IntegryError, waits: Waits, throttled: int
) -> None:
    """Defer a task whose API asks for a long wait; return where it does not, or nobody should wait that long.

    A query is begun again from its first page. An action is only where the API has refused it, or nothing was
    sent: whatever else went wrong, it may have happened.

    Args:
        operator: The task.
        call: What it was running.
        error: What came of it.
        waits: What it has waited before.
        throttled: How often in a row the API has said "too many requests", this time included.
    Raises:
        TaskDeferred: The task goes on with `execute_complete`.
    """
    # Lazy for start-up cost, as above.
    from airflow_provider_integry import config
    from airflow_provider_integry.connectors.rate_limits import GIVE_UP_S
    from airflow_provider_integry.errors import LimitReachedError, ThrottledError
    from airflow_provider_integry.errors.activity import in_words
    from airflow_provider_integry.triggers.waiting import WaitTrigger

    retry_after_s = getattr(error, "retry_after_s", None)
    if not error.retryable or retry_after_s is None or retry_after_s <= config.defer_wait_s():
        return
    if not call.is_query and not isinstance(error, ThrottledError | LimitReachedError):
        return
    wait_s = retry_after_s + random.random() * min(_MOST_SPREAD_S, _SPREAD * retry_after_s)  # noqa: S311 - no secret
    if waits.waited_s + wait_s > GIVE_UP_S:
        return
    operator.log.info("%s The task waits in the triggerer for %s.", error, in_words(wait_s))
    trigger = WaitTrigger(time.time() + wait_s, throttled, waits.waited_s + wait_s)
    operator.defer(trigger=trigger, method_name="execute_complete", timeout=operator.execution_timeout)


def build_task_key(context: Context, activity: str, *others: str | None, is_new_on_clear: bool) -> str | None:
    """Return the idempotency key of a task's action: the same at every try; None outside of a task.

    Args:
        context: The task's context.
        activity: The activity.
        others: What else makes it another action, such as connection and end user.
        is_new_on_clear: Whether a task that somebody clears acts anew. Airflow counts the tries that are allowed
            from the one at which a task was cleared, so that this number differs after each time.
    """
    # Lazy for start-up cost, as above.
    from airflow_provider_integry.connectors.idempotency import build_key

    task = context.get("ti")
    if task is None:
        return None
    identity = (task.dag_id, task.run_id, task.task_id, task.map_index)
    generation = getattr(task, "max_tries", 0) if is_new_on_clear else None
    return build_key(*identity, activity, *others, generation)
