"""One DAG that waits for new records; `tests/integration/run_sensor.py` runs it several times."""

from __future__ import annotations

import os

from airflow.sdk import dag, task

from airflow_provider_integry.sensors.activity import IntegryRecordSensor


@dag(schedule=None, catchup=False)
def waiting():
    found = IntegryRecordSensor(
        task_id="wait",
        integry_conn_id="list",
        activity="made",
        output_path=os.environ.get("WAITING_PATH") or None,
        deferrable=os.environ.get("WAITING_DEFERS") == "yes",
        poke_interval=0.5,
        timeout=30,
    ).output

    @task
    def count(records):
        return len(records)

    count(found)


waiting()
