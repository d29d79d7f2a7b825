"""One Airflow for all tests of the pages."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pages.desk import Desk

USERS = {
    "root": None,
    # Reads one, edits another; of the environment's one too.
    "ada": {"/crm": "edit", "/shop": "read", "/from_env": "edit", "/gone": "edit"},
    "bob": {"/shop": "edit"},
    "sue": {"sales/deals": "edit", "/deals": "edit"},
    "ops": {"ops/deals": "edit"},
    "nobody": {},
}
ENVIRONMENT = '{"conn_type": "integry_api_key", "host": "https://api.example.com", "password": "k", "extra": {}}'


@pytest.fixture(scope="session")
def desk(tmp_path_factory):
    """An Airflow with two teams, connections, kept grants and users."""
    folder = tmp_path_factory.mktemp("pages")
    paths = [str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    found = Desk(
        folder,
        USERS,
        PYTHONPATH=os.pathsep.join(path for path in paths if path),
        AIRFLOW__CORE__MULTI_TEAM="True",
        AIRFLOW__CORE__EXECUTOR="LocalExecutor",
        AIRFLOW_CONN_FROM_ENV=ENVIRONMENT,
    )
    with found.site.run():
        found.add_team("sales")
        found.add_team("ops")
        for conn_id in ("crm", "shop", "hidden"):
            found.add_connection(conn_id)
        found.add_connection("deals", "sales")
        found.rows = {conn_id: found.add_row(conn_id) for conn_id in ("shop", "hidden", "gone")}
        found.rows["customer"] = found.add_row("crm", "customer-1")
        found.rows["sales"] = found.add_row("deals", "customer-9", "sales")
        # Kept when the connection was another team's.
        found.rows["ops"] = found.add_row("deals", "customer-7", "ops")
        yield found
