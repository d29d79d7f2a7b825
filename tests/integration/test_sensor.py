"""Waiting for an authorization: on the worker, in the triggerer, and run by Airflow."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import timedelta
from itertools import pairwise

import pytest
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)
from airflow.sdk.serde import deserialize, serialize
from integration.flows_server import CONNECTOR
from integration.loopback import CONN_ID, Answer, Raw, oauth2, to_json, to_variable

from airflow_provider_integry import connectors
from airflow_provider_integry.connectors import load_connector
from airflow_provider_integry.sensors.authorization import IntegryAuthorizationSensor
from airflow_provider_integry.triggers.authorization import AuthorizationReadyTrigger

ME = to_json({"id": "u1", "name": "Ada"})
DOWN = Answer(503)


@pytest.fixture
def serve_account(answer_with, set_connection):
    """Start a server that answers as told at ``/me``, and the connection to it."""

    def start(*answers, **fields):
        server = answer_with(*answers)
        set_connection(server.url, **{"user_info_url": "/me", "max_retries": 0, **fields})
        return server

    return start


def build(**fields):
    options = {"integry_conn_id": CONN_ID, "poke_interval": 0.05, "timeout": 5, "deferrable": False, **fields}
    return IntegryAuthorizationSensor(task_id="t", **options)


def defer(**fields):
    with pytest.raises(TaskDeferred) as caught:
        build(deferrable=True, **fields).execute({})
    return caught.value


async def first_event(trigger):
    events = trigger.run()
    event = await anext(events)
    await events.aclose()
    return event.payload


def fire(*args, **fields):
    """Run a trigger to its event, in an event loop of its own."""
    trigger = AuthorizationReadyTrigger(CONN_ID, **{"verify": True, "poll_interval_s": 0.02, **fields})
    return asyncio.run(asyncio.wait_for(first_event(trigger), 10))


# -- on the worker ----------------------------------------------------------------------------------


def test_complete_settings_are_enough_by_default(serve_account):
    server = serve_account(Answer(401))

    build().execute({})

    assert server.connections == 0


def test_with_verify_the_api_must_accept_the_credential(serve_account):
    server = serve_account(ME)

    build(verify=True).execute({})

    assert len(server.requests) == 1


@pytest.mark.parametrize("first", [DOWN, Answer(401), Answer(403), Answer(429), Raw(())])
def test_poking_goes_on_until_the_api_accepts(serve_account, first):
    server = serve_account(first, ME)

    build(verify=True).execute({})

    assert len(server.requests) == 2


def test_an_incomplete_connection_is_waited_for(set_connection):
    set_connection("https://api.example.com", "integry_basic")
    sensor = build()

    assert sensor.poke({}) is False
    set_connection("https://api.example.com", "integry_basic", login="ada")
    assert sensor.poke({}) is True


def test_the_reason_is_logged(set_connection, capsys):
    set_connection("https://api.example.com", "integry_basic")

    build().poke({})

    assert "pending" in (logged := capsys.readouterr().out)
    assert "'User name'" in logged


def test_rescheduling_frees_the_worker(serve_account):
    serve_account(DOWN)
    task_instance = type("TaskInstance", (), {"get_first_reschedule_date": lambda *_: None})()

    with pytest.raises(AirflowRescheduleException):
        build(verify=True, mode="reschedule").execute({"ti": task_instance})


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"timeout_s": "soon"}, "timeout_s"),
        ({"connector": "nowhere"}, "nowhere"),
        ({"colour": "red"}, "colour"),
    ],
)
@pytest.mark.parametrize("deferrable", [False, True])
def test_a_wrong_field_fails_at_once(serve_account, deferrable, fields, told):
    serve_account(ME, **fields)

    with pytest.raises(AirflowFailException, match=told):
        build(deferrable=deferrable).execute({})


def test_an_end_user_of_what_has_none_is_refused_rather_than_waited_for(set_connection, answer_with):
    # Its tokens are the application's own.
    set_connection(oauth2(answer_with(ME), grant_type="client_credentials"))

    with pytest.raises(AirflowFailException, match="user-7"):
        build(end_user="user-7").execute({})


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("mode", ["soft_fail", "never_fail"])
def test_a_soft_sensor_skips_instead_of_failing(serve_account, deferrable, mode):
    serve_account(ME, timeout_s="soon")

    with pytest.raises(AirflowSkipException):
        build(deferrable=deferrable, **{mode: True}).execute({})


def test_waiting_on_the_worker_ends_with_the_timeout(serve_account):
    serve_account(DOWN)

    with pytest.raises(AirflowSensorTimeout):
        build(verify=True, timeout=0.2).execute({})


# -- deferring --------------------------------------------------------------------------------------


def test_a_connection_that_is_ready_is_not_deferred(serve_account):
    serve_account(ME)

    assert build(deferrable=True, verify=True).execute({}) is None


def test_a_sensor_defers_by_default_with_all_that_the_trigger_needs(serve_account):
    serve_account(DOWN)
    sensor = IntegryAuthorizationSensor(
        task_id="t", integry_conn_id=CONN_ID, verify=True, poke_interval=timedelta(seconds=7), timeout=90
    )

    with pytest.raises(TaskDeferred) as caught:
        sensor.execute({})

    assert (caught.value.method_name, caught.value.timeout) == ("execute_complete", timedelta(seconds=90))
    assert caught.value.trigger.serialize()[1] == {
        "integry_conn_id": CONN_ID,
        "end_user": None,
        "account": None,
        "verify": True,
        "poll_interval_s": 7.0,
    }


def test_the_task_goes_on_when_the_trigger_says_ready():
    assert build().execute_complete({}, {"status": "ready"}) is None


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ({"status": "failed", "message": "field 'host' is wrong"}, "field 'host' is wrong"),
        ({"status": "failed"}, "without saying why"),
        ({}, "without saying why"),
        (None, "without saying why"),
    ],
)
def test_the_task_fails_when_the_trigger_says_so(event, told):
    with pytest.raises(AirflowFailException, match=told):
        build().execute_complete({}, event)


def test_a_soft_sensor_skips_when_the_trigger_says_so():
    with pytest.raises(AirflowSkipException):
        build(soft_fail=True).resume_execution("execute_complete", {"event": {"status": "failed"}}, {})


# -- the trigger ------------------------------------------------------------------------------------


def test_the_trigger_survives_storage(serve_account):
    serve_account(DOWN, ME)
    trigger = defer(verify=True).trigger

    path, kwargs = trigger.serialize()
    again = AuthorizationReadyTrigger(**deserialize(json.loads(json.dumps(serialize(kwargs)))))

    assert path == f"{AuthorizationReadyTrigger.__module__}.{AuthorizationReadyTrigger.__qualname__}"
    assert again.serialize() == trigger.serialize()
    assert asyncio.run(first_event(again)) == {"status": "ready"}


def test_no_secret_is_stored_with_the_trigger(serve_account):
    serve_account(DOWN, password="canary-71c2")

    assert "canary-71c2" not in json.dumps(defer(verify=True).trigger.serialize())


def test_the_trigger_fires_when_the_api_accepts(serve_account):
    server = serve_account(DOWN, Answer(401), Raw(()), ME)

    assert fire() == {"status": "ready"}
    assert len(server.requests) == 4


def test_without_verify_the_trigger_does_not_ask_the_api(serve_account):
    server = serve_account(Answer(401))

    assert fire(verify=False) == {"status": "ready"}
    assert server.connections == 0


def test_the_trigger_goes_on_while_the_server_is_gone(answer_with, set_connection):
    set_connection("http://127.0.0.1:1", user_info_url="/me", max_retries=0)
    server = answer_with(ME)

    async def scenario():
        trigger = AuthorizationReadyTrigger(CONN_ID, verify=True, poll_interval_s=0.02)
        waiting = asyncio.create_task(first_event(trigger))
        await asyncio.sleep(0.3)
        is_waiting = not waiting.done()
        set_connection(server.url, user_info_url="/me")
        return is_waiting, await asyncio.wait_for(waiting, 10)

    assert asyncio.run(scenario()) == (True, {"status": "ready"})


@pytest.mark.parametrize(
    "answer",
    [
        Raw((b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",)),
        Raw((b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", 30.0)),
        Raw((b"nonsense\r\n\r\n",)),
        Answer(200, b"no gzip", {"Content-Encoding": "gzip"}),
    ],
)
def test_the_trigger_survives_an_api_that_answers_nonsense(serve_account, answer):
    serve_account(answer, ME, timeout_s=0.2)

    assert fire() == {"status": "ready"}


def test_the_trigger_picks_up_a_connection_that_is_filled_in_meanwhile(set_connection):
    set_connection("https://api.example.com", "integry_basic")

    async def scenario():
        trigger = AuthorizationReadyTrigger(CONN_ID, poll_interval_s=0.02)
        waiting = asyncio.create_task(first_event(trigger))
        await asyncio.sleep(0.2)
        is_waiting = not waiting.done()
        set_connection("https://api.example.com", "integry_basic", login="ada", password="pw")
        return is_waiting, await asyncio.wait_for(waiting, 10)

    assert asyncio.run(scenario()) == (True, {"status": "ready"})


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"timeout_s": "soon"}, "ConnectionConfigError: .*timeout_s"),
        ({"connector": "nowhere"}, "ConnectorNotFoundError"),
        ({"user_info_url": "http://other.example/me"}, "HostNotAllowedError"),
        ({"user_info_url": "/nowhere"}, "404"),
        ({"ca_file": "/nowhere.pem"}, "ca_file"),
    ],
)
def test_the_trigger_fails_when_waiting_cannot_help(serve_account, fields, told):
    serve_account(lambda request: ME if request.path == "/me" else Answer(404), **fields)

    event = fire()

    assert event["status"] == "failed"
    assert told.split(".*")[0] in event["message"]
    assert told.split(".*")[-1] in event["message"]


def test_the_trigger_fails_when_there_is_no_such_connection():
    event = fire()

    assert event["status"] == "failed"
    assert CONN_ID in event["message"]


@pytest.fixture
def slow_disk(monkeypatch):
    """Let it take a while to read a connector, as on a disk over the network."""

    def load(*args, **kwargs):
        time.sleep(0.5)
        return load_connector(*args, **kwargs)

    monkeypatch.setattr(connectors, "load_connector", load)


@pytest.mark.usefixtures("slow_disk")
@pytest.mark.parametrize("verify", [False, True])
def test_the_trigger_never_blocks_the_event_loop(serve_account, tmp_path, verify):
    connector = tmp_path / "shop.yaml"
    connector.write_text(CONNECTOR + "user_info: {path: /me}\n")
    slow = Raw((0.3, b"HTTP/1.1 503 Down\r\nContent-Length: 0\r\n\r\n"))
    ticks = []

    async def scenario():
        trigger = AuthorizationReadyTrigger(CONN_ID, verify=verify, poll_interval_s=0.02)
        waiting = asyncio.create_task(first_event(trigger))
        while not waiting.done():
            ticks.append(time.monotonic())
            await asyncio.sleep(0.005)
        ticks.append(time.monotonic())
        return await waiting

    # What is imported once per process does not count.
    for _ in range(2):
        ticks.clear()
        serve_account(slow, ME, connector=str(connector), user_info_url=None)
        assert asyncio.run(scenario()) == {"status": "ready"}

    assert max(later - earlier for earlier, later in pairwise(ticks)) < 0.4


def test_the_trigger_waits_between_two_looks(serve_account):
    server = serve_account(DOWN)

    async def scenario():
        trigger = AuthorizationReadyTrigger(CONN_ID, verify=True, poll_interval_s=0.2)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(first_event(trigger), 0.7)

    asyncio.run(scenario())

    assert 3 <= len(server.requests) <= 5


def test_many_triggers_share_one_loop_and_one_token(token_server, monkeypatch):
    token_server.delay_s = 0.1
    monkeypatch.setenv(*to_variable(oauth2(token_server, user_info_url="/me")))

    async def scenario():
        triggers = [AuthorizationReadyTrigger(CONN_ID, verify=True) for _ in range(10)]
        return await asyncio.gather(*(first_event(trigger) for trigger in triggers))

    assert asyncio.run(scenario()) == [{"status": "ready"}] * 10
    assert token_server.token_requests == 1


# -- run by Airflow ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("poked", "success"),
        ("rescheduled", "success"),
        ("deferred", "success"),
        ("deferred_in_vain", "failed"),
        ("softly_deferred_in_vain", "skipped"),
        ("wrong_field", "failed"),
        ("softly_wrong_poked", "skipped"),
        ("softly_wrong_deferred", "skipped"),
        ("timed_out", "failed"),
        ("softly_timed_out", "skipped"),
    ],
)
def test_each_sensor_ends_as_it_should(airflow_run, task, expected):
    assert airflow_run.states[f"{task}[-1]"] == expected


@pytest.mark.parametrize("conn_id", ["late_poke", "late_reschedule", "late_defer"])
def test_each_mode_looks_again_until_the_api_accepts(airflow_run, conn_id):
    assert airflow_run.server.count(f"/me/{conn_id}") == 2


def test_a_wrong_field_is_not_retried(airflow_run):
    assert airflow_run.tries["wrong_field[-1]"] == 1


def test_every_field_that_says_what_to_wait_for_is_templated(airflow_run):
    assert set(airflow_run.rendered["poked[-1]"]) == {"integry_conn_id", "end_user", "account"}
