"""Forty tasks that meet a refused token, and then an expired one, at the same moment."""

from __future__ import annotations

import requests
from airflow.sdk import dag, get_current_context, task

from airflow_provider_integry.hooks.integry import IntegryHook
from airflow_provider_integry.operators.activity import IntegryActivityOperator

CONN_ID = "acme"


def wait_at(gate):
    """Wait until all tasks are here."""
    url = get_current_context()["dag_run"].conf["gate_url"]
    requests.get(f"{url}/gate/{gate}", timeout=240).raise_for_status()


def who_am_i(session):
    answer = session.get("/me")
    answer.raise_for_status()
    return answer.json()["name"]


@dag(schedule=None, max_active_tasks=64, render_template_as_native_obj=True)
def stampede():
    @task
    def begin():
        return who_am_i(IntegryHook(CONN_ID).get_conn())

    @task
    def list_numbers():
        return list(range(get_current_context()["dag_run"].conf["count"]))

    @task
    def meet(number):
        session = IntegryHook(CONN_ID).get_conn()
        wait_at("refused")
        first = who_am_i(session)
        wait_at("expired")
        return [number, first, who_am_i(session)]

    read = IntegryActivityOperator(task_id="read", integry_conn_id=CONN_ID, activity="who_am_i")
    numbers = list_numbers()
    begin() >> numbers
    meet.expand(number=numbers) >> read


stampede()
