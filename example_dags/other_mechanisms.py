"""Three more ways to prove who asks: Basic, OAuth 1.0a, and a key with a secret.

The tasks look alike, because the mechanism is the connection's business alone.
"""

from __future__ import annotations

from airflow.sdk import dag

from airflow_provider_integry.operators.activity import IntegryActivityOperator


@dag(schedule=None, tags=["integry"], doc_md=__doc__)
def other_mechanisms():
    # [START basic]
    IntegryActivityOperator(
        task_id="list_open_invoices",
        integry_conn_id="acme_billing",  # Integry Basic with URL
        activity="list_invoices",
        inputs={"state": "open"},
    )
    # [END basic]

    # [START oauth1]
    IntegryActivityOperator(
        task_id="list_photos",
        integry_conn_id="acme_photos",  # Integry OAuth 1.0a
        activity="list_photos",
        inputs={"album": "Team days 2031"},
    )
    # [END oauth1]

    # [START key_and_secret]
    IntegryActivityOperator(
        task_id="list_articles",
        integry_conn_id="acme_stock",  # Integry API key and secret
        activity="list_articles",
    )
    # [END key_and_secret]


other_mechanisms()
