"""The hook: what people call in their own tasks, against servers that verify what arrives."""

from __future__ import annotations

import asyncio
import json
import time

import jwt as pyjwt
import pytest
import requests
from airflow.models import Connection as CoreConnection
from airflow.sdk import Connection as TaskConnection
from airflow.sdk.exceptions import AirflowNotFoundException
from integration.loopback import CONN_ID, Answer, Raw, connection, oauth2, to_json, to_variable
from servers.keys import build_basic_api, build_key_api
from servers.oauth2 import Client, OAuth2Api

from airflow_provider_integry.auth.readiness import Readiness
from airflow_provider_integry.connection_types import CONNECTION_TYPES
from airflow_provider_integry.errors import (
    AuthorizationError,
    ConnectionConfigError,
    ConnectorNotFoundError,
    CredentialsRejectedError,
    HostNotAllowedError,
    HttpStatusError,
    InvalidInputError,
    MissingFieldError,
    NotAuthorizedError,
    ReauthorizationNeededError,
    RedirectRefusedError,
    ServerError,
    ThrottledError,
    UnknownActivityError,
    UnknownConnectionTypeError,
)
from airflow_provider_integry.hooks import typed
from airflow_provider_integry.hooks.integry import IntegryHook
from airflow_provider_integry.hooks.typed import IntegryApiKeyHook, IntegryOAuth2Hook

SHOP = """\
name: shop
title: Shop
user_info: {path: /me, id: id, name: name}
activities:
  list_items:
    kind: query
    path: /items
    result: items
    paging: {kind: cursor, param: page, cursor: next_page}
  create:
    kind: action
    path: /resource
    inputs:
      name: {in: body, type: string, required: true}
      count: {in: body, type: integer, minimum: 1}
    result: "{account: account, method: method}"
"""


@pytest.fixture
def shop(tmp_path):
    """Path of a connector for the API that all servers have."""
    path = tmp_path / "shop.yaml"
    path.write_text(SHOP)
    return str(path)


@pytest.fixture
def server(serve):
    return serve(build_key_api("key-1", "header", "Authorization", "Bearer "))


# Nobody listens at this port.
CLOSED = "http://127.0.0.1:1"


# -- look-ups ---------------------------------------------------------------------------------------


@pytest.fixture
def look_ups(monkeypatch):
    """Count how often connections are looked up."""
    seen = []
    plain, plain_async = IntegryHook.get_connection, IntegryHook.aget_connection

    def get(conn_id):
        seen.append(conn_id)
        return plain(conn_id)

    async def aget(conn_id):
        seen.append(conn_id)
        return await plain_async(conn_id)

    monkeypatch.setattr(IntegryHook, "get_connection", staticmethod(get))
    monkeypatch.setattr(IntegryHook, "aget_connection", staticmethod(aget))
    return seen


def test_a_hook_looks_its_connection_up_once_and_makes_one_session(server, set_connection, shop, look_ups):
    set_connection(server.url, connector=shop)
    hook = IntegryHook(CONN_ID)
    assert look_ups == []

    first = hook.get_conn()
    first.get("/me")
    hook.run("list_items")
    hook.readiness(verify=True)
    hook.test_connection()
    hook.get_token()
    _ = hook.auth

    assert hook.get_conn() is first
    assert look_ups == [CONN_ID]


def test_the_async_session_needs_one_look_up_too(server, set_connection, look_ups):
    set_connection(server.url)
    hook = IntegryHook(CONN_ID)

    async def use():
        statuses = []
        for _ in range(2):
            async with hook.get_async_conn() as session, session.get("/me") as response:
                statuses.append(response.status)
        return statuses

    assert asyncio.run(use()) == [200, 200]
    assert look_ups == [CONN_ID]


def test_a_hook_without_a_name_uses_the_default_connection(server, monkeypatch):
    monkeypatch.setenv(*to_variable(connection(server.url, conn_id="integry_default")))

    assert IntegryHook().get_conn().get("/me").status_code == 200


def test_a_connection_that_does_not_exist_is_airflows_own_error():
    with pytest.raises(AirflowNotFoundException):
        IntegryHook("nowhere").get_conn()


@pytest.mark.parametrize("kind", ["json", "uri"])
def test_a_connection_of_a_variable_may_be_json_or_a_uri(server, monkeypatch, kind):
    uri = f"integry-api-key://:key-1@127.0.0.1:{server.port}/http?allow_http=true&timeout_s=5"
    value = uri if kind == "uri" else to_variable(connection(server.url, timeout_s="5"))[1]
    monkeypatch.setenv("AIRFLOW_CONN_ACME", value)
    hook = IntegryHook(CONN_ID)

    assert (hook.get_conn().get("/me").status_code, hook.settings.transport.timeout_s) == (200, 5.0)


# -- the auth object and the token ------------------------------------------------------------------


def test_the_auth_object_signs_requests_of_plain_requests(server, set_connection):
    set_connection(server.url)

    assert requests.get(f"{server.url}/me", auth=IntegryHook(CONN_ID).auth, timeout=5).status_code == 200


def test_the_auth_object_refuses_other_hosts(server, set_connection, answer_with):
    sink = answer_with()
    set_connection(server.url)

    with pytest.raises(HostNotAllowedError):
        requests.get(f"{sink.url}/me", auth=IntegryHook(CONN_ID).auth, timeout=5)
    assert sink.connections == 0


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"key_name": "X-Api-Key"},
        {"key_location": "cookie", "key_name": "sid"},
        {"key_location": "query"},
        {"conn_type": "integry_api_key_secret", "api_key": "key-1", "api_secret": "key-1"},
        {"conn_type": "integry_basic", "login": "ada", "password": "key-1"},
    ],
)
def test_a_redirect_takes_nothing_from_the_auth_object_to_another_host(answer_with, set_connection, fields):
    sink = answer_with()
    hop = Answer(307, headers={"Location": "/hop"})
    server = answer_with(hop, Answer(307, headers={"Location": f"{sink.url}/x"}))
    set_connection(server.url, **fields)

    with pytest.raises(RedirectRefusedError):
        requests.get(f"{server.url}/x", auth=IntegryHook(CONN_ID).auth, timeout=5)
    assert ([request.path for request in server.requests], sink.connections) == (["/x", "/hop"], 0)


def token_of(raw, monkeypatch):
    monkeypatch.setenv(*to_variable(raw))
    return IntegryHook(raw.conn_id).get_token()


def test_the_token_of_a_key_connection_is_its_key(monkeypatch):
    assert token_of(connection("https://api.example.com", password="key-7"), monkeypatch) == "key-7"


def test_the_token_of_an_oauth2_connection_is_fetched_and_good(serve, monkeypatch):
    api = OAuth2Api(Client("client-1", "secret-1"))
    server = serve(api.build())

    token = token_of(oauth2(server), monkeypatch)

    headers = {"Authorization": f"Bearer {token}"}
    assert requests.get(f"{server.url}/me", headers=headers, timeout=5).status_code == 200


def test_the_token_of_a_jwt_connection_is_signed(monkeypatch):
    raw = connection("https://api.example.com", "integry_jwt", private_key="k" * 40, issuer="acme")

    claims = pyjwt.decode(token_of(raw, monkeypatch), "k" * 40, algorithms=["HS256"])

    assert (claims["iss"], claims["exp"] > time.time()) == ("acme", True)


@pytest.mark.parametrize(
    ("conn_type", "fields"),
    [
        ("integry_basic", {"login": "ada", "password": "pw"}),
        ("integry_oauth1", {"consumer_key": "ck", "consumer_secret": "cs"}),
        ("integry_api_key_secret", {"api_key": "k", "api_secret": "s"}),
    ],
)
def test_a_mechanism_without_a_token_says_what_to_use_instead(set_connection, conn_type, fields):
    set_connection("https://api.example.com", conn_type, **fields)

    with pytest.raises(AuthorizationError, match=r"hook\.get_conn"):
        IntegryHook(CONN_ID).get_token()


# -- activities -------------------------------------------------------------------------------------


def test_a_query_returns_the_records_of_all_pages(server, set_connection, shop):
    set_connection(server.url, connector=shop)

    assert IntegryHook(CONN_ID).run("list_items") == [{"id": number} for number in range(1, 7)]
    assert len(server.requests("/items")) == 3


def test_an_action_returns_its_output(server, set_connection, shop):
    set_connection(server.url, connector=shop)

    output = IntegryHook(CONN_ID).run("create", {"name": "Ada", "count": 2})

    assert output == {"account": "ada", "method": "POST"}
    assert json.loads(server.seen[0].body) == {"name": "Ada", "count": 2}


def test_the_connector_of_the_hook_wins_over_the_connections(server, set_connection, shop):
    set_connection(server.url, connector="airflow")

    assert len(IntegryHook(CONN_ID, connector=shop).run("list_items")) == 6


@pytest.mark.parametrize(
    ("activity", "inputs", "error", "told"),
    [
        ("list_item", {}, UnknownActivityError, "list_items"),
        ("create", {}, InvalidInputError, "name"),
        ("create", {"name": 7}, InvalidInputError, "name"),
        ("create", {"name": "Ada", "count": "two"}, InvalidInputError, "count"),
        ("create", {"name": "Ada", "count": 0}, InvalidInputError, "count"),
        ("create", {"name": "Ada", "colour": "red"}, InvalidInputError, "colour"),
    ],
)
def test_a_wrong_activity_or_input_is_told_and_nothing_is_sent(
    answer_with, set_connection, shop, activity, inputs, error, told
):
    server = answer_with()
    set_connection(server.url, connector=shop)

    with pytest.raises(error, match=told):
        IntegryHook(CONN_ID).run(activity, inputs)
    assert server.connections == 0


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (to_json({"message": "bad key"}, 401), CredentialsRejectedError),
        (to_json({"message": "no such item"}, 404), HttpStatusError),
        (to_json({"message": "slow down"}, 429), ThrottledError),
        (Answer(503), ServerError),
    ],
)
def test_a_failed_activity_is_a_typed_error(answer_with, set_connection, shop, answer, expected):
    set_connection(answer_with(answer).url, connector=shop, max_retries=0)

    with pytest.raises(expected) as caught:
        IntegryHook(CONN_ID).run("list_items")
    assert type(caught.value) is expected


def test_the_activities_of_a_connection_need_a_connector(server, set_connection):
    set_connection(server.url)

    with pytest.raises(MissingFieldError, match="connector"):
        IntegryHook(CONN_ID).run("list_items")


def test_a_connector_that_is_not_there_is_told(server, set_connection):
    set_connection(server.url, connector="nowhere")

    with pytest.raises(ConnectorNotFoundError, match="connectors_folder"):
        IntegryHook(CONN_ID).run("list_items")


def test_a_connector_that_does_not_work_with_the_type_is_refused(server, set_connection):
    set_connection(server.url, connector="airflow")

    with pytest.raises(ConnectionConfigError, match="integry_jwt"):
        IntegryHook(CONN_ID).get_conn()


def test_a_connector_is_found_by_name_in_the_folder_of_the_option(server, set_connection, shop, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__INTEGRY__CONNECTORS_FOLDER", str(tmp_path))
    set_connection(server.url, connector="shop")

    assert len(IntegryHook(CONN_ID).run("list_items")) == 6


def test_the_connectors_base_url_serves_a_connection_without_one(server, set_connection, shop, tmp_path):
    path = tmp_path / "placed.yaml"
    path.write_text(SHOP.replace("title: Shop", f"title: Shop\nbase_url: {server.url}"))
    set_connection(None, connector=str(path))

    assert len(IntegryHook(CONN_ID).run("list_items")) == 6


# -- end users and types ----------------------------------------------------------------------------


@pytest.mark.parametrize("who", [{"end_user": "user-7"}, {"account": "second"}])
def test_end_users_are_refused_rather_than_served_with_the_connections_own_account(server, set_connection, who):
    set_connection(server.url)

    with pytest.raises(NotAuthorizedError):
        IntegryHook(CONN_ID, **who).get_conn()
    assert IntegryHook(CONN_ID, **who).readiness() is Readiness.PENDING
    assert server.seen == []


def test_a_hook_of_another_type_is_refused(server, set_connection):
    set_connection(server.url)

    assert IntegryApiKeyHook(CONN_ID).get_conn().get("/me").status_code == 200
    with pytest.raises(ConnectionConfigError, match="use IntegryHook"):
        IntegryOAuth2Hook(CONN_ID).get_conn()


def test_a_connection_of_another_provider_is_refused(set_connection):
    set_connection("https://api.example.com", "http", password="x")

    with pytest.raises(UnknownConnectionTypeError, match="integry_api_key"):
        IntegryHook(CONN_ID).get_conn()


# Airflow warns of its own code.
CORE = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:ProvidersManager.hooks is deprecated")


@CORE
@pytest.mark.parametrize("one", CONNECTION_TYPES, ids=lambda one: one.name)
def test_each_type_has_a_hook_that_its_connections_give(one):
    for cls in (TaskConnection, CoreConnection):
        hook = cls(conn_id=CONN_ID, conn_type=one.name).get_hook()

        assert type(hook) is getattr(typed, one.hook)
        assert (hook.conn_type, hook.integry_conn_id) == (one.name, CONN_ID)


# -- readiness --------------------------------------------------------------------------------------


@pytest.fixture(params=["sync", "async"])
def find(request):
    """Ask a hook for its findings, in either way."""

    def ask(**options):
        hook = IntegryHook(CONN_ID)
        return hook.find(**options) if request.param == "sync" else asyncio.run(hook.afind(**options))

    return ask


def test_a_missing_credential_is_pending_and_nothing_is_asked(answer_with, set_connection, find):
    server = answer_with()
    set_connection(server.url, "integry_basic_url", user_info_url="/me")

    findings = find(verify=True)

    assert findings.readiness is Readiness.PENDING
    assert "'User name'" in findings.reason
    assert server.connections == 0


def test_a_missing_base_url_is_pending(set_connection, find):
    set_connection(None)

    findings = find(verify=True)

    assert findings.readiness is Readiness.PENDING
    assert "Base URL" in findings.reason


def test_complete_settings_are_ready_without_asking_the_api(answer_with, set_connection, find):
    server = answer_with()
    set_connection(server.url, user_info_url="/me")

    assert find().readiness is Readiness.READY
    assert server.connections == 0


def test_an_accepted_credential_is_ready_with_its_account(server, set_connection, find):
    set_connection(server.url, user_info_url="/me")

    findings = find(verify=True)

    assert (findings.readiness, findings.account.id, findings.account.name) == (Readiness.READY, "id-of-ada", "ada")


def test_the_connections_paths_find_the_account(answer_with, set_connection, find):
    server = answer_with(to_json({"data": {"uid": 7, "mail": "ada@example.com"}}))
    set_connection(server.url, user_info_url="/me", account_id_path="data.uid", account_name_path="data.mail")

    account = find(verify=True).account

    assert (account.id, account.name) == ("7", "ada@example.com")


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_needs_reauthorization(answer_with, set_connection, find, status):
    set_connection(answer_with(Answer(status)).url, user_info_url="/me")

    assert find(verify=True).readiness is Readiness.NEEDS_REAUTHORIZATION


def test_a_revoked_grant_needs_reauthorization(serve, monkeypatch, find):
    api = OAuth2Api(Client("client-1", "secret-1"))
    server = serve(api.build())
    raw = oauth2(server, grant_type="refresh_token", refresh_token=api.authorize(), user_info_url="/me")
    monkeypatch.setenv(*to_variable(raw))
    api.revoke_all()

    findings = find(verify=True)

    assert findings.readiness is Readiness.NEEDS_REAUTHORIZATION
    assert "authorize again" in findings.reason


@pytest.mark.parametrize("answer", [Answer(500), Answer(503), Answer(429)])
def test_an_api_that_is_down_is_unreachable(answer_with, set_connection, find, answer):
    set_connection(answer_with(answer).url, user_info_url="/me", max_retries=0)

    assert find(verify=True).readiness is Readiness.UNREACHABLE


def test_a_server_that_is_gone_is_unreachable(set_connection, find):
    set_connection(CLOSED, user_info_url="/me", max_retries=0)

    assert find(verify=True).readiness is Readiness.UNREACHABLE


def test_an_answer_that_breaks_off_is_unreachable(answer_with, set_connection, find):
    cut_off = Raw((b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",))
    set_connection(answer_with(cut_off).url, user_info_url="/me", max_retries=0)

    assert find(verify=True).readiness is Readiness.UNREACHABLE


def test_a_token_endpoint_that_is_down_is_unreachable(answer_with, monkeypatch, find):
    monkeypatch.setenv(*to_variable(oauth2(answer_with(Answer(503)), user_info_url="/me")))

    assert find(verify=True).readiness is Readiness.UNREACHABLE


def test_without_a_way_to_ask_a_token_is_fetched_at_least(token_server, monkeypatch, find):
    monkeypatch.setenv(*to_variable(oauth2(token_server)))

    findings = find(verify=True)

    assert (findings.readiness, findings.account) == (Readiness.READY, None)
    assert [request.path for request in token_server.requests] == ["/token"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"target": "ftp://api.example.com"}, "host"),
        ({"target": "https://user:pass@api.example.com"}, "host"),
        ({"timeout_s": "soon"}, "timeout_s"),
        ({"key_location": "body"}, "key_location"),
        ({"password": "a\r\nb"}, "password"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_field_is_an_error_rather_than_a_state(set_connection, find, fields, field):
    fields = {"target": "https://api.example.com", **fields}
    set_connection(fields.pop("target"), **fields)

    with pytest.raises(ConnectionConfigError) as caught:
        find()
    assert caught.value.field == field


# -- the Test button --------------------------------------------------------------------------------


def test_the_test_button_names_the_account(server, set_connection):
    set_connection(server.url, user_info_url="/me")

    assert IntegryHook(CONN_ID).test_connection() == (True, "Connected as ada (id id-of-ada).")


def test_the_test_button_of_a_connector_knows_where_to_ask(server, set_connection, shop):
    set_connection(server.url, connector=shop)

    assert IntegryHook(CONN_ID).test_connection() == (True, "Connected as ada (id id-of-ada).")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"password": "wrong"}, "401"),
        ({"target": None}, "Base URL"),
        ({"target": CLOSED}, "no connection"),
        ({"target": "ftp://x"}, "ftp"),
        ({"connector": "nowhere"}, "nowhere"),
        ({"user_info_url": "/nowhere"}, "404"),
        ({"user_info_url": "http://other.example/me"}, "allowed_hosts"),
    ],
)
def test_the_test_button_says_what_is_wrong(server, set_connection, fields, told):
    fields = {"target": server.url, "user_info_url": "/me", "max_retries": 0, **fields}
    set_connection(fields.pop("target"), **fields)

    is_ready, message = IntegryHook(CONN_ID).test_connection()

    assert not is_ready
    assert told in message
    # The form tests under a made-up name.
    assert CONN_ID not in message


@pytest.mark.skipif(not hasattr(TaskConnection, "test_connection"), reason="Airflow 3.2 tests the core's alone")
def test_the_test_button_works_through_the_connection_of_the_task_sdk(server):
    raw = connection(server.url, user_info_url="/me")
    found = TaskConnection(
        conn_id="tested", conn_type=raw.conn_type, host=raw.host, password=raw.password, extra=json.dumps(raw.extra)
    )

    assert found.test_connection() == (True, "Connected as ada (id id-of-ada).")


@CORE
def test_the_test_button_works_through_the_connection_of_the_core(server, monkeypatch):
    raw = connection(server.url, user_info_url="/me", conn_id="tested")
    # Airflow's API server does the same: the form's values under a made-up name.
    monkeypatch.setenv(*to_variable(raw))
    found = CoreConnection(
        conn_id="tested", conn_type=raw.conn_type, host=raw.host, password=raw.password, extra=json.dumps(raw.extra)
    )

    assert found.test_connection() == (True, "Connected as ada (id id-of-ada).")


@pytest.mark.parametrize("is_missing", [False, True])
def test_the_test_button_does_not_spend_a_refresh_token(answer_with, monkeypatch, is_missing):
    server = answer_with()
    fields = {"refresh_token": "" if is_missing else "r1", "user_info_url": "/me"}
    monkeypatch.setenv(*to_variable(oauth2(server, grant_type="refresh_token", **fields)))

    is_ready, message = IntegryHook(CONN_ID).test_connection()

    assert (is_ready, server.connections) == (True, 0)
    assert ("the kept grant is used" if is_missing else "The refresh token was not tried") in message


def test_basic_credentials_are_tested_as_utf8(serve, set_connection):
    server = serve(build_basic_api("jürgen", "pä☃"))
    set_connection(server.url, "integry_basic", login="jürgen", password="pä☃", user_info_url="/me")

    assert IntegryHook(CONN_ID).test_connection()[0]


def test_a_revoked_grant_ends_an_activity_at_once(serve, monkeypatch, shop):
    api = OAuth2Api(Client("client-1", "secret-1"))
    server = serve(api.build())
    raw = oauth2(server, grant_type="refresh_token", refresh_token=api.authorize(), connector=shop)
    monkeypatch.setenv(*to_variable(raw))
    api.revoke_all()

    with pytest.raises(ReauthorizationNeededError):
        IntegryHook(CONN_ID).run("list_items")
    assert server.requests("/items") == []
