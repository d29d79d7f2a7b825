"""Calls that are refused, each in a way that could show a credential."""

from __future__ import annotations

import logging

from airflow.sdk import dag, task

from airflow_provider_integry.hooks.integry import IntegryHook
from airflow_provider_integry.operators.activity import IntegryActivityOperator
from airflow_provider_integry.sensors.authorization import IntegryAuthorizationSensor

ACTIVITIES = {
    "wrong_oauth2": "list_contacts",
    "wrong_refresh": "list_contacts",
    "wrong_key": "list_orders",
    "wrong_query_key": "list_orders",
    "wrong_cookie_key": "list_orders",
    "wrong_basic": "list_invoices",
    "wrong_oauth1": "list_photos",
    "wrong_pair": "list_articles",
    "wrong_login": "list_runs",
    "wrong_proxy": "list_orders",
    "wrong_header": "list_orders",
    "wrong_pem": "list_runs",
}


@dag(schedule=None)
def wrong_credentials():
    IntegryActivityOperator(
        task_id="refused_query_key", integry_conn_id="wrong_query_key", activity="list_orders", retries=0
    )
    IntegryActivityOperator(task_id="refused_client", integry_conn_id="wrong_oauth2", activity="list_contacts")
    IntegryAuthorizationSensor(
        task_id="never_authorized", integry_conn_id="wrong_query_key", verify=True, poke_interval=1, timeout=4
    )

    @task
    def try_all():
        """Use every wrong connection in every way, and tell what came of it."""
        log = logging.getLogger(__name__)
        outcomes = {}
        for conn_id, activity in ACTIVITIES.items():
            hook = IntegryHook(conn_id)
            log.info("Test button: %s", hook.test_connection())
            inputs = {"album": "a"} if activity == "list_photos" else {}
            try:
                hook.run(activity, inputs)
                outcomes[conn_id] = "accepted"
            except Exception as error:
                log.exception("%s was refused", conn_id)
                outcomes[conn_id] = type(error).__name__
        return outcomes

    @task
    def raise_last():
        """End with the exception as it is, chained causes and all."""
        IntegryHook("wrong_proxy").run("list_orders")

    try_all()
    raise_last()


wrong_credentials()
