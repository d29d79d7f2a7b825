"""The API for host applications: who may ask, from where, how often, and what is answered."""

from __future__ import annotations

import http.client
import json
import logging
import re
import time

import jsonschema
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from integration.host_api import by_hash, by_secret, by_token, serving
from integration.host_app import SECRETS, HostApps, who_am_i
from integration.loopback import Server
from openapi_spec_validator import validate
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from airflow_provider_integry.web.public.api.document import build_document
from airflow_provider_integry.web.public.api.operations import OPERATIONS

ORIGIN = "https://acme.example"


@pytest.fixture
def api(tmp_path, monkeypatch):
    engine = create_engine(f"sqlite:///{tmp_path / 'host_api.db'}", poolclass=NullPool)
    with Server(who_am_i) as server:
        apps = HostApps(engine, monkeypatch, tmp_path, server)
        apps.put_workspace("acme", host_connection="own")
        apps.put_workspace("globex")
        apps.put_app("crm", "acme_ws", listing="listed", app_name="CRM", accounts_per_user="several")
        apps.put_app("own", "acme_ws")
        apps.put_app("other", "globex_ws")
        apps.put_app("internal", None)
        with serving(apps) as found:
            yield found
        apps.close()
    engine.dispose()


def connect(api, user="u1", key="good-key", **more):
    answer = api.host("POST", "/accounts", {"conn_id": "crm", "end_user": user, "fields": {"password": key}, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


def names_of(answer):
    return [one["conn_id"] for one in answer.json()["apps"]]


# -- who asks ----------------------------------------------------------------------------------------


# Tokens are made when they are wanted: they last for minutes, and tests may be collected long before they run.
@pytest.mark.parametrize("make", [by_secret, lambda: by_token(None), lambda: by_token("u1"), lambda: by_hash("u1")])
def test_secret_token_and_hash_show_who_asks(api, make):
    answer = api.send("GET", "/apps", make())

    assert (answer.status_code, names_of(answer)) == (200, ["crm", "own"])


@pytest.mark.parametrize(
    "headers",
    [
        {},
        by_secret(secret="x" * 40),
        by_secret(secret=""),
        {"Authorization": "Basic"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic YWNtZQ=="},
        {"Authorization": "Digest YWNtZQ=="},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer is_"},
        {"Authorization": "Bearer is_a.b.c"},
        {"Authorization": "Bearer eyJhbGciOiJub25lIn0.eyJhcHBfa2V5IjoiYWNtZSIsInVzZXJfaWQiOiJ1MSJ9."},
        by_hash("u1", secret="x" * 40),
        {**by_hash("u1"), "X-Integry-User-Id": "u2"},
        {**by_hash("u1"), "X-Integry-User-Id": "%75%31%0"},
        {**by_hash("u1"), "X-Integry-User-Id": "%ff"},
        {**by_hash("u1"), "X-Integry-App-Key": "nobody"},
        {**by_hash("u1"), "X-Integry-App-Key": "globex"},
        {**by_hash("u1"), **by_secret()},
        {name: value for name, value in by_hash("u1").items() if "Hash" not in name},
        lambda: by_token("u1", secret="x" * 40),
        lambda: by_token("u1", now=time.time() - 3600),
        lambda: by_token("u1", now=time.time() + 3600),
        {"Authorization": by_secret()["Authorization"].replace("Basic", "Bearer")},
    ],
)
def test_whoever_is_not_known_gets_one_answer_and_learns_nothing(api, headers):
    made = headers() if callable(headers) else headers
    answer = api.send("GET", "/accounts", {"Origin": "https://evil.example", **made})

    assert answer.status_code == 401
    assert answer.json() == {
        "type": "urn:integry:problem:identity",
        "title": "Nobody has shown who asks",
        "status": 401,
        "detail": "App key, user and signature do not fit together, or have expired. Sign in again at the application"
        " that sent you here.",
    }
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_an_unknown_app_key_costs_what_a_wrong_secret_costs(api):
    answers = [
        api.send("GET", "/apps", by_secret("acme", "x" * 40)),
        api.send("GET", "/apps", {"Authorization": "Basic bm9ib2R5OnNlY3JldA=="}),
    ]

    assert [one.status_code for one in answers] == [401, 401]
    assert answers[0].content == answers[1].content
    different = {"Date", "RateLimit"}
    headers = [{name: value for name, value in one.headers.items() if name.title() not in different} for one in answers]
    assert {name.lower() for name in headers[0]} == {name.lower() for name in headers[1]}
    assert all(one.elapsed.total_seconds() >= 0.1 for one in answers)


def test_a_header_that_comes_twice_is_refused(api):
    assert send_all(api, [*by_hash("u1").items(), ("X-Integry-User-Id", "u2")]) == 401


def test_the_login_that_airflow_adds_where_all_are_administrators_shows_nobody(api, monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", "True")
    added = ("Authorization", "Bearer airflows.own.token")
    statuses = [
        send_all(api, [*given.items(), added]) for given in (by_secret(), by_hash("u1"), {}, by_secret(secret="x" * 40))
    ]

    assert statuses == [200, 200, 401, 401]
    assert send_all(api, [*by_secret().items(), *by_secret().items(), added]) == 401


def send_all(api, headers):
    """Send each header, also of the same name, and return the status."""
    connection = http.client.HTTPConnection(api.url.split("/")[2], timeout=20)
    connection.putrequest("GET", "/integry/public/v1/apps")
    for name, value in headers:
        connection.putheader(name, value)
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_token_is_good_for_one_request_and_a_session_for_many(api):
    headers = {**by_token("u1"), "Origin": ORIGIN}
    opened = api.send("POST", "/sessions", headers, json={})
    again = api.send("POST", "/sessions", headers, json={})

    assert (opened.status_code, again.status_code) == (201, 401)
    session = opened.json()
    assert (session["end_user"], 3500 < session["expires_in_s"] <= 3600) == ("u1", True)
    bearer = {"Authorization": f"Bearer {session['session']}", "Origin": ORIGIN}
    assert [api.send("GET", "/accounts", bearer).status_code for _ in range(3)] == [200, 200, 200]
    # It does not live on by itself.
    prolonged = api.send("POST", "/sessions", bearer, json={})
    assert (prolonged.status_code, prolonged.json()["type"]) == (403, "urn:integry:problem:wrong-principal")
    assert api.host("POST", "/sessions", {}).status_code == 403


def test_a_cookie_of_our_pages_is_no_session_of_a_script(api):
    from integration.host_api import INSTALLATION

    from airflow_provider_integry.end_users.sessions import Sessions

    sessions = Sessions(lambda: INSTALLATION, api.apps.directory.find)
    workspace = api.apps.directory.find("acme_ws")
    cookie = sessions.make(workspace, "u1", now=time.time()).text.reveal()

    assert api.send("GET", "/apps", {"Authorization": f"Bearer is_{cookie}"}).status_code == 401
    assert api.send("GET", "/apps", {"Cookie": f"integry_session={cookie}"}).status_code == 401


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_no_operation_answers_a_stranger(api, operation):
    path = re.sub(r"{\w+}", "ca_" + "0" * 32, operation.path)
    answer = api.send(operation.method, path, json=operation.example)

    assert (answer.status_code, answer.json()["type"]) == (401, "urn:integry:problem:identity")


# -- from where --------------------------------------------------------------------------------------


def test_pages_of_the_workspace_may_ask_and_read(api):
    answer = api.user("u1", "GET", "/apps")

    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "https://acme.example.evil.example", "http://acme.example", ORIGIN + ":8443", "*"],
)
def test_other_pages_get_nothing_though_they_know_a_hash(api, origin):
    body = {"conn_id": "crm", "fields": {"password": "good-key"}}
    answer = api.user("u1", "POST", "/accounts", body, headers={"Origin": origin})

    assert (answer.status_code, answer.json()["type"]) == (403, "urn:integry:problem:origin")
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert api.host("GET", "/accounts").json()["accounts"] == []


@pytest.mark.parametrize("make", [by_secret, lambda: by_token(None)])
def test_what_only_servers_may_hold_is_refused_out_of_a_browser(api, make):
    answer = api.send("GET", "/apps", {**make(), "Origin": ORIGIN})

    assert (answer.status_code, answer.json()["type"]) == (403, "urn:integry:problem:secret-in-browser")
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_preflight_is_answered_without_a_secret_and_without_cookies(api):
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    answer = api.send("OPTIONS", "/accounts", asked)

    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert set(answer.headers["Access-Control-Allow-Methods"].split(", ")) == {"GET", "POST", "DELETE"}
    assert "X-Integry-User-Hash" in answer.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers


# -- how often ---------------------------------------------------------------------------------------


@pytest.fixture
def narrow(monkeypatch):
    def set_limit(name, number):
        monkeypatch.setenv(f"AIRFLOW__INTEGRY__{name.upper()}", str(number))

    return set_limit


def test_one_user_who_asks_too_often_does_not_stop_another(narrow, api):
    narrow("api_user_requests_per_minute", 3)
    answers = [api.user("u1", "GET", "/apps") for _ in range(4)]

    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    assert answers[0].headers["RateLimit-Policy"] == '"address";q=6000;w=60, "user";q=3;w=60, "app";q=3000;w=60'
    assert answers[1].headers["RateLimit"].startswith('"user";r=1;t=')
    refused = answers[3]
    assert (refused.json()["type"], refused.json()["reason"]) == ("urn:integry:problem:rate-limit", "user")
    assert 1 <= int(refused.headers["Retry-After"]) <= 20
    assert refused.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert api.user("u2", "GET", "/apps").status_code == 200
    assert api.host("GET", "/apps").status_code == 200


def test_one_application_that_asks_too_often_does_not_stop_another(narrow, api):
    narrow("api_requests_per_minute", 2)

    assert [api.host("GET", "/apps").status_code for _ in range(3)] == [200, 200, 429]
    assert api.host("GET", "/apps", name="globex").status_code == 200


def test_an_address_is_stopped_whoever_it_claims_to_be(narrow, api):
    narrow("api_address_requests_per_minute", 3)

    answers = [api.send("GET", "/apps", by_secret(secret=f"{number}" * 40)) for number in range(4)]

    assert [one.status_code for one in answers] == [401, 401, 401, 429]


# -- what is answered --------------------------------------------------------------------------------


def test_apps_are_shown_with_what_is_filled_in(api):
    crm, own = api.host("GET", "/apps").json()["apps"]

    assert (crm["name"], crm["kind"], crm["is_listed"], crm["is_host"]) == ("CRM", "form", True, False)
    assert [(one["name"], one["is_secret"], one["is_required"]) for one in crm["fields"]] == [("password", True, True)]
    assert (own["conn_id"], own["is_listed"], own["is_host"]) == ("own", False, True)
    assert api.host("GET", "/apps/own").json() == own
    assert [api.host("GET", f"/apps/{one}").status_code for one in ("other", "internal", "acme_ws", "no")] == [404] * 4


def test_an_account_lives_from_its_creation_to_its_end(api):
    made = connect(api)

    assert (made["conn_id"], made["end_user"], made["readiness"]) == ("crm", "u1", "ready")
    assert (made["account_id"], made["account_name"], made["is_default"]) == ("id-ada", "Ada", True)
    path = f"/accounts/{made['id']}"
    assert api.host("GET", path).json() == made
    assert api.user("u1", "GET", path).json() == made
    tested = api.host("POST", f"{path}/test", {}).json()
    assert (tested["is_ok"], tested["is_tried"], tested["account"]["id"]) == (True, True, made["id"])
    replaced = connect(api, key="other-key")
    assert (replaced["id"], replaced["account_name"]) == (made["id"], "Grace")
    ended = api.user("u1", "DELETE", path)
    assert (ended.status_code, ended.content) == (204, b"")
    assert api.host("GET", path).json()["readiness"] == "revoked"
    assert api.host("GET", "/accounts").json() == {"accounts": [], "next": None}


def test_the_embedded_script_passes_a_credential_on_in_its_shape(api):
    body = {"app_auth": {"api_key": "good-key", "auth_id": None, "extras": {}}}
    made = api.user("u1", "POST", "/accounts", body)

    assert (made.status_code, made.json()["conn_id"], made.json()["end_user"]) == (201, "own", "u1")
    assert api.apps.entered("u1", conn_id="own") == "good-key"


@pytest.mark.parametrize(
    ("body", "reason", "field"),
    [
        ({"conn_id": "other", "end_user": "u1", "fields": {"password": "good-key"}}, "other_workspace", None),
        ({"conn_id": "other", "end_user": "u1", "app_auth": {"api_key": "good-key"}}, "other_workspace", None),
        ({"conn_id": "internal", "end_user": "u1", "app_auth": {"api_key": "good-key"}}, "unknown_connection", None),
        ({"conn_id": "nothing", "end_user": "u1", "app_auth": {"api_key": "good-key"}}, "unknown_connection", None),
        ({"conn_id": "consent", "end_user": "u1", "app_auth": {"api_key": "good-key"}}, "unsupported_type", None),
        ({"conn_id": "crm", "end_user": "u1", "fields": {"password": "wrong"}}, "refused", None),
        ({"conn_id": "crm", "end_user": "u1", "fields": {}}, "fields", "password"),
        ({"conn_id": "crm", "end_user": "u1", "fields": {"password": "k", "host": "https://x"}}, "fields", "host"),
        ({"end_user": "u1", "account": "second", "app_auth": {"api_key": "good-key"}}, "several_accounts", "account"),
    ],
)
def test_credentials_that_are_not_taken_are_refused_with_the_reason_and_nothing_is_stored(api, body, reason, field):
    api.apps.put_app(
        "consent",
        "acme_ws",
        "integry_oauth2",
        grant_type="authorization_code",
        client_id="c",
        client_secret="s",
        authorize_url="https://id.example/authorize",
        exchange_url="https://id.example/token",
    )
    answer = api.host("POST", "/accounts", body)

    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (422, "urn:integry:problem:implicit-authorization")
    assert (problem["reason"], problem.get("field")) == (reason, field)
    assert "good-key" not in answer.text
    with api.apps.engine.connect() as connection:
        assert connection.execute(text("select count(*) from integry_authorization")).scalar() == 0


def test_the_list_comes_in_parts(api):
    made = [connect(api, f"u{number}")["id"] for number in range(7)]
    seen, after = [], None
    for _ in range(10):
        query = {"limit": "3", **({"after": after} if after else {})}
        answer = api.host("GET", "/accounts", params=query).json()
        seen += [one["id"] for one in answer["accounts"]]
        after = answer["next"]
        if after is None:
            break

    assert seen == made
    assert [one["id"] for one in api.user("u3", "GET", "/accounts").json()["accounts"]] == [made[3]]
    assert len(api.host("GET", "/accounts", params={"end_user": "u3", "conn_id": "crm"}).json()["accounts"]) == 1
    assert api.host("GET", "/accounts", params={"readiness": "revoked"}).json()["accounts"] == []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("limit=0", 400),
        ("limit=501", 400),
        ("limit=%D9%A3", 400),
        ("limit=3&limit=4", 400),
        ("readiness=well", 400),
        ("who=u1", 400),
        ("end_user=", 400),
        ("end_user=%00", 400),
        ("end_user=%ff", 400),
        ("end_user=" + "x" * 256, 400),
        ("after=1", 404),
        ("conn_id=other", 404),
        ("conn_id=%00", 404),
        ("x" * 9000, 400),
    ],
)
def test_odd_queries_are_refused(api, query, status):
    answer = api.host("GET", f"/accounts?{query}")

    assert (answer.status_code, answer.json()["status"]) == (status, status)


def test_five_hundred_are_asked_for_at_once_and_no_more(api):
    made = connect(api)
    asked = [{"conn_id": "crm", "end_user": "u1"}] + [{"conn_id": "crm", "end_user": f"x{n}"} for n in range(499)]

    answer = api.host("POST", "/status", {"accounts": asked})
    assert [one and one["id"] for one in answer.json()["accounts"]] == [made["id"]] + [None] * 499
    assert api.host("POST", "/status", {"accounts": [*asked, asked[0]]}).status_code == 400
    other = api.user("u2", "POST", "/status", {"accounts": asked[:1]})
    assert other.json() == {"accounts": [None]}


def test_accounts_are_chosen_and_migrated(api):
    first, second = connect(api), connect(api, key="other-key", account="work")

    chosen = api.user("u1", "POST", f"/accounts/{second['id']}/default", {}).json()
    assert (chosen["id"], chosen["is_default"]) == (second["id"], True)
    assert api.host("GET", f"/accounts/{first['id']}").json()["is_default"] is False
    moved = api.host("POST", "/accounts/migrate", {"from": first["id"], "to": second["id"]})
    assert (moved.status_code, moved.json()["id"]) == (200, second["id"])
    (used,) = api.host("POST", "/status", {"accounts": [{"conn_id": "crm", "end_user": "u1"}]}).json()["accounts"]
    assert used["id"] == second["id"]
    other = connect(api, "u2")
    refused = api.host("POST", "/accounts/migrate", {"from": other["id"], "to": second["id"]})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:integry:problem:account-move")


def test_a_link_is_made_asked_for_and_taken_back(api):
    body = {"conn_id": "crm", "end_user": "u1", "return_url": "https://acme.example/done/here", "state": "s"}
    made = api.host("POST", "/links", body)

    assert made.status_code == 201
    link = made.json()
    assert link["url"].startswith("https://connect.example.com/integry/public/connect?link=")
    path = f"/links/{link['id']}"
    state = api.user("u1", "GET", path).json()
    assert (state["status"], state["conn_id"], state["connected_account_id"]) == ("open", "crm", None)
    assert [api.user("u2", "GET", path).status_code, api.host("GET", path, name="globex").status_code] == [404, 404]
    assert api.user("u2", "DELETE", path).status_code == 404
    assert api.host("DELETE", path).status_code == 204
    assert api.host("GET", path).json()["status"] == "revoked"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"return_url": "https://evil.example/done"}, "return_url"),
        ({"return_url": "https://acme.example/doneandmore"}, "return_url"),
        ({"origin": "https://evil.example"}, "origin"),
        ({"binding": "code"}, "return_url"),
        ({"state": "a\nb"}, "state"),
        ({"account": "ca_0123456789abcdef0123456789abcdef"}, "account"),
    ],
)
def test_a_link_that_leads_astray_is_not_made(api, body, field):
    answer = api.host("POST", "/links", {"conn_id": "crm", "end_user": "u1", **body})

    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (422, "urn:integry:problem:link-request")
    assert problem["field"] == field


def test_a_link_of_somebody_else_or_without_a_check_is_not_made(api):
    assert api.user("u1", "POST", "/links", {"conn_id": "crm", "end_user": "u2"}).status_code == 404
    assert api.host("POST", "/links", {"conn_id": "other", "end_user": "u2"}).status_code == 404
    assert api.host("POST", "/links", {"conn_id": "crm", "end_user": "u2", "binding": "holder"}).status_code == 400


# -- the wire ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"null", 400),
        (b'{"conn_id": 1}', 400),
        (b'{"conn_id": "crm", "end_user": "u1", "fields": {"password": 1}}', 400),
        (b'{"conn_id": "crm", "end_user": "u1", "key": "x"}', 400),
        (b'{"conn_id": "crm", "end_user": "\\ud800", "fields": {}}', 400),
        (b'{"conn_id": "crm", "end_user": "\\u0000", "fields": {}}', 400),
        (b'{"conn_id": "crm", "end_user": "", "fields": {}}', 400),
        (b'{"conn_id": "crm", "end_user": "u1"}', 400),
        (b'{"conn_id": "crm", "end_user": "u1", "fields": {}, "app_auth": {"api_key": "k"}}', 400),
        (b"[" * 60_000, 400),
        (b" " * (64 * 1024 + 1), 413),
    ],
)
def test_bodies_that_make_no_sense_are_refused(api, body, status):
    answer = api.send("POST", "/accounts", by_secret(), data=body)

    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")


_TEXT = st.one_of(
    st.sampled_from(["", "\x00", "crm", "own", "other", "u1", "é", "a/../b", "ca_" + "0" * 32, "x" * 300, "__proto__"]),
    st.text(max_size=20),
)
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), _TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_TEXT, inner, max_size=3)),
    max_leaves=6,
)
_NAMES = sorted({name for one in OPERATIONS if one.request for name in one.request.__struct_encode_fields__})


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.request], ids=lambda one: one.name)
def test_no_body_whatever_breaks_the_server(api, monkeypatch, operation):
    answered = describe_answers(operation)
    path = re.sub(r"{\w+}", connect(api)["id"], operation.path)

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        body=st.one_of(_JSON, st.dictionaries(st.sampled_from(_NAMES), _JSON, max_size=5)),
        changed=st.dictionaries(st.sampled_from(_NAMES), st.one_of(_TEXT, _JSON), max_size=2),
        is_near=st.booleans(),
    )
    def send(body, changed, is_near):
        body = {**operation.example, "end_user": "u1", **changed} if is_near else body
        answer = api.send(operation.method, path, by_secret(), data=json.dumps(body))
        # 401 and 404 take a tenth of a second; nothing here fails in an unexpected way.
        assert answer.status_code in answered - {500}, answer.text

    send()


def describe_answers(operation):
    responses = build_document()["paths"][operation.path][operation.method.lower()]["responses"]
    return {int(status) for status in responses}


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/nothing"), ("PUT", "/accounts"), ("PATCH", "/accounts"), ("GET", "/accounts/migrate/x"), ("GET", "/")],
)
def test_what_is_not_there_is_a_problem_too(api, method, path):
    answer = api.send(method, path, by_secret())

    assert (answer.status_code, answer.json()["type"]) == (404, "urn:integry:problem:not-found")


def test_no_answer_is_kept_and_no_id_of_a_user_is_logged(api, caplog):
    logging.getLogger("uvicorn.access").propagate = True
    with caplog.at_level(logging.INFO):
        answer = api.host("GET", "/accounts", params={"end_user": "somebody-special"})
        api.send("GET", "/accounts?end_user=somebody-special", by_secret(secret="wrong"))
        api.send("GET", "/nothing?end_user=somebody-special", by_secret())

    assert answer.headers["Cache-Control"] == "no-store"
    assert "somebody-special" not in caplog.text
    assert SECRETS["acme"] not in caplog.text


def test_the_script_is_kept_for_good_under_its_version_and_any_page_may_check_it(api):
    from airflow_provider_integry import __version__
    from airflow_provider_integry.web.public.api.embedded import integrity

    url = api.url.replace("/v1", "/static/integry.js")
    answer = requests.get(f"{url}?v={__version__}", timeout=20)

    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["ETag"] == f'"{integrity()}"'
    assert requests.get(url, timeout=20).headers["Cache-Control"] == "public, max-age=300"
    again = requests.get(url, headers={"If-None-Match": answer.headers["ETag"]}, timeout=20)
    assert (again.status_code, again.content) == (304, b"")
    for wrong in (
        "eval(",
        "new Function",
        "innerHTML",
        "localStorage",
        "sessionStorage",
        "document.cookie",
        "?.",
        "??",
    ):
        assert wrong not in answer.text


# -- the document ------------------------------------------------------------------------------------


@pytest.fixture
def document(api):
    answer = requests.get(f"{api.url}/openapi.json", timeout=20)
    assert answer.status_code == 200
    return answer.json()


def test_the_document_is_valid_and_complete(document):
    validate(document)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert {"401", "403", "429", "500", "503"} < set(operation["responses"]), (method, path)
            for status, answered in operation["responses"].items():
                assert list(answered.get("content", {})) in (["application/json"], ["application/problem+json"], [])
                assert (status == "204") == ("content" not in answered)
            body = operation.get("requestBody")
            if body:
                check(
                    document,
                    body["content"]["application/json"]["schema"],
                    body["content"]["application/json"]["example"],
                )


def check(document, schema, value):
    """Hold a value against a schema of the document."""
    jsonschema.Draft202012Validator({**schema, "components": document["components"]}).validate(value)


def test_real_answers_and_problems_are_as_described(api, document):
    made = connect(api)
    link = api.host("POST", "/links", {"conn_id": "crm", "end_user": "u1"}).json()
    asked = [
        ("GET", "/apps", "/apps", None),
        ("GET", "/apps/{conn_id}", "/apps/crm", None),
        ("GET", "/apps/{conn_id}", "/apps/other", None),
        ("GET", "/accounts", "/accounts", None),
        ("GET", "/accounts", "/accounts?limit=x", None),
        ("POST", "/accounts", "/accounts", {"end_user": "u1", "app_auth": {"api_key": "good-key"}}),
        ("POST", "/accounts", "/accounts", {"end_user": "u1", "app_auth": {"api_key": "wrong"}}),
        ("GET", "/accounts/{id}", f"/accounts/{made['id']}", None),
        ("GET", "/accounts/{id}", "/accounts/ca_1", None),
        ("POST", "/accounts/{id}/test", f"/accounts/{made['id']}/test", {}),
        ("POST", "/accounts/{id}/default", f"/accounts/{made['id']}/default", {}),
        ("POST", "/accounts/migrate", "/accounts/migrate", {"from": made["id"], "to": made["id"]}),
        ("POST", "/status", "/status", {"accounts": [{"conn_id": "crm", "end_user": "u1"}]}),
        ("POST", "/links", "/links", {"conn_id": "crm", "end_user": "u1"}),
        ("POST", "/links", "/links", {"conn_id": "crm", "end_user": "u1", "origin": "x"}),
        ("GET", "/links/{id}", f"/links/{link['id']}", None),
        ("POST", "/links/redeem", "/links/redeem", {"code": "x", "end_user": "u1"}),
        ("DELETE", "/links/{id}", f"/links/{link['id']}", None),
        ("POST", "/sessions", "/sessions", {}),
        ("DELETE", "/accounts/{id}", f"/accounts/{made['id']}", None),
    ]
    for method, template, path, body in asked:
        answer = api.host(method, path, body)
        described = document["paths"][template][method.lower()]["responses"][str(answer.status_code)]
        if answer.status_code == 204:
            assert answer.content == b""
            continue
        schema = described["content"][answer.headers["Content-Type"]]["schema"]
        check(document, schema, answer.json())
        if answer.status_code >= 400:
            kinds = described["content"]["application/problem+json"]["examples"]
            assert answer.json()["type"].rpartition(":")[2] in kinds, (method, path, json.dumps(answer.json()))
    assert {(method, template) for method, template, _, _ in asked} == {
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods
    }
