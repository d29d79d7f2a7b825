"""Which end users have authorized a connection: asked with a proof of its own, page by page, as tasks do."""

from __future__ import annotations

import unicodedata

import pytest
from servers.live import LiveServer
from servers.oauth2 import Client, OAuth2Api

from airflow_provider_integry.authorizations.proof import build_claims
from broker.proofs import Installation, key_of, sign
from broker.shell import TaskShell

ODD = ["1", "01", " 1", "é", unicodedata.normalize("NFD", "é"), "a/../b", "A", "a", "u" * 255]
PATH = "/v1/end-users"
TASK = """
from airflow_provider_integry.authorizations.end_user_client import find_end_users
from airflow_provider_integry.authorizations.steps import run_steps
from airflow_provider_integry.operators.end_users import IntegryEndUsersOperator
from airflow_provider_integry.hooks.integry import IntegryHook
def find(conn_id, *include, **more):
    found = run_steps(find_end_users(IntegryHook(conn_id).settings, include, **more))
    return [[one.end_user for one in found.end_users], dict(found.left_out)]
"""
MARK = """
from airflow import settings
from sqlalchemy import text
with settings.engine.begin() as c:
    c.execute(text("update integry_authorization set state=:state where conn_id='globex' and end_user=:user"),
              {{"state": {state!r}, "user": {user!r}}})
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A broker with end users of two connections; some grants of `globex` are lost."""
    api = OAuth2Api(Client("client-1", "secret-1"), rotation="strict")
    with LiveServer(api.build()) as service:
        found = Installation(tmp_path_factory.mktemp("broker"), service, api)
        found.connect("acme")
        found.connect("globex")
        found.rig.connect("machine", service.url)
        found.rig.connections["key"] = {"conn_type": "integry_api_key", "host": service.url, "password": "k-1234567"}
        found.rig.migrate()
        found.start()
        found.grant("acme", *ODD)
        found.grant("globex", "ready", "revoked", "refused")
        for user, state in (("revoked", "revoked"), ("refused", "refused")):
            found.rig.run(MARK.format(state=state, user=user))
        try:
            yield found
        finally:
            found.rig.stop()


def claims_of(conn_id, account=None, use="end-users"):
    return build_claims(conn_id, None, account, use)


def ask(place, conn_id="acme", *, claims=None, **body):
    proof = sign(key_of(place, conn_id), claims_of(conn_id, body.get("account")) if claims is None else claims)
    return place.post(PATH, {"conn_id": conn_id, "include": ["ready"], **body}, proof)


def test_end_users_are_listed_as_they_are_written_and_the_connection_itself_is_not(place):
    answer = ask(place)

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json() == {"end_users": [{"end_user": user, "readiness": "ready"} for user in ODD]}


def test_those_that_are_not_wanted_are_counted(place):
    assert ask(place, "globex").json() == {
        "end_users": [{"end_user": "ready", "readiness": "ready"}],
        "left_out": {"revoked": 1, "needs_reauthorization": 1},
    }
    everybody = ask(place, "globex", include=["ready", "revoked", "needs_reauthorization"]).json()
    assert [one["readiness"] for one in everybody["end_users"]] == ["ready", "revoked", "needs_reauthorization"]


def test_pages_hold_everybody_once(place):
    found, after_id, pages = [], 0, 0
    while after_id is not None:
        answer = ask(place, limit=4, after_id=after_id).json()
        found += [one["end_user"] for one in answer["end_users"]]
        after_id, pages = answer.get("next_id"), pages + 1

    assert found == ODD
    assert pages == 3


def test_an_account_is_asked_for_by_its_name(place):
    assert ask(place, account="work").json() == {"end_users": []}


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "acme"},
        claims_of("acme", use="credentials"),
        claims_of("globex"),
        claims_of("acme", account="work"),
        build_claims("acme", "1", None, "end-users"),
    ],
    ids=["credentials", "another use", "another connection", "another account", "one end user"],
)
def test_a_proof_for_something_else_is_refused(place, claims):
    answer = ask(place, claims=claims)

    assert answer.status_code == 404
    assert "end_users" not in answer.json()


def test_a_proof_of_another_connection_or_none_is_refused(place):
    body = {"conn_id": "acme", "include": ["ready"]}
    answers = [
        place.post(PATH, body, sign(key_of(place, "globex"), claims_of("acme"))),
        place.post(PATH, body),
        place.post(PATH, {**body, "conn_id": "missing"}, sign(key_of(place, "acme"), claims_of("missing"))),
    ]

    assert [answer.status_code for answer in answers] == [404] * 3
    assert len({answer.text for answer in answers}) == 1


def test_a_proof_for_the_list_opens_nothing_else(place):
    proof = sign(key_of(place, "acme"), claims_of("acme"))

    assert place.ask("acme", proof=proof).status_code == 404


def test_a_proof_is_good_once(place):
    proof = sign(key_of(place, "acme"), claims_of("acme"))
    body = {"conn_id": "acme", "include": ["ready"]}

    assert [place.post(PATH, body, proof).status_code for _ in range(2)] == [200, 401]


@pytest.mark.parametrize(
    "wrong",
    [{"limit": 0}, {"limit": 1001}, {"after_id": -1}, {"include": "ready"}, {"account": ""}, {"conn_id": "a\0"}],
)
def test_a_wrong_request_is_explained(place, wrong):
    answer = place.post(PATH, {"conn_id": "acme", "include": ["ready"], **wrong}, "whatever")

    assert answer.status_code == 400
    assert next(iter(wrong)) in answer.json()["detail"]


def test_a_connection_that_has_no_end_users_says_so(place):
    answer = ask(place, "machine")

    assert answer.status_code == 409
    assert "leave end_user and account empty" in answer.json()["detail"]


def test_a_task_finds_them_by_itself(place):
    with TaskShell(place.rig.task_environment(place.port), 0.0) as task:
        task.run(TASK)
        everybody = task.run("result = find('acme', 'ready')")
        some = task.run("result = find('globex', 'ready', 'revoked')")
        operator = "IntegryEndUsersOperator(task_id='t', integry_conn_id='acme', batch_size=5)"
        batches = task.run(f"result = {operator}.execute({{}})")
        refused = task.run("result = IntegryEndUsersOperator(task_id='t', integry_conn_id='machine').execute({})")

    assert everybody["result"] == [ODD, {}]
    assert some["result"] == [["ready", "revoked"], {"needs_reauthorization": 1}]
    assert batches["result"] == [ODD[:4], ODD[4:]]
    assert refused["error"] == "AirflowFailException"
    assert "leave end_user and account empty" in refused["message"]


def test_a_process_with_the_database_finds_them_without_the_api_server(place):
    found = place.rig.run(TASK + "print('FOUND', find('globex', 'ready'))").rpartition("FOUND ")[2]

    assert found.strip() == str([["ready"], {"revoked": 1, "needs_reauthorization": 1}])
