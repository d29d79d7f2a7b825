"""A person and a DAG that use one connector of the catalog with a service that is played on loopback."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from catalog.authorization import DECISION
from catalog.service import CatalogService
from catalog.table import ACCOUNT, Table, documented_path
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from servers.live import LiveServer
from servers.oauth1_consent import give_consent

from airflow_provider_integry.auth.oauth1_consent import OAuth1Consent
from airflow_provider_integry.authorizations.airflow_store import local_consents, read_settings
from airflow_provider_integry.authorizations.build_settings import build_settings
from airflow_provider_integry.authorizations.consent import CALLBACK_PATH, Callback, context_of, cookie_name
from airflow_provider_integry.authorizations.consents import Consent
from airflow_provider_integry.authorizations.grant import AuthorizationKey
from airflow_provider_integry.authorizations.steps import run_steps
from airflow_provider_integry.authorizations.subject import build_subject, is_brokered
from airflow_provider_integry.connectors import load_connector
from airflow_provider_integry.hooks.integry import IntegryHook
from airflow_provider_integry.settings import ConnectionSettings, RawConnection

CONN_ID = "catalog"
AIRFLOW = "http://airflow.example:8080"
_COLUMNS = ("host", "login", "password")
_EC_KEY = ec.generate_private_key(ec.SECP256R1())
PRIVATE_PEM = _EC_KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
PUBLIC_PEM = (
    _EC_KEY.public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)


class Play:
    """One connector, one connection type, and the service.

    Args:
        table: What the service documents.
        conn_type: The connection type.
        set_connection: Makes a connection known to Airflow.
    """

    def __init__(self, table: Table, conn_type: str, set_connection: Any) -> None:
        self.table, self.conn_type, self._set_connection = table, conn_type, set_connection
        self.connector = load_connector(table.name)
        self.form = {
            name: PRIVATE_PEM if value == "EC KEY" else value for name, value in table.auth[conn_type]["form"].items()
        }
        self.service = CatalogService(table, conn_type, self.form, PUBLIC_PEM)
        self.server = LiveServer(self.service.build())

    def __enter__(self) -> Play:
        self.server.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        self.server.__exit__(*details)

    # -- the form ----------------------------------------------------------------------------------

    def read_form(self) -> ConnectionSettings:
        """Return the settings of what a person fills in, with the service's real hosts."""
        return build_settings(self._raw(self.form))

    def fill_in(self, **changes: Any) -> None:
        """Make the connection, with the service's hosts on loopback."""
        given = {**self.form, **self._moved(), "allow_http": True, "max_retries": 0, "deadline_s": 20, **changes}
        self._set_connection(self._raw(given))

    def _raw(self, given: Mapping[str, Any]) -> RawConnection:
        columns = {name: given[name] for name in _COLUMNS if name in given}
        extra = {name: value for name, value in given.items() if name not in _COLUMNS}
        return RawConnection(
            CONN_ID, self.conn_type, **columns, extra=json.dumps({"connector": self.table.name} | extra)
        )

    def _moved(self) -> dict[str, Any]:
        """Return the fields whose URLs are another server's here."""
        moved: dict[str, Any] = {"host": self._move(self.connector.base_url or self._on_account(self.form["host"]))}
        for name, value in self.connector.auth.get(self.conn_type, {}).items():
            if isinstance(value, str) and value.startswith("https://"):
                moved[name] = self._move(value)
        info = self.connector.user_info
        if info is not None and info.path.startswith("https://"):
            moved["user_info_url"] = self._move(info.path)
        return moved

    def _on_account(self, host: str) -> str:
        parts = urlsplit(host)
        return host if parts.hostname in self.table.hosts else f"https://{ACCOUNT}{parts.path}"

    def _move(self, url: str) -> str:
        return f"{self.server.url}{documented_path(url)}".rstrip("/")

    # -- consent -----------------------------------------------------------------------------------

    def connect(self, decision: str = "allow") -> Consent | None:
        """Get the account connected; return what came of a consent, where there is one.

        Args:
            decision: Button of the service's consent page that is pressed, `allow` or `deny`.
        """
        self.fill_in()
        settings = read_settings(CONN_ID)
        assert settings is not None
        if not is_brokered(settings) or not (subject := build_subject(settings, AuthorizationKey(CONN_ID))).has_consent:
            return None
        if self.service.authorization:
            self.service.authorization.register(f"{AIRFLOW}{CALLBACK_PATH}/{context_of(subject)}")
        begun = run_steps(local_consents().begin(subject, base_url=AIRFLOW, user="ada"))
        if isinstance(settings.auth, OAuth1Consent):
            pairs = self._consent_oauth1(begun.url, decision)
            query, path = "", self.service.oauth1.callbacks[-1]
        else:
            path, _, query = self._consent_oauth2(begun.url, decision).partition("?")
            pairs = parse_qsl(query, keep_blank_values=True)
        context = urlsplit(path).path.rpartition("/")[2]
        cookies = {cookie_name(begun.consent_id): begun.browser_key.reveal()}
        run_steps(local_consents().finish(Callback(context, query, pairs, cookies)))
        return local_consents().find(begun.consent_id)

    def _consent_oauth2(self, url: str, decision: str) -> str:
        """Press the button on the service's page; return where the browser is sent."""
        page = requests.get(url, timeout=10)
        assert page.status_code == 200, (page.text, self.service.refusals)
        form = {name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', page.text)}
        sent = {**form, "decision": decision}
        answer = requests.post(f"{self.server.url}{DECISION}", data=sent, timeout=10, allow_redirects=False)
        assert answer.status_code == 302, (answer.text, self.service.refusals)
        return answer.headers["Location"]

    def _consent_oauth1(self, url: str, decision: str) -> list[tuple[str, str]]:
        shown = requests.get(url, timeout=10)
        assert shown.status_code == 200, (shown.text, self.service.refusals)
        token = dict(parse_qsl(urlsplit(url).query))["oauth_token"]
        found = give_consent(f"{self.server.url}/authorize?oauth_token={token}", decision)
        return [(name, value) for name, values in found.items() for value in values]

    # -- use ---------------------------------------------------------------------------------------

    def hook(self) -> IntegryHook:
        """Return a new hook of the connection."""
        return IntegryHook(CONN_ID)
