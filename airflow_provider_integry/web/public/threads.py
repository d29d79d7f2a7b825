"""Threads for end users' pages: few, and nobody else's, so that a flood of visitors keeps no task waiting."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

T = TypeVar("T")
VISITOR_THREADS = 4


async def in_visitor_thread(function: Callable[[], T]) -> T:
    """Call a blocking function for a public page."""
    return await to_thread.run_sync(function, limiter=_limiter())


@cache
def _limiter() -> CapacityLimiter:
    return CapacityLimiter(VISITOR_THREADS)
