"""What a task does to get a token from the API server, and what it says when it cannot."""

from __future__ import annotations

import json

import pytest
from flask import Flask
from servers.live import LiveServer
from servers.oauth2 import Client, OAuth2Api

from broker.proofs import Installation, key_of
from broker.rig import free_port
from broker.shell import TaskShell

SYNC = """
from airflow_provider_integry.authorizations.tokens import forget_sources
from airflow_provider_integry.hooks.integry import IntegryHook
def ask(conn_id, end_user=None, *, fresh=True):
    if fresh:
        forget_sources()
    with IntegryHook(conn_id, end_user).get_conn() as session:
        return session.get("/me").json()["name"]
"""
ASYNC = """
import asyncio
from airflow_provider_integry.authorizations.tokens import forget_sources
from airflow_provider_integry.hooks.integry import IntegryHook
def ask(conn_id, end_user=None, *, fresh=True):
    if fresh:
        forget_sources()
    async def get():
        async with IntegryHook(conn_id, end_user).get_async_conn() as session:
            async with session.get("/me") as answer:
                return (await answer.json())["name"]
    return asyncio.run(get())
"""
BOTH = pytest.mark.parametrize("define", [SYNC, ASYNC], ids=["sync", "async"])


@pytest.fixture
def place(tmp_path):
    """An installation of its own, with a grant and a client's own connection, not started yet."""
    api = OAuth2Api(Client("client-1", "secret-1"), rotation="strict")
    with LiveServer(api.build()) as service:
        found = Installation(tmp_path, service, api)
        found.connect("acme")
        found.rig.connect("machine", service.url)
        found.rig.migrate()
        try:
            yield found
        finally:
            found.rig.stop()


def shell_of(place, *, port=None, shift_s=0.0, **environment):
    return TaskShell(place.rig.task_environment(port or place.port, **environment), shift_s)


@BOTH
def test_a_task_gets_its_token_from_the_api_server(place, define):
    place.start()
    with shell_of(place) as task:
        task.run(define)
        answers = [
            task.run("result = ask('acme')"),
            task.run("result = ask('acme')"),
            task.run("result = ask('machine')"),
        ]

    assert [answer["result"] for answer in answers] == ["ada", "ada", "client-1"]
    assert place.service.count("/token") == 2


# -- where the API server is -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            {
                "INTEGRY__API_URL": "http://a.example:1/x/",
                "CORE__EXECUTION_API_SERVER_URL": "http://b.example:2/execution/",
                "API__BASE_URL": "http://c.example:3",
            },
            ["http://a.example:1/x", "[integry] api_url"],
        ),
        (
            {"CORE__EXECUTION_API_SERVER_URL": "http://b.example:2/execution/", "API__BASE_URL": "http://c.example:3"},
            ["http://b.example:2", "[core] execution_api_server_url"],
        ),
        (
            {"CORE__EXECUTION_API_SERVER_URL": "http://b.example:2/prefix/execution"},
            ["http://b.example:2/prefix", "[core] execution_api_server_url"],
        ),
        ({"API__BASE_URL": "http://c.example:3/prefix/"}, ["http://c.example:3/prefix", "[api] base_url"]),
        ({}, ["http://localhost:8080", "no option at all"]),
    ],
)
def test_the_api_server_is_looked_for_in_this_order(place, options, expected):
    environment = place.rig.task_environment(1)
    del environment["AIRFLOW__INTEGRY__API_URL"]
    environment.update({f"AIRFLOW__{name}": value for name, value in options.items()})

    with TaskShell(environment) as task:
        found = task.run("from airflow_provider_integry.authorizations.client import candidate_url as c; result = c()")

    assert found["result"] == expected


def test_a_token_comes_from_wherever_the_options_lead_below_a_prefix_too(place):
    place.start(BROKER_PREFIX="/airflow")
    url = f"http://127.0.0.1:{place.port}/airflow"
    ways = {
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "API__BASE_URL": url,
        "INTEGRY__API_URL": f"{url}/",
    }
    answers = {}
    for option, value in ways.items():
        environment = place.rig.task_environment(1)
        del environment["AIRFLOW__INTEGRY__API_URL"]
        with TaskShell({**environment, f"AIRFLOW__{option}": value}) as task:
            task.run(SYNC)
            answers[option] = task.run("result = ask('acme')").get("result")

    assert answers == dict.fromkeys(ways, "ada")


@pytest.mark.parametrize(
    ("option", "advice"),
    [
        ("INTEGRY__API_URL", "Correct option [integry] api_url"),
        ("CORE__EXECUTION_API_SERVER_URL", "Set option [integry] api_url"),
        ("API__BASE_URL", "Set option [integry] api_url"),
    ],
)
def test_where_nobody_answers_the_error_names_url_and_option(place, option, advice):
    url = f"http://127.0.0.1:{free_port()}"
    environment = place.rig.task_environment(1)
    del environment["AIRFLOW__INTEGRY__API_URL"]
    environment[f"AIRFLOW__{option}"] = url

    with TaskShell(environment) as task:
        task.run(SYNC)
        answer = task.run("ask('acme')")
        task.run(ASYNC)
        again = task.run("ask('acme')")

    section, _, name = option.lower().partition("__")
    for one in (answer, again):
        assert (one["error"], one["retryable"]) == ("BrokerUnreachableError", True)
        assert f"API server at {url} " in one["message"]
        assert f"URL from [{section}] {name}" in one["message"]
        assert advice in one["message"]


@pytest.mark.parametrize(("status", "body"), [(404, b'{"detail":"Not Found"}'), (200, b"<html>Airflow</html>")])
def test_where_the_provider_is_not_installed_the_error_says_which_option_to_set(place, body, status):
    with LiveServer(Flask("elsewhere")) as elsewhere:
        elsewhere.fail("/integry/health", status, times=1, body=body)
        environment = place.rig.task_environment(
            1, AIRFLOW__CORE__EXECUTION_API_SERVER_URL=f"{elsewhere.url}/execution/"
        )
        del environment["AIRFLOW__INTEGRY__API_URL"]
        with TaskShell(environment) as task:
            task.run(SYNC)
            answer = task.run("ask('acme')")

    assert answer["error"] == "BrokerUnreachableError"
    assert f"answered {status} at /integry/health" in answer["message"]
    assert "URL from [core] execution_api_server_url" in answer["message"]
    assert "Set option [integry] api_url to the URL of an API server that serves the core API" in answer["message"]


# -- what may be different here and there ----------------------------------------------------------------


@BOTH
def test_a_connection_that_is_another_one_there_is_refused_with_both_fingerprints(place, define):
    place.start()
    there = key_of(place, "acme").fingerprint
    place.rig.connections["acme"]["extra"]["client_secret"] = "another-secret"
    here = key_of(place, "acme").fingerprint
    with shell_of(place) as task:
        task.run(define)
        answer = task.run("ask('acme')")

    log = place.rig.server_log(place.port)
    assert here != there
    assert (answer["error"], answer["retryable"]) == ("BrokerRefusedError", False)
    assert f"fingerprint {here}" in answer["message"]
    assert f"fingerprint {there}" in log
    assert "another-secret" not in answer["message"] + log


def test_a_connection_that_the_api_server_does_not_have_is_refused_in_words(place):
    place.start()
    place.connect("worker_only")
    with shell_of(place) as task:
        task.run(SYNC)
        answer = task.run("ask('worker_only')")

    assert answer["error"] == "BrokerRefusedError"
    assert "environment variables or a secrets backend of the worker alone" in answer["message"]


@pytest.mark.parametrize(("define", "shift_s"), [(SYNC, -300), (ASYNC, 300)], ids=["sync", "async"])
def test_a_clock_that_is_five_minutes_off_costs_one_more_request(place, define, shift_s):
    place.start()
    with shell_of(place, shift_s=shift_s) as task:
        task.run(define)
        answers = [task.run("result = ask('acme')"), task.run("result = ask('acme', fresh=False)")]

    requests = [
        line for line in place.rig.server_log(place.port).splitlines() if '"POST /integry/v1/credentials' in line
    ]
    assert [answer.get("result") for answer in answers] == ["ada", "ada"]
    assert [line.rpartition('" ')[2].split()[0] for line in requests] == ["401", "200"]


# What Airflow's Execution API does for a task: it reads the connection from the database.
_READ_SECRET = """
import sqlite3
from airflow.sdk import BaseHook, Connection
from cryptography.fernet import Fernet
real = BaseHook.get_connection
def get(conn_id):
    if conn_id != "integry_installation":
        return real(conn_id)
    with sqlite3.connect({database!r}) as c:
        row = c.execute("select password from connection where conn_id = ?", (conn_id,)).fetchone()
    if row is None:
        raise RuntimeError("not found")
    return Connection(conn_id=conn_id, conn_type="generic", password=Fernet({key!r}).decrypt(row[0]).decode())
BaseHook.get_connection = staticmethod(get)
"""


def test_the_first_task_of_all_lets_the_broker_make_the_secret_and_a_new_one_is_noticed(place):
    # Here the secret is in the database, where it can be replaced while everybody runs.
    place.rig.installation_secret = ""
    place.start()
    with shell_of(place) as task:
        task.run(_READ_SECRET.format(database=str(place.rig.home / "airflow.db"), key=place.rig.fernet_key))
        task.run(SYNC)
        first = task.run("result = ask('acme')")
        assert first.get("result") == "ada", (first, place.rig.server_log(place.port))
        place.rig.run(
            "from airflow.models.connection import Connection\nfrom airflow.utils.session import create_session\n"
            "with create_session(scoped=False) as s:\n"
            "    s.query(Connection).filter_by(conn_id='integry_installation').one().set_password('another')\n"
        )
        # Server and task have read the old one less than ten seconds ago; then the task has the new one alone.
        both_old = task.run("result = ask('acme')")
        task.run("from airflow_provider_integry.authorizations.client import forget_secret; forget_secret()")
        task_new = task.run("result = ask('acme')")
        other = place.start()
        task.run(f"import os; os.environ['AIRFLOW__INTEGRY__API_URL'] = 'http://127.0.0.1:{other}'")
        task.run("import time; from airflow_provider_integry.authorizations import client")
        task.run("from airflow_provider_integry.secret import Secret")
        task.run("client._secret = (Secret('an old one'), time.monotonic() + 100)")
        server_new = task.run("result = ask('acme')")

    answers = [first, both_old, task_new, server_new]
    assert [answer.get("result") for answer in answers] == ["ada"] * 4, answers


# -- without the broker ----------------------------------------------------------------------------------


@BOTH
def test_tokens_that_can_be_had_again_are_fetched_by_the_task_itself_with_one_warning(place, define):
    with shell_of(place, port=free_port()) as task:
        task.run(define)
        answers = [task.run("result = ask('machine', fresh=False)") for _ in range(2)]
        place.api.expire_access_tokens()
        answers.append(task.run("result = ask('machine', fresh=False)"))
        grant = task.run("ask('acme')")

    warnings = [line for answer in answers for line in answer["logged"] if "fetches its own tokens" in line]
    assert [answer.get("result") for answer in answers] == ["client-1"] * 3
    assert len(warnings) == 1
    assert "cannot be asked for a credential" in warnings[0]
    assert grant["error"] == "BrokerUnreachableError"
    assert [request.body for request in place.service.requests("/token") if b"refresh_token" in request.body] == []


@BOTH
def test_when_the_broker_goes_away_the_token_is_used_while_it_works_and_then_the_url_is_named(place, define):
    place.api.lifetime_s = 12.0
    port = place.start()
    with shell_of(place) as task:
        task.run(define)
        before = task.run("result = ask('acme')")
        place.rig.process_of(port).kill()
        place.rig.process_of(port).wait()
        # Due for another look, and still good.
        task.run("from airflow_provider_integry.authorizations.tokens import _sources as sources")
        task.run("for one in sources.values(): one._held = one._held._replace(good_until=0.0)")
        during = task.run("result = ask('acme', fresh=False)")
        own = task.run("result = ask('machine')")
        after = task.run("ask('acme')")

    assert (before.get("result"), during.get("result"), own.get("result")) == ("ada", "ada", "client-1"), (during, own)
    assert after["error"] == "BrokerUnreachableError"
    assert f"http://127.0.0.1:{port}" in after["message"]
    assert "[integry] api_url" in after["message"]


# -- end users ---------------------------------------------------------------------------------------------


@BOTH
def test_the_grant_of_one_end_user_is_not_another_s(place, define):
    place.grant("acme", "anna", "bert")
    place.start()
    with shell_of(place) as task:
        task.run(define)
        answers = [task.run(f"result = ask('acme', {user!r})") for user in ("anna", "bert", "Anna", None)]

    assert [answer.get("result", answer.get("error")) for answer in answers] == [
        "anna",
        "bert",
        "NotAuthorizedError",
        "ada",
    ]
    assert "end user 'Anna'" in answers[2]["message"]


def test_a_status_that_is_refused_says_why(place):
    place.start()
    place.connect("worker_only")
    with shell_of(place) as task:
        task.run("from airflow_provider_integry.hooks.integry import IntegryHook")
        ready = task.run("result = str(IntegryHook('acme').readiness())")
        refused = task.run("found = IntegryHook('worker_only').find(); result = [str(found.readiness), found.reason]")

    assert ready["result"] == "ready"
    assert "does not know a connection of this name" in json.dumps(refused)
