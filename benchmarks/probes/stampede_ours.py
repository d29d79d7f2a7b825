"""Processes without a database that ask one API server, as tasks do: see below.

``stampede_ours.py URL FIRST_FAMILY ROUNDS COUNT``: one round for each family; connections are in the environment of
all.
"""

from __future__ import annotations

import json
import os
import secrets
import sys

from api_server import serving_airflow
from crowd import run_at_once


def main() -> None:
    """Start the API server, then let processes meet a token that has expired, family after family."""
    url, first, rounds, count = sys.argv[1], *map(int, sys.argv[2:5])
    families = range(first, first + rounds)
    for family in families:
        os.environ[f"AIRFLOW_CONN_FAMILY_{family}"] = json.dumps(build_connection(url, family))
    installation = {"conn_type": "generic", "password": secrets.token_urlsafe(32)}
    os.environ["AIRFLOW_CONN_INTEGRY_INSTALLATION"] = json.dumps(installation)
    with serving_airflow() as server:
        found = [crowd_of_tasks(server.port, family, count) for family in families]
    print(json.dumps(found))


def build_connection(url: str, family: int) -> dict[str, object]:
    """Return the connection of one family."""
    extra = {
        "grant_type": "refresh_token",
        "client_id": "bench",
        "client_secret": "bench-secret",
        "refresh_token": f"family-{family}.0",
        "exchange_url": f"{url}/token",
        "allow_http": True,
    }
    return {"conn_type": "integry_oauth2", "host": url, "extra": extra}


def crowd_of_tasks(port: int, family: int, count: int) -> dict[str, object]:
    """Let so many processes call the API, without Airflow's database, as tasks are."""
    os.environ["AIRFLOW__INTEGRY__API_URL"] = f"http://127.0.0.1:{port}"
    # Loaded here, so that what is measured is the call and not the import.
    import airflow_provider_integry.authorizations.client
    import airflow_provider_integry.authorizations.tokens
    import airflow_provider_integry.transport.sync  # noqa: F401
    from airflow_provider_integry.hooks.integry import IntegryHook

    # As Airflow takes the database away from tasks, once they have begun.
    os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = "airflow-db-not-allowed:///"

    def work() -> None:
        IntegryHook(f"family_{family}").get_conn().get("/me").raise_for_status()

    return run_at_once(count, work)


if __name__ == "__main__":
    main()
