"""Further credentials beside the main one: several credential headers at once, as some APIs want them."""

from __future__ import annotations

import asyncio
import json

import pytest
from flask import Flask, jsonify, redirect, request

from airflow_provider_integry.errors import ConnectionConfigError
from airflow_provider_integry.hooks.integry import IntegryHook
from airflow_provider_integry.transport.failures import SyncRedirectRefusedError

APP_KEY = "app-key:app-secret"


@pytest.fixture
def api(serve):
    """Return the running API, which wants a Bearer token and the application's key with every request."""
    app = Flask("two credentials")

    @app.get("/me")
    def me():
        wanted = {"Authorization": "Bearer account-token", "X-Api-Key": APP_KEY}
        is_right = all(request.headers.get(name) == value for name, value in wanted.items())
        return (jsonify(id=1, name="Ada"), 200) if is_right else (jsonify(error="no"), 401)

    @app.get("/away")
    def away():
        return redirect("http://localhost:9/elsewhere", 302)

    return serve(app)


@pytest.fixture
def connect(api, monkeypatch):
    """Return a function that adds the connection and returns its hook."""

    def build(headers):
        extra = {"allow_http": True, "secret_headers": headers, "user_info_url": "/me"}
        connection = {"conn_type": "integry_api_key", "host": api.url, "password": "account-token", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_TWO", json.dumps(connection))
        return IntegryHook("two")

    return build


def test_both_credentials_travel_and_the_account_is_named(connect):
    hook = connect({"X-Api-Key": APP_KEY})
    assert hook.get_conn().get("/me").status_code == 200
    assert hook.test_connection() == (True, "Connected as Ada (id 1).")
    assert hook.get_token() == "account-token"


def test_both_travel_in_the_async_session_too(connect):
    hook = connect(json.dumps({"X-Api-Key": APP_KEY}))

    async def ask():
        async with hook.get_async_conn() as session, session.get("/me") as answer:
            return answer.status

    assert asyncio.run(ask()) == 200


def test_one_wrong_character_in_the_second_credential_is_refused(connect):
    assert connect({"X-Api-Key": APP_KEY[:-1] + "x"}).get_conn().get("/me").status_code == 401


def test_a_redirect_elsewhere_takes_neither_along(connect):
    with pytest.raises(SyncRedirectRefusedError):
        connect({"X-Api-Key": APP_KEY}).get_conn().get("/away")


@pytest.mark.parametrize(
    "headers",
    ["not json", "[1]", {"X-Api-Key": 1}, {"X Api Key": "a"}, {"X-Api-Key": "a\r\nX-Evil: 1"}, {"X-Api-Key": "ü"}],
)
def test_what_no_header_can_carry_is_refused_by_its_field_without_showing_it(connect, headers):
    with pytest.raises(ConnectionConfigError) as caught:
        connect(headers).get_conn()
    assert caught.value.field == "secret_headers"
    assert "Evil" not in str(caught.value)
