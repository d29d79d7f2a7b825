"""Copy all contacts of a CRM into a file, then write one back.

The connection ``acme_crm`` is of type *Integry OAuth 2.0* with grant type ``client_credentials``:
access tokens are fetched and renewed on the way. The CRM is described in
``connectors/acme_crm.yaml``.
"""

from __future__ import annotations

from airflow.sdk import dag

from airflow_provider_integry.operators.activity import IntegryActivityOperator
from airflow_provider_integry.sensors.authorization import IntegryAuthorizationSensor


@dag(schedule=None, params={"folder": "file:///tmp/acme"}, tags=["integry"], doc_md=__doc__)
def crm_contacts():
    # [START authorization_sensor]
    wait_for_crm = IntegryAuthorizationSensor(
        task_id="wait_for_crm",
        integry_conn_id="acme_crm",
        verify=True,
        poke_interval=5,
    )
    # [END authorization_sensor]

    # [START query_to_file]
    list_contacts = IntegryActivityOperator(
        task_id="list_contacts",
        integry_conn_id="acme_crm",
        activity="list_contacts",
        output_path="{{ params.folder }}/contacts.jsonl",
    )
    # [END query_to_file]

    # [START action]
    create_contact = IntegryActivityOperator(
        task_id="create_contact",
        integry_conn_id="acme_crm",
        activity="create_contact",
        inputs={
            "name": "Annie Easley",
            "email": "annie.easley@globex.example",
            "company": "Globex",
        },
    )
    # [END action]

    wait_for_crm >> list_contacts >> create_contact


crm_contacts()
