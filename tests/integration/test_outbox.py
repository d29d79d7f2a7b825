"""Host applications are told what happens to accounts: signed, by ids alone, and again where they did not listen."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from integration.host_app import SECRETS, HostApps, who_am_i
from integration.loopback import Answer, Server
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from airflow_provider_integry.authorizations.end_user_tables import outbox as table
from airflow_provider_integry.authorizations.grant import AuthorizationKey
from airflow_provider_integry.authorizations.manage import revoke_grant
from airflow_provider_integry.authorizations.steps import run_in_thread, run_steps
from airflow_provider_integry.end_users.workspace import parse_workspace
from airflow_provider_integry.errors import ConnectionConfigError
from airflow_provider_integry.settings import RawConnection
from airflow_provider_integry.web.telling import TellsHosts


@pytest.fixture(params=["sqlite", "postgres"])
def apps(request, tmp_path, monkeypatch):
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'outbox.db'}"
    else:
        url = request.getfixturevalue(request.param).create_database("outbox")
    engine = create_engine(url, poolclass=NullPool)
    with Server(who_am_i) as server, Server() as receiver:
        found = HostApps(engine, monkeypatch, tmp_path, server)
        found.receiver = receiver
        found.put_workspace("acme", events_url=f"{receiver.url}/events", allow_http=True)
        found.put_workspace("globex")
        found.put_app("crm", "acme_ws", accounts_per_user="several")
        found.put_app("other", "globex_ws")
        yield found
        found.close()
    engine.dispose()


def deliver(apps):
    return run_steps(apps.outbox.deliver())


def bodies(apps):
    return [json.loads(request.body) for request in apps.receiver.requests]


def left(apps):
    with apps.engine.connect() as database:
        return [dict(row) for row in database.execute(table.select()).mappings()]


def be_due(apps):
    with apps.engine.begin() as database:
        database.execute(text(f"UPDATE {table.name} SET due_at = due_at - 100000"))


def test_a_connected_account_is_told_with_a_signature_of_the_app_secret(apps):
    made = apps.connect("u1")
    assert apps.outbox.has_news

    assert deliver(apps) == 1

    (request,) = apps.receiver.requests
    (body,) = bodies(apps)
    assert (request.method, request.path, request.headers["Content-Type"]) == ("POST", "/events", "application/json")
    moment, signature = (part.partition("=")[2] for part in request.headers["X-Integry-Signature"].split(","))
    signed = hmac.new(SECRETS["acme"].encode(), f"{moment}.".encode() + request.body, hashlib.sha256).hexdigest()
    assert signature == signed
    assert body.pop("id").startswith("ev_")
    assert body.pop("created_at").endswith("+00:00")
    assert body == {
        "type": "account.connected",
        "app_key": "acme",
        "conn_id": "crm",
        "end_user": "u1",
        "account": None,
        "connected_account_id": made.id,
    }
    assert "ada" not in request.text.lower()
    assert (left(apps), apps.outbox.has_news, deliver(apps)) == ([], False, 0)


def test_everything_that_happens_to_an_account_is_told_whoever_does_it(apps):
    first, second = apps.connect("u1"), apps.connect("u1", "other-key", account="work")
    run_steps(apps.service.migrate(apps.host(), first.id, second.id))
    key = AuthorizationKey("crm", None, "u1", "work")
    revoke_grant(apps.store, apps.journal, key, None, owner="an administrator")

    deliver(apps)

    told = [(one["type"], one["connected_account_id"]) for one in bodies(apps)]
    assert told == [
        ("account.connected", first.id),
        ("account.connected", second.id),
        ("account.disconnected", first.id),
        ("account.migrated", second.id),
        ("account.disconnected", second.id),
    ]
    assert bodies(apps)[3]["from_connected_account_id"] == first.id
    assert len({one["id"] for one in bodies(apps)}) == 5


def test_a_lost_grant_is_told(apps):
    apps.connect("u1")
    row = apps.store.find(AuthorizationKey("crm", None, "u1").digest)
    apps.events.lost(row, "invalid_grant")

    deliver(apps)

    assert [one["type"] for one in bodies(apps)] == ["account.connected", "account.lost"]


def test_who_wants_to_know_nothing_is_told_nothing(apps):
    apps.connect("u1", conn_id="other", by=apps.host("globex"))

    assert (left(apps), deliver(apps), apps.receiver.requests) == ([], 0, [])


@pytest.mark.parametrize("status", [301, 400, 404, 500])
def test_what_was_not_taken_is_tried_again_later_with_the_same_id(apps, status):
    apps.receiver.script(Answer(status, headers={"Location": f"{apps.server.url}/elsewhere"}), Answer(204))
    apps.connect("u1")

    assert (deliver(apps), deliver(apps), len(apps.receiver.requests)) == (0, 0, 1)
    assert [row["tries"] for row in left(apps)] == [1]
    assert 20 < apps.outbox.read_wait() <= 30
    be_due(apps)
    assert deliver(apps) == 1

    first, second = bodies(apps)
    assert first == second
    assert (left(apps), apps.outbox.read_wait(), apps.server.count("/elsewhere")) == ([], None, 0)


def test_waits_grow_and_an_event_is_given_up_after_three_days(apps):
    apps.receiver.script(Answer(500))
    apps.connect("u1")
    waits = []
    for _ in range(8):
        deliver(apps)
        waits.append(round(apps.outbox.read_wait(), -1))
        be_due(apps)
    assert waits == [30, 120, 600, 1800, 3600, 10800, 10800, 10800]

    with apps.engine.begin() as database:
        database.execute(text(f"UPDATE {table.name} SET expires_at = expires_at - 259300"))
    apps.connect("u2")

    assert [json.loads(row["body"])["end_user"] for row in left(apps)] == ["u2"]


def test_one_that_does_not_listen_does_not_stop_the_others(apps):
    with Server(Answer(500)) as deaf:
        apps.put_workspace("globex", events_url=deaf.url, allow_http=True)
        apps.connect("u1", conn_id="other", by=apps.host("globex"))
        apps.connect("u1")

        assert deliver(apps) == 1

    assert [one["app_key"] for one in bodies(apps)] == ["acme"]


def test_two_that_deliver_at_once_send_each_event_once(apps):
    for number in range(6):
        apps.connect(f"u{number}")

    with ThreadPoolExecutor(3) as pool:
        counts = list(pool.map(lambda _: deliver(apps), range(3)))

    assert (sum(counts), len({one["id"] for one in bodies(apps)}), len(bodies(apps))) == (6, 6, 6)


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest", "http://[::ffff:169.254.169.254]/", "http://metadata/"]
)
def test_an_address_that_is_never_called_cannot_be_typed(apps, url):
    extra = {"events_url": url, "allow_http": True}
    with pytest.raises(ConnectionConfigError, match="events_url"):
        parse_workspace(RawConnection("x", "integry_workspace", login="x", password="x" * 32, extra=extra))


def test_an_event_for_a_workspace_that_is_gone_is_dropped(apps):
    apps.connect("u1")
    apps.put_workspace("acme", events_url=None)

    assert (deliver(apps), left(apps), apps.receiver.requests) == (0, [], [])


def answer_and_wait(apps, inner, path="/integry/public/v1/accounts"):
    """Serve one request as the API server does; return what was answered, once the outbox is empty."""
    sent = []

    async def send(message):
        sent.append((message["type"], len(apps.receiver.requests)))

    async def serve():
        app = TellsHosts(inner, apps.outbox)
        await app({"type": "http", "path": path}, None, send)
        while left(apps):
            await asyncio.sleep(0.02)

    asyncio.run(asyncio.wait_for(serve(), 60))
    return sent


def test_the_api_server_tells_after_its_answer(apps):
    async def inner(scope, receive, send):
        await run_in_thread(lambda: apps.connect("u1"))
        await send({"type": "http.response.start"})

    # Nothing was sent before the answer was.
    assert answer_and_wait(apps, inner) == [("http.response.start", 0)]
    assert [one["type"] for one in bodies(apps)] == ["account.connected"]


def test_what_is_left_is_told_when_grants_are_kept_alive(apps):
    apps.receiver.script(Answer(500), Answer(200))
    apps.connect("u1")
    assert deliver(apps) == 0
    be_due(apps)

    async def inner(scope, receive, send):
        pass

    answer_and_wait(apps, inner, "/integry/v1/keep-alive")

    assert len(bodies(apps)) == 2
