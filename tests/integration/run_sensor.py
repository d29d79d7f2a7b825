"""Run the DAG in `waiting_dags/waiting.py` once per line of standard input, as `airflow dags test` does.

Each line is a JSON object of environment variables; for each, one line of JSON comes back: state and XCom of the
sensor.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

from airflow.models.xcom import XComModel
from airflow.settings import Session
from airflow.utils.db import initdb

from airflow_provider_integry.authorizations.end_user_tables import metadata

sys.path.insert(0, str(Path(__file__).parent / "waiting_dags"))


def run_once(number: int) -> dict[str, object]:
    from waiting import waiting

    session = Session()
    run = waiting().test(logical_date=datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(days=number))
    session.expire_all()
    [state] = [ti.state for ti in run.get_task_instances(session=session) if ti.task_id == "wait"]
    rows = session.query(XComModel).filter(
        XComModel.run_id == run.run_id, XComModel.task_id == "wait", XComModel.key == "return_value"
    )
    return {"state": state, "found": [XComModel.deserialize_value(row) for row in rows]}


def main() -> None:
    session = Session()
    initdb(session=session)
    metadata.create_all(session.get_bind())
    print("READY", flush=True)
    for number, line in enumerate(sys.stdin):
        os.environ.update(json.loads(line))
        print("FOUND", json.dumps(run_once(number)), flush=True)


main()
