"""Host applications with their workspaces and apps, over a database of the test's own."""

from __future__ import annotations

from typing import Any

from integration.loopback import Server, connection, to_json, to_variable
from sqlalchemy import Engine

from airflow_provider_integry.authorizations.airflow_store import read_settings, team_of
from airflow_provider_integry.authorizations.consents import ConsentStore
from airflow_provider_integry.authorizations.end_user_tables import metadata
from airflow_provider_integry.authorizations.events import AirflowEvents, watchers
from airflow_provider_integry.authorizations.grant import AuthorizationKey
from airflow_provider_integry.authorizations.held_grants import HeldGrants
from airflow_provider_integry.authorizations.journal import Journal
from airflow_provider_integry.authorizations.refresh import Refresher
from airflow_provider_integry.authorizations.steps import run_steps
from airflow_provider_integry.authorizations.store import AuthorizationStore
from airflow_provider_integry.authorizations.subject import build_subject
from airflow_provider_integry.end_users.accounts import ConnectedAccount
from airflow_provider_integry.end_users.link_store import LinkStore
from airflow_provider_integry.end_users.links import Links
from airflow_provider_integry.end_users.outbox import Outbox
from airflow_provider_integry.end_users.principals import Identities, Principal
from airflow_provider_integry.end_users.service import EndUsers, Parts
from airflow_provider_integry.end_users.workspace import Workspace
from airflow_provider_integry.end_users.workspaces import Directory
from airflow_provider_integry.settings import RawConnection

PUBLIC_URL = "https://connect.example.com"
SECRETS = {"acme": "a" * 40, "globex": "g" * 40}
# Keys, and the names of their accounts: an answer that tells the key itself is blanked.
GOOD_KEYS = {"good-key": "ada", "other-key": "grace", "third-key": "joan"}


def who_am_i(received: Any) -> Any:
    """Answer as an API does that knows three keys, by name."""
    key = (received.headers.get("Authorization") or "").removeprefix("Bearer ")
    if key not in GOOD_KEYS:
        return to_json({"message": "unknown key"}, 401)
    return to_json({"id": f"id-{GOOD_KEYS[key]}", "name": GOOD_KEYS[key].title()})


class HostApps:
    """Two host applications, `acme` and `globex`, and what belongs to them.

    Args:
        engine: Database of the test.
        monkeypatch: Puts connections into the environment.
        folder: For the journal.
        server: An API that answers as `who_am_i`.
    """

    def __init__(self, engine: Engine, monkeypatch: Any, folder: Any, server: Server) -> None:
        self.engine, self._monkeypatch, self.server = engine, monkeypatch, server
        metadata.create_all(engine)
        self.directory = Directory(life_s=0.0)
        self.store = AuthorizationStore(lambda: engine)
        self.link_store = LinkStore(lambda: engine)
        self.links = Links(self.link_store, self.directory, lambda: PUBLIC_URL)
        self.identities = Identities(self.directory, self.link_store)
        self.outbox = Outbox(lambda: engine, self.directory)
        self.journal, self.events = Journal(folder / "journal"), AirflowEvents()
        self.consents = ConsentStore(lambda: engine)
        held = HeldGrants(self.store, self.consents, self.journal, self.events, self._subject_of)
        self.service = EndUsers(
            Parts(
                self.store,
                self.journal,
                self.events,
                Refresher(self.store, self.journal, self.events),
                self.directory,
                self.links,
                held,
                self.outbox,
            )
        )
        watchers.append(self.outbox.watch)

    def close(self) -> None:
        """Take everything back that others would see."""
        watchers.remove(self.outbox.watch)

    def put(self, raw: RawConnection) -> None:
        """Make or change a connection."""
        self._monkeypatch.setenv(*to_variable(raw))

    def put_workspace(self, name: str, **extra: Any) -> Workspace:
        """Make or change a host application: connection `NAME_ws`, app key `NAME`."""
        fields = {
            "login_url": f"https://{name}.example/login",
            "return_urls": f"https://{name}.example/done",
            "allowed_origins": f"https://{name}.example",
            **extra,
        }
        given = {key: value for key, value in fields.items() if value is not None}
        self.put(RawConnection(f"{name}_ws", "integry_workspace", login=name, password=SECRETS[name], extra=given))
        found = self.directory.find(f"{name}_ws")
        assert found is not None
        return found

    def put_app(self, conn_id: str, workspace: str | None, conn_type: str = "integry_api_key", **extra: Any) -> None:
        """Make or change an app of a workspace."""
        fields = {"workspace": workspace, "user_info_url": "/me", "account_id_path": "id", **extra}
        given = {key: value for key, value in fields.items() if value is not None}
        self.put(connection(self.server.url, conn_type, conn_id=conn_id, **given))

    def host(self, name: str = "acme") -> Principal:
        """Return a host application as it calls with its secret."""
        return self.identities.by_secret(name, SECRETS[name])

    def user(self, end_user: str, name: str = "acme") -> Principal:
        """Return one of its users."""
        return Principal(self.host(name).workspace, end_user, "session")

    def connect(self, end_user: str, key: str = "good-key", conn_id: str = "crm", **more: Any) -> ConnectedAccount:
        """Connect an account."""
        by = more.pop("by", None) or self.host()
        return run_steps(self.service.create(by, conn_id, end_user, {"password": key}, **more))

    def entered(self, end_user: str, account: str | None = None, conn_id: str = "crm") -> str | None:
        """Return the key that is kept for somebody, as tasks would get it; None for none."""
        settings = read_settings(conn_id)
        assert settings is not None
        key = build_subject(settings, AuthorizationKey(conn_id, None, end_user, account)).key
        row = self.store.find(key.digest)
        if row is None or row.sealed is None:
            return None
        secrets = Refresher(self.store, self.journal, self.events).read_secrets(row)
        return secrets.entered["password"].reveal() if "password" in secrets.entered else None

    def _subject_of(self, row: Any) -> Any:
        settings = read_settings(row.conn_id)
        assert settings is not None
        return build_subject(settings, AuthorizationKey(row.conn_id, team_of(row.conn_id), row.end_user, row.account))
