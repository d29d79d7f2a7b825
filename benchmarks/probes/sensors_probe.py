"""Let sensors wait in one event loop, as a triggerer does: ``sensors_probe.py URL INTERVAL_S INTERVALS COUNT…``.

``ours`` waits for authorizations that nobody has given, and asks one real API server; ``HttpSensorTrigger`` of the HTTP
provider waits for an answer that is not 404, at a small server (``not_found_server.py``). Prints, for each count,
requests per interval and CPU seconds of the waiting process per interval.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from airflow.triggers.base import BaseTrigger
from api_server import serving_airflow

CONN_ID = "waiting"


def main() -> None:
    """Measure each count, ours and theirs in turns."""
    url, interval_s, intervals = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    counts = [int(text) for text in sys.argv[4:]]
    logging.disable(logging.CRITICAL)
    _connect(url)
    found: dict[str, dict[int, dict[str, float]]] = {"ours": {}, "HttpSensorTrigger": {}}
    with serving_airflow() as server:
        os.environ["AIRFLOW__INTEGRY__API_URL"] = f"http://127.0.0.1:{server.port}"
        for count in counts:
            # As Airflow takes the database away from triggers.
            os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = "airflow-db-not-allowed:///"
            for name, make, asked in (("ours", _ours, _count_ours), ("HttpSensorTrigger", _theirs, _count_theirs)):
                waiting = _wait([make(interval_s) for _ in range(count)], interval_s, intervals, asked)
                found[name][count] = asyncio.run(waiting)
    print(json.dumps(found))


def _connect(url: str) -> None:
    extra = {
        "grant_type": "authorization_code",
        "client_id": "bench",
        "client_secret": secrets.token_urlsafe(16),
        "authorize_url": f"{url}/authorize",
        "exchange_url": f"{url}/token",
        "allow_http": True,
    }
    connections = {
        CONN_ID: {"conn_type": "integry_oauth2", "host": url, "extra": extra},
        "http_waiting": {"conn_type": "http", "host": url},
        "integry_installation": {"conn_type": "generic", "password": secrets.token_urlsafe(32)},
    }
    for name, connection in connections.items():
        os.environ[f"AIRFLOW_CONN_{name.upper()}"] = json.dumps(connection)


def _ours(interval_s: float) -> BaseTrigger:
    from airflow_provider_integry.triggers.authorization import AuthorizationReadyTrigger

    return AuthorizationReadyTrigger(CONN_ID, end_user=secrets.token_hex(8), poll_interval_s=interval_s)


def _theirs(interval_s: float) -> BaseTrigger:
    from airflow.providers.http.triggers.http import HttpSensorTrigger

    return HttpSensorTrigger(endpoint="/wait", http_conn_id="http_waiting", poke_interval=interval_s)


def _count_ours() -> int:
    log = Path(os.environ["AIRFLOW_HOME"]).with_suffix(".log").read_text("utf-8", "replace")
    return log.count("/integry/v1/status")


def _count_theirs() -> int:
    with urllib.request.urlopen(f"{sys.argv[1]}/count", timeout=30) as answer:
        return int(answer.read())


async def _wait(
    triggers: list[BaseTrigger], interval_s: float, intervals: int, count: Callable[[], int]
) -> dict[str, float]:
    """Let them all wait, and return what an interval takes once they have settled."""
    tasks = [asyncio.create_task(_run(trigger)) for trigger in triggers]
    # They come, and are looked at for the first time.
    await asyncio.sleep(2 * interval_s)
    before, cpu = count(), time.process_time()
    await asyncio.sleep(intervals * interval_s)
    spent, asked = time.process_time() - cpu, count() - before
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return {"requests": asked / intervals, "cpu_s": spent / intervals}


async def _run(trigger: Any) -> None:
    async for _ in trigger.run():
        return


if __name__ == "__main__":
    main()
