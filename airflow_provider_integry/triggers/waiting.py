"""Waiting in the triggerer until an API takes requests again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent


class WaitTrigger(BaseTrigger):
    """Wait until a moment; the event tells the task to begin its activity again.

    Args:
        until: UTC epoch seconds.
        throttled: How often in a row the API has said "too many requests".
        waited_s: Seconds that the task has waited for this, this wait included.
    """

    def __init__(self, until: float, throttled: int = 0, waited_s: float = 0.0) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's base class is untyped
        self.until = until
        self.throttled = throttled
        self.waited_s = waited_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and arguments."""
        arguments = {"until": self.until, "throttled": self.throttled, "waited_s": self.waited_s}
        return "airflow_provider_integry.triggers.waiting.WaitTrigger", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait and fire one event."""
        # In a loop: a machine that was asleep has counted none of that time.
        while (left_s := self.until - time.time()) > 0:
            await asyncio.sleep(min(left_s, 60.0))
        yield TriggerEvent({"status": "waited", "throttled": self.throttled, "waited_s": self.waited_s})
