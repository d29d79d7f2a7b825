"""What a kept credential costs one API server, beside what a connection costs it."""

from __future__ import annotations

import secrets
from typing import Any

from comparison import Plan, Row, Samples, Subject, Target
from cryptography.fernet import Fernet
from processes import sandbox

CLIENTS = 16
REQUESTS = 1600
PARALLEL = 200
WAITING_S = 12.0


def measure(plan: Plan) -> Subject:
    """Ask one API server in turns for a kept credential and for a connection."""
    with sandbox() as box:
        numbers = (plan.rounds, CLIENTS, REQUESTS, PARALLEL, WAITING_S)
        found: dict[str, Any] = box.run("broker_probe", *map(str, numbers), environment=_environment())

    def samples(name: str, values: list[float], scale: float, unit: str) -> Samples:
        return Samples(name, [value * scale for value in values], unit)

    def row(what: str, clock: str, target: Target | None = None) -> Row:
        ours, theirs = (
            samples(name, found["load"][key][clock], 1e6 / REQUESTS, "µs")
            for key, name in (("ours", "ours"), ("execution", "GET /execution/connections"))
        )
        return Row(what, ours, theirs, target)

    parallel, waiting = found["parallel"], found["waiting"]
    rows = [
        row("one request, server's CPU", "cpu"),
        row("one request, wall", "wall", Target(1 / 3, "ratio")),
        Row(
            f"p99 under {CLIENTS} clients",
            samples("ours", found["load"]["ours"]["p99"], 1e3, "ms"),
            samples("GET /execution/connections", found["load"]["execution"]["p99"], 1e3, "ms"),
        ),
        Row(
            f"{PARALLEL} reads at once, token requests",
            Samples("ours", [float(parallel["token_requests"])], "requests"),
            Samples("reads", [float(PARALLEL)], "reads"),
            Target(0, "value"),
        ),
        Row(
            f"/api/v2/version, p95, while {PARALLEL} wait for a token",
            samples("waiting", waiting["busy_s"], 1e3, "ms"),
            samples("idle", waiting["idle_s"], 1e3, "ms"),
            Target(2, "ratio"),
        ),
    ]
    assert set(parallel["statuses"]) == {"200"}, parallel
    return Subject(
        f"One real API server on SQLite, {CLIENTS} keep-alive clients, {REQUESTS} requests a round",
        rows,
        [
            (
                f"throughput: {_rate(found['load']['ours']['wall'])} credentials and"
                f" {_rate(found['load']['execution']['wall'])} connections a second"
            ),
            (
                f"{PARALLEL} reads at once: p99 {parallel['p99_s'] * 1e3:.0f} ms, all done after"
                f" {parallel['elapsed_s']:.2f} s"
            ),
            (
                f"while {PARALLEL} requests wait for a token endpoint that takes {WAITING_S:.0f} s:"
                f" {waiting['token_requests']} token requests a round, {waiting['tokens']} different tokens handed out"
            ),
            "each request brings a proof of its own; a connection and the key of its proofs are remembered for 10 s",
        ],
    )


def _rate(seconds: list[float]) -> str:
    return f"{REQUESTS / sorted(seconds)[len(seconds) // 2]:.0f}"


def _environment() -> dict[str, str]:
    return {
        "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(48),
        "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
    }
