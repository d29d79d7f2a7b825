"""The hook of a host application's workspace: it checks the connection, and calls nobody."""

from __future__ import annotations

from airflow.sdk import BaseHook

from airflow_provider_integry.end_users.workspace import Workspace, parse_workspace
from airflow_provider_integry.errors import IntegryError
from airflow_provider_integry.settings import read_connection


class IntegryWorkspaceHook(BaseHook):
    """Hook of connection type `integry_workspace`; a workspace is no API, so there is no session.

    Args:
        integry_conn_id: The Airflow connection.
    """

    conn_name_attr = "integry_conn_id"
    default_conn_name = "integry_workspace_default"
    conn_type = "integry_workspace"
    hook_name = "Integry workspace"

    def __init__(self, integry_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.integry_conn_id = integry_conn_id

    def get_workspace(self) -> Workspace:
        """Return the workspace.

        Raises:
            ConnectionConfigError: A field is missing or wrong; the error names it.
        """
        return parse_workspace(read_connection(self.get_connection(self.integry_conn_id)))

    def get_conn(self) -> Workspace:
        """Return the workspace; see `get_workspace`."""
        return self.get_workspace()

    def test_connection(self) -> tuple[bool, str]:
        """Check the fields: what the Test button of the connection form shows."""
        try:
            found = self.get_workspace()
        except IntegryError as error:
            return False, str(error).replace(f"Connection '{self.integry_conn_id}': ", "")
        missing = [] if found.login_url else ["'Login URL', without which nobody can come from the marketplace"]
        missing += [] if found.return_urls else ["'Return URLs', without which nobody is sent back"]
        tail = f" Still empty: {'; '.join(missing)}." if missing else ""
        return True, f"The fields of workspace '{found.brand.name}' are in order.{tail}"
