"""A DAG that a webhook starts."""

from __future__ import annotations

from airflow.sdk import dag, get_current_context, task

from airflow_provider_integry.assets import webhook_asset, webhook_events


@dag(schedule=webhook_asset("svc", "signed"))
def hooked():
    @task
    def read_events():
        return webhook_events(get_current_context())

    @task
    def handle(event):
        return event["payload"]["id"]

    handle.expand(event=read_events())


hooked()
