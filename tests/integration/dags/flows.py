"""One DAG with a task for everything that only a running task can show.

`tests/integration/run_dag.py` runs it; the connections and the server behind them are in the
fixture `airflow_run`.
"""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import dag

from airflow_provider_integry.operators.activity import IntegryActivityOperator
from airflow_provider_integry.sensors.authorization import IntegryAuthorizationSensor

FOLDER = os.environ["FLOWS_FOLDER"]
PARAMS = {
    "conn": "acme",
    "connector": f"{FOLDER}/shop.yaml",
    "activity": "list_items",
    "folder": f"file://{FOLDER}",
    "name": "Ada",
    "who": "user-7",
}


def activity(task_id, **fields):
    return IntegryActivityOperator(task_id=task_id, **{"integry_conn_id": "acme", "activity": "list_items", **fields})


def sensor(task_id, conn_id, **fields):
    # Seconds until the second look, and until the sensor gives up.
    options = {"poke_interval": 0.5, "timeout": 20.0, "verify": True, **fields}
    return IntegryAuthorizationSensor(task_id=task_id, integry_conn_id=conn_id, **options)


@dag(schedule=None, params=PARAMS, default_args={"retry_delay": timedelta(0)})
def flows():
    activity(
        "templated",
        integry_conn_id="{{ params.conn }}",
        activity="{{ params.activity }}",
        connector="{{ params.connector }}",
        output_path="{{ params.folder }}/templated.jsonl",
    )
    activity("templated_inputs", activity="create", inputs={"name": "{{ params.name }} {{ dag.dag_id }}"})
    activity("templated_end_user", end_user="{{ params.who }}", account="{{ params.who }}-account")
    activity("returned")
    IntegryActivityOperator.partial(task_id="mapped_inputs", integry_conn_id="acme", activity="create").expand(
        inputs=[{"name": "Ada"}, {"name": "Grace"}]
    )
    IntegryActivityOperator.partial(task_id="mapped_connections", activity="list_items").expand(
        integry_conn_id=["acme", "second"]
    )
    activity("too_large", activity="list_many")
    activity("wrong_input", activity="create", inputs={"nam": "Ada"}, retries=2)
    activity("refused", integry_conn_id="refused", retries=2)
    activity("flaky", activity="list_flaky", output_path=f"{FOLDER}/flaky.jsonl", retries=1)
    activity("in_triggerer", output_path=f"{FOLDER}/in_triggerer.jsonl", deferrable=True)
    activity(
        "broken_in_triggerer",
        activity="list_broken",
        output_path=f"{FOLDER}/broken_in_triggerer.jsonl",
        deferrable=True,
    )
    activity("charged", activity="charge", inputs={"amount": 7}, retries=1)
    activity("charged_blindly", activity="charge_blindly", inputs={"amount": 7}, retries=2)
    activity("busy", activity="list_busy", deferrable=True)
    activity("closed", activity="list_closed", output_path=f"{FOLDER}/closed.jsonl", deferrable=True)

    sensor("poked", "late_poke", deferrable=False)
    sensor("rescheduled", "late_reschedule", deferrable=False, mode="reschedule")
    sensor("deferred", "late_defer")
    sensor("deferred_in_vain", "gone_defer")
    sensor("softly_deferred_in_vain", "gone_soft", soft_fail=True)
    sensor("wrong_field", "wrong", deferrable=False, retries=2)
    sensor("softly_wrong_poked", "wrong", deferrable=False, soft_fail=True)
    sensor("softly_wrong_deferred", "wrong", soft_fail=True)
    sensor("timed_out", "pending", deferrable=False, timeout=0.6)
    sensor("softly_timed_out", "pending", deferrable=False, timeout=0.6, soft_fail=True)


flows()
