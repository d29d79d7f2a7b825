"""An Airflow with connections, kept grants and users, and a browser without scripts for each of them."""

from __future__ import annotations

import hashlib
import json
import re
import time
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from browser.airflow_site import AirflowSite
from sqlalchemy import create_engine, delete, insert, select, text

from airflow_provider_integry.authorizations.grant import AuthorizationKey
from airflow_provider_integry.authorizations.subject import build_subject
from airflow_provider_integry.authorizations.tables import authorization as table
from airflow_provider_integry.settings import RawConnection, parse_connection
from pages.rights import RIGHTS_FILE

TESTS = Path(__file__).parent.parent
PASSWORDS = "simple_auth_manager_passwords.json.generated"
API = "https://api.example.com"
OAUTH = {
    "client_id": "app",
    "client_secret": "s",
    "exchange_url": "https://auth.example.com/token",
    "authorize_url": "https://auth.example.com/authorize",
    "grant_type": "authorization_code",
    "scopes": "contacts.read contacts.write",
}


class Visitor(requests.Session):
    """A browser without scripts, of somebody who is logged in, or of nobody."""

    def __init__(self, url: str, token: str | None = None) -> None:
        super().__init__()
        self.trust_env = False
        self.url = url
        if token:
            self.cookies.set("_token", token, path="/")

    def open(self, path: str, **options):
        """Load a page below our prefix; redirects are not followed."""
        return self.get(f"{self.url}/integry{path}", allow_redirects=False, timeout=30, **options)

    def submit(self, path: str, fields=None, *, origin="own", **headers):
        """Post a form as a browser does, from one of our own pages."""
        parts = urlsplit(self.url)
        named = {"Origin": f"{parts.scheme}://{parts.netloc}"} if origin == "own" else {"Origin": origin}
        wanted = {name: value for name, value in {**named, **headers}.items() if value is not None}
        return self.post(
            f"{self.url}/integry{path}", data=fields or {}, headers=wanted, allow_redirects=False, timeout=30
        )

    def csrf(self, path: str = "/authorize?conn_id=crm") -> str:
        """Return the token of the first form of a page."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.open(path).text)
        assert found, path
        return found[1]


class Desk:
    """The Airflow; a context manager.

    Args:
        folder: Its home.
        users: Who there is, with what may be done: ``{user: {"team/conn_id": right}}``, None for everything.
        options: Further ones of `AirflowSite`.
    """

    def __init__(self, folder: Path, users: dict[str, dict[str, str] | None], **options: str) -> None:
        rights = folder / "rights.json"
        rights.write_text(json.dumps({user: found for user, found in users.items() if found is not None}), "utf-8")
        (folder / PASSWORDS).write_text(json.dumps(dict.fromkeys(users, "pw")) + "\n", "utf-8")
        self.site = AirflowSite(
            folder,
            **{
                "AIRFLOW__CORE__AUTH_MANAGER": "pages.rights.RightsManager",
                "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
                "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{user}:admin" for user in users),
                "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(folder / PASSWORDS),
                RIGHTS_FILE: str(rights),
                **options,
            },
        )
        self._users = users

    @property
    def url(self) -> str:
        return self.site.url

    def visitor(self, user: str | None = None) -> Visitor:
        """Return a browser of a user; of nobody for None."""
        if user is None:
            return Visitor(self.url)
        answer = requests.post(f"{self.url}/auth/token", json={"username": user, "password": "pw"}, timeout=30)
        assert answer.status_code == 201, answer.text
        return Visitor(self.url, answer.json()["access_token"])

    def add_team(self, name: str) -> None:
        with create_engine(self.site.database_url).begin() as database:
            database.execute(text("INSERT INTO team (name) VALUES (:name)"), {"name": name})

    def add_connection(self, conn_id: str, team: str | None = None, conn_type="integry_oauth2", **columns) -> None:
        body = {"connection_id": conn_id, "conn_type": conn_type, "host": API}
        body |= {"extra": json.dumps(OAUTH)} if conn_type == "integry_oauth2" else {}
        body |= {"team_name": team} if team else {}
        answer = requests.post(
            f"{self.url}/api/v2/connections", json={**body, **columns}, headers=self._admin(), timeout=30
        )
        assert answer.status_code == 201, answer.text

    def remove_connection(self, conn_id: str) -> None:
        """Remove a connection and what is kept of it."""
        with create_engine(self.site.database_url).begin() as database:
            database.execute(delete(table).where(table.c.conn_id == conn_id))
        answer = requests.delete(f"{self.url}/api/v2/connections/{conn_id}", headers=self._admin(), timeout=30)
        assert answer.status_code == 204, answer.text

    def _admin(self) -> dict[str, str]:
        admin = next(user for user, rights in self._users.items() if rights is None)
        return {"Authorization": f"Bearer {self.visitor(admin).cookies['_token']}"}

    def add_row(self, conn_id: str, end_user: str | None = None, team: str | None = None, **values) -> int:
        """Keep a grant; return its id."""
        return keep_grants(self.site.database_url, [make_grant(conn_id, end_user, team, **values)])[0]

    def state_of(self, row_id: int) -> str:
        with create_engine(self.site.database_url).connect() as database:
            return str(database.scalar(select(table.c.state).where(table.c.id == row_id)))


def make_grant(conn_id: str, end_user: str | None = None, team: str | None = None, **values) -> dict[str, Any]:
    """Return a row, as the broker keeps a grant of a connection with the fields `OAUTH`."""
    raw = RawConnection(conn_id, "integry_oauth2", host=API, extra=OAUTH)
    subject = build_subject(parse_connection(raw), AuthorizationKey(conn_id, team, end_user))
    return {
        **{column.name: None for column in table.columns if column.name != "id"},
        "digest": subject.key.digest,
        "conn_id": conn_id,
        "team_name": team,
        "end_user": end_user,
        "conn_type": "integry_oauth2",
        "binding": subject.binding,
        "is_grant": True,
        "state": "active",
        "version": 1,
        "generation": 1,
        "token_fingerprint": hashlib.sha256(b"t").hexdigest()[:16],
        "scopes": "contacts.read",
        "expires_at": time.time() + 3000,
        "refreshed_at": time.time() - 600,
        "account_id": f"id-{conn_id}",
        "account_name": f"Account of {end_user or conn_id}",
        "is_rotating": False,
        "failures": 0,
        "created_at": time.time(),
        **values,
    }


def keep_grants(database_url: str, rows: list[dict[str, Any]]) -> list[int]:
    """Put rows into a database; return their ids."""
    with create_engine(database_url).begin() as database:
        return [int(database.execute(insert(table).values(row)).inserted_primary_key[0]) for row in rows]


def rows_of(page: str) -> list[str]:
    """Return the connections that a list shows, a line each."""
    return [unescape(name) for name in re.findall(r'<tr data-conn-id="([^"]*)"', page)]
