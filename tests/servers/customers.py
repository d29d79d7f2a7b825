"""A host application, services that its users connect, and an Airflow that knows them all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from browser.airflow_site import AirflowSite
from flask import request

from servers.api import build_api
from servers.host_application import APP_KEY, APP_SECRET, HostApplication
from servers.live import LiveServer
from servers.oauth2_consent import ConsentApi, ConsentClient

LOGO = "https://apps.example.com:8443/elsewhere.png"
CLIENT_SECRET = "app-secret-of-the-marketplace"


class KeyApi:
    """A service with keys; `keys` tells whose each of them is."""

    def __init__(self) -> None:
        self.keys = {"key-of-ada": "ada", "key-of-bea": "bea"}

    def build(self) -> Any:
        """Build the application."""
        return build_api("keys", self._verify)

    def _verify(self) -> str | None:
        return self.keys.get(request.headers.get("X-Api-Key", ""))


@contextmanager
def customers(
    folder: Path, *, prefix: str = "", sample: str | None = None, **options: str
) -> Iterator[SimpleNamespace]:
    """Run all of them.

    Args:
        folder: Airflow's home.
        prefix: Path under which Airflow is.
        sample: Address at which the sample of the documentation is going to be the host application; None for ours.
        options: Further options of Airflow, as environment variables.
    """
    with ExitStack() as stack:
        api = ConsentApi(ConsentClient("app", CLIENT_SECRET), rotation="strict", latency_s=0.0)
        # Pushed parameters would not be in the addresses that are looked at.
        api.unoffered = frozenset({"pushed_authorization_request_endpoint"})
        keys, host = KeyApi(), HostApplication()
        crm, notes, app = (stack.enter_context(LiveServer(one.build())) for one in (api, keys, host))
        connections = build_connections(crm.url, notes.url, app.url)
        if sample:
            _connect_sample(connections, sample)
        found = {f"AIRFLOW_CONN_{name.upper()}": json.dumps(value) for name, value in connections.items()}
        # Nobody is logged in to Airflow here: that would be an `Authorization` header at every request.
        found["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"] = "False"
        site = AirflowSite(folder, prefix, **{**found, **options})
        stack.enter_context(site.run())
        yield SimpleNamespace(
            site=site, api=api, keys=keys, host=host, crm=crm, notes=notes, app=app, connections=connections
        )


def build_connections(crm: str, notes: str, app: str) -> dict[str, dict[str, Any]]:
    """Return the connections, by id."""
    workspace = {
        "login_url": f"{app}/login",
        "return_urls": f"{app}/back",
        "allowed_origins": app,
        "host_connection": "acme_api",
        "allow_http": True,
        "brand_name": "Acme",
        "brand_colour": "#0b5fff",
    }
    consent = {
        "grant_type": "authorization_code",
        "client_id": "app",
        "client_secret": CLIENT_SECRET,
        "issuer": crm,
        "scopes": "contacts.read",
        "user_info_url": "/me",
        "allow_http": True,
        "workspace": "acme",
        "app_name": "Example CRM",
        "app_description": "Contacts and deals.",
    }
    key = {"key_location": "header", "key_name": "X-Api-Key", "user_info_url": "/me", "allow_http": True}
    keyed = {"conn_type": "integry_api_key", "host": notes}
    return {
        "acme": {"conn_type": "integry_workspace", "login": APP_KEY, "password": APP_SECRET, "extra": workspace},
        "other": {
            "conn_type": "integry_workspace",
            "login": "other-app",
            "password": "another-app-secret-of-32-characters",
            "extra": {
                **workspace,
                "brand_name": "Other",
                "host_connection": "",
                "brand_logo": "https://brand.example.com/logo.svg",
                "brand_colour": "#ffff00",
            },
        },
        "crm": {"conn_type": "integry_oauth2", "host": crm, "extra": {**consent, "listing": "listed"}},
        "posting": {"conn_type": "integry_oauth2", "host": crm, "extra": {**consent, "response_mode": "form_post"}},
        "hidden": {"conn_type": "integry_oauth2", "host": crm, "extra": {**consent, "app_name": "Hidden CRM"}},
        "notes": {
            **keyed,
            "extra": {
                **key,
                "workspace": "acme",
                "listing": "listed",
                "app_name": "Notes",
                "accounts_per_user": "several",
            },
        },
        "acme_api": {**keyed, "extra": {**key, "workspace": "acme", "listing": "listed", "app_name": "Acme itself"}},
        "elsewhere": {
            **keyed,
            "extra": {**key, "workspace": "other", "listing": "listed", "app_name": "Elsewhere", "app_logo": LOGO},
        },
    }


def _connect_sample(connections: dict[str, dict[str, Any]], url: str) -> None:
    """Let the workspace be that of the documentation's sample, which has an API of its own."""
    urls = {"login_url": f"{url}/login", "return_urls": f"{url}/connected", "allowed_origins": url}
    connections["acme"]["extra"] |= {**urls, "events_url": f"{url}/events"}
    own = {"user_info_url": "/api/me", "allow_http": True, "workspace": "acme", "app_name": "Acme itself"}
    connections["acme_api"] = {"conn_type": "integry_api_key", "host": url, "extra": {**own, "listing": "listed"}}
