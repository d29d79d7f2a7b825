"""Connections whose credentials are refused, each holding secrets that must not be seen anywhere."""

from __future__ import annotations

import secrets
from typing import Any

Connection = dict[str, Any]


def _canary() -> str:
    # With characters that every encoding changes.
    return f"cänary+/={secrets.token_urlsafe(15)}"


def _ascii_canary() -> str:
    return f"canary+/={secrets.token_urlsafe(15)}"


def build_wrong_connections(acme_url: str, airflow_url: str) -> tuple[list[Connection], dict[str, str]]:
    """Return the connections, and their secrets by name."""
    found: dict[str, str] = {}

    def plant(name: str, value: str) -> str:
        found[name] = value
        return value

    def oauth2(conn_id: str, **extra: Any) -> Connection:
        extra = {"client_id": "acme-web", "connector": "acme_crm", "exchange_url": f"{acme_url}/oauth/token", **extra}
        return _connection(conn_id, "oauth2", f"{acme_url}/crm", extra=extra)

    def key(conn_id: str, value: str, **extra: Any) -> Connection:
        extra = {"connector": "acme_shop", **extra}
        return _connection(conn_id, "api_key", f"{acme_url}/shop", password=plant(conn_id, value), extra=extra)

    connections = [
        oauth2("wrong_oauth2", client_secret=plant("wrong_oauth2", _canary()), client_auth="client_secret_post"),
        oauth2(
            "wrong_refresh",
            client_secret=plant("wrong_refresh.client_secret", _canary()),
            grant_type="refresh_token",
            refresh_token=plant("wrong_refresh.refresh_token", _canary()),
        ),
        key("wrong_key", _ascii_canary(), key_name="X-Api-Key"),
        key("wrong_query_key", _canary(), key_location="query", key_name="api_key"),
        key("wrong_cookie_key", _ascii_canary(), key_location="cookie", key_name="session"),
        _connection(
            "wrong_basic",
            "basic_url",
            f"{acme_url}/billing",
            login="eve@acme.example",
            password=plant("wrong_basic", _canary()),
            extra={"connector": "acme_billing"},
        ),
        _connection(
            "wrong_oauth1",
            "oauth1",
            f"{acme_url}/photos",
            extra={
                "connector": "acme_photos",
                "consumer_key": "acme-photo-wall",
                "consumer_secret": plant("wrong_oauth1.consumer_secret", _canary()),
                "oauth_token": plant("wrong_oauth1.oauth_token", _ascii_canary()),
                "oauth_token_secret": plant("wrong_oauth1.oauth_token_secret", _canary()),
            },
        ),
        _connection(
            "wrong_pair",
            "api_key_secret",
            f"{acme_url}/stock",
            extra={
                "connector": "acme_stock",
                "api_key": plant("wrong_pair.api_key", _ascii_canary()),
                "api_secret": plant("wrong_pair.api_secret", _ascii_canary()),
            },
        ),
        _connection(
            "wrong_login",
            "jwt",
            airflow_url,
            login="eve",
            password=plant("wrong_login", _canary()),
            extra={"connector": "airflow_runs", "jwt_source": "login", "login_url": "/auth/token"},
        ),
        # Nobody listens on port 1: the client's own errors show URLs.
        key(
            "wrong_proxy",
            _canary(),
            key_location="query",
            proxy_url=f"http://eve:{plant('wrong_proxy.password', secrets.token_urlsafe(15))}@127.0.0.1:1",
            max_retries=1,
            deadline_s=3,
        ),
        # What cannot even be sent must not be shown while saying so.
        key("wrong_header", f"{_ascii_canary()}\r\nX-Injected: {_ascii_canary()}"),
        _connection(
            "wrong_pem",
            "jwt",
            airflow_url,
            extra={
                "connector": "airflow_runs",
                "algorithm": "RS256",
                "private_key": "-----BEGIN PRIVATE KEY-----\\n"
                + plant("wrong_pem", secrets.token_hex(40))
                + "\\n-----END PRIVATE KEY-----",
            },
        ),
    ]
    found["wrong_header"] = found["wrong_header"].split("\r")[0]
    return connections, found


def _connection(
    conn_id: str, kind: str, host: str, *, login: str | None = None, password: str | None = None, extra: Connection
) -> Connection:
    return {
        "connection_id": conn_id,
        "conn_type": f"integry_{kind}",
        "host": host,
        "login": login,
        "password": password,
        "extra": {"allow_http": True, "max_retries": 0, **extra},
    }
