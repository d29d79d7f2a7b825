"""One connection to a server that asks for consent, with a grant that is kept in this process's database."""

from __future__ import annotations

from typing import Any

from servers.live import LiveServer
from servers.oauth2_consent import ConsentApi, ConsentClient

from airflow_provider_integry.authorizations.airflow_store import (
    local_journal,
    local_refresher,
    local_store,
    read_settings,
)
from airflow_provider_integry.authorizations.grant import Authorization, AuthorizationKey
from airflow_provider_integry.authorizations.manage import import_grant
from airflow_provider_integry.authorizations.refresh import HandedOut
from airflow_provider_integry.authorizations.steps import run_steps
from airflow_provider_integry.authorizations.subject import Subject, build_subject
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.settings import ConnectionSettings

CLIENT = ("app", "app-secret-1")


class Granted:
    """A connection `crm`, its service, and what is kept of it."""

    def __init__(self, api: ConsentApi, server: LiveServer, put: Any, **fields: Any) -> None:
        self.api, self.server, self._put = api, server, put
        self.connect(**fields)

    @property
    def key(self) -> AuthorizationKey:
        """Which authorization."""
        return AuthorizationKey("crm")

    @property
    def settings(self) -> ConnectionSettings:
        """The connection as it is now."""
        found = read_settings("crm")
        assert found is not None
        return found

    @property
    def subject(self) -> Subject:
        """What it says of the authorization."""
        return build_subject(self.settings, self.key)

    def connect(self, **fields: Any) -> None:
        """Make or change the connection; a field of None is left out."""
        given = {
            "grant_type": "authorization_code",
            "client_id": CLIENT[0],
            "client_secret": CLIENT[1],
            "issuer": self.server.url,
            "user_info_url": "/me",
            **fields,
        }
        given = {name: value for name, value in given.items() if value is not None}
        self._put(given.pop("host", self.server.url), given.pop("conn_type", "integry_oauth2"), conn_id="crm", **given)

    def grant(self, user: str = "ada") -> HandedOut:
        """Keep a grant, and obtain a token with it."""
        token = Secret(self.api.authorize(user))
        import_grant(local_store(), local_journal(), self.subject, token, owner="tester")
        return run_steps(local_refresher().hand_out(self.subject))

    def row(self) -> Authorization | None:
        """Return what is kept."""
        return local_store().find(self.key.digest)

    def is_dead(self) -> bool:
        """Whether the service takes none of its tokens any more."""
        return all(one.is_dead for one in self.api.grants)


def build_granted(serve: Any, put: Any, *, api: dict[str, Any] | None = None, **fields: Any) -> Granted:
    """Start a server and connect to it."""
    made = ConsentApi(ConsentClient(*CLIENT), **{"rotation": "strict", **(api or {})})
    return Granted(made, serve(made.build()), put, **fields)
