"""Webhooks against the provider's application over a real database: what is taken, what is refused, what is told."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from cryptography.fernet import Fernet
from integration.hooked import ED25519, SECRET, Hooked, get, post, sign

NAMES = ("signed", "plain", "basic", "crc", "keyed", "ponged", "shaken")


@pytest.fixture(scope="module")
def hooked(tmp_path_factory):
    rig = Hooked(tmp_path_factory.mktemp("hooked"))
    rig.make_tables()
    rig.use(("signed", None), ("plain", None), ("token", "user 1"))
    paths = {name: rig.add_webhook(name) for name in NAMES}
    paths["token"] = rig.add_webhook("token", "user 1")
    try:
        port = rig.start_server()
        rig.urls = {name: f"http://127.0.0.1:{port}{path}" for name, path in paths.items()}
        rig.port = port
        yield rig
    finally:
        rig.stop()


def events_of(rig, delivery_id):
    return [extra for _, extra in rig.events() if extra["event_id"] == delivery_id]


def body_of(event_id, **more):
    return json.dumps({"id": event_id, **more}).encode()


def test_a_signed_delivery_is_kept_and_told_with_its_payload(hooked):
    body = body_of("evt-1", name="Ada", amount=1.5)
    started = time.time()

    answer = post(hooked.urls["signed"], body, sign(body))

    assert (answer.status_code, answer.json()["status"]) == (200, "accepted")
    [(name, extra)] = [(name, extra) for name, extra in hooked.events() if extra["event_id"] == "evt-1"]
    assert name == "integry:webhook:svc:signed"
    assert started - 1 < extra.pop("received_at") < time.time() + 1
    assert len(extra.pop("delivery")) == 32
    assert extra == {
        "conn_id": "svc",
        "end_user": None,
        "account": None,
        "webhook": "signed",
        "event_id": "evt-1",
        "event_type": "made",
        "bytes": len(body),
        "payload": {"id": "evt-1", "name": "Ada", "amount": 1.5},
    }


def test_a_wrong_signature_is_refused(hooked):
    body = body_of("evt-2")

    answers = [
        post(hooked.urls["signed"], body, sign(body, secret="other")),
        post(hooked.urls["signed"], body + b" ", sign(body)),
        post(hooked.urls["signed"], body, {**sign(body), "X-Timestamp": f"{time.time() - 1:.0f}"}),
        post(hooked.urls["signed"], body, {"Content-Type": "application/json"}),
        post(hooked.urls["plain"], body, {"X-Hub-Signature-256": "sha256=" + "0" * 64}),
    ]

    assert [one.status_code for one in answers] == [401] * 5
    assert events_of(hooked, "evt-2") == []
    assert not any(SECRET in one.text for one in answers)


@pytest.mark.parametrize("age_s", [301, 86_400, -302])
def test_an_old_timestamp_is_refused(hooked, age_s):
    body = body_of(f"old-{age_s}")

    answer = post(hooked.urls["signed"], body, sign(body, at=time.time() - age_s))

    assert (answer.status_code, answer.json()["status"]) == (401, "refused")
    assert events_of(hooked, f"old-{age_s}") == []


def test_a_replay_is_refused_whatever_of_it_is_new(hooked):
    body = body_of("evt-3")
    headers = sign(body)
    first = post(hooked.urls["signed"], body, headers)

    again = post(hooked.urls["signed"], body, headers)
    # The service's own second try: signed anew, with the same id.
    resent = post(hooked.urls["signed"], body, sign(body, at=time.time() - 5))
    shouted = post(hooked.urls["signed"], body, {**headers, "X-Signature": "v0=" + headers["X-Signature"][3:].upper()})

    assert [one.status_code for one in (first, again, resent, shouted)] == [200, 409, 409, 409]
    assert again.json()["status"] == "duplicate"
    assert len(events_of(hooked, "evt-3")) == 1


def test_a_service_that_goes_on_trying_is_told_that_all_is_well(hooked):
    body = b'{"data": {"n": 1}}'
    mac = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-Hub-Signature-256": f"sha256={mac}"}

    answers = [post(hooked.urls["plain"], body, headers) for _ in range(2)]

    assert [(one.status_code, one.json()["status"]) for one in answers] == [(200, "accepted"), (200, "duplicate")]
    told = [extra["payload"] for name, extra in hooked.events() if name.endswith(":plain")]
    assert told == [{"n": 1}]


def test_of_many_copies_at_once_one_is_taken(hooked):
    body = body_of("evt-4")
    headers = sign(body)

    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(lambda _: post(hooked.urls["signed"], body, headers).status_code, range(24)))

    assert sorted(found) == [200] + [409] * 23
    assert len(events_of(hooked, "evt-4")) == 1


def test_ten_megabytes_are_refused_before_they_are_read(hooked):
    body = body_of("evt-5", text="x" * 10_000_000)

    answer = post(hooked.urls["signed"], body, sign(body))

    assert (answer.status_code, answer.json()["status"]) == (413, "refused")
    assert events_of(hooked, "evt-5") == []


def test_a_body_of_unknown_length_is_read_no_further_than_the_limit(hooked):
    sent = []

    def chunks():
        for _ in range(1000):
            sent.append(1)
            yield b"x" * 65_536

    answer = post(hooked.urls["signed"], chunks(), {"X-Timestamp": "1"})

    assert answer.status_code == 413


def test_nothing_is_read_for_an_address_that_does_not_exist(hooked):
    where = urlsplit(hooked.urls["signed"])
    with socket.create_connection((where.hostname, where.port), timeout=10) as stranger:
        path = f"/integry/public/webhooks/{'0' * 32}"
        stranger.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n".encode())
        assert stranger.recv(4096).startswith(b"HTTP/1.1 404")


@pytest.mark.parametrize("name", ["x", "0" * 31, "G" * 32, "../health", "%00" * 11])
def test_addresses_are_exact(hooked, name):
    assert post(f"http://127.0.0.1:{hooked.port}/integry/public/webhooks/{name}").status_code in (404, 405)


def test_upper_case_is_another_address(hooked):
    start, _, name = hooked.urls["signed"].rpartition("/")
    body = body_of("evt-6")

    assert post(f"{start}/{name.upper()}", body, sign(body)).status_code in ((200,) if name.isdigit() else (404,))


def test_a_webhook_that_no_dag_uses_is_kept_and_the_answer_says_so(hooked):
    text = base64.b64encode(f"ada:{SECRET}".encode()).decode()

    answer = post(hooked.urls["basic"], b'{"n": 1}', {"Authorization": f"Basic {text}"})

    assert (answer.status_code, answer.json()["status"]) == (202, "stored")
    assert "No DAG uses" in answer.json()["detail"]
    assert ("stored", None) in hooked.deliveries()


def test_types_that_start_nothing_are_answered_and_kept(hooked):
    body = body_of("evt-7")

    answer = post(hooked.urls["signed"], body, sign(body, event="ping"))

    assert (answer.status_code, answer.json()["status"]) == (200, "ignored")
    assert events_of(hooked, "evt-7") == []
    assert ("ignored", "evt-7") in hooked.deliveries()


def test_end_users_have_webhooks_of_their_own(hooked):
    answer = post(f"{hooked.urls['token']}?key={SECRET}", b'{"n": 7}')
    wrong = post(f"{hooked.urls['token']}?key={SECRET[:-1]}", b'{"n": 8}')

    assert (answer.status_code, wrong.status_code) == (200, 401)
    [extra] = [extra for name, extra in hooked.events() if name == "integry:webhook:svc:token:user%201"]
    assert (extra["end_user"], extra["payload"]) == ("user 1", {"n": 7})
    assert SECRET not in hooked.server_log(hooked.port)


def test_challenges_are_answered_as_services_want_it(hooked):
    signed = json.dumps({"type": "url_verification", "challenge": "abc-123"}).encode()
    slack = post(hooked.urls["signed"], signed, sign(signed))
    meta = get(hooked.urls["token"], params={"hub.challenge": "42", "hub.verify_token": SECRET})
    okta = get(hooked.urls["basic"], headers={"X-Verification": "xyz"})
    crc = get(hooked.urls["crc"], params={"crc_token": "tok-1"})

    assert (slack.status_code, slack.text, slack.headers["Content-Type"].split(";")[0]) == (
        200,
        "abc-123",
        "text/plain",
    )
    assert (meta.status_code, meta.text) == (200, "42")
    assert okta.json() == {"verification": "xyz"}
    mac = base64.b64encode(hmac.new(SECRET.encode(), b"tok-1", hashlib.sha256).digest()).decode()
    assert crc.json() == {"response_token": f"sha256={mac}"}
    assert {one.headers["X-Content-Type-Options"] for one in (slack, meta, okta, crc)} == {"nosniff"}


def test_challenges_are_no_way_around_the_secret(hooked):
    signed = json.dumps({"type": "url_verification", "challenge": "abc-123"}).encode()

    assert post(hooked.urls["signed"], signed, sign(signed, secret="other")).status_code == 401
    assert get(hooked.urls["token"], params={"hub.challenge": "42", "hub.verify_token": "x"}).status_code == 401
    assert get(hooked.urls["token"], params={"hub.challenge": "42"}).status_code == 401
    # Neither a page nor a delivery is signed or repeated.
    for text in ('{"a":1}', "[1]", "a=b&c=d", "<script>", "x" * 600):
        assert get(hooked.urls["crc"], params={"crc_token": text}).status_code == 400
    assert get(hooked.urls["token"], params={"hub.challenge": "<b>", "hub.verify_token": SECRET}).status_code == 400


def test_what_a_challenge_was_signed_with_signs_no_delivery(hooked):
    token = get(hooked.urls["crc"], params={"crc_token": "12345"}).json()["response_token"]

    answer = post(hooked.urls["crc"], b"12345", {"X-Twitter-Webhooks-Signature": token})

    assert (answer.status_code, answer.json()["status"]) == (400, "refused")


def test_a_request_without_a_challenge_is_no_delivery(hooked):
    answer = get(hooked.urls["signed"])

    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize("body", [b"", b"text", b"1", b'"x"', b"{", b"\xff", b"[" * 100_000])
def test_bodies_that_are_no_json_are_refused_after_their_signature(hooked, body):
    assert post(hooked.urls["signed"], body, sign(body)).status_code == 400


def test_a_large_payload_stays_out_of_the_event_and_is_fetched_by_the_task(hooked):
    body = body_of("evt-8", text="y" * 100_000)
    assert post(hooked.urls["signed"], body, sign(body)).status_code == 200
    [extra] = events_of(hooked, "evt-8")
    assert "payload" not in extra

    fetched = hooked.ask_payload(extra)

    assert fetched == {"id": "evt-8", "text": "y" * 100_000}


def test_payloads_are_encrypted_in_the_database(hooked):
    body = body_of("evt-9", name="Ada Lovelace", text="z" * 20_000)
    assert post(hooked.urls["signed"], body, sign(body)).status_code == 200

    # SQLite's newest pages are in a file beside it.
    raw = b"".join(file.read_bytes() for file in hooked.home.glob("airflow.db*"))

    assert b"evt-9" in raw
    assert b"Ada Lovelace" not in raw


def test_a_connection_without_a_secret_takes_nothing(tmp_path):
    rig = Hooked(tmp_path)
    del rig.connections["svc"]["extra"]["webhook_secret"]
    rig.make_tables()
    path = rig.add_webhook("plain")
    try:
        port = rig.start_server()
        answer = post(f"http://127.0.0.1:{port}{path}", b"{}")
        assert (answer.status_code, answer.json()["status"]) == (503, "failed")
        assert "webhook_secret" in rig.server_log(port)
    finally:
        rig.stop()


# -- the command line -------------------------------------------------------------------------------

HOME = {"AIRFLOW__API__BASE_URL": "https://airflow.example.com/af"}


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    rig = Hooked(tmp_path_factory.mktemp("desk"))
    # Commands look at the version of the tables.
    rig.migrate()
    return rig


def test_a_url_is_made_once_listed_and_removed(desk):
    url, again = (desk.integry("webhooks", "add", "svc", "plain", **HOME).stdout.strip() for _ in range(2))
    other = desk.integry("webhooks", "add", "svc", "plain", "--end-user", "user 1", **HOME).stdout.strip()
    listed = json.loads(desk.integry("webhooks", "list", "-o", "json", **HOME).stdout)
    kept = desk.integry("webhooks", "remove", "svc", "plain", said="n\n", **HOME)
    gone = desk.integry("webhooks", "remove", "svc", "plain", "--yes", **HOME)
    missing = desk.integry("webhooks", "remove", "svc", "plain", "--yes", **HOME)
    left = json.loads(desk.integry("webhooks", "list", "svc", "-o", "json", **HOME).stdout)

    assert re.fullmatch(r"https://airflow\.example\.com/af/integry/public/webhooks/[0-9a-f]{32}", url)
    assert (again, other != url) == (url, True)
    assert [(one["activity"], one["end_user"], one["url"]) for one in listed] == [
        ("plain", "", url),
        ("plain", "user 1", other),
    ]
    assert (kept.returncode, gone.returncode, missing.returncode) == (1, 0, 1)
    assert [one["url"] for one in left] == [other]


@pytest.mark.parametrize(
    ("change", "arguments", "problem"),
    [
        ({}, ["svc", "plian"], "has no activity 'plian'"),
        ({}, ["none", "plain"], "There is no connection 'none'"),
        ({"webhook_secret": ""}, ["svc", "plain"], "webhook_secret"),
        ({"connector": ""}, ["svc", "plain"], "connector"),
    ],
)
def test_what_is_missing_is_said_before_a_url_is_made(desk, change, arguments, problem, monkeypatch):
    monkeypatch.setitem(desk.connections["svc"], "extra", {**desk.connections["svc"]["extra"], **change})

    done = desk.integry("webhooks", "add", *arguments, **HOME)

    assert done.returncode == 1
    assert problem in done.stderr


def test_without_an_address_of_airflow_there_is_no_url(desk):
    done = desk.integry("webhooks", "add", "svc", "token", AIRFLOW__API__BASE_URL="")

    assert (done.returncode, "[api] base_url" in done.stderr) == (1, True)


def test_kept_payloads_and_polls_are_encrypted_anew(desk):
    rig, old, new = desk, desk.fernet_key, Fernet.generate_key().decode()
    rig.run(
        "from airflow import settings\n"
        "from airflow_provider_integry.authorizations.airflow_store import local_polls\n"
        "from airflow_provider_integry.authorizations.poll_store import PollKey\n"
        "from airflow_provider_integry.authorizations.trigger_messages import Consumer, PollName, PollPlanRequest\n"
        "from airflow_provider_integry.authorizations.webhook_store import NewDelivery, record\n"
        "with settings.engine.begin() as database:\n"
        "    record(database, NewDelivery('d' * 32, 'w' * 32, None, None, None, None, {'n': 1}, 1), 'stored')\n"
        "task = Consumer(dag_id='d', task_id='t', run_id='r')\n"
        "key = PollKey('svc', None, 'made', '00')\n"
        "found = local_polls().open(key, task, 'ab', 60)\n"
        "name = PollName('svc', 'made', '00')\n"
        "local_polls().plan(key, PollPlanRequest(name, task, 'ab', found.version, {'cursor': 5}, [[1], [2]], 60))\n"
    )
    rig.fernet_key = f"{new},{old}"
    done = rig.integry("rotate-keys")
    rig.fernet_key = new
    after = rig.run(
        "from airflow_provider_integry.authorizations.airflow_store import local_polls, local_webhooks\n"
        "from airflow_provider_integry.authorizations.poll_store import PollKey\n"
        "from airflow_provider_integry.authorizations.trigger_messages import Consumer\n"
        "task = Consumer(dag_id='d', task_id='t', run_id='r')\n"
        "found = local_polls().open(PollKey('svc', None, 'made', '00'), task, 'cd', 60)\n"
        "print('FOUND', [one.records for one in found.events], local_webhooks().read_payload('w' * 32, 'd' * 32))\n"
    )

    assert done.returncode == 0, done.stderr
    assert "Polls and deliveries of webhooks: 2." in done.stdout
    assert after.splitlines()[-1] == "FOUND [[1], [2]] {'n': 1}"


# -- keys of the service's own --------------------------------------------------------------------------


def sign_as_discord(body, at=None):
    timestamp = f"{time.time() if at is None else at:.0f}"
    signature = ED25519.sign(timestamp.encode() + body).hex()
    return {"X-Signature-Ed25519": signature, "X-Signature-Timestamp": timestamp, "Content-Type": "application/json"}


def test_a_delivery_that_a_private_key_has_signed_is_taken_once(hooked):
    body = body_of("ed-1")
    headers = sign_as_discord(body)

    answers = [
        post(hooked.urls["keyed"], body, headers),
        post(hooked.urls["keyed"], body, headers),
        post(hooked.urls["keyed"], body + b" ", headers),
        post(hooked.urls["keyed"], body, sign_as_discord(body, at=time.time() - 301)),
    ]

    # No DAG uses the asset.
    assert [one.status_code for one in answers] == [202, 409, 401, 401]


def test_a_signed_ping_is_answered_without_a_body_and_an_unsigned_one_is_refused(hooked):
    body = b'{"version": 1, "type": 0}'

    answer = post(hooked.urls["keyed"], body, sign_as_discord(body))

    assert (answer.status_code, answer.content) == (204, b"")
    assert post(hooked.urls["keyed"], body, {"Content-Type": "application/json"}).status_code == 401


def test_a_number_is_answered_as_the_number_that_it_is(hooked):
    body = b'{"type": 1}'

    answer = post(hooked.urls["ponged"], body, {"X-Sig": ED25519.sign(body).hex()})

    assert (answer.status_code, answer.json()) == (200, {"type": 1})


# -- a secret that the service makes up -----------------------------------------------------------------


def test_a_handshake_gives_the_secret_once_and_deliveries_are_signed_with_it(hooked):
    url, secret = hooked.urls["shaken"], "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81"
    body = b'{"events": [{"action": "changed"}]}'

    def signed(key):
        return {"X-Hook-Signature": hmac.new(key.encode(), body, hashlib.sha256).hexdigest()}

    before = post(url, body, signed(secret))
    shaken = post(url, b"{}", {"X-Hook-Secret": secret})
    again = post(url, b"{}", {"X-Hook-Secret": secret})
    other = post(url, b"{}", {"X-Hook-Secret": "f" * 64})

    assert before.status_code == 401
    assert [(one.status_code, one.headers.get("X-Hook-Secret")) for one in (shaken, again)] == [(200, secret)] * 2
    assert (other.status_code, other.headers.get("X-Hook-Secret")) == (409, None)
    assert [post(url, body, signed(key)).status_code for key in (secret, "f" * 64)] == [202, 401]
    assert secret not in str(hooked.read("SELECT * FROM integry_webhook_delivery"))


@pytest.mark.parametrize("secret", ["tiny", "x" * 256, "a b c d e f g h i j k", "<script>alert(1)</script>"])
def test_what_is_no_secret_is_neither_kept_nor_repeated(hooked, secret):
    answer = post(hooked.urls["shaken"], b"{}", {"X-Hook-Secret": secret})

    assert (answer.status_code, answer.headers.get("X-Hook-Secret")) == (400, None)
    assert secret not in answer.text


def test_a_handshake_that_comes_too_late_is_refused(hooked):
    path = hooked.add_webhook("shaken", "late")
    hooked.write("UPDATE integry_webhook SET created_at = created_at - 3700 WHERE end_user = 'late'")

    answer = post(f"http://127.0.0.1:{hooked.port}{path}", b"{}", {"X-Hook-Secret": "a" * 64})

    assert (answer.status_code, answer.headers.get("X-Hook-Secret")) == (409, None)
    assert "make a new URL" in answer.text


def test_a_secret_is_no_delivery_that_a_task_can_ask_for(hooked):
    [(kept,)] = hooked.read("SELECT id FROM integry_webhook_delivery WHERE outcome = 'handshake'")
    webhook = urlsplit(hooked.urls["shaken"]).path.rpartition("/")[2]
    code = f"""
from airflow_provider_integry.authorizations.airflow_store import local_webhooks
store = local_webhooks()
store.remove_old(0)
try:
    store.read_payload({webhook!r}, {kept!r})
except KeyError:
    print("FOUND none", store.read_handshake({webhook!r}) is not None)
"""

    assert "FOUND none True" in hooked.run(code)
