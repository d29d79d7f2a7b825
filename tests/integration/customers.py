"""Customers of one connection, each with a grant of its own in this process's database, and a task to act for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from servers.live import LiveServer
from servers.oauth2 import Client, OAuth2Api

from airflow_provider_integry.authorizations.airflow_store import local_journal, local_store, read_settings
from airflow_provider_integry.authorizations.grant import AuthorizationKey
from airflow_provider_integry.authorizations.manage import import_grant, revoke_grant
from airflow_provider_integry.authorizations.subject import build_subject
from airflow_provider_integry.secret import Secret

CONN_ID = "crm"


class Customers:
    """A connection `crm` to a service whose `/me` tells whose credential has come.

    Args:
        serve: Starts a server.
        put: Makes a connection.
        fields: Of the connection.
    """

    def __init__(self, serve: Any, put: Any, **fields: Any) -> None:
        self.api = OAuth2Api(Client("app", "app-secret-1"), rotation="strict")
        self.server: LiveServer = serve(self.api.build())
        put(
            self.server.url,
            "integry_oauth2",
            conn_id=CONN_ID,
            grant_type="refresh_token",
            client_id="app",
            client_secret="app-secret-1",
            exchange_url=f"{self.server.url}/token",
            **{"max_retries": 0, **fields},
        )

    def authorize(self, *end_users: str, account: str | None = None) -> None:
        """Keep a grant for each; the service knows them as ``user of NAME``."""
        settings = read_settings(CONN_ID)
        assert settings is not None
        for end_user in end_users:
            subject = build_subject(settings, AuthorizationKey(CONN_ID, None, end_user, account))
            token = Secret(self.api.authorize(f"user of {end_user}"))
            import_grant(local_store(), local_journal(), subject, token, owner="tester")

    def revoke(self, end_user: str) -> None:
        """Wipe the grant of one."""
        key = AuthorizationKey(CONN_ID, None, end_user)
        assert revoke_grant(local_store(), local_journal(), key, None, owner="tester") is not None

    def callers(self, path: str = "/me") -> list[str]:
        """Return whose credential came with each request that was let in, by the server's own books."""
        owners = {f"Bearer {one.access_token}": one.user for one in self.api.grants if one.access_token}
        return [owners[one.headers["authorization"]] for one in self.server.requests(path, status=200)]


@dataclass
class FakeTask:
    """A task instance of Airflow as far as operators ask it: it keeps XComs."""

    map_index: int = 0
    dag_id: str = "d"
    run_id: str = "r"
    task_id: str = "t"
    max_tries: int = 0
    pushed: dict[str, Any] = field(default_factory=dict)

    def xcom_push(self, *, key: str, value: Any) -> None:
        self.pushed[key] = value
