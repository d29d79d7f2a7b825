"""The connections that the example DAGs use, with the credentials of this run."""

from __future__ import annotations

import json
from typing import Any

from scripts.demo.saas.accounts import Accounts
from scripts.demo.sandbox import USER, Sandbox

Connections = dict[str, dict[str, Any]]
# Waits for a refresh token until somebody pastes one; see example_dags/late_authorization.py.
LATE = "acme_account"
# Waits for somebody's consent; see example_dags/wait_for_consent.py.
CONSENT = "acme_calendar"
# Customers who give their consent for the same connection; see example_dags/per_customer.py.
CUSTOMERS = ("globex", "initech")


def build_connections(box: Sandbox, accounts: Accounts) -> Connections:
    """Return all connections by id, as ``airflow connections import`` takes them."""
    acme = box.acme_url
    return {
        "acme_crm": _connection(
            "oauth2",
            f"{acme}/crm",
            connector="acme_crm",
            grant_type="client_credentials",
            client_id=accounts.client_id,
            client_secret=accounts.client_secret,
            exchange_url=f"{acme}/oauth/token",
            scopes="contacts.read contacts.write",
        ),
        LATE: _connection("oauth2", f"{acme}/crm", **_account_fields(box, accounts, refresh_token="")),
        CONSENT: _connection(
            "oauth2",
            f"{acme}/calendar",
            connector="acme_calendar",
            grant_type="authorization_code",
            client_id=accounts.calendar_client_id,
            client_secret=accounts.calendar_client_secret,
            authorize_url=f"{acme}/oauth/authorize",
            exchange_url=f"{acme}/oauth/token",
            scopes="calendar.read",
        ),
        "acme_shop": _connection(
            "api_key", f"{acme}/shop", password=accounts.api_key, connector="acme_shop", key_name="X-Api-Key"
        ),
        "acme_billing": _connection(
            "basic_url",
            f"{acme}/billing",
            login=accounts.login,
            password=accounts.password,
            connector="acme_billing",
        ),
        "acme_photos": _connection(
            "oauth1",
            f"{acme}/photos",
            connector="acme_photos",
            consumer_key=accounts.consumer_key,
            consumer_secret=accounts.consumer_secret,
            oauth_token=accounts.oauth_token,
            oauth_token_secret=accounts.oauth_token_secret,
        ),
        "acme_stock": _connection(
            "api_key_secret",
            f"{acme}/stock",
            connector="acme_stock",
            api_key=accounts.stock_key,
            api_secret=accounts.stock_secret,
        ),
        "airflow_api": _connection(
            "jwt",
            box.airflow_url,
            login=USER,
            password=box.password,
            connector="airflow",
            jwt_source="login",
            login_url="/auth/token",
        ),
    }


def late_extra(box: Sandbox, accounts: Accounts) -> str:
    """Return `extra` of the late connection with its refresh token, as the form stores it."""
    fields = _account_fields(box, accounts, refresh_token=accounts.refresh_token)
    return json.dumps({**fields, "allow_http": True})


def _account_fields(box: Sandbox, accounts: Accounts, *, refresh_token: str) -> dict[str, str]:
    return {
        "connector": "acme_crm",
        "grant_type": "refresh_token",
        "client_id": accounts.web_client_id,
        "client_secret": accounts.web_client_secret,
        "client_auth": "client_secret_post",
        "exchange_url": f"{box.acme_url}/oauth/token",
        "refresh_token": refresh_token,
    }


def _connection(
    kind: str, host: str, *, login: str | None = None, password: str | None = None, **extra: Any
) -> dict[str, Any]:
    # Everything here is http on loopback.
    extra["allow_http"] = True
    return {"conn_type": f"integry_{kind}", "host": host, "login": login, "password": password, "extra": extra}
