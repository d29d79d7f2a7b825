"""DAGs that run activities as schedules do: they wait, are retried, are cleared, and are started by new records."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, get_current_context, task

from airflow_provider_integry.assets import poll_asset, poll_records
from airflow_provider_integry.operators.activity import IntegryActivityOperator
from airflow_provider_integry.sensors.activity import IntegryRecordSensor

RETRIED = {"retries": 2, "retry_delay": timedelta(seconds=1)}


def charge(task_id, **options):
    """Charge the account that is called as the task is."""
    IntegryActivityOperator(
        task_id=task_id,
        integry_conn_id="ledger",
        inputs={"account": task_id},
        **{"activity": "charge_once", **options},
    )


with DAG("busy", schedule=None):
    IntegryActivityOperator(
        task_id="wait",
        integry_conn_id="ledger",
        activity="list_busy",
        inputs={"name": "{{ dag_run.conf['name'] }}"},
        deferrable=True,
        pool="one_slot",
        priority_weight=10,
    )

    @task.integry(integry_conn_id="ledger", pool="one_slot")
    def meanwhile(session):
        """Stand at the gate, in the only slot."""
        return session.get("/gate").json()

    meanwhile()

with DAG("long_wait", schedule=None):
    IntegryActivityOperator(
        task_id="wait",
        integry_conn_id="ledger",
        activity="list_busy",
        inputs={"name": "long"},
        deferrable=True,
        pool="one_slot",
    )

with DAG("charging", schedule=None, default_args=RETRIED):
    charge("once")
    charge("blindly", activity="charge_blindly")
    charge("same_after_clear")
    charge("anew_after_clear", new_key_on_clear=True)

with DAG("to_file", schedule=None):
    IntegryActivityOperator(
        task_id="write",
        integry_conn_id="ledger",
        activity="list_pages",
        output_path="{{ dag_run.conf['path'] }}",
        deferrable=True,
    )

with DAG("sensing", schedule=None, max_active_runs=1):
    IntegryRecordSensor(
        task_id="wait", integry_conn_id="ledger", activity="made", poke_interval=1, timeout=300, deferrable=True
    )

with DAG("on_records", schedule=poll_asset("ledger", "made", interval_s=1, batch_size=2, name="dag")):

    @task
    def tell():
        """Return what started this run."""
        return [record["id"] for record in poll_records(get_current_context())]

    tell()
