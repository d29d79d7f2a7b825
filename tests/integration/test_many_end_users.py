"""Ten thousand end users: a part of the list, and five hundred statuses, take one indexed query."""

from __future__ import annotations

import time
from contextlib import contextmanager

import pytest
from integration.host_api import serving
from integration.host_app import HostApps, who_am_i
from integration.loopback import Server
from sqlalchemy import create_engine, event, insert, select, text, update
from sqlalchemy.pool import NullPool

from airflow_provider_integry.auth.readiness import Readiness
from airflow_provider_integry.authorizations.airflow_store import read_settings
from airflow_provider_integry.authorizations.grant import AuthorizationKey
from airflow_provider_integry.authorizations.subject import build_subject
from airflow_provider_integry.authorizations.tables import authorization as table

pytestmark = pytest.mark.timeout(600)
USERS = 10_000
REPEATS = 20
# How each database says that it reads a table from its beginning to its end.
FULL_SCANS = {"sqlite": ("SCAN integry_authorization",), "postgresql": ("Seq Scan on integry_authorization",)}


@pytest.fixture(scope="module", params=["sqlite", "postgres", "mariadb"])
def crowd(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("crowd")
    if request.param == "sqlite":
        url = f"sqlite:///{folder / 'crowd.db'}"
    else:
        url = request.getfixturevalue(request.param).create_database("crowd")
    engine = create_engine(url, poolclass=NullPool)
    with pytest.MonkeyPatch.context() as monkeypatch, Server(who_am_i) as server:
        monkeypatch.setenv("AIRFLOW__INTEGRY__API_REQUESTS_PER_MINUTE", "0")
        apps = HostApps(engine, monkeypatch, folder, server)
        for name, conn_id in (("acme", "crm"), ("globex", "other")):
            apps.put_workspace(name)
            apps.put_app(conn_id, f"{name}_ws", listing="listed")
            fill(apps, name, conn_id)
        apps.directory._workspaces._life_s = apps.directory._apps._life_s = 3600.0
        with engine.begin() as connection:
            connection.execute(text("ANALYZE" if request.param != "mariadb" else "ANALYZE TABLE integry_authorization"))
        yield apps
        apps.close()
    engine.dispose()


def fill(apps, name, conn_id):
    """Connect one user, and write the others down beside it."""
    made = apps.connect("user-00000", conn_id=conn_id, by=apps.host(name))
    settings = read_settings(conn_id)
    with apps.engine.begin() as connection:
        row = dict(connection.execute(select(table).where(table.c.public_id == made.id)).mappings().one())
        del row["id"]
        rows = []
        for number in range(1, USERS):
            user = f"user-{number:05}"
            key = build_subject(settings, AuthorizationKey(conn_id, None, user, None)).key
            rows.append({**row, "digest": key.digest, "end_user": user, "public_id": f"ca_{name[0]}{number:031}"})
        for start in range(0, len(rows), 500):
            connection.execute(insert(table), rows[start : start + 500])


@contextmanager
def watching(apps):
    """Note statements and their parameters."""
    seen = []

    def note(connection, cursor, statement, parameters, context, executemany):
        if "integry_authorization" in statement:
            seen.append((statement, parameters))

    event.listen(apps.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(apps.engine, "before_cursor_execute", note)


def explain(apps, statement, parameters):
    """Return what the database says about how it does it."""
    prefix = "EXPLAIN QUERY PLAN" if apps.engine.dialect.name == "sqlite" else "EXPLAIN"
    with apps.engine.connect() as connection:
        if apps.engine.dialect.name == "postgresql":
            # Of so few rows it may read all, index or not: what is asked is whether there is one.
            connection.exec_driver_sql("SET enable_seqscan = off")
        rows = connection.exec_driver_sql(f"{prefix} {statement}", parameters).fetchall()
    if apps.engine.dialect.name in ("mysql", "mariadb"):
        return "\n".join(f"type={row[3]} rows={row[8]}" for row in rows)
    return "\n".join(" ".join(map(str, row)) for row in rows)


def check_plans(apps, seen):
    for statement, parameters in seen:
        plan = explain(apps, statement, parameters)
        wrong = FULL_SCANS.get(apps.engine.dialect.name, ("type=ALL",))
        assert not any(one in plan for one in wrong), plan[:500]


def measure(what, function):
    """Print how long something takes; machines are too different to assert on it."""
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        function()
        times.append(time.perf_counter() - started)
    print(f"{what}: median {sorted(times)[REPEATS // 2] * 1000:.1f} ms, slowest {max(times) * 1000:.1f} ms")


@pytest.fixture
def host(crowd):
    return crowd.host()


def position(apps, by, number):
    """Return the `next` behind so many accounts."""
    with apps.engine.connect() as connection:
        query = select(table.c.id).where(table.c.conn_id == "crm").order_by(table.c.id).offset(number - 1).limit(1)
        return apps.service._write_position(by, connection.execute(query).scalar_one())


@pytest.mark.parametrize("behind", [0, 5_000, 9_900])
def test_a_part_of_the_list_takes_one_indexed_query_wherever_it_is(crowd, host, behind):
    after = position(crowd, host, behind) if behind else None
    with watching(crowd) as seen:
        page = crowd.service.accounts(host, after=after, limit=100)

    assert [one.end_user for one in page.items] == [f"user-{number:05}" for number in range(behind, behind + 100)]
    assert len(seen) == 1
    check_plans(crowd, seen)
    name = crowd.engine.dialect.name
    measure(f"{name}, 100 accounts behind {behind}", lambda: crowd.service.accounts(host, after=after, limit=100))


def test_one_user_is_found_by_an_indexed_query(crowd, host):
    with watching(crowd) as seen:
        page = crowd.service.accounts(host, end_user="user-07777")

    assert [one.end_user for one in page.items] == ["user-07777"]
    assert len(seen) <= 2
    check_plans(crowd, seen)
    measure(f"{crowd.engine.dialect.name}, one user", lambda: crowd.service.accounts(host, end_user="user-07777"))


def test_five_hundred_statuses_take_one_indexed_query(crowd, host):
    asked = [("crm", f"user-{number:05}", None) for number in range(0, USERS, USERS // 500)]
    with watching(crowd) as seen:
        found = crowd.service.statuses(host, asked)

    assert [one.end_user for one in found] == [user for _, user, _ in asked]
    assert len(seen) == 1
    check_plans(crowd, seen)
    measure(f"{crowd.engine.dialect.name}, 500 statuses", lambda: crowd.service.statuses(host, asked))


def test_all_of_them_are_read_part_by_part_over_http_and_each_once(crowd):
    with serving(crowd) as api:
        seen, after, requests = [], None, 0
        started = time.perf_counter()
        while True:
            query = {"limit": "500", **({"after": after} if after else {})}
            answer = api.host("GET", "/accounts", params=query).json()
            seen += [one["end_user"] for one in answer["accounts"]]
            requests, after = requests + 1, answer["next"]
            if after is None:
                break
        elapsed = time.perf_counter() - started
        asked = [{"conn_id": "crm", "end_user": f"user-{number:05}"} for number in range(500)]
        statuses = api.host("POST", "/status", {"accounts": asked})
        print(f"{crowd.engine.dialect.name}, HTTP: {requests} parts of 500 in {elapsed:.2f} s;", end=" ")
        print(f"500 statuses in {statuses.elapsed.total_seconds() * 1000:.0f} ms")

    assert seen == [f"user-{number:05}" for number in range(USERS)]
    assert requests <= USERS // 500 + 1
    assert [one["end_user"] for one in statuses.json()["accounts"]] == [one["end_user"] for one in asked]


def test_readiness_is_narrowed_down_without_reading_everything_at_once(crowd, host):
    with crowd.engine.begin() as connection:
        connection.execute(update(table).where(table.c.end_user == "user-09999").values(state="revoked"))
    try:
        with watching(crowd) as seen:
            found, after = [], None
            while True:
                page = crowd.service.accounts(host, readiness=Readiness.REVOKED, after=after, limit=500)
                found += [one.end_user for one in page.items]
                after = page.next
                if after is None:
                    break
    finally:
        with crowd.engine.begin() as connection:
            connection.execute(update(table).where(table.c.end_user == "user-09999").values(state="active"))

    assert found == ["user-09999"]
    assert len(seen) <= 2
