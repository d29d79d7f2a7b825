"""Read all pages into a JSON-lines file as one contender and print what it cost.

``extraction_probe.py CONTENDER BASE_URL FILE``, with the connections in the environment. Imports are not counted.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

KEY = json.loads(os.environ["AIRFLOW_CONN_BENCH_OURS"])["password"]


def main() -> None:
    """Measure one contender."""
    contender, base_url, path = sys.argv[1:4]
    work = CONTENDERS[contender](base_url, Path(path))
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    found = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    # Linux tells KiB.
    found["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with Path(path).open("rb") as lines:
        print(json.dumps({**found, "records": sum(1 for _ in lines)}))


def build_loop(base_url: str, path: Path) -> Callable[[], None]:
    """Return the loop that everybody writes by hand."""

    def loop() -> None:
        with requests.Session() as session, path.open("w", encoding="utf-8") as file:
            session.headers["X-Api-Key"] = KEY
            cursor = 0
            while cursor is not None:
                answer = session.get(f"{base_url}/v1/records", params={"cursor": cursor}, timeout=60).json()
                for record in answer["data"]:
                    file.write(json.dumps(record) + "\n")
                cursor = answer["next"]

    return loop


def build_http_operator(base_url: str, path: Path) -> Callable[[], None]:
    """Return what the HTTP provider's operator does with pages, and the file that somebody makes of them."""
    from airflow.providers.http.operators.http import HttpOperator

    def next_page(response: requests.Response) -> dict[str, Any] | None:
        cursor = response.json()["next"]
        return None if cursor is None else {"data": {"cursor": cursor}}

    def write(answers: list[requests.Response]) -> None:
        with path.open("w", encoding="utf-8") as file:
            for answer in answers:
                for record in answer.json()["data"]:
                    file.write(json.dumps(record) + "\n")

    operator = HttpOperator(
        task_id="b",
        http_conn_id="bench_http",
        endpoint="/v1/records",
        method="GET",
        pagination_function=next_page,
        response_filter=write,
    )
    return lambda: operator.execute({})


def build_ours(base_url: str, path: Path) -> Callable[[], None]:
    """Return our operator."""
    # What an operator loads when it runs is no part of an extraction: a task process has it once.
    import airflow_provider_integry.connectors.run
    import airflow_provider_integry.hooks.integry
    import airflow_provider_integry.hooks.records
    import airflow_provider_integry.transport.sync  # noqa: F401
    from airflow_provider_integry.operators.activity import IntegryActivityOperator

    operator = IntegryActivityOperator(
        task_id="a",
        integry_conn_id="bench_ours",
        activity="list_records",
        output_path=f"file://{path}",
        deferrable=False,
    )
    return lambda: operator.execute({})


CONTENDERS = {"ours": build_ours, "requests + json": build_loop, "HttpOperator": build_http_operator}

if __name__ == "__main__":
    main()
