"""The link that mends it: where a person authorizes one connection, for one end user."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from airflow_provider_integry import config

AUTHORIZE_PATH = "/integry/authorize"


def authorize_path(conn_id: str, end_user: str | None = None, account: str | None = None) -> str:
    """Return the path of the page, with its query percent-encoded."""
    query = {"conn_id": conn_id, "end_user": end_user, "account": account}
    return f"{AUTHORIZE_PATH}?{urlencode({k: v for k, v in query.items() if v is not None}, quote_via=quote, safe='')}"


def authorize_link(conn_id: str, end_user: str | None = None, account: str | None = None) -> str:
    """Return the link; relative where option [api] base_url is no web address.

    Args:
        conn_id: The Airflow connection.
        end_user: The end user; None for the connection's own account.
        account: Which of several accounts; None for the default one.
    """
    base_url = (config.base_url() or "").rstrip("/")
    path = authorize_path(conn_id, end_user, account)
    return f"{base_url}{path}" if base_url.startswith("http") else path
