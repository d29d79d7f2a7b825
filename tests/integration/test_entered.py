"""End users enter keys, passwords and JWT keys of their own, and tasks use them: the server sees each call."""

from __future__ import annotations

import asyncio

import pytest
from flask import request
from integration.entering import enter
from servers.api import build_api
from servers.live import LiveServer

from airflow_provider_integry.auth.readiness import Readiness
from airflow_provider_integry.authorizations.airflow_store import local_store
from airflow_provider_integry.errors import MissingFieldError, NotAuthorizedError
from airflow_provider_integry.hooks.integry import IntegryHook
from airflow_provider_integry.settings import RawConnection

pytestmark = pytest.mark.usefixtures("fernet_key")
KEYS = {"key-of-app": "app", "key-of-ada": "ada", "key-of-bob": "bob", "key-of-ada-2": "ada-2"}


@pytest.fixture(scope="module")
def key_api():
    """An API that knows the keys of some people."""
    with LiveServer(build_api("keys", lambda: KEYS.get(request.headers.get("X-Api-Key", "")))) as server:
        yield server


@pytest.fixture
def keyed(key_api, set_connection):
    """A connection `keyed`, whose own key is the app's."""
    app = {"conn_id": "keyed", "password": "key-of-app", "key_name": "X-Api-Key", "user_info_url": "/me"}
    return set_connection(key_api.url, "integry_api_key", **app)


def who_calls(end_user=None, account=None, conn_id="keyed"):
    """Return whose key a session and an asynchronous session send."""
    hook = IntegryHook(conn_id, end_user, account)
    with hook.get_conn() as session:
        name = session.get("/resource").json()["account"]

    async def ask():
        async with hook.get_async_conn() as asynchronous, asynchronous.get("/resource") as answer:
            return (await answer.json())["account"]

    assert asyncio.run(ask()) == name
    return name


def test_each_end_user_calls_with_what_they_have_entered(keyed):
    enter("keyed", "ada", {"password": "key-of-ada"})
    enter("keyed", "bob", {"password": "key-of-bob"})

    assert (who_calls(), who_calls("ada"), who_calls("bob")) == ("app", "ada", "bob")
    with pytest.raises(NotAuthorizedError, match="nobody has entered its credentials yet"):
        who_calls("eve")


def test_a_connection_needs_no_account_of_its_own(key_api, set_connection):
    extra = {"key_name": "X-Api-Key", "allow_http": True, "user_info_url": "/me"}
    set_connection(RawConnection("keyed", "integry_api_key", key_api.url, extra=extra))
    enter("keyed", "ada", {"password": "key-of-ada"})

    assert who_calls("ada") == "ada"
    with pytest.raises(MissingFieldError, match="'password': is empty"):
        who_calls()
    assert IntegryHook("keyed").readiness() is Readiness.PENDING
    assert IntegryHook("keyed", "ada").readiness() is Readiness.READY
    assert IntegryHook("keyed", "ada").find(verify=True).was_verified
    assert IntegryHook("keyed", "eve").readiness() is Readiness.PENDING


def test_every_row_has_a_public_id_that_names_it(keyed):
    ada = enter("keyed", "ada", {"password": "key-of-ada"})
    second = enter("keyed", "ada", {"password": "key-of-ada-2"}, account="second")

    assert who_calls("ada", ada.public_id) == "ada"
    assert who_calls("ada", second.public_id) == who_calls("ada", "second") == "ada-2"
    assert local_store().find_by_public_id(second.public_id).id == second.id
    with pytest.raises(NotAuthorizedError, match="no connected account"):
        who_calls("bob", ada.public_id)
