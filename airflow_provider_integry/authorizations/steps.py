"""What a refresh asks of the world, one step at a time, and the two ways to do it.

A refresh is a generator: it says what it needs next and is told what came of it. Synchronous
processes (command line, ``dag.test()``) and the API server's event loop run the same one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_integry.auth.wire import HttpRequest
from airflow_provider_integry.settings import TransportSettings

if TYPE_CHECKING:
    from anyio import CapacityLimiter

T = TypeVar("T")
# Threads of the API server that talk to the database for us at one time. Airflow's own forty are
# left to Airflow, and its connection pool has five connections and ten more.
DATABASE_THREADS = 4


@dataclass(frozen=True, slots=True)
class Do:
    """Call a function that may block on the database or the disk, and return what it returns."""

    function: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Either:
    """Call the first of two functions where blocking is allowed, or await the second.

    Attributes:
        blocking: For threads.
        waiting: For event loops; does the same.
    """

    blocking: Callable[[], Any]
    waiting: Callable[[], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait this many seconds, holding nothing."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Fetch:
    """Send a request to a token endpoint and return its whole answer.

    Attributes:
        request: What to send.
        transport: Proxy, certificates, timeouts.
        deadline_s: Seconds in all.
        max_bytes: Most bytes of the answer; None for what is enough for a token.
    """

    request: HttpRequest
    transport: TransportSettings
    deadline_s: float
    max_bytes: int | None = None


Step = Do | Either | Pause | Fetch
Steps = Generator[Step, Any, T]


def run_steps(steps: Steps[T]) -> T:
    """Run a generator of steps to its end in this thread."""
    try:
        step = next(steps)
        while True:
            try:
                result = _take(step)
            except Exception as error:  # noqa: BLE001, PERF203 - the generator decides what an error means
                step = steps.throw(error)
            else:
                step = steps.send(result)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


async def arun_steps(steps: Steps[T]) -> T:
    """Run a generator of steps to its end without blocking the event loop."""
    try:
        step = next(steps)
        while True:
            try:
                result = await _atake(step)
            except Exception as error:  # noqa: BLE001, PERF203 - the generator decides what an error means
                step = steps.throw(error)
            else:
                step = steps.send(result)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


async def run_in_thread(function: Callable[[], T]) -> T:
    """Call a blocking function in one of our own few threads."""
    # Lazy for start-up cost: synchronous processes need no anyio.
    from anyio import to_thread

    return await to_thread.run_sync(function, limiter=_limiter())


def _take(step: Step) -> Any:
    match step:
        case Do(function=function):
            return function()
        case Either(blocking=blocking):
            return blocking()
        case Pause(seconds=seconds):
            return time.sleep(seconds)
        case Fetch():
            # Lazy for start-up cost: an async process never needs requests.
            from airflow_provider_integry.transport.sync import fetch

            return fetch(step.request, step.transport, deadline_s=step.deadline_s, **_limits(step))


async def _atake(step: Step) -> Any:
    match step:
        case Do(function=function):
            return await run_in_thread(function)
        case Either(waiting=waiting):
            return await waiting()
        case Pause(seconds=seconds):
            return await asyncio.sleep(seconds)
        case Fetch():
            # Lazy for start-up cost: a synchronous process never needs aiohttp.
            from airflow_provider_integry.transport.aio import afetch

            return await afetch(step.request, step.transport, deadline_s=step.deadline_s, **_limits(step))


def _limits(step: Fetch) -> dict[str, int]:
    return {} if step.max_bytes is None else {"max_bytes": step.max_bytes}


@cache
def _limiter() -> CapacityLimiter:
    from anyio import CapacityLimiter

    return CapacityLimiter(DATABASE_THREADS)
