"""Start whenever somebody has authorized the calendar: nothing waits until then.

The provider sends an event to the connection's asset after each consent. Switch the DAG on before:
Airflow starts no DAG that is paused when the event comes.
"""

from __future__ import annotations

from airflow.sdk import dag, task

from airflow_provider_integry.assets import authorization_asset

# [START scheduled]
CALENDAR = authorization_asset("acme_calendar")


@dag(schedule=CALENDAR, tags=["integry"], doc_md=__doc__)
def on_consent():
    @task
    def welcome(triggering_asset_events=None):
        """Say which account was connected; an event holds ids and scopes, and no secret."""
        event = triggering_asset_events[CALENDAR][-1]
        return f"{event.extra['account_id']} may be asked for {' '.join(event.extra['scopes'])}"

    welcome()


# [END scheduled]
on_consent()
