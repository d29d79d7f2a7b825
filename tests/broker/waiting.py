"""A process like the triggerer's: many sensors wait on one event loop, whose lag is measured."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from broker.shell import TaskShell

_DEFINE = """
import asyncio, os, threading, time
from airflow_provider_integry.triggers.authorization import AuthorizationReadyTrigger
from airflow_provider_integry.triggers import status_pool

# Nobody reads what thousands of sensors log, and a full pipe would hold them up.
for number in (1, 2):
    os.dup2(os.open(os.devnull, os.O_WRONLY), number)
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()
events, tasks, lags = {}, {}, []

async def wait(number, trigger):
    async for event in trigger.run():
        events[number] = [event.payload, time.time()]

async def watch():
    # What Airflow's triggerer does to see whether its loop is blocked. Where the loop's own thread did not work
    # for as long as the loop was late, it was the machine that was busy with something else.
    while True:
        began, worked = time.monotonic(), time.thread_time()
        await asyncio.sleep(0.1)
        lags.append(min(time.monotonic() - began - 0.1, time.thread_time() - worked))

async def add(wanted, options, pause_s):
    for place in range(0, len(wanted), 50):
        for conn_id, end_user in wanted[place:place + 50]:
            number = len(tasks)
            trigger = AuthorizationReadyTrigger(conn_id, end_user, **options)
            tasks[number] = asyncio.create_task(wait(number, trigger))
        await asyncio.sleep(pause_s)

async def cancel(numbers):
    for number in numbers:
        tasks[number].cancel()
    await asyncio.gather(*(tasks[number] for number in numbers), return_exceptions=True)
    # One turn for whoever was told to end.
    await asyncio.sleep(0.1)
    own = asyncio.current_task()
    return [repr(task) for task in asyncio.all_tasks() if task is not own and "watch" not in repr(task)]

def call(coroutine):
    return asyncio.run_coroutine_threadsafe(coroutine, loop).result(60)

asyncio.run_coroutine_threadsafe(watch(), loop)
"""


class Waiters:
    """Starts such a process; a context manager.

    Args:
        environment: Its environment.
        shift_s: Seconds that its clock is ahead.
    """

    def __init__(self, environment: Mapping[str, str], shift_s: float = 0.0) -> None:
        self._shell = TaskShell(environment, shift_s)

    def __enter__(self) -> Waiters:
        self._run(_DEFINE)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._shell.__exit__(*exc_info)

    def add(self, wanted: Sequence[tuple[str, str | None]], *, pause_s: float = 0.0, **options: Any) -> None:
        """Let sensors wait for these connections and end users; fifty at a time, with a pause between."""
        self._run(f"call(add({list(wanted)!r}, {options!r}, {pause_s!r}))")

    def cancel(self, numbers: Sequence[int]) -> list[str]:
        """Cancel sensors; return the tasks that are left on the loop."""
        found: list[str] = self._run(f"result = call(cancel({list(numbers)!r}))")
        return found

    def events(self) -> dict[int, tuple[dict[str, Any], float]]:
        """Return the events so far with their time, by number of the sensor."""
        found = self._run("result = dict(events)")
        return {int(number): (payload, at) for number, (payload, at) in found.items()}

    def wait_events(self, count: int, timeout_s: float) -> dict[int, tuple[dict[str, Any], float]]:
        """Wait until so many sensors have had their event."""
        deadline = time.monotonic() + timeout_s
        while len(found := self.events()) < count:
            assert time.monotonic() < deadline, f"{len(found)} events after {timeout_s} s, not {count}"
            time.sleep(0.1)
        return found

    def lags(self) -> list[float]:
        """Return by how many seconds the loop was late each time, and forget them."""
        found: list[float] = self._run("result, lags[:] = list(lags), []")
        return found

    def set_variable(self, name: str, value: str | None) -> None:
        """Change a variable of its environment, as a secrets backend changes a connection."""
        self._run(
            f"import os\nos.environ.pop({name!r}, None)"
            if value is None
            else f"import os\nos.environ[{name!r}] = {value!r}"
        )

    def run(self, code: str) -> Any:
        """Run any code and return its `result`."""
        return self._run(code)

    def _run(self, code: str) -> Any:
        answer = self._shell.run(code)
        assert "error" not in answer, answer
        return answer["result"]
