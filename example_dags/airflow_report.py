"""Report on Airflow's own DAG runs, read and written through its REST API.

The connection ``airflow_api`` is of type *Integry JWT*: user name and password are exchanged for a
JWT at ``/auth/token``. The runs are read with a connector of our own
(``connectors/airflow_runs.yaml``), the Variable is written with the one named ``airflow`` that
comes with the provider.
"""

from __future__ import annotations

from collections import Counter

from airflow.sdk import dag, task

from airflow_provider_integry.operators.activity import IntegryActivityOperator


@dag(schedule=None, tags=["integry"], doc_md=__doc__)
def airflow_report():
    # [START paged_query]
    list_runs = IntegryActivityOperator(
        task_id="list_runs",
        integry_conn_id="airflow_api",
        connector="airflow_runs",
        activity="list_runs",
    )
    # [END paged_query]

    @task
    def count_states(runs):
        """Return how many runs are in which state."""
        return {"runs": len(runs), "states": dict(Counter(run["state"] for run in runs))}

    # [START action_with_templates]
    write_report = IntegryActivityOperator(
        task_id="write_report",
        integry_conn_id="airflow_api",
        activity="set_variable",
        inputs={
            "key": "run_report_{{ dag_run.run_after | ts_nodash }}",
            "value": "{{ ti.xcom_pull(task_ids='count_states') | tojson }}",
            "description": "Written by {{ run_id }}",
        },
    )
    # [END action_with_templates]

    count_states(list_runs.output) >> write_report


airflow_report()
