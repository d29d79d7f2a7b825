"""Start before anybody has authorized, and go on when somebody does.

The connection ``acme_account`` (*Integry OAuth 2.0*, grant type ``refresh_token``) exists, but its
refresh token is still missing. The sensor waits in the triggerer, where waiting costs no worker.
As soon as the token is pasted into the connection's form, the DAG goes on.

Acme's refresh tokens work once, and what a task gets in exchange ends with the task: a second run
of this DAG needs a new token in the form.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag, task

from airflow_provider_integry.hooks.integry import IntegryHook
from airflow_provider_integry.sensors.authorization import IntegryAuthorizationSensor


@dag(schedule=None, tags=["integry"], doc_md=__doc__)
def late_authorization():
    # [START deferred_sensor]
    wait_for_account = IntegryAuthorizationSensor(
        task_id="wait_for_account",
        integry_conn_id="acme_account",
        poke_interval=2,
        timeout=timedelta(days=7).total_seconds(),
    )
    # [END deferred_sensor]

    # [START hook]
    @task
    def greet():
        """Call the API without a connector's help: the hook's session signs each request."""
        session = IntegryHook("acme_account").get_conn()
        answer = session.get("/me")
        answer.raise_for_status()
        first = session.get("/contacts", params={"limit": 1}).json()["contacts"][0]
        return f"{answer.json()['name']} may read contacts; the first is {first['name']}"

    # [END hook]

    wait_for_account >> greet()


late_authorization()
