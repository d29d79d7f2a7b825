"""Stampedes of up to 200 processes, with token endpoints of every speed."""

from __future__ import annotations

import time

import pytest
from broker.quick import QuickRig, show_table
from broker.stampede import Stampede, stampede

pytestmark = pytest.mark.timeout(7200)
ROUNDS = {0.0: 50, 0.2: 50, 3.0: 5, 12.0: 5}
COUNTS = (2, 32, 200)
_HEAD = ("database", "servers", "processes", "endpoint", "rounds", "asked", "requests", "failed", "reused", "slowest")


def _row(rig: QuickRig, count: int, servers: int, what: str, found: Stampede) -> tuple[object, ...]:
    return (
        rig.database.partition(":")[0], servers, count, what, found.rounds, found.asked, sum(found.token_requests),
        len(found.failures), found.revocations, f"{found.slowest_s:.1f} s",
    )  # fmt: skip


def _run(rig: QuickRig, servers: int) -> None:
    rows, problems = [], []
    for latency_s, rounds in ROUNDS.items():
        for count in COUNTS:
            conn_id = f"long_{count}_{int(latency_s * 10)}"
            started = time.monotonic()
            found = stampede(rig, conn_id, count=count, rounds=rounds, servers=servers, latency_s=latency_s)
            rows.append(_row(rig, count, servers, f"{latency_s} s", found))
            print(*rows[-1], f"in {time.monotonic() - started:.0f} s", flush=True)
            problems += [] if found.is_perfect else [found]
    show_table("One expiry, one token request", _HEAD, rows)
    assert not problems


def test_stampedes_on_sqlite_with_one_server(on_sqlite: QuickRig):
    _run(on_sqlite, 1)


def test_stampedes_on_postgresql_with_two_servers(on_postgres: QuickRig):
    _run(on_postgres, 2)


def test_two_hundred_report_the_same_refused_token(rig: QuickRig):
    found = stampede(rig, "long_storm", count=200, rounds=20, servers=2, latency_s=0.2, rejects=True)
    show_table("A refused token", _HEAD, [_row(rig, 200, 2, "0.2 s, 401", found)])
    assert found.is_perfect, found
