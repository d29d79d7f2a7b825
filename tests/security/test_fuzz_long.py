"""The same hostile inputs in great numbers: ``make fuzz``, with COUNTS and SEED.

An input is made from ``SEED:NUMBER`` alone, so that what a run has found is found again without running the rest.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import resource
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from security import fuzz_checks, fuzz_inputs

ASKED = os.environ.get("INTEGRY_FUZZ", "")
SEED = os.environ.get("INTEGRY_FUZZ_SEED", "1")
REPORT = os.environ.get("INTEGRY_FUZZ_REPORT", "")
# The goals: processor time and memory that one input may take.
MOST_S = 0.1
MOST_BYTES = 16 * 1024 * 1024
# Counting memory makes everything several times slower: one input of so many is looked at.
EVERY = 50

TARGETS: dict[str, tuple[Callable[[Random], Any], Callable[[Any], str]]] = {
    "token_responses": (fuzz_inputs.make_token_response, fuzz_checks.check_token_response),
    "connectors": (fuzz_inputs.make_connector, fuzz_checks.check_connector),
    "signatures": (fuzz_inputs.make_signed, fuzz_checks.check_oauth1_signature),
    "jwts": (fuzz_checks.make_proof, fuzz_checks.check_jwt),
    "minted": (fuzz_checks.make_minted, fuzz_checks.check_minted),
}


def counts() -> dict[str, int]:
    """Return how many inputs of each kind are asked for: ``token_responses=1000,jwts=10``."""
    found = dict(part.split("=") for part in ASKED.replace(",", " ").split())
    unknown = sorted(set(found) - {*TARGETS, "callbacks"})
    assert not unknown, f"INTEGRY_FUZZ names {unknown}; there are {sorted({*TARGETS, 'callbacks'})}"
    return {name: int(number) for name, number in found.items()}


def measure(check: Callable[[Any], str], made: Any) -> float:
    """Return the processor time of one check, in seconds.

    A pause of the garbage collector is nobody's input's: the best of several counts for what took long.
    """
    spent = []
    while len(spent) < 5:
        started = time.thread_time()
        check(made)
        spent.append(time.thread_time() - started)
        if spent[-1] <= MOST_S / 2:
            break
    return min(spent)


def run(name: str, number: int, make: Callable[[Random], Any], check: Callable[[Any], str]) -> dict[str, Any]:
    """Check so many inputs; return figures.

    Raises:
        AssertionError: One is not as it should be; the message says which.
    """
    outcomes: Counter[str] = Counter()
    slowest, largest, started = 0.0, 0, time.process_time()
    for index in range(number):
        made = make(Random(f"{SEED}:{index}"))
        begun = time.thread_time()
        try:
            outcomes[check(made)] += 1
        except Exception as error:
            raise AssertionError(f"{name} {SEED}:{index}: {made!r:.600}") from error
        spent = time.thread_time() - begun
        if spent > slowest:
            slowest = max(slowest, spent if spent < MOST_S / 2 else measure(check, made))
        if index % EVERY == 0:
            gc.collect(0)
            tracemalloc.start()
            check(made)
            largest = max(largest, tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    return {
        "target": name,
        "seed": SEED,
        "inputs": number,
        "outcomes": dict(outcomes.most_common()),
        "slowest_ms": round(slowest * 1000, 1),
        "largest_kib": round(largest / 1024),
        "cpu_s": round(time.process_time() - started, 1),
        "rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def report(found: dict[str, Any]) -> None:
    """Print figures, and keep them where that is asked for."""
    line = json.dumps(found)
    print(f"\n{line}")
    if REPORT:
        with Path(REPORT).open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    assert found["slowest_ms"] <= MOST_S * 1000
    assert found["largest_kib"] <= MOST_BYTES / 1024


@pytest.fixture(autouse=True)
def _quiet():
    """Keep a line for each refused input out of the output."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", TARGETS)
def test_many(name):
    if name not in counts():
        pytest.skip(f"a long run: make fuzz COUNTS={name}=100000 SEED=1")
    report(run(name, counts()[name], *TARGETS[name]))


@pytest.mark.timeout(0)
def test_many_callbacks(callback_target):
    if "callbacks" not in counts():
        pytest.skip("a long run: make fuzz COUNTS=callbacks=100000 SEED=1")
    report(run("callbacks", counts()["callbacks"], callback_target.make, callback_target.check))
    assert callback_target.count_grants() == 0
