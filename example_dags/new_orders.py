"""Start whenever the shop has a new order from a region, and handle each one in a task of its own.

The triggerer looks for new orders. Airflow may start one run for several of them: ``poll_records`` has them all.
"""

from __future__ import annotations

from airflow.sdk import dag, get_current_context, task

from airflow_provider_integry.assets import poll_asset, poll_records

ORDERS = poll_asset("acme_shop", "new_orders", {"region": "emea"}, interval_s=2)


@dag(schedule=ORDERS, tags=["integry"], doc_md=__doc__)
def new_orders():
    @task
    def read_orders():
        """Return the orders that this run was started by."""
        return poll_records(get_current_context())

    @task
    def greet(order):
        """Handle one order."""
        return f"{order['id']} from {order['region']}: thank you"

    greet.expand(order=read_orders())


new_orders()
