"""An auth manager that knows for each user which connections may be read and which may be edited.

Airflow's simple one, which it is made from, cannot tell these apart.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

RIGHTS_FILE = "INTEGRY_TEST_RIGHTS"


class RightsManager(SimpleAuthManager):
    """Reads rights from a file of JSON: ``{user: {"team/conn_id": "read" or "edit"}}``; users not in it may all."""

    def is_authorized_connection(self, *, method, user, details=None):
        rights = json.loads(Path(os.environ[RIGHTS_FILE]).read_text("utf-8")).get(user.username)
        if rights is None:
            return True
        if details is None or details.conn_id is None:
            return False
        right = rights.get(f"{details.team_name or ''}/{details.conn_id}")
        return right == "edit" or (right == "read" and method == "GET")
