"""Tokens that are bound to a key: each request proves it, with the server's own nonce."""

from __future__ import annotations

import asyncio
import json

import pytest
from servers.dpop import DPoPApi

from airflow_provider_integry.authorizations.tokens import forget_sources
from airflow_provider_integry.errors import TokenEndpointError
from airflow_provider_integry.hooks.integry import IntegryHook


def get_sync(hook, *paths):
    return [hook.get_conn().get(path).status_code for path in paths]


def get_async(hook, *paths):
    async def ask():
        statuses = []
        async with hook.get_async_conn() as session:
            for path in paths:
                async with session.get(path) as answer:
                    statuses.append(answer.status)
        return statuses

    return asyncio.run(ask())


BOTH = pytest.mark.parametrize("get", [get_sync, get_async], ids=["sync", "async"])


@pytest.fixture
def start(serve, monkeypatch):
    """Return a function that starts the API, adds the connection, and returns API and hook."""

    def build(*, token_type="DPoP", **changes):
        forget_sources()
        api = DPoPApi(token_type=token_type)
        url = serve(api.app).url
        extra = {
            "allow_http": True,
            "client_id": "app",
            "client_auth": "none",
            "exchange_url": f"{url}/token",
            "dpop": True,
            **changes,
        }
        connection = {"conn_type": "integry_oauth2", "host": url, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_BOUND", json.dumps(connection))
        return api, IntegryHook("bound")

    return build


@BOTH
def test_a_request_is_proved_and_a_nonce_costs_one_more_request_each(start, get):
    api, hook = start()
    assert get(hook, "/resource", "/resource?a=1") == [200, 200]
    assert api.token_requests == 2
    assert api.refusals == ["use_dpop_nonce", "use_dpop_nonce"]


@BOTH
def test_a_new_nonce_is_taken_up_without_a_new_token(start, get):
    api, hook = start()
    assert get(hook, "/resource") == [200]
    api.nonces["resource"] = "resource-nonce-2"
    assert get(hook, "/resource") == [200]
    assert api.token_requests == 2


@BOTH
def test_a_token_that_is_refused_is_fetched_anew_once(start, get):
    api, hook = start()
    assert get(hook, "/resource") == [200]
    api.tokens.clear()
    assert get(hook, "/resource") == [200]
    assert api.token_requests == 3


@BOTH
def test_a_server_that_gives_plain_tokens_is_answered_with_plain_tokens(start, get):
    api, hook = start(token_type="Bearer")
    assert get(hook, "/resource") == [401]
    assert api.refusals[-1].startswith("invalid_dpop_proof")


@BOTH
def test_without_the_option_the_server_refuses(start, get):
    _, hook = start(dpop=False)
    with pytest.raises(TokenEndpointError):
        get(hook, "/resource")
