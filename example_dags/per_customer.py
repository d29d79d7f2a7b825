"""Run one flow for every customer who has allowed the access to their calendar.

The connection ``acme_calendar`` is of type *Integry OAuth 2.0* with grant type ``authorization_code``. Each
customer has given consent of their own. Who they are is asked when the flow runs; a customer whose grant is
lost fails alone, and the last task tells how it went for each.
"""

from __future__ import annotations

from airflow.sdk import dag, task

from airflow_provider_integry.end_user_tasks import end_user_outcomes, ready_end_users
from airflow_provider_integry.operators.activity import IntegryActivityOperator


@dag(schedule=None, tags=["integry"], doc_md=__doc__)
def per_customer():
    # [START each]
    customers = ready_end_users("acme_calendar")

    events = IntegryActivityOperator.partial(
        task_id="list_events",
        integry_conn_id="acme_calendar",
        activity="list_events",
    ).expand(end_user=customers)
    # [END each]

    # [START decorated]
    @task.integry(integry_conn_id="acme_calendar")
    def greet(session, end_user):
        """Call the API for one customer: the session is theirs."""
        return f"{end_user} is {session.get('/me').json()['name']}"

    greeted = greet.expand(end_user=customers)
    # [END decorated]

    # [START outcomes]
    end_user_outcomes(events, greeted)
    # [END outcomes]


per_customer()
