"""Wait until somebody allows the access, then read their calendar.

The connection ``acme_calendar`` (*Integry OAuth 2.0*, grant type ``authorization_code``) is complete,
but nobody has given consent. The sensor waits in the triggerer, where waiting costs no worker. As soon
as somebody has clicked *Authorize* on the page *Authorizations*, and *Allow* at the service, the DAG
goes on.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag

from airflow_provider_integry.operators.activity import IntegryActivityOperator
from airflow_provider_integry.sensors.authorization import IntegryAuthorizationSensor


@dag(schedule=None, tags=["integry"], doc_md=__doc__)
def wait_for_consent():
    # [START wait]
    wait_for_calendar = IntegryAuthorizationSensor(
        task_id="wait_for_calendar",
        integry_conn_id="acme_calendar",
        poke_interval=2,
        timeout=timedelta(days=7).total_seconds(),
    )
    # [END wait]

    # [START then]
    list_events = IntegryActivityOperator(
        task_id="list_events",
        integry_conn_id="acme_calendar",
        activity="list_events",
    )
    # [END then]

    wait_for_calendar >> list_events


wait_for_consent()
