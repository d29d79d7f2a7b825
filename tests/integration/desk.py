"""What a browser does with an authorization, from its beginning to its callback, against our application."""

from __future__ import annotations

import asyncio
import re
from html import unescape
from urllib.parse import urlsplit

import httpx
import requests

from airflow_provider_integry.authorizations.airflow_store import local_consents, local_store, read_settings
from airflow_provider_integry.authorizations.consent import CALLBACK_PATH, cookie_name
from airflow_provider_integry.authorizations.grant import AuthorizationKey
from airflow_provider_integry.authorizations.steps import run_steps
from airflow_provider_integry.authorizations.subject import build_subject
from airflow_provider_integry.web.app import build_app

AIRFLOW = "http://127.0.0.1:8080"
CLIENT = ("app", "app-secret")


class Desk:
    """One connection to a server that asks for consent, and what a browser does with it."""

    def __init__(self, api, server, put, **fields):
        self.api, self.server = api, server
        self.put = put
        self.connect(**fields)

    def connect(self, **fields):
        """Make or change the connection."""
        given = {
            "conn_type": "integry_oauth2",
            "grant_type": "authorization_code",
            "client_id": CLIENT[0],
            "client_secret": CLIENT[1],
            "issuer": self.server.url,
            "scopes": "contacts.read",
            "user_info_url": "/me",
            "allow_http": True,
            **fields,
        }
        self.put(self.server.url, given.pop("conn_type"), conn_id="crm", **given)

    def subject(self, end_user=None):
        return build_subject(read_settings("crm"), AuthorizationKey("crm", None, end_user))

    def begin(self, end_user=None, user="ada"):
        return run_steps(local_consents().begin(self.subject(end_user), base_url=AIRFLOW, user=user))

    def consent(self, begun, decision="allow", **more):
        """Press a button of the consent page; return the address that the browser is sent back to."""
        page = requests.get(begun.url, timeout=5)
        assert page.status_code == 200, page.text
        form = {name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', page.text)}
        form |= {"decision": decision, **more}
        answer = requests.post(f"{self.server.url}/authorize", data=form, timeout=5, allow_redirects=False)
        return answer.headers.get("Location"), answer

    def call(self, *requests_of, cookies=None, begun=None):
        """Send requests to our application at the same time; each is (method, path with query[, body])."""
        jar = dict(cookies or {})
        if begun is not None:
            jar[cookie_name(begun.consent_id)] = begun.browser_key.reveal()

        async def ask():
            transport = httpx.ASGITransport(app=build_app())
            headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in jar.items())} if jar else {}
            async with httpx.AsyncClient(transport=transport, base_url=AIRFLOW, headers=headers) as client:
                return await asyncio.gather(
                    *(
                        client.request(method, url, content=body[0] if body else None)
                        for method, url, *body in requests_of
                    )
                )

        return asyncio.run(ask())

    def come_back(self, location, begun, **options):
        """Open a callback in the browser in which it was begun."""
        return self.call(("GET", local(location)), begun=begun, **options)[0]

    def row(self, end_user=None):
        return local_store().find(self.subject(end_user).key.digest)

    def outcome(self, begun):
        return local_consents().find(begun.consent_id)

    @property
    def exchanges(self):
        return self.api.token_requests["authorization_code"]


def local(location):
    """Return a callback's address below our prefix."""
    parts = urlsplit(location)
    assert f"{parts.scheme}://{parts.netloc}" == AIRFLOW
    assert parts.path.startswith(CALLBACK_PATH)
    return f"{parts.path.removeprefix('/integry')}?{parts.query}"
