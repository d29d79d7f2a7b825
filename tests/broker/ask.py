"""Ask for a token as a task does, and print what came of it as one line of JSON.

``python ask.py CONN_ID [END_USER]``: waits for a line on its standard input before it asks, so that
many can be started at leisure and let go at once; then asks once for each further line.
"""

from __future__ import annotations

import json
import sys
import time

from airflow.sdk.execution_time.supervisor import block_orm_access

from airflow_provider_integry.authorizations.tokens import forget_sources
from airflow_provider_integry.hooks.integry import IntegryHook


def ask(conn_id: str, end_user: str | None, rejected: str | None) -> dict[str, object]:
    started = time.monotonic()
    try:
        hook = IntegryHook(conn_id, end_user)
        issued = hook._source().get(rejected)
        token = issued.credentials.token.reveal()
        result: dict[str, object] = {"token": token, "fingerprint": issued.fingerprint}
    except Exception as error:  # noqa: BLE001 - every outcome is reported
        result = {"error": type(error).__name__, "message": str(error)}
    return {**result, "seconds": time.monotonic() - started}


def main() -> None:
    # As Airflow does before it runs a task.
    block_orm_access()
    conn_id, end_user = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
    # Everything is loaded before the start signal.
    IntegryHook(conn_id, end_user)._source()
    print("ready", flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        if command.get("fresh", True):
            forget_sources()
        print(json.dumps(ask(conn_id, end_user, command.get("rejected"))), flush=True)


if __name__ == "__main__":
    main()
