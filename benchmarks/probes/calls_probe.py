"""Send small requests as several contenders and print what they cost.

``calls_probe.py BASE_URL ROUNDS CALLS PAGES``, with the connections in the environment.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import requests
from airflow.providers.http.hooks.http import HttpHook
from airflow.providers.http.operators.http import HttpOperator
from airflow.sdk.definitions.connection import Connection

from airflow_provider_integry.hooks.integry import IntegryHook
from airflow_provider_integry.operators.activity import IntegryActivityOperator

PAYLOAD = {"name": "Ada Lovelace", "email": "ada@example.com", "active": True}
WARM_UP_CALLS = 200
TURN_CALLS = 50
KEY = json.loads(os.environ["AIRFLOW_CONN_BENCH_OURS"])["password"]


def main() -> None:
    """Measure the contenders in turns, then count look-ups."""
    base_url = sys.argv[1]
    rounds, calls, pages = map(int, sys.argv[2:5])
    contenders = build_contenders(base_url)
    for send in contenders.values():
        repeat(send, WARM_UP_CALLS)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, sample in measure_round(contenders, calls).items():
            found[name].append(sample)
    print(json.dumps({"calls": found, "look_ups": count_all(calls, pages), "variables": len(os.environ)}))


def measure_round(contenders: dict[str, Callable[[], requests.Response]], calls: int) -> dict[str, dict[str, float]]:
    """Send so many times as each, in short turns: what disturbs the machine meanwhile disturbs all alike."""
    spent = {name: [0.0, 0.0] for name in contenders}
    order = list(contenders)
    for _ in range(calls // TURN_CALLS):
        for name in order:
            wall, cpu = time.perf_counter(), time.process_time()
            repeat(contenders[name], TURN_CALLS)
            spent[name][0] += time.perf_counter() - wall
            spent[name][1] += time.process_time() - cpu
        order.append(order.pop(0))
    return {name: {"wall_us": wall / calls * 1e6, "cpu_us": cpu / calls * 1e6} for name, (wall, cpu) in spent.items()}


def build_contenders(base_url: str) -> dict[str, Callable[[], requests.Response]]:
    """Return how each contender sends the same request."""
    url = f"{base_url}/v1/items"
    bare, blind = requests.Session(), requests.Session()
    blind.trust_env = False
    bare.headers["X-Api-Key"] = blind.headers["X-Api-Key"] = KEY
    ours = IntegryHook("bench_ours").get_conn()
    http = HttpHook("POST", "bench_http")
    return {
        "ours": lambda: ours.post("/v1/items", json=PAYLOAD),
        "requests.Session": lambda: bare.post(url, json=PAYLOAD),
        "… without trust_env": lambda: blind.post(url, json=PAYLOAD),
        "HttpHook.run": lambda: http.run("/v1/items", json=PAYLOAD),
    }


def repeat(send: Callable[[], requests.Response], times: int) -> None:
    """Send so many times; the server answers 201 to nobody without the key."""
    for _ in range(times):
        assert send().status_code == 201


def count_all(calls: int, pages: int) -> dict[str, dict[str, int]]:
    """Count the connection look-ups of a hook and of a task."""
    ours, http = IntegryHook("bench_ours"), HttpHook("POST", "bench_http")

    def next_page(response: requests.Response) -> dict[str, Any] | None:
        cursor = response.json()["next"]
        return None if cursor is None else {"data": {"cursor": cursor}}

    our_task = IntegryActivityOperator(task_id="a", integry_conn_id="bench_ours", activity="list_records")
    http_task = HttpOperator(
        task_id="b",
        http_conn_id="bench_http",
        endpoint="/v1/records",
        method="GET",
        pagination_function=next_page,
        response_filter=lambda answers: [record for answer in answers for record in answer.json()["data"]],
    )
    our_records: list[Any] = []
    http_records: list[Any] = []
    counts = {
        "hook": {
            "ours": count_look_ups(lambda: repeat(lambda: ours.get_conn().post("/v1/items", json=PAYLOAD), calls)),
            "HttpHook.run": count_look_ups(lambda: repeat(lambda: http.run("/v1/items", json=PAYLOAD), calls)),
        },
        "task": {
            "ours": count_look_ups(lambda: our_records.extend(our_task.execute({}))),
            "HttpOperator": count_look_ups(lambda: http_records.extend(http_task.execute({}))),
        },
    }
    assert len(our_records) == len({record["page"] for record in our_records}) * 10
    assert our_records == http_records
    assert {record["page"] for record in our_records} == set(range(pages))
    return counts


def count_look_ups(work: Callable[[], None]) -> int:
    """Return how often some work asks Airflow for a connection."""
    original = Connection.__dict__["get"]
    count = 0

    def counting(cls: type[Connection], conn_id: str) -> Any:
        nonlocal count
        count += 1
        return original.__func__(cls, conn_id)

    Connection.get = classmethod(counting)  # type: ignore[assignment]
    try:
        work()
    finally:
        Connection.get = original
    return count


if __name__ == "__main__":
    main()
