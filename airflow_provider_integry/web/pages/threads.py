"""Threads for pages: the database, the auth manager and secrets backends block, and the event loop must not."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

T = TypeVar("T")
# Few, and not those of the broker: a long list keeps no task waiting for its token.
PAGE_THREADS = 4


async def in_page_thread(function: Callable[[], T]) -> T:
    """Call a blocking function for a page."""
    return await to_thread.run_sync(function, limiter=_limiter())


@cache
def _limiter() -> CapacityLimiter:
    return CapacityLimiter(PAGE_THREADS)
