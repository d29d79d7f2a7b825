"""Brokers are killed at each of eight points of a refresh, twenty times each."""

from __future__ import annotations

import time

import pytest
from broker.kills import POINTS, Killed, kill_everywhere
from broker.quick import QuickRig, show_table
from servers.oauth2 import Rotation

pytestmark = pytest.mark.timeout(7200)
RUNS, AT_ONCE = 20, 4


@pytest.mark.parametrize("rotation", ["grace", "strict"])
def test_kills(rig: QuickRig, rotation: Rotation):
    started = time.monotonic()
    found: list[Killed] = []
    for number in range(RUNS):
        found += kill_everywhere(rig, rotation, at_once=AT_ONCE)
        print(f"{rotation}: {number + 1} of {RUNS} rounds after {time.monotonic() - started:.0f} s", flush=True)
    problems = {id(one): one.problem_with_grace if rotation == "grace" else one.problem_when_strict for one in found}
    rows = []
    for point in POINTS:
        here = [one for one in found if one.point == point]
        lost = [one for one in here if not one.has_token]
        unexplained = sum(one.cause != "refresh_outcome_unknown" for one in lost)
        requests = "/".join(str(number) for number in sorted({one.token_requests for one in here}))
        slowest = max(one.recovery_s for one in here)
        wrong = sum(problems[id(one)] is not None for one in here)
        rows.append((point, len(here), len(lost), unexplained, requests, f"{slowest:.1f} s", wrong))
    head = ("killed", "times", "lost", "of these unexplained", "token requests", "slowest answer", "wrong")
    show_table(f"{rig.database.partition(':')[0]}, refresh tokens with {rotation}", head, rows)
    assert not [(one, problems[id(one)]) for one in found if problems[id(one)]]
