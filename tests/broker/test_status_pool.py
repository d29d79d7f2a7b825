"""Sensors that wait on one event loop: they share looks, and none of them disturbs another."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager

import pytest
from servers.live import LiveServer
from servers.oauth2 import Client, OAuth2Api

from airflow_provider_integry.authorizations.proof import build_claims
from broker.proofs import Installation, key_of, sign
from broker.waiting import Waiters

INTERVAL_S = 3.0
MANY = 2000
# Airflow warns when its triggerer's loop is late by this much.
LATE_S = 0.1
CONN_IDS = ("acme", "globex", "initech", "hooli")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """One broker with four connections whose grants are kept, one of a client's own, and two that are wrong."""
    api = OAuth2Api(Client("client-1", "secret-1"), rotation="strict")
    with LiveServer(api.build()) as service:
        found = Installation(tmp_path_factory.mktemp("pool"), service, api)
        for conn_id in CONN_IDS:
            found.connect(conn_id)
        found.rig.connect("machine", service.url)
        found.rig.connections["key"] = {
            "conn_type": "integry_basic",
            "host": service.url,
            "login": "ada",
            "password": "pw",
            "extra": {"allow_http": True},
        }
        found.rig.migrate()
        found.start()
        try:
            yield found
        finally:
            found.rig.stop()


@contextmanager
def waiting(place, shift_s=0.0, **connections):
    """Start a process that has these connections beside the broker's."""
    environment = place.rig.task_environment(place.port)
    environment.update({f"AIRFLOW_CONN_{name.upper()}": json.dumps(one) for name, one in connections.items()})
    with Waiters(environment, shift_s) as waiters:
        yield waiters


def count_requests(place):
    return place.rig.server_log(place.port).count("POST /integry/v1/status")


def wait_until(is_so, timeout_s):
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline, f"not so after {timeout_s} s"
        time.sleep(0.1)


def everybody(count=MANY, prefix="user"):
    return [(CONN_IDS[number % 4], f"{prefix}-{number}") for number in range(count)]


def test_two_thousand_sensors_cause_at_most_one_request_per_five_hundred_and_interval(place):
    with waiting(place) as waiters:
        began, before = time.monotonic(), count_requests(place)
        waiters.add(everybody(), poll_interval_s=INTERVAL_S, pause_s=0.05)
        time.sleep(INTERVAL_S)
        intervals = (time.monotonic() - began) / INTERVAL_S
        coming = count_requests(place) - before
        # While they come, most of the loop's work is what this test does on it.
        waiters.lags()
        counts = []
        for _ in range(4):
            before = count_requests(place)
            time.sleep(INTERVAL_S)
            counts.append(count_requests(place) - before)
        lags = waiters.lags()
        events = waiters.events()
        place.grant("acme", "user-4", "user-8")
        granted_at = time.time()
        told = waiters.wait_events(2, INTERVAL_S + 5)
    print(f"while they came: {coming} requests in {intervals:.1f} intervals; then {counts}; late by {max(lags):.3f} s")

    assert coming <= 4 * (intervals + 1)
    # The clock of a test is not the pool's: one look more or less in one of the intervals.
    assert sum(counts) <= 4 * 4
    assert max(counts) <= 4
    assert events == {}
    assert {number: payload for number, (payload, _) in told.items()} == {
        4: {"status": "ready"},
        8: {"status": "ready"},
    }
    assert max(at for _, at in told.values()) - granted_at < INTERVAL_S + 5
    assert max(lags) < LATE_S


def test_a_sensor_that_goes_on_waiting_for_the_same_reason_is_not_woken(place):
    with waiting(place) as waiters:
        waiters.run("""
from airflow_provider_integry.triggers.authorization import AuthorizationReadyTrigger
woken, judge = [], AuthorizationReadyTrigger._judge
async def count(self, outcome):
    woken.append(self.end_user)
    return await judge(self, outcome)
AuthorizationReadyTrigger._judge = count
result = None
""")
        before = count_requests(place)
        waiters.add([("acme", "still-1"), ("acme", "still-2")], poll_interval_s=INTERVAL_S)
        time.sleep(4 * INTERVAL_S)
        looks = count_requests(place) - before
        woken = waiters.run("result = sorted(woken)")
        place.grant("acme", "still-1")
        told = waiters.wait_events(1, INTERVAL_S + 5)

    assert looks >= 3
    assert woken == ["still-1", "still-2"]
    assert [payload for payload, _ in told.values()] == [{"status": "ready"}]


def test_sensors_of_one_authorization_are_one_question_and_a_connection_is_read_once(place):
    with waiting(place) as waiters:
        waiters.run("""
from airflow_provider_integry.hooks.integry import IntegryHook
from airflow_provider_integry.authorizations import status_reader
looked_up, asked, get, build = [], [], IntegryHook.aget_connection, status_reader._build
async def count(conn_id):
    looked_up.append(conn_id)
    return await get(conn_id)
def see(wanted, *rest):
    asked.append(len(wanted))
    return build(wanted, *rest)
IntegryHook.aget_connection, status_reader._build = staticmethod(count), see
""")
        waiters.add([(conn_id, "somebody") for conn_id in ("acme", "globex")] * 300, poll_interval_s=2.0)
        time.sleep(7)
        looked_up, asked = waiters.run("result = [list(looked_up), list(asked)]")

    assert set(asked) == {2}
    assert 3 <= len(asked) <= 5
    assert sorted(looked_up) == sorted(["acme", "globex"] * len(asked))


def test_a_sensor_that_comes_alone_is_looked_at_within_two_seconds(place):
    place.grant("globex", "already-here")
    with waiting(place) as waiters:
        waiters.add(everybody(20, "patient"), poll_interval_s=60.0)
        time.sleep(3)
        came_at = time.time()
        waiters.add([("globex", "already-here")], poll_interval_s=60.0)
        told = waiters.wait_events(1, 5)

    assert told[20][0] == {"status": "ready"}
    assert told[20][1] - came_at < 2


def test_sensors_with_different_intervals_are_each_looked_at_in_theirs(place):
    with waiting(place) as waiters:
        waiters.add([("acme", "slow")], poll_interval_s=8.0)
        waiters.add([("acme", "quick")], poll_interval_s=1.0)
        time.sleep(3)
        place.grant("acme", "slow", "quick")
        granted_at = time.time()
        told = waiters.wait_events(2, 8 + 5)

    assert told[1][1] - granted_at < 1 + 1
    assert told[0][1] - granted_at < 8 + 1


def test_what_is_wrong_with_one_connection_does_not_disturb_the_others(place):
    oauth2 = place.rig.connections["acme"]
    own = {
        "wrong": {**oauth2, "extra": {**oauth2["extra"], "timeout_s": "soon"}},
        "empty": {"conn_type": "integry_basic", "host": "https://api.example.com"},
        # The API server does not know it.
        "stranger": oauth2,
        # Nor these fields of it.
        "hooli": {**oauth2, "extra": {**oauth2["extra"], "client_secret": "another"}},
        "foreign": {"conn_type": "http", "host": "https://api.example.com"},
    }
    place.grant("acme", "friend")
    with waiting(place, **own) as waiters:
        users = [("acme", "friend"), ("acme", "nobody"), ("key", None), ("machine", None), ("acme", "x" * 256)]
        names = ["wrong", "empty", "stranger", "hooli", "foreign", "missing"]
        wanted = [*users, ("machine", "somebody"), *((name, None) for name in names)]
        waiters.add(wanted, poll_interval_s=1.0)
        told = waiters.wait_events(10, 30)
        time.sleep(2)
        found = {wanted[number]: payload for number, (payload, _) in waiters.events().items()}
        # Two go on waiting, and are told in the end.
        place.grant("acme", "nobody")
        waiters.set_variable("AIRFLOW_CONN_EMPTY", json.dumps({**own["empty"], "login": "ada", "password": "pw"}))
        in_the_end = waiters.wait_events(12, 10)

    assert len(told) == 10
    ready = {wanted for wanted, payload in found.items() if payload["status"] == "ready"}
    assert ready == {("acme", "friend"), ("key", None), ("machine", None)}
    failed = {wanted[0]: payload["message"] for wanted, payload in found.items() if payload["status"] == "failed"}
    assert "timeout_s" in failed["wrong"]
    assert "BrokerRefusedError" in failed["stranger"]
    assert "fingerprint" in failed["hooli"]
    assert "missing" in failed["missing"]
    assert "NotAuthorizedError" in failed["machine"]
    assert "256 characters" in failed["acme"]
    assert "foreign" in failed["foreign"]
    assert [payload for payload, _ in in_the_end.values()].count({"status": "ready"}) == 5


def test_cancelled_sensors_leave_nothing_behind(place):
    with waiting(place) as waiters:
        waiters.add(everybody(100, "leaving"), poll_interval_s=1.0)
        time.sleep(2.5)
        waiters.cancel(range(99))
        time.sleep(1.5)
        before = count_requests(place)
        time.sleep(3)
        with_one = count_requests(place) - before
        left = waiters.cancel([99])
        before = count_requests(place)
        time.sleep(2.5)
        with_none = count_requests(place) - before
        sizes = waiters.run("result = [pool.size for pool in status_pool._pools.values()]")
        # The same loop can be waited on again.
        waiters.add([("key", None)], poll_interval_s=1.0)
        waiters.wait_events(1, 5)

    assert 2 <= with_one <= 4
    assert with_none == 0
    assert left == []
    assert sizes == [0]


def test_sensors_cancelled_in_the_middle_of_a_look_leave_nothing_behind(place):
    with waiting(place) as waiters:
        waiters.run("""
from airflow_provider_integry.authorizations import status_reader
began = []
async def hang(self, asked):
    began.append(len(asked))
    await asyncio.sleep(60)
status_reader.StatusReader.read = hang
""")
        waiters.add(everybody(100, "leaving"), poll_interval_s=1.0)
        deadline = time.monotonic() + 10
        while not waiters.run("result = began"):
            assert time.monotonic() < deadline
            time.sleep(0.1)

        assert waiters.cancel(range(100)) == []


def test_a_connection_that_cannot_be_read_for_long_holds_up_its_own_sensors_alone(place):
    place.grant("acme", "unhindered")
    with waiting(place) as waiters:
        waiters.run("""
from airflow_provider_integry.hooks.integry import IntegryHook
get = IntegryHook.aget_connection
async def hang(conn_id):
    if conn_id == "globex":
        await asyncio.sleep(6)
    return await get(conn_id)
IntegryHook.aget_connection = staticmethod(hang)
""")
        place.grant("globex", "late")
        began = time.time()
        waiters.add([("globex", "late"), ("acme", "unhindered")], poll_interval_s=1.0)
        told = waiters.wait_events(2, 15)

    assert told[1][1] - began < 6
    assert told[0][1] > told[1][1]
    assert told[0][0] == {"status": "ready"}


def test_clocks_that_differ_cost_one_request_and_not_one_per_look(place):
    place.grant("acme", "early")
    with waiting(place, shift_s=3600) as waiters:
        began, before = time.monotonic(), count_requests(place)
        waiters.add([("acme", "early")], poll_interval_s=1.0)
        waiters.wait_events(1, 30)
        waiters.add([("acme", "later")], poll_interval_s=1.0)
        wait_until(lambda: count_requests(place) - before >= 8, 60)
        found, looks = count_requests(place) - before, time.monotonic() - began

    # Each of the two that came was looked at at once, and the first look was asked again.
    assert found <= looks + 4


def test_names_of_any_length_fit_into_requests(place):
    # Each is ten kilobytes in a request, and the broker reads no more than two mebibytes.
    wanted = [("acme", f"{number:03}" + "\x01\U0001f600" * 126) for number in range(400)]
    with waiting(place) as waiters:
        before = count_requests(place)
        waiters.add(wanted, poll_interval_s=3.0)
        # Each look takes more than one request.
        wait_until(lambda: count_requests(place) - before >= 4, 60)
        events = waiters.events()

    assert events == {}
    # The status, and not a part of a port.
    assert '" 413 ' not in place.rig.server_log(place.port)


def test_sensors_wait_while_the_api_server_is_away(tmp_path):
    api = OAuth2Api(Client("client-1", "secret-1"), rotation="strict")
    with LiveServer(api.build()) as service:
        place = Installation(tmp_path, service, api)
        place.connect("acme")
        place.rig.migrate()
        place.start()
        try:
            with waiting(place) as waiters:
                waiters.add([("acme", "user")], poll_interval_s=0.5)
                time.sleep(1.5)
                place.rig.stop()
                time.sleep(2)
                assert waiters.events() == {}
                place.grant("acme", "user")
                place.port = 0
                place.start()
                waiters.set_variable("AIRFLOW__INTEGRY__API_URL", f"http://127.0.0.1:{place.port}")
                assert waiters.wait_events(1, 10)[0][0] == {"status": "ready"}
        finally:
            place.rig.stop()


def test_one_authorization_that_there_cannot_be_does_not_spoil_the_answer_for_the_others(place):
    items = [
        {"conn_id": conn_id, "end_user": user, "proof": sign(key_of(place, conn_id), build_claims(conn_id, user, None))}
        for conn_id, user in (("machine", "somebody"), ("acme", "nobody-else"), ("machine", None))
    ]
    answer = place.post("/v1/status", {"authorizations": items})

    assert answer.status_code == 200
    refused, pending, ready = answer.json()["authorizations"]
    assert (refused["readiness"], pending["readiness"], ready["readiness"]) == ("pending", "pending", "ready")
    assert "leave end_user and account empty" in refused["reason"]
