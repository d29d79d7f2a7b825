"""`hook.auth` of an OAuth 1.0a connection: what SDKs for such APIs expect, with the guard around it."""

from __future__ import annotations

import json

import pytest
import requests
from flask import Flask, redirect
from requests_oauthlib import OAuth1
from servers.oauth1 import METHODS, Consumer, OAuth1Api, TokenCredential

from airflow_provider_integry.errors import HostNotAllowedError
from airflow_provider_integry.hooks.integry import IntegryHook
from airflow_provider_integry.transport.failures import SyncRedirectRefusedError


@pytest.fixture
def connect(monkeypatch):
    """Return a function that adds the connection and returns its hook."""

    def build(url, **changes):
        extra = {
            "allow_http": True,
            "consumer_key": "consumer",
            "consumer_secret": "consumer-secret",
            "oauth_token": "token",
            "oauth_token_secret": "token-secret",
            **changes,
        }
        monkeypatch.setenv(
            "AIRFLOW_CONN_SIGNED", json.dumps({"conn_type": "integry_oauth1", "host": url, "extra": extra})
        )
        return IntegryHook("signed")

    return build


@pytest.fixture
def api(serve, rsa_pair):
    """Return the running API, which Authlib protects."""
    consumer = Consumer("consumer", "consumer-secret", rsa_pair.public_pem)
    return serve(OAuth1Api(consumer, TokenCredential("token", "token-secret")).build())


@pytest.mark.parametrize("method", METHODS)
def test_it_is_a_requests_oauthlib_object_whose_requests_the_api_accepts(api, connect, rsa_pair, method):
    auth = connect(api.url, signature_method=method, private_key=rsa_pair.private_pem).auth
    assert isinstance(auth, OAuth1)
    assert requests.get(f"{api.url}/resource?a=1&b=%20", auth=auth, timeout=10).status_code == 200
    assert requests.post(f"{api.url}/resource", data={"c": "d e"}, auth=auth, timeout=10).status_code == 200


def test_a_wrong_secret_is_refused_by_the_api(api, connect):
    auth = connect(api.url, oauth_token_secret="token-secreT").auth
    assert requests.get(f"{api.url}/resource", auth=auth, timeout=10).status_code == 401


def test_another_host_gets_no_signature(api, connect):
    with pytest.raises(HostNotAllowedError):
        requests.get("http://localhost:9/resource", auth=connect(api.url).auth, timeout=10)


def test_a_redirect_elsewhere_is_not_followed(serve, connect):
    app = Flask("away")
    app.get("/resource")(lambda: redirect("http://localhost:9/elsewhere", 302))
    server = serve(app)
    with pytest.raises(SyncRedirectRefusedError):
        requests.get(f"{server.url}/resource", auth=connect(server.url).auth, timeout=10)
