"""Many processes that do the same thing at the same moment."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from typing import Any


def run_at_once(count: int, work: Callable[[], None]) -> dict[str, Any]:
    """Fork so many processes, let them begin together, and return how many did it and how long the last one took."""
    context = multiprocessing.get_context("fork")
    barrier, answers = context.Barrier(count + 1), context.SimpleQueue()
    processes = [context.Process(target=_take_part, args=(barrier, answers, work)) for _ in range(count)]
    for process in processes:
        process.start()
    barrier.wait()
    started = time.perf_counter()
    found = [answers.get() for _ in processes]
    wall = time.perf_counter() - started
    for process in processes:
        process.join()
    errors = sorted({one for one in found if one})
    return {"done": found.count(""), "wall": wall, "errors": errors}


def _take_part(barrier: Any, answers: Any, work: Callable[[], None]) -> None:
    barrier.wait()
    try:
        work()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        answers.put(f"{type(error).__name__}: {error}"[:300])
    else:
        answers.put("")
