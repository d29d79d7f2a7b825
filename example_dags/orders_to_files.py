"""Wait for the next order of a shop, copy all orders into a file, and look one of them up.

The sensor waits in the triggerer, where waiting costs no worker. The copy asks a path that no connector describes:
``IntegryRequestOperator`` does with any path what activities do. The last task is plain Python with a session that
signs.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag, task

from airflow_provider_integry.operators.request import IntegryRequestOperator
from airflow_provider_integry.sensors.activity import IntegryRecordSensor


@dag(schedule=None, params={"folder": "file:///tmp/acme"}, tags=["integry"], doc_md=__doc__)
def orders_to_files():
    # [START record_sensor]
    wait_for_order = IntegryRecordSensor(
        task_id="wait_for_order",
        integry_conn_id="acme_shop",
        activity="new_orders",
        poke_interval=2,
        timeout=timedelta(days=1).total_seconds(),
    )
    # [END record_sensor]

    # [START request]
    copy_orders = IntegryRequestOperator(
        task_id="copy_orders",
        integry_conn_id="acme_shop",
        path="/orders",
        result="orders",
        paging={"kind": "page", "param": "page", "size_param": "per_page", "size": 50, "total": "total"},
        output_path="{{ params.folder }}/orders.jsonl.gz",
    )
    # [END request]

    # [START task]
    @task.integry(integry_conn_id="acme_shop")
    def look_up(orders, session):
        """Return what the shop says of the order that was waited for."""
        answer = session.get(f"/orders/{orders[0]['id']}")
        answer.raise_for_status()
        return f"{answer.json()['order']['id']} was waited for"

    # [END task]

    wait_for_order >> copy_orders >> look_up(wait_for_order.output)


orders_to_files()
