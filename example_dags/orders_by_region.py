"""Read a shop's orders region by region, in parallel, and sum them up.

The connection ``acme_shop`` is of type *Integry API key*. One operator becomes one task per
region; what they return is an ordinary XCom that Python code works on.
"""

from __future__ import annotations

from airflow.sdk import dag, task

from airflow_provider_integry.operators.activity import IntegryActivityOperator

REGIONS = ("emea", "americas", "apac")


@dag(schedule=None, tags=["integry"], doc_md=__doc__)
def orders_by_region():
    # [START mapped_query]
    orders = IntegryActivityOperator.partial(
        task_id="list_orders",
        integry_conn_id="acme_shop",
        activity="list_orders",
    ).expand(inputs=[{"region": region} for region in REGIONS])
    # [END mapped_query]

    @task
    def sum_up(regions):
        """Return the number of orders and their amount, by region."""
        return {
            rows[0]["region"]: {"orders": len(rows), "cents": sum(row["amount_cents"] for row in rows)}
            for rows in regions
        }

    sum_up(orders.output)


orders_by_region()
