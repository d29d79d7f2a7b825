"""The page of Airflow on which somebody authorizes a connection, as a link."""

from __future__ import annotations

from urllib.parse import urlencode

from airflow_provider_integry import config

AUTHORIZE_PATH = "/integry/authorize"


def authorize_path(conn_id: str, end_user: str | None = None, account: str | None = None) -> str:
    """Return the path of the page, with the authorization in its query."""
    named = {"conn_id": conn_id, "end_user": end_user, "account": account}
    query = urlencode({name: value for name, value in named.items() if value is not None}, errors="surrogatepass")
    return f"{AUTHORIZE_PATH}?{query}"


def authorize_link(conn_id: str, end_user: str | None = None, account: str | None = None) -> str:
    """Return the URL of the page; its path alone where option [api] base_url does not say where Airflow is."""
    base = (config.base_url() or "").rstrip("/")
    path = authorize_path(conn_id, end_user, account)
    return f"{base}{path}" if base.startswith("http") else path
