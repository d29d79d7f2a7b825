"""The list of authorizations: the database's filter and the judge agree, pages join, and large lists are quick."""

from __future__ import annotations

import hashlib
import itertools
import os
import random
import time
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import create_engine, insert, text

from airflow_provider_integry import errors
from airflow_provider_integry.auth.readiness import Readiness
from airflow_provider_integry.authorizations import listing
from airflow_provider_integry.authorizations.airflow_store import read_settings
from airflow_provider_integry.authorizations.errors_wire import to_wire
from airflow_provider_integry.authorizations.grant import AuthorizationKey, add_seed
from airflow_provider_integry.authorizations.listing import PAGE_ROWS, Lister, ListQuery
from airflow_provider_integry.authorizations.outcomes import dump
from airflow_provider_integry.authorizations.status import build_status
from airflow_provider_integry.authorizations.store import AuthorizationStore
from airflow_provider_integry.authorizations.subject import build_subject
from airflow_provider_integry.authorizations.tables import authorization as table
from airflow_provider_integry.authorizations.tables import metadata

API, TOKEN_URL = "https://api.example.com", "https://auth.example.com/token"
OAUTH = {
    "conn_type": "integry_oauth2",
    "client_id": "app",
    "client_secret": "s",
    "exchange_url": TOKEN_URL,
    "scopes": "read write",
}
PASTED = {**OAUTH, "grant_type": "refresh_token"}
CONSENT = {**OAUTH, "grant_type": "authorization_code", "authorize_url": "https://auth.example.com/authorize"}
MACHINE = {**OAUTH, "grant_type": "client_credentials"}


def everybody(places):
    return places


# Everything that a row's error can be.
ERRORS = (
    None,
    errors.TokenEndpointUnavailableError(TOKEN_URL, 503, ""),
    errors.RequestTimeoutError("POST https://auth.example.com/token", "no answer in 30 s"),
    errors.InvalidClientError(TOKEN_URL, 401, "invalid_client"),
    errors.ReauthorizationNeededError("crm", None, "the grant is lost.", "invalid_grant"),
)


@pytest.fixture(params=["sqlite", "postgres", "mariadb"])
def engine(request, tmp_path):
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'list.db'}"
    else:
        url = request.getfixturevalue(request.param).create_database("list")
    found = create_engine(url)
    metadata.create_all(found)
    yield found
    found.dispose()


@pytest.fixture
def store(engine):
    return AuthorizationStore(lambda: engine)


def subject_of(conn_id, end_user=None):
    return build_subject(read_settings(conn_id), AuthorizationKey(conn_id, None, end_user))


def make_row(conn_id, number, **values):
    end_user = values.pop("end_user", f"customer-{number}")
    return {
        **{column.name: None for column in table.columns if column.name != "id"},
        "digest": hashlib.sha256(f"{conn_id}-{number}".encode()).hexdigest(),
        "conn_id": conn_id,
        "end_user": end_user,
        "conn_type": "integry_oauth2",
        "binding": "0" * 64,
        "is_grant": True,
        "state": "active",
        "version": 1,
        "generation": 1,
        "token_fingerprint": "f" * 16,
        "refreshed_at": time.time() - 60,
        "is_rotating": False,
        "failures": 0,
        "created_at": time.time(),
        "account_name": f"Account {number}",
        **values,
    }


def add(engine, rows):
    with engine.begin() as database:
        database.execute(insert(table), rows)


def read_all(lister, **query):
    """Return the entries of all pages, after making sure that the pages fit together."""
    pages = [lister.list_page(ListQuery(**query))]
    pages += [lister.list_page(ListQuery(**query, page=number)) for number in range(2, pages[0].pages + 1)]
    found = [entry for page in pages for entry in page.entries]
    assert {page.total for page in pages} == {len(found)}
    assert [len(page.entries) for page in pages[:-1]] == [PAGE_ROWS] * (len(pages) - 1)
    return found


def generate(connections):
    """Return rows with every combination of what their standing depends on."""
    now = time.time()
    fitting = {conn_id: subject.binding if subject else "1" * 64 for conn_id, subject in connections.items()}
    cases = itertools.product(
        connections,
        ("active", "refused", "revoked"),
        (True, False),
        ERRORS,
        (("f" * 16, now + 900), ("f" * 16, now - 900), ("f" * 16, None), (None, None)),
    )
    for number, (conn_id, state, fits, error, (fingerprint, expires_at)) in enumerate(cases):
        yield make_row(
            conn_id,
            number,
            state=state,
            binding=fitting[conn_id] if fits else "0" * 64,
            error=dump(to_wire(error)) if error else None,
            error_at=now if error else None,
            token_fingerprint=fingerprint,
            expires_at=expires_at,
        )


def test_the_filter_and_the_judge_agree_on_every_kind_of_row(engine, store, set_connection):
    for conn_id in ("crm", "crm_2", "pasted"):
        set_connection(API, conn_id=conn_id, **(PASTED if conn_id == "pasted" else CONSENT))
    # Its client secret is missing; and the last one is gone.
    set_connection(API, conn_id="broken", **{**CONSENT, "client_secret": ""})
    subjects = {conn_id: subject_of(conn_id) for conn_id in ("crm", "crm_2", "pasted")}
    rows = list(generate({**subjects, "broken": None, "gone": None}))
    add(engine, rows)
    lister = Lister(store, everybody)

    everything = read_all(lister)
    found = {readiness: read_all(lister, readiness=readiness) for readiness in Readiness}

    assert len([entry for entry in everything if entry.standing.id]) == len(rows) == 5 * 3 * 2 * 5 * 4
    expected = Counter(entry.standing.status.readiness for entry in everything)
    assert {str(key): len(entries) for key, entries in found.items()} == dict(expected)
    assert len(expected) == len(Readiness)
    for readiness, entries in found.items():
        assert {entry.standing.status.readiness for entry in entries} == {str(readiness)}
    # And the judge of the list is the broker's.
    for entry in everything:
        subject = subjects.get(entry.standing.key.conn_id)
        if subject and entry.standing.id:
            (row,) = store.list_by_ids([entry.standing.id])
            assert entry.standing.status.readiness == build_status(subject, row).readiness


@pytest.mark.parametrize("state", ["active", "refused", "revoked"])
@pytest.mark.parametrize("known", ["nothing", "older", "newest", "newer"])
def test_a_newly_pasted_token_counts_in_the_filter_as_it_does_for_the_judge(
    engine, store, set_connection, state, known
):
    set_connection(API, conn_id="pasted", **PASTED, refresh_token="pasted-1")
    subject = subject_of("pasted")
    other = hashlib.sha256(b"another").hexdigest()
    seeds = {
        "nothing": None,
        "older": add_seed(None, other),
        "newest": add_seed(add_seed(None, other), subject.seed_digest),
        "newer": add_seed(add_seed(None, subject.seed_digest), other),
    }
    error = dump(to_wire(ERRORS[-1]))
    add(engine, [make_row("pasted", 1, end_user=None, seed=seeds[known], state=state, error=error, error_at=1.0)])
    lister = Lister(store, everybody)

    (entry,) = read_all(lister)

    (row,) = store.list_by_ids([entry.standing.id])
    assert entry.standing.status == build_status(subject, row)
    found = [readiness for readiness in Readiness if read_all(lister, readiness=readiness)]
    assert found == [Readiness(entry.standing.status.readiness)]


def test_connections_that_nothing_is_kept_of_come_first_and_those_that_need_nothing_last(engine, store, set_connection):
    for conn_id, fields in (("a_key", {"conn_type": "integry_api_key", "password": "k"}), ("b", CONSENT)):
        set_connection(API, conn_id=conn_id, **fields)
    set_connection(API, conn_id="c", **CONSENT)
    set_connection(API, conn_id="d_machine", **MACHINE)
    add(engine, [make_row("c", number, binding=subject_of("c").binding) for number in range(30)])

    found = read_all(Lister(store, everybody))

    names = [entry.standing.key.conn_id for entry in found]
    assert names == ["b", *["c"] * 30, "a_key", "d_machine"]
    assert [entry.standing.status.readiness for entry in found] == ["pending", *["ready"] * 32]


def test_a_page_that_is_not_there_is_the_last_one(engine, store, set_connection):
    set_connection(API, conn_id="crm", **CONSENT)
    add(engine, [make_row("crm", number) for number in range(PAGE_ROWS + 1)])

    page = Lister(store, everybody).list_page(ListQuery(page=99))

    assert (page.page, page.pages, page.total, len(page.entries)) == (2, 2, PAGE_ROWS + 1, 1)


def test_pages_join_over_many_connections_whatever_the_database_thinks_of_their_order(engine, store, set_connection):
    names = ["b", "a", "a_b", "a-b", "ab", "z", "_z", "é"]
    for name in names:
        set_connection(API, conn_id=name, **CONSENT)
    add(engine, [make_row(name, number) for name in names for number in range(11)])

    found = read_all(Lister(store, everybody))

    assert Counter(entry.standing.key.conn_id for entry in found) == dict.fromkeys(names, 11)
    assert len({entry.standing.id for entry in found}) == 88


@pytest.mark.parametrize(
    ("sought", "expected"),
    [
        ("customer-1", {1, 10, 11}),
        ("CUSTOMER-11", {11}),
        ("account 7", {7}),
        ("100%", {5}),
        ("a_b", {6}),
        ("crm", set(range(12))),
        ("' OR 1=1 --", set()),
        ("\\", {8}),
        ("nobody", set()),
    ],
)
def test_a_search_finds_parts_of_names_and_takes_no_sign_for_a_wildcard(
    engine, store, set_connection, sought, expected
):
    set_connection(API, conn_id="crm", **CONSENT)
    rows = [make_row("crm", number) for number in range(12)]
    for number, name in ((5, "100% Ltd"), (6, "a_b"), (8, "back\\slash")):
        rows[number]["account_name"] = name
    rows[9]["account_name"] = "axb 100 Ltd"
    add(engine, rows)

    found = read_all(Lister(store, everybody), text=sought)

    kept = {int(entry.standing.key.end_user.partition("-")[2]) for entry in found if entry.standing.id}
    assert kept == expected


def test_what_may_not_be_seen_is_neither_listed_nor_counted(engine, store, set_connection):
    for name in ("hers", "his", "nobodys"):
        set_connection(API, conn_id=name, **CONSENT)
    add(engine, [make_row(name, number) for name in ("hers", "his") for number in range(40)])
    lister = Lister(store, lambda places: {place for place in places if place[0] == "hers"})

    for query in ({}, {"text": "customer"}, {"readiness": Readiness.NEEDS_REAUTHORIZATION}, {"conn_id": "his"}):
        found = read_all(lister, **query)
        assert {entry.standing.key.conn_id for entry in found} <= {"hers"}
        assert len(found) == (0 if "conn_id" in query else 40)


def test_rows_of_a_team_that_their_connection_has_left_are_of_no_use(engine, store, set_connection):
    set_connection(API, conn_id="crm", **CONSENT)
    add(engine, [make_row("crm", 1, team_name="sales", binding=subject_of("crm").binding)])

    found = read_all(Lister(store, everybody))

    by_team = {entry.standing.key.team: entry.standing.status.readiness for entry in found}
    assert by_team == {None: "pending", "sales": "pending"}
    assert not read_all(Lister(store, everybody), readiness=Readiness.READY)


def test_what_is_kept_from_when_a_connection_was_of_another_kind_is_not_listed(engine, store, set_connection):
    set_connection(API, conn_id="crm", **CONSENT)
    add(engine, [make_row("crm", 1, end_user=None, is_grant=False)])

    (entry,) = read_all(Lister(store, everybody))

    assert (entry.standing.id, entry.standing.status.readiness) == (None, "pending")


def test_missing_scopes_are_those_that_were_asked_for_and_not_granted(engine, store, set_connection):
    set_connection(API, conn_id="crm", **CONSENT)
    add(engine, [make_row("crm", 1, scopes="read other"), make_row("crm", 2, scopes=None)])

    told, silent = read_all(Lister(store, everybody))

    assert (told.missing_scopes, silent.missing_scopes) == (("write",), ())


def test_a_search_that_finds_too_much_is_cut_and_says_so(engine, store, set_connection, monkeypatch):
    monkeypatch.setattr(listing, "MAX_HITS", 30)
    set_connection(API, conn_id="crm", **CONSENT)
    add(engine, [make_row("crm", number) for number in range(40)])

    page = Lister(store, everybody).list_page(ListQuery(text="customer"))

    assert (page.total, page.is_cut) == (30, True)


ROWS, CONNECTIONS, MOST_MS = 100_000, 200, 200.0


@pytest.fixture
def crowd(engine, set_connection):
    """A hundred thousand authorizations with tokens of three kilobytes."""
    if engine.dialect.name not in ("sqlite", "postgresql"):
        pytest.skip("the time is promised for SQLite and PostgreSQL")
    names = [f"crm_{number:03}" for number in range(CONNECTIONS)]
    for name in names:
        set_connection(API, conn_id=name, **CONSENT)
    chance, now = random.Random(1), time.time()
    unreachable, bindings = dump(to_wire(ERRORS[1])), {name: subject_of(name).binding for name in names}
    sealed = [chance.randbytes(1500).hex() for _ in range(100)]
    for start in range(0, ROWS, 5000):
        rows = []
        for number in range(start, start + 5000):
            name, is_down = names[number % CONNECTIONS], chance.random() < 0.05
            rows.append(
                make_row(
                    name,
                    number,
                    binding=bindings[name] if number % 50 else "0" * 64,
                    state=chance.choice(["active"] * 18 + ["refused", "revoked"]),
                    sealed=sealed[number % 100],
                    expires_at=now + chance.uniform(-3600, 3600),
                    error=unreachable if is_down else None,
                    error_at=now if is_down else None,
                )
            )
        add(engine, rows)


class TimedStore(AuthorizationStore):
    """A store that adds up the milliseconds of processor time that the database spends on its queries.

    Processor time, because tests share the machine with each other: all that is read is in memory.
    """

    def __init__(self, engine):
        super().__init__(lambda: engine)
        self._engine = engine
        self.spent_ms = 0.0

    def run(self, query):
        with self._engine.connect() as connection:
            pid = connection.scalar(text("SELECT pg_backend_pid()")) if connection.dialect.name != "sqlite" else None
            begun = processor_ms(pid)
            found = list(connection.execute(query))
            self.spent_ms += processor_ms(pid) - begun
        return found


def processor_ms(pid):
    """Return the processor time of a process of the database; of this thread, in which SQLite runs, for None."""
    if pid is None:
        return time.thread_time() * 1000
    # User and system time; see proc(5).
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def test_a_page_of_a_hundred_thousand_takes_the_database_less_than_200_ms(engine, crowd, capsys):
    store = TimedStore(engine)
    lister = Lister(store, everybody)
    queries = [
        ListQuery(),
        ListQuery(page=2000),
        ListQuery(page=4000),
        *(ListQuery(readiness=readiness) for readiness in Readiness),
        ListQuery(readiness=Readiness.READY, page=3000),
        ListQuery(text="customer-77123"),
        ListQuery(text="account"),
        ListQuery(text="nobody"),
        ListQuery(text="customer", readiness=Readiness.UNREACHABLE),
        ListQuery(conn_id="crm_007"),
    ]
    slow = []
    for query in queries:
        took = []
        for _ in range(3):
            store.spent_ms = 0.0
            page = lister.list_page(query)
            took.append(store.spent_ms)
        with capsys.disabled():
            print(f"{engine.dialect.name}: {min(took):5.0f} ms, {page.total} found: {query}")
        slow += [(query, took)] if min(took) > MOST_MS else []
    assert not slow
