"""Look things up among more and more authorizations: ``authorizations_probe.py COUNT…``, in Airflow's own database.

Prints, for each count, the medians in milliseconds of finding one, of the status of 500, of a page of the list in
its middle, and of a page of what a search finds.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

AIRFLOW = str(Path(sys.executable).parent / "airflow")
CONN_ID = "crowd"
BATCH = 5000
TIMES = 31


def main() -> None:
    """Measure."""
    counts = sorted(map(int, sys.argv[1:]))
    subprocess.run([AIRFLOW, "db", "migrate"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    from api_server import add_connection

    add_connection(CONN_ID, "http://127.0.0.1:9")
    found, there = {}, 0
    for count in counts:
        add_rows(range(there, count))
        there = count
        found[count] = measure(count)
    print(json.dumps(found))


def key_of(number: int):
    """Return the key of one authorization."""
    from airflow_provider_integry.authorizations.grant import AuthorizationKey

    return AuthorizationKey(CONN_ID, None, f"customer-{number}")


def add_rows(numbers: range) -> None:
    """Put authorizations into the table."""
    from airflow import settings
    from sqlalchemy import insert

    from airflow_provider_integry.authorizations.airflow_store import read_settings
    from airflow_provider_integry.authorizations.rows import fresh_values
    from airflow_provider_integry.authorizations.subject import build_subject
    from airflow_provider_integry.authorizations.tables import authorization as table

    connection = read_settings(CONN_ID)
    values = fresh_values(build_subject(connection, key_of(0)), None)
    now = time.time()
    for start in range(numbers.start, numbers.stop, BATCH):
        rows = [
            {
                **values,
                "digest": key_of(number).digest,
                "conn_id": CONN_ID,
                "end_user": f"customer-{number}",
                "state": "active",
                "version": 1,
                "generation": 1,
                "is_rotating": False,
                "failures": 0,
                "created_at": now,
                "refreshed_at": now,
                "token_fingerprint": "0" * 16,
                "expires_at": now + 86400,
                "account_name": f"Customer {number}",
                "sealed": "x" * 600,
            }
            for number in range(start, min(start + BATCH, numbers.stop))
        ]
        with settings.engine.begin() as database:
            database.execute(insert(table), rows)


def measure(count: int) -> dict[str, float]:
    """Return medians, in milliseconds."""
    from airflow_provider_integry.authorizations.airflow_store import local_store
    from airflow_provider_integry.authorizations.listing import PAGE_ROWS, Lister, ListQuery

    store, numbers = local_store(), random.Random(1)
    lister = Lister(store, lambda places: places)
    some = [key_of(numbers.randrange(count)).digest for _ in range(500)]
    middle = max(1, count // PAGE_ROWS // 2)
    return {
        "find one": take(lambda: store.find(some[numbers.randrange(500)])),
        "status of 500": take(lambda: store.find_many(some)),
        "a page of the list": take(lambda: lister.list_page(ListQuery(page=middle))),
        "a page of a search": take(lambda: lister.list_page(ListQuery(text=f"customer-{count // 3}"))),
    }


def take(work: Callable[[], object]) -> float:
    """Return the median of some runs, in milliseconds."""
    work()
    times = []
    for _ in range(TIMES):
        started = time.perf_counter()
        work()
        times.append((time.perf_counter() - started) * 1e3)
    return median(times)


if __name__ == "__main__":
    main()
