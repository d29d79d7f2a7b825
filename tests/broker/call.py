"""Call an API as a task does, for each line of JSON ``[conn_id, end_user, account]`` on the standard input.

Prints one line of JSON for each: what the API answered to ``/resource``, or the error.
"""

from __future__ import annotations

import json
import sys

from airflow.sdk.execution_time.supervisor import block_orm_access

from airflow_provider_integry.authorizations.tokens import forget_sources
from airflow_provider_integry.hooks.integry import IntegryHook


def call(conn_id: str, end_user: str | None, account: str | None) -> dict[str, object]:
    try:
        with IntegryHook(conn_id, end_user, account).get_conn() as session:
            answer = session.get("/resource")
            return {"status": answer.status_code, **answer.json()}
    except Exception as error:  # noqa: BLE001 - every outcome is reported
        return {"error": type(error).__name__, "message": str(error)}


def main() -> None:
    # As Airflow does before it runs a task.
    block_orm_access()
    for line in sys.stdin:
        forget_sources()
        print("answer", json.dumps(call(*json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
