"""Run an activity in many processes at once, as tasks do: without the database, asking the broker for permits.

``python pace.py CONN_ID CONNECTOR ACTIVITY PROCESSES RUNS``: prints one JSON list with what came of each run.
Each process begins with the URL of the next of the API servers in variable URLS (separated by spaces).
"""

from __future__ import annotations

import json
import os
import sys

from airflow.sdk.execution_time.supervisor import block_orm_access

from airflow_provider_integry.errors import IntegryError
from airflow_provider_integry.hooks.integry import IntegryHook


def run(conn_id: str, connector: str, activity: str, runs: int) -> list[str]:
    found = []
    for _ in range(runs):
        try:
            found.append(f"ok {len(IntegryHook(conn_id, connector=connector).run(activity))}")
        except IntegryError as error:  # noqa: PERF203 - every outcome is reported
            found.append(f"{type(error).__name__}: {error}")
    return found


def main() -> None:
    conn_id, connector, activity = sys.argv[1:4]
    processes, runs = int(sys.argv[4]), int(sys.argv[5])
    urls = os.environ["URLS"].split()
    # As Airflow does before it runs a task.
    block_orm_access()
    # Everything is loaded before the first process is forked: nothing is sent for inputs that are refused.
    run(conn_id, connector, "missing", 1)
    pipes = []
    for number in range(processes):
        reader, writer = os.pipe()
        if os.fork() == 0:
            os.environ["AIRFLOW__INTEGRY__API_URL"] = urls[number % len(urls)]
            with os.fdopen(writer, "w") as channel:
                json.dump(run(conn_id, connector, activity, runs), channel)
            os._exit(0)
        os.close(writer)
        pipes.append(reader)
    outcomes = [outcome for pipe in pipes for outcome in json.loads(os.fdopen(pipe).read() or '["died"]')]
    print(json.dumps(outcomes), flush=True)


if __name__ == "__main__":
    main()
