"""The Test action: whose account a credential is, asked where it may go, said in words, kept where it was unknown."""

from __future__ import annotations

import asyncio
import threading
import time

import jwt
import pytest
from flask import request
from integration.granted import build_granted
from servers.api import build_api
from servers.dpop import DPoPApi
from servers.live import Fault

from airflow_provider_integry.auth.credentials import BearerToken
from airflow_provider_integry.authorizations import identity
from airflow_provider_integry.authorizations.airflow_store import local_refresher, local_store, read_settings
from airflow_provider_integry.authorizations.check import check_authorization
from airflow_provider_integry.authorizations.grant import AuthorizationKey
from airflow_provider_integry.authorizations.steps import arun_steps, run_steps
from airflow_provider_integry.authorizations.subject import build_subject, is_brokered
from airflow_provider_integry.connectors.user_info import Account
from airflow_provider_integry.errors import (
    ConnectionConfigError,
    CredentialsRejectedError,
    HostNotAllowedError,
    IntegryError,
    NotAuthorizedError,
    ReauthorizationNeededError,
    RequestTimeoutError,
    ResponseFormatError,
    ResponseTooLargeError,
)

CONNECTOR = """
name: crm_api
title: CRM
base_url: https://crm.example.com
user_info: {path: /me, id: id, name: email}
activities:
  ping: {kind: action, title: Ping, description: Says hello., method: POST, path: /resource}
"""


@pytest.fixture
def granted(serve, set_connection):
    return build_granted(serve, set_connection)


def check(granted, pump=run_steps):
    return pump(check_authorization(local_refresher(), granted.settings, granted.subject))


def try_alone(conn_id="conn"):
    """Test a connection as the command and the page do."""
    settings = read_settings(conn_id)
    subject = build_subject(settings, AuthorizationKey(conn_id)) if is_brokered(settings) else None
    return run_steps(check_authorization(local_refresher(), settings, subject))


# -- a kept grant ----------------------------------------------------------------------------------


@pytest.mark.parametrize("pump", [run_steps, lambda steps: asyncio.run(arun_steps(steps))])
def test_the_account_is_told_and_kept_where_it_was_unknown(granted, pump):
    granted.grant()

    result = check(granted, pump)

    assert (result.is_ok, result.is_tried, result.is_other_account) == (True, True, False)
    assert (result.message, result.account) == ("Connected as ada (id id-of-ada).", Account("id-of-ada", "ada"))
    row = granted.row()
    assert (row.account_id, row.account_name, row.state) == ("id-of-ada", "ada", "active")


def test_a_token_that_is_good_is_not_renewed_and_one_that_has_ended_is(granted):
    granted.grant()
    assert check(granted).is_ok
    assert check(granted).is_ok
    assert granted.server.count("/token") == 1

    granted.api.expire_access_tokens()
    result = check(granted)

    # The service has ended it before its time: its API says so, and it is renewed once.
    assert result.is_ok
    assert granted.server.count("/token") == 2
    assert [one.status for one in granted.server.requests("/me")] == [200, 200, 401, 200]


def test_an_api_that_refuses_every_token_is_not_asked_for_ever(granted):
    granted.grant()
    granted.server.fail("/me", 401, times=9)

    result = check(granted)

    assert not result.is_ok
    assert isinstance(result.error, CredentialsRejectedError)
    assert (granted.server.count("/me"), granted.server.count("/token")) == (2, 2)


def test_an_account_that_is_known_is_not_written_over(granted):
    granted.grant("ada")
    check(granted)
    for grant in granted.api.grants:
        grant.user = "bea"

    result = check(granted)

    assert (result.is_ok, result.is_other_account) == (True, True)
    assert result.message == (
        "Connected as bea (id id-of-bea). It was authorized as ada (id id-of-ada): authorize it again if that is the"
        " right one."
    )
    assert (granted.row().account_id, granted.row().account_name) == ("id-of-ada", "ada")


def test_an_account_is_not_kept_with_another_grant_that_came_meanwhile(granted):
    granted.grant("ada")
    granted.server.misbehave("/me", Fault(1, None, delay_s=1.0))
    found = []
    asking = threading.Thread(target=lambda: found.append(check(granted)), daemon=True)
    asking.start()
    time.sleep(0.3)
    granted.grant("bea")
    asking.join(timeout=10)

    assert found[0].account.name == "ada"
    assert (granted.row().account_id, granted.row().account_name) == (None, None)


def test_a_grant_that_is_lost_says_so(granted):
    granted.grant()
    granted.api.revoke_all()

    result = check(granted)

    assert not result.is_ok
    assert isinstance(result.error, ReauthorizationNeededError)
    assert "invalid_grant" in result.message


def test_a_grant_that_nobody_has_given_says_where_it_is_given(granted):
    result = check(granted)
    assert (result.is_ok, type(result.error)) == (False, NotAuthorizedError)
    assert "/integry/authorize?conn_id=crm" in result.message


def test_without_a_place_to_ask_a_token_is_all_there_is_to_try(granted):
    granted.grant()
    granted.connect(user_info_url=None)

    result = check(granted)

    assert (result.is_ok, result.is_tried, result.account) == (True, False, None)
    assert "User information URL" in result.message
    assert granted.row().account_id is None


# -- where the credential may go -------------------------------------------------------------------


def test_the_credential_goes_to_no_host_that_is_not_allowed(granted, serve):
    stranger = build_granted(serve, lambda *_, **__: None)
    granted.grant()
    elsewhere = stranger.server.url.replace("127.0.0.1", "localhost")
    granted.connect(user_info_url=f"{elsewhere}/me")

    result = check(granted)

    assert isinstance(result.error, HostNotAllowedError)
    assert stranger.server.count() == 0

    granted.connect(user_info_url=f"{elsewhere}/me", allowed_hosts=elsewhere.removeprefix("http://"))
    assert isinstance(check(granted).error, CredentialsRejectedError)
    assert stranger.server.count("/me") > 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_takes_the_credential_elsewhere(granted, serve, status):
    stranger = build_granted(serve, lambda *_, **__: None)
    granted.grant()
    granted.server.misbehave("/me", Fault(1, status, {"Location": f"{stranger.server.url}/me"}))

    assert not check(granted).is_ok
    assert stranger.server.count() == 0


def test_a_kept_value_says_where_to_ask_and_is_guarded_as_any_other(granted):
    def ask(**kept):
        steps = identity.find_account(granted.settings, handed, kept)
        return run_steps(steps)

    handed = BearerToken(granted.grant().secrets.access_token)
    granted.connect(user_info_url="{instance}/me")
    assert ask(instance=f"{granted.server.url}/").name == "ada"
    with pytest.raises(HostNotAllowedError):
        ask(instance="http://localhost:1")
    with pytest.raises(ConnectionConfigError, match="user_info_url"):
        ask(instance="http://169.254.169.254")
    with pytest.raises(ConnectionConfigError, match=r"names '\{instance\}', which is not kept"):
        ask(realm="1")
    granted.connect(user_info_url="/me?realm={realm}")
    assert ask(realm="a/../b&c").name == "ada"
    assert granted.server.requests("/me")[-1].query == "realm=a%2F..%2Fb%26c"


# -- what an API may answer ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(1, 200, {"Content-Type": "text/html"}, b"<html>Log in</html>"), ResponseFormatError),
        (Fault(1, 500, {}, b""), IntegryError),
        (
            Fault(1, 200, {"Content-Type": "application/json"}, b'{"id": "' + b"9" * 2_000_000 + b'"}'),
            ResponseTooLargeError,
        ),
        (Fault(1, drops=True), IntegryError),
    ],
)
def test_an_answer_that_is_no_account_is_told_as_what_it_is(granted, fault, kind):
    granted.grant()
    granted.server.misbehave("/me", fault)

    result = check(granted)

    assert (result.is_ok, isinstance(result.error, kind)) == (False, True)
    assert granted.row().account_id is None


def test_an_api_that_does_not_answer_is_waited_for_for_a_while_only(granted, monkeypatch):
    monkeypatch.setattr(identity, "ASKING_S", 0.5)
    granted.grant()
    granted.server.misbehave("/me", Fault(1, None, delay_s=3.0))
    started = time.monotonic()

    result = check(granted)

    assert isinstance(result.error, RequestTimeoutError)
    assert time.monotonic() - started < 2.0


def test_an_api_that_tells_the_credential_as_a_name_has_it_kept_nowhere(granted):
    token = granted.grant().secrets.access_token.reveal()
    body = b'{"id": "7", "name": "I am ' + token.encode() + b'"}'
    granted.server.misbehave("/me", Fault(1, 200, {"Content-Type": "application/json"}, body))

    result = check(granted)

    assert (result.account, granted.row().account_name) == (Account("7", "I am ***"), "I am ***")
    granted.server.misbehave("/me", Fault(1, 403, {"Content-Type": "text/plain"}, b"no " + token.encode()))
    refused = check(granted)
    assert (refused.is_ok, token in refused.message) == (False, False)


def test_a_name_that_is_too_long_for_its_column_is_cut(granted):
    granted.grant()
    body = b'{"id": "' + b"i" * 300 + b'", "name": "' + b"n" * 300 + b'"}'
    granted.server.misbehave("/me", Fault(2, 200, {"Content-Type": "application/json"}, body))

    assert check(granted).is_ok
    assert (len(granted.row().account_id), len(granted.row().account_name)) == (255, 255)
    # And is the same account the next time.
    assert not check(granted).is_other_account


# -- connectors ------------------------------------------------------------------------------------


def test_a_connector_says_how_to_ask(granted, tmp_path, monkeypatch):
    (tmp_path / "crm_api.yaml").write_text(CONNECTOR)
    monkeypatch.setenv("AIRFLOW__INTEGRY__CONNECTORS_FOLDER", str(tmp_path))
    granted.grant()
    granted.connect(user_info_url=None, connector="crm_api")

    assert check(granted).account == Account("id-of-ada", "ada@example.com")


def test_a_connector_that_is_not_installed_here_is_named(granted, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__INTEGRY__CONNECTORS_FOLDER", str(tmp_path))
    granted.grant()
    granted.connect(connector="crm_of_my_dags")

    result = check(granted)

    assert isinstance(result.error, ConnectionConfigError)
    for part in ("'crm_of_my_dags' is not installed where this runs", str(tmp_path), "on every API server"):
        assert part in result.message


def test_a_connector_is_not_read_on_the_event_loop(granted, tmp_path, monkeypatch):
    (tmp_path / "crm_api.yaml").write_text(CONNECTOR)
    monkeypatch.setenv("AIRFLOW__INTEGRY__CONNECTORS_FOLDER", str(tmp_path))
    granted.grant()
    granted.connect(user_info_url=None, connector="crm_api")
    threads = []
    planned = identity.plan_user_info
    monkeypatch.setattr(
        identity, "plan_user_info", lambda *args: (threads.append(threading.current_thread()), planned(*args))[1]
    )

    assert check(granted, lambda steps: asyncio.run(arun_steps(steps))).is_ok
    assert threading.main_thread() not in threads
    assert len(threads) == 1


# -- connections without a grant -------------------------------------------------------------------


def test_connections_with_their_own_credential_are_tried_with_it(serve, set_connection, rsa_pair):
    def verify():
        value, beside = request.headers.get("Authorization", ""), request.headers.get("X-Tenant")
        if value == "Basic YWRhOnNlY3JldA==":
            return "basic"
        if (value, beside, request.headers.get("X-Static")) == ("Bearer key-1", "t-1", "s-1"):
            return "key"
        try:
            return jwt.decode(value.removeprefix("Bearer "), rsa_pair.public_pem, algorithms=["RS256"])["sub"]
        except jwt.PyJWTError:
            return None

    server = serve(build_api("Own", verify))

    def try_with(conn_type, **fields):
        set_connection(server.url, conn_type, conn_id="conn", user_info_url="/me", **fields)
        return try_alone()

    key = {"password": "key-1", "secret_headers": {"X-Tenant": "t-1"}, "headers": {"X-Static": "s-1"}}
    assert try_with("integry_api_key", **key).message == "Connected as key (id id-of-key)."
    assert try_with("integry_basic", login="ada", password="secret").account.name == "basic"
    signing = {"jwt_source": "sign", "algorithm": "RS256", "private_key": rsa_pair.private_pem, "subject": "jwt"}
    assert try_with("integry_jwt", **signing).account.name == "jwt"
    refused = try_with("integry_api_key", password="key-2")
    assert (refused.is_ok, "refuses the credential" in refused.message) == (False, True)
    assert local_store().count() == 0


def test_a_token_that_is_bound_to_a_key_is_proved_with_the_nonce_that_the_api_wants(serve, set_connection):
    api = DPoPApi()
    server = serve(api.app)
    fields = {"client_id": "id", "client_secret": "secret", "exchange_url": f"{server.url}/token", "dpop": True}
    set_connection(server.url, "integry_oauth2", conn_id="conn", user_info_url="/resource", **fields)

    result = try_alone()

    assert (result.is_ok, result.message, result.account) == (True, "Connected.", Account())
    assert [one.status for one in server.requests("/resource")] == [401, 200]


def test_a_client_that_acts_for_itself_is_tried_with_a_token(granted):
    granted.connect(grant_type="client_credentials")
    assert try_alone("crm").message == "Connected as app (id id-of-app)."
