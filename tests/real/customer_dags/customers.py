"""One flow for every customer: one task each, batches, code of one's own, and reading only what is new."""

from __future__ import annotations

import requests
from airflow.sdk import DAG, get_current_context, task

from airflow_provider_integry.end_user_tasks import end_user_outcomes, for_each_end_user, ready_end_users
from airflow_provider_integry.operators.activity import IntegryActivityOperator
from airflow_provider_integry.operators.request import IntegryRequestOperator

CONN_ID = "acme"


def conf(name):
    return get_current_context()["dag_run"].conf[name]


@task
def wait_at_gate():
    requests.get(conf("gate_url"), timeout=240).raise_for_status()


with DAG("each", schedule=None, max_active_tasks=64, default_args={"retries": 2}):
    users = ready_end_users(CONN_ID)
    call = IntegryActivityOperator.partial(task_id="call", integry_conn_id=CONN_ID, activity="who_am_i").expand(
        end_user=users
    )
    users >> wait_at_gate() >> call
    end_user_outcomes(call)

with DAG("batches", schedule=None):

    @task.integry(integry_conn_id=CONN_ID)
    def greet(session, end_user):
        return session.get("/me").json()["name"]

    @task
    def greet_by_hand(batch):
        return for_each_end_user(CONN_ID, batch, lambda hook: hook.get_conn().get("/me").json()["name"], fails=False)

    some = ready_end_users(CONN_ID, batch_size=40, include=["ready", "revoked"])
    greeted = greet.expand(end_user=some)
    greet_by_hand.expand(batch=some)
    end_user_outcomes(greeted, fail="all")

with DAG("decorated", schedule=None):

    @task
    def choose():
        return conf("users")

    @task.integry(integry_conn_id=CONN_ID)
    def hello(end_user, session):
        return [end_user, session.get("/me").json()["name"]]

    hello.expand(end_user=choose())

with DAG("news", schedule=None):

    @task
    def choose_again():
        return conf("users")

    IntegryRequestOperator.partial(
        task_id="read",
        integry_conn_id=CONN_ID,
        path="/echo",
        result="[{at: headers.Host, since: args.since[0]}]",
        paging={"kind": "none"},
        incremental={"field": "at", "param": "since", "initial": "0"},
    ).expand(end_user=choose_again())
