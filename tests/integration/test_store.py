"""The store of authorizations on real databases: every change either rests on what is there, or does not happen."""

from __future__ import annotations

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.dialects import mysql, postgresql, sqlite

from airflow_provider_integry.authorizations.accounts import locate, locate_many
from airflow_provider_integry.authorizations.grant import AuthorizationKey
from airflow_provider_integry.authorizations.store import AuthorizationStore
from airflow_provider_integry.authorizations.tables import authorization, epoch_now, metadata
from airflow_provider_integry.errors import NotAuthorizedError, StoreNotReadyError, StoreUnavailableError

KEY = AuthorizationKey("crm", None, "acme", None)
VALUES = {"conn_type": "integry_oauth2", "binding": "b" * 64, "is_grant": True, "sealed": "sealed-1"}
DIALECTS = {"sqlite": sqlite, "postgresql": postgresql, "mysql": mysql}


class Database:
    """An empty database of one kind, with an engine as Airflow makes it."""

    def __init__(self, kind, url, server=None):
        self.kind = kind
        self.url = url
        self.server = server
        self.engine = create_engine(url, pool_pre_ping=True, pool_size=20)


@pytest.fixture(params=["sqlite", "postgres", "mariadb"])
def database(request, tmp_path):
    if request.param == "sqlite":
        found = Database("sqlite", f"sqlite:///{tmp_path / 'store.db'}")
    else:
        server = request.getfixturevalue(request.param)
        found = Database(request.param, server.create_database("store"), server)
    metadata.create_all(found.engine)
    yield found
    found.engine.dispose()


@pytest.fixture
def store(database):
    return AuthorizationStore(lambda: database.engine)


def add(store, key=KEY, **values):
    assert store.add(key, {**VALUES, **values})
    row = store.find(key.digest)
    assert row is not None
    return row


def at_once(count, function):
    """Call a function from many threads at the same moment; return what came of it."""
    barrier = threading.Barrier(count)

    def call(number):
        barrier.wait()
        return function(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


def test_a_row_is_found_as_it_was_added(store):
    row = add(store, scopes="a b", expires_at=1234567890.125, seed="s" * 64)

    assert (row.conn_id, row.team_name, row.end_user, row.account) == ("crm", None, "acme", None)
    assert (row.state, row.version, row.generation, row.failures) == ("active", 1, 0, 0)
    assert (row.is_grant, row.is_rotating) == (True, False)
    assert (row.sealed, row.scopes, row.seed) == ("sealed-1", "a b", "s" * 64)
    assert row.expires_at == 1234567890.125
    assert 0 <= row.now - row.created_at < 5


def test_what_is_not_there_is_not_found(store):
    assert store.find(KEY.digest) is None
    assert store.find_many([KEY.digest]) == {}
    assert store.count() == 0


def test_of_eight_that_add_the_same_authorization_one_does(store):
    made = at_once(8, lambda number: store.add(KEY, {**VALUES, "sealed": f"sealed-{number}"}))

    assert sorted(made) == [False] * 7 + [True]
    assert store.find(KEY.digest).sealed == f"sealed-{made.index(True)}"
    assert store.count() == 1


def test_keys_that_differ_in_case_or_in_a_space_are_different_authorizations(store):
    keys = [AuthorizationKey("crm", None, name) for name in ("acme", "ACME", "acme ", "äcme", None)]
    for key in keys:
        add(store, key)

    assert set(store.find_many([key.digest for key in keys])) == {key.digest for key in keys}
    found = [row.end_user for page in store.walk(conn_id="crm", end_user="acme") for row in page]
    assert found == ["acme"]


def test_texts_of_every_alphabet_and_of_full_length_come_back(store):
    key = AuthorizationKey("c" * 250, "t" * 50, "🙂" * 255, "ß" * 255)
    row = add(store, key, sealed="x" * 200_000, account_name="Ünïcode 漢字 🙂")

    assert (row.end_user, row.account, row.account_name) == ("🙂" * 255, "ß" * 255, "Ünïcode 漢字 🙂")
    assert len(row.sealed) == 200_000


def test_of_eight_that_claim_a_row_one_gets_the_lease(store):
    row = add(store)

    claimed = at_once(8, lambda number: store.claim(row, f"owner-{number}", 30.0))

    winners = [one for one in claimed if one is not None]
    assert len(winners) == 1
    assert winners[0].version == row.version + 1
    assert 29.0 < winners[0].lease_until - winners[0].now <= 30.0
    assert store.find(KEY.digest).lease_owner == winners[0].lease_owner


def test_a_claim_that_rests_on_an_old_view_gets_nothing(store):
    row = add(store)
    assert store.change(row, {"failures": 1})

    assert store.claim(row, "late", 30.0) is None
    assert store.find(KEY.digest).lease_owner is None


def test_a_lease_that_is_held_is_not_taken_over(store):
    held = store.claim(add(store), "first", 30.0)

    assert store.claim(held, "second", 30.0) is None
    assert store.find(KEY.digest).lease_owner == "first"


def test_a_lease_ends_by_the_databases_clock_and_its_takeover_is_remembered(store):
    held = store.claim(add(store), "first", 0.4)
    assert store.claim(held, "second", 30.0) is None
    time.sleep(0.6)

    taken = store.claim(store.find(KEY.digest), "second", 0.2)

    assert taken.lease_owner == "second"
    assert taken.unknown_since == pytest.approx(held.lease_until, abs=1e-3)
    time.sleep(0.4)
    # The first loss of an answer counts, however many follow.
    again = store.claim(store.find(KEY.digest), "third", 30.0)
    assert again.unknown_since == pytest.approx(held.lease_until, abs=1e-3)


def test_a_lease_that_was_given_back_leaves_nothing_unknown(store):
    held = store.claim(add(store), "first", 30.0)
    assert store.change(held, {"failures": 1})

    row = store.find(KEY.digest)
    assert (row.lease_owner, row.lease_until) == (None, None)
    assert store.claim(row, "second", 30.0).unknown_since is None


def test_of_eight_that_change_a_row_one_does(store):
    row = add(store)

    changed = at_once(8, lambda number: store.change(row, {"sealed": f"changed-{number}"}))

    assert sorted(changed) == [False] * 7 + [True]
    found = store.find(KEY.digest)
    assert (found.sealed, found.version) == (f"changed-{changed.index(True)}", row.version + 1)


def test_a_change_gives_the_lease_back_unless_it_is_kept(store):
    held = store.claim(add(store), "first", 30.0)
    assert store.change(held, {"failures": 1}, keeps_lease=True)
    kept = store.find(KEY.digest)
    assert kept.lease_owner == "first"

    assert store.change(kept, {"failures": 2})
    assert store.find(KEY.digest).lease_owner is None


def test_a_holder_whose_lease_was_taken_over_changes_nothing(store):
    held = store.claim(add(store), "first", 0.1)
    time.sleep(0.3)
    taken = store.claim(store.find(KEY.digest), "second", 30.0)

    assert not store.change(held, {"sealed": "late"})
    assert store.change(taken, {"sealed": "in time"})
    assert store.find(KEY.digest).sealed == "in time"


def test_pages_hold_every_row_once_also_those_added_meanwhile(store):
    keys = [AuthorizationKey("crm" if number % 2 else "erp", None, f"user-{number}") for number in range(25)]
    for key in keys[:-1]:
        add(store, key)
    pages = store.walk(page_rows=7)
    seen = list(next(pages))
    add(store, keys[-1])
    seen += [row for page in pages for row in page]

    assert [row.digest for row in seen] == [key.digest for key in keys]
    assert [row.id for row in seen] == sorted(row.id for row in seen)
    of_crm = [row for page in store.walk(conn_id="crm", page_rows=5) for row in page]
    assert {row.conn_id for row in of_crm} == {"crm"}
    assert len(of_crm) == 12


def test_pages_without_their_encrypted_part_hold_all_the_rest(store):
    row = add(store, scopes="a")

    [[found]] = store.walk(with_sealed=False)

    assert found.sealed is None
    assert (found.digest, found.scopes, found.version) == (row.digest, "a", row.version)


def test_a_text_is_replaced_by_the_same_grant_encrypted_anew_and_nothing_else_changes(store):
    row = store.claim(add(store), "first", 30.0)

    assert store.replace_sealed(row, "sealed-2")
    assert not store.replace_sealed(row, "sealed-3")
    found = store.find(KEY.digest)
    assert (found.sealed, found.version, found.lease_owner) == ("sealed-2", row.version, "first")
    # The holder of the lease does not notice.
    assert store.change(row, {"sealed": "renewed"})
    assert not store.replace_sealed(found, "sealed-4")
    assert store.find(KEY.digest).sealed == "renewed"


def test_idle_grants_are_those_that_were_not_renewed_for_long(store):
    now = add(store, AuthorizationKey("clock")).now
    old, fresh = now - 1000, now - 10
    add(store, AuthorizationKey("idle"), refreshed_at=old)
    add(store, AuthorizationKey("fresh"), refreshed_at=fresh)
    add(store, AuthorizationKey("refused"), refreshed_at=old, state="refused")
    add(store, AuthorizationKey("own"), refreshed_at=old, is_grant=False)
    add(store, AuthorizationKey("cooling"), refreshed_at=old, cool_until=now + 60)

    # One that is cooling down is idle too: whoever keeps it alive says that it is pending.
    assert [row.conn_id for row in store.list_idle(500.0)] == ["clock", "idle", "cooling"]
    assert [row.conn_id for row in store.list_idle(500.0, limit=1)] == ["clock"]


def test_ending_grants_are_those_whose_end_is_near(store):
    now = add(store, AuthorizationKey("clock")).now
    add(store, AuthorizationKey("soon"), grant_ends_at=now + 100)
    add(store, AuthorizationKey("later"), grant_ends_at=now + 10_000)

    assert [row.conn_id for row in store.list_ending(1000.0)] == ["soon"]


def test_a_deleted_row_is_gone(store):
    row = add(store)

    assert store.delete(row)
    assert not store.delete(row)
    assert store.find(KEY.digest) is None


def test_the_databases_clock_is_utc_whatever_the_time_zone_of_the_session(database, store):
    zones = {"postgres": "SET TIME ZONE 'Asia/Kolkata'", "mariadb": "SET time_zone = '+05:30'"}
    with database.engine.connect() as connection:
        if database.kind in zones:
            connection.execute(text(zones[database.kind]))
        now = connection.execute(epoch_now().select()).scalar_one()
        connection.invalidate()

    assert now == pytest.approx(time.time(), abs=2.0)


def test_mariadbs_clock_does_not_jump_when_summer_time_ends(mariadb):
    engine = create_engine(mariadb.create_database("clock"))
    before, after = 1792888200.0, 1792891800.0  # 02:30 in summer time, and an hour later 02:30 again
    found = []
    with engine.connect() as connection:
        for moment in (before, after):
            connection.execute(text(f"SET TIMESTAMP = {moment}"))
            assert str(connection.execute(text("SELECT NOW()")).scalar_one()).endswith("02:30:00")
            found.append(connection.execute(epoch_now().select()).scalar_one())
    engine.dispose()

    assert found == [before, after]


def test_missing_tables_give_one_clear_error(database, store):
    metadata.drop_all(database.engine)

    with pytest.raises(StoreNotReadyError, match="airflow db migrate"):
        store.find(KEY.digest)
    with pytest.raises(StoreNotReadyError, match="airflow db migrate"):
        store.add(KEY, VALUES)


def test_a_missing_column_of_an_older_version_gives_the_same_error(database, store):
    with database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE integry_authorization DROP COLUMN grant_ends_at"))

    with pytest.raises(StoreNotReadyError, match="airflow db migrate"):
        store.find(KEY.digest)


@pytest.mark.parametrize("database", ["postgres", "mariadb"], indirect=True)
@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_stopped_database_gives_an_error_worth_retrying_and_keeps_its_rows(database, store, how):
    row = add(store)
    getattr(database.server, how)()
    try:
        for ask in (lambda: store.find(KEY.digest), lambda: store.change(row, {"failures": 1})):
            with pytest.raises(StoreUnavailableError) as caught:
                ask()
            assert caught.value.retryable
            assert "sealed-1" not in str(caught.value)
    finally:
        database.server.start()

    assert store.find(KEY.digest) is not None


def test_a_busy_sqlite_file_gives_an_error_worth_retrying(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'busy.db'}", connect_args={"timeout": 0.1})
    metadata.create_all(engine)
    store = AuthorizationStore(lambda: engine)
    with engine.connect() as other:
        other.exec_driver_sql("BEGIN EXCLUSIVE")
        with pytest.raises(StoreUnavailableError):
            store.add(KEY, VALUES)
        other.rollback()

    assert store.add(KEY, VALUES)
    engine.dispose()


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_every_statement_compiles_for_every_database(dialect, tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'all.db'}")
    metadata.create_all(engine)
    seen = []
    event.listen(engine, "before_execute", lambda connection, statement, *_: seen.append(statement))
    store = AuthorizationStore(lambda: engine)
    row = add(store)
    held = store.claim(row, "owner", 30.0)
    store.change(held, {"sealed": "x"})
    store.replace_sealed(held, "y")
    store.point(row, "other")
    store.find_many([KEY.digest])
    list(store.walk(conn_id="crm", end_user="acme", with_sealed=False))
    store.list_idle(1.0)
    store.list_by_ids([row.id])
    store.list_ending(1.0)
    store.find_by_public_id("ca_1")
    store.page(["crm"], end_user="acme", state="active", after_id=1)
    store.list_where(authorization.c.conn_id == "crm", [authorization.c.id], offset=0, limit=1)
    store.count()
    store.delete(row)
    engine.dispose()

    texts = [str(one.compile(dialect=DIALECTS[dialect].dialect())) for one in seen]
    called = {"find", "find_many", "walk", "list_page", "list_idle", "list_by_ids", "list_ending", "count"} | {
        *("add", "claim", "change", "replace_sealed", "delete", "list_where"),
        *("find_by_public_id", "find_by_public_ids", "page", "point"),
    }
    # What the others are made of.
    called |= {"run", "read_clock"}
    assert called == {name for name in vars(AuthorizationStore) if not name.startswith("_")}
    assert all("integry_authorization" in one for one in texts)
    claim = next(one for one in texts if one.startswith("UPDATE"))
    # MySQL assigns from left to right.
    assert claim.index("unknown_since=") < claim.index("lease_owner=") < claim.index("lease_until=")


# -- public ids and pages --------------------------------------------------------------------------


def test_every_row_has_a_public_id_of_its_own_by_which_it_is_found(store):
    rows = [add(store, AuthorizationKey("crm", None, name)) for name in ("ada", "bob")]

    assert all(re.fullmatch("ca_[0-9a-f]{32}", row.public_id) for row in rows)
    assert store.find_by_public_id(rows[0].public_id).id == rows[0].id
    found = store.find_by_public_ids([row.public_id for row in rows] + ["ca_" + "0" * 32])
    assert {name: row.id for name, row in found.items()} == {row.public_id: row.id for row in rows}
    # Names are exact, also where a database folds case or trims.
    for other in (rows[0].public_id.upper(), f"{rows[0].public_id} ", "", "ca_"):
        assert store.find_by_public_id(other) is None


def test_a_page_has_what_was_authorized_for_some_connections_in_the_order_of_ids(store):
    names = ["ada", "ADA", "ada ", "bob", None]
    keys = [AuthorizationKey(conn_id, None, name) for conn_id in ("crm", "CRM", "erp") for name in names]
    rows = [add(store, key) for key in keys]
    add(store, AuthorizationKey("crm", kind="client"), is_grant=False)
    store.change(rows[0], {"state": "revoked"})

    def listed(*conn_ids, **more):
        return [(row.conn_id, row.end_user) for row in store.page(conn_ids, **more)]

    assert listed("crm") == [("crm", name) for name in names]
    assert listed("crm", "erp") == [(conn_id, name) for conn_id in ("crm", "erp") for name in names]
    assert listed("crm", "erp", end_user="ada") == [("crm", "ada"), ("erp", "ada")]
    assert listed("crm", "erp", end_user="ada", state="active") == [("erp", "ada")]
    assert listed() == listed("cr") == []
    pages, after = [], 0
    while page := store.page(["crm", "CRM", "erp"], after_id=after, limit=4):
        pages.append(len(page))
        after = page[-1].id
    assert pages == [4, 4, 4, 3]
    assert all(row.sealed is None for row in store.page(["crm"]))


def test_a_row_of_an_older_version_gets_its_public_id_when_it_is_listed(store, database):
    row = add(store)
    others = [add(store, AuthorizationKey("crm", None, f"user-{number}")) for number in range(5)]
    with database.engine.begin() as connection:
        connection.execute(authorization.update().values(public_id=None))

    listed = store.page(["crm"])

    assert [one.id for one in listed] == [row.id, *(one.id for one in others)]
    assert None not in {one.public_id for one in listed}
    assert store.find(row.digest).public_id == listed[0].public_id


# -- which row it is -------------------------------------------------------------------------------


def test_an_authorization_is_found_by_its_names_its_id_and_what_stands_in_for_it(store):
    keys = {name: AuthorizationKey("crm", None, "ada", name) for name in (None, "second", "third")}
    rows = {name: add(store, key) for name, key in keys.items()}
    bob = add(store, AuthorizationKey("crm", None, "bob"))
    by_id = keys[None]._replace(account=rows["second"].public_id)
    assert locate(store, keys[None]).row.id == rows[None].id
    assert locate(store, by_id).row.id == rows["second"].id
    assert locate(store, by_id).key == keys["second"]
    assert locate(store, AuthorizationKey("crm", None, "eve")) == (AuthorizationKey("crm", None, "eve"), None)

    store.change(store.find(keys[None].digest), {"use_account": "second"})
    store.change(store.find(keys["second"].digest), {"use_account": "third"})
    store.change(store.find(keys["third"].digest), {"use_account": ""})
    # Once, and no chain.
    wanted = [keys[None], keys["second"], keys["third"], by_id, keys[None]._replace(end_user="bob")]
    found = [one.row.id for one in locate_many(store, wanted)]
    assert found == [rows["second"].id, rows["third"].id, rows[None].id, rows["second"].id, bob.id]
    # An id that is not active any more leads on.
    store.change(store.find(keys["second"].digest), {"state": "revoked"})
    assert locate(store, by_id).row.id == rows["third"].id


@pytest.mark.parametrize(
    "other",
    [
        AuthorizationKey("crm", None, "bob"),
        AuthorizationKey("CRM", None, "ada"),
        AuthorizationKey("crm", "team", "ada"),
        AuthorizationKey("crm", None, None),
        AuthorizationKey("crm", None, "ADA"),
        AuthorizationKey("crm", None, "ada", kind="client"),
    ],
)
def test_an_id_of_another_connection_end_user_or_team_does_not_exist(store, other):
    row = add(store, AuthorizationKey("crm", None, "ada"))
    with pytest.raises(NotAuthorizedError, match="no connected account"):
        locate(store, other._replace(account=row.public_id))


def test_a_page_is_read_through_an_index_and_in_its_order(store, database):
    if database.kind == "mariadb":
        pytest.skip("its plan for a few rows says nothing about many")
    chosen = [
        {"digest": f"{number:064}", "conn_id": f"crm_{number % 200}", "public_id": f"ca_{number:032}"}
        for number in range(8000)
    ]
    counts = {"state": "active", "version": 1, "generation": 0, "is_rotating": False, "failures": 0, "created_at": 1.0}
    with database.engine.begin() as connection:
        connection.execute(authorization.insert(), [{**VALUES, **counts, **one} for one in chosen])
        if database.kind == "postgres":
            connection.execute(text("ANALYZE integry_authorization"))
    seen = []
    event.listen(
        database.engine, "before_cursor_execute", lambda connection, cursor, sql, values, *_: seen.append((sql, values))
    )
    assert len(store.page(["crm_3"], after_id=7, limit=20)) == 20

    sql, values = seen[-1]
    explain = "EXPLAIN QUERY PLAN " if database.kind == "sqlite" else "EXPLAIN "
    with database.engine.connect() as connection:
        plan = str(connection.exec_driver_sql(explain + sql, values).all())
    assert "idx_integry_authorization_page" in plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan
