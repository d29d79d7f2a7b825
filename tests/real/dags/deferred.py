"""Sensors that wait in the triggerer for a grant, and activities that use it there."""

from __future__ import annotations

from airflow.sdk import dag, task

from airflow_provider_integry.errors import IntegryError
from airflow_provider_integry.hooks.integry import IntegryHook
from airflow_provider_integry.operators.activity import IntegryActivityOperator
from airflow_provider_integry.sensors.authorization import IntegryAuthorizationSensor


@dag(schedule=None)
def deferred():
    @task
    def look(conn_id):
        """Use a connection whose grant is not good, and tell what is said about it."""
        hook = IntegryHook(conn_id)
        try:
            hook.get_token()
            error = None
        except IntegryError as caught:
            error = [type(caught).__name__, str(caught)]
        findings = hook.find()
        return {"error": error, "readiness": str(findings.readiness), "reason": findings.reason}

    for name in ("late", "lost"):
        wait = IntegryAuthorizationSensor(task_id=f"wait_{name}", integry_conn_id=name, poke_interval=1, timeout=240)
        read = IntegryActivityOperator(
            task_id=f"read_{name}", integry_conn_id=name, activity="who_am_i", deferrable=True
        )
        look.override(task_id=f"look_{name}")(name) >> wait >> read


deferred()
