"""What one small request costs, and how often the connection is looked up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from comparison import Plan, Row, Samples, Subject, Target
from processes import sandbox

CALLS = 1000
PAGES = 5
LIMIT = 1.15
KEY = "bench-key-0123456789"
CONNECTOR = """\
name: bench
title: Bench
activities:
  list_records:
    kind: query
    path: /v1/records
    result: data
    paging: {kind: cursor, param: cursor, cursor: next}
"""


def measure(plan: Plan) -> Subject:
    """Send from one process, contender by contender in turns, to a server in another."""
    with sandbox() as box, box.serving() as base_url:
        found: dict[str, Any] = box.run(
            "calls_probe",
            base_url,
            str(plan.rounds),
            str(CALLS),
            str(PAGES),
            environment=connections_to(base_url, box.folder),
        )

    def samples(name: str, clock: str) -> Samples:
        return Samples(name, [sample[f"{clock}_us"] for sample in found["calls"][name]], "µs")

    def row(what: str, peer: str, clock: str = "cpu", target: Target | None = None) -> Row:
        return Row(what, samples("ours", clock), samples(peer, clock), target)

    def look_ups(what: str, key: str, peer: str) -> Row:
        ours, theirs = (Samples(name, [found["look_ups"][key][name]], "look-ups") for name in ("ours", peer))
        return Row(what, ours, theirs, Target(1, "value"))

    rows = [
        row("one POST, CPU", "requests.Session", target=Target(LIMIT, "ratio")),
        row("one POST, wall", "requests.Session", "wall"),
        row("one POST, CPU", "… without trust_env"),
        row("one POST, CPU", "HttpHook.run"),
        look_ups(f"connection look-ups, {CALLS} POSTs of a hook", "hook", "HttpHook.run"),
        look_ups(f"connection look-ups, a task that reads {PAGES} pages", "task", "HttpOperator"),
    ]
    return Subject(
        f"A small POST with an API key in a header; {CALLS} calls a round, to a loopback server in another process",
        rows,
        [
            (
                "A: one reused IntegryHook.get_conn() session, which signs, guards hosts, keeps deadlines and is ready"
                " to retry; B: a bare requests.Session() with the header set, as everybody makes it"
            ),
            (
                "… without trust_env: the bare session told to read no environment, as A does; a requests.Session reads"
                f" all of it for each request ({found['variables']} variables here; more make it slower)"
            ),
            (
                "HttpHook.run makes a session and a TCP connection for each call; its look-up is a cheap one here (an"
                " environment variable), in a real task it asks the API server"
            ),
        ],
    )


def connections_to(base_url: str, folder: Path) -> dict[str, str]:
    """Write the connector, and return the connections of all contenders as environment variables."""
    connector = folder / "bench.yaml"
    connector.write_text(CONNECTOR, encoding="utf-8")
    ours = {
        "conn_type": "integry_api_key_url",
        "host": base_url,
        "password": KEY,
        "extra": {"allow_http": True, "key_name": "X-Api-Key", "connector": str(connector)},
    }
    theirs = {"conn_type": "http", "host": base_url, "extra": {"X-Api-Key": KEY}}
    return {"AIRFLOW_CONN_BENCH_OURS": json.dumps(ours), "AIRFLOW_CONN_BENCH_HTTP": json.dumps(theirs)}
