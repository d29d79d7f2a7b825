"""What host applications and their users can do, on real databases: each sees its own, and nothing else exists."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import pytest
from airflow import settings as airflow_settings
from airflow.models.log import Log
from integration.host_app import HostApps, who_am_i
from integration.loopback import Answer, Server, connection
from sqlalchemy import create_engine, event, select, text
from sqlalchemy.pool import NullPool

from airflow_provider_integry.auth.readiness import Readiness
from airflow_provider_integry.authorizations.steps import run_steps
from airflow_provider_integry.authorizations.tables import authorization
from airflow_provider_integry.end_users.implicit import map_app_auth
from airflow_provider_integry.end_users.principals import Admin
from airflow_provider_integry.errors import (
    AccountMoveError,
    EndUserNotFoundError,
    ImplicitAuthorizationError,
    IntegryError,
    LinkRequestError,
)
from airflow_provider_integry.secret import Secret

# Texts that some software takes for one another.
ODD = ["1", "01", " 1", "1 ", "a", "A", "é", unicodedata.normalize("NFD", "é"), "a/../b", "a%2Fb", "x" * 255, "ß", "ss"]


@pytest.fixture(params=["sqlite", "postgres", "mariadb"])
def apps(request, tmp_path, monkeypatch):
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'end_users.db'}"
    else:
        url = request.getfixturevalue(request.param).create_database("end_users")
    engine = create_engine(url, poolclass=NullPool)
    with Server(who_am_i) as server:
        found = HostApps(engine, monkeypatch, tmp_path, server)
        found.put_workspace("acme", host_connection="own")
        found.put_workspace("globex")
        found.put_app("crm", "acme_ws", listing="listed", app_name="CRM", accounts_per_user="several")
        found.put_app("own", "acme_ws")
        found.put_app("other", "globex_ws")
        found.put_app("internal", None)
        yield found
        found.close()
    engine.dispose()


def refusal_of(apps, conn_id, fields, by=None, **more):
    with pytest.raises(ImplicitAuthorizationError) as caught:
        run_steps(apps.service.create(by or apps.host(), conn_id, "u1", fields, **more))
    return caught.value


# -- apps --------------------------------------------------------------------------------------------


def test_a_host_application_sees_the_connections_that_name_its_workspace(apps):
    seen = apps.service.apps(apps.host())

    assert [(app.conn_id, app.name, app.kind, app.is_host) for app in seen] == [
        ("crm", "CRM", "form", False),
        ("own", "own", "form", True),
    ]
    assert [app.conn_id for app in apps.service.apps(apps.host(), listed_only=True)] == ["crm"]
    assert [app.conn_id for app in apps.service.apps(apps.host("globex"))] == ["other"]


@pytest.mark.parametrize("conn_id", ["other", "internal", "acme_ws", "nothing", "", "x" * 300, "\x00"])
def test_what_is_not_of_its_workspace_does_not_exist(apps, conn_id):
    with pytest.raises(EndUserNotFoundError) as caught:
        apps.service.app(apps.host(), conn_id)

    assert str(caught.value) == str(EndUserNotFoundError("app"))


def test_an_app_says_what_its_form_asks_for(apps):
    apps.put_app("shop", "acme_ws", "integry_basic_url", user_info_url=None)

    fields = {item.name: (item.required, item.is_secret) for item in apps.service.app(apps.host(), "shop").fields}

    assert fields == {"host": (True, False), "login": (True, False), "password": (False, True)}


# -- implicit authorization ---------------------------------------------------------------------------


def test_a_passed_credential_is_stored_at_once_with_the_account_that_it_belongs_to(apps):
    made = apps.connect("u1")

    assert (made.conn_id, made.end_user, made.account, made.readiness) == ("crm", "u1", None, Readiness.READY)
    assert (made.account_id, made.account_name, made.is_default) == ("id-ada", "Ada", True)
    assert made.id.startswith("ca_")
    assert len(made.id) == 35
    assert apps.entered("u1") == "good-key"
    assert apps.service.account(apps.host(), made.id) == made


def test_a_second_one_takes_the_place_of_the_first_and_keeps_its_id(apps):
    first = apps.connect("u1")
    second = apps.connect("u1", "other-key")

    assert (second.id, second.account_id) == (first.id, "id-grace")
    assert apps.entered("u1") == "other-key"
    assert len(apps.service.accounts(apps.host()).items) == 1


def test_the_credential_for_the_host_application_itself_needs_no_name_of_a_connection(apps):
    made = run_steps(apps.service.create_implicit(apps.user("u1"), "u1", Secret("good-key"), auth_id="ada"))

    assert (made.conn_id, made.account_id) == ("own", "id-ada")
    apps.put_workspace("acme", host_connection=None)
    with pytest.raises(ImplicitAuthorizationError) as caught:
        run_steps(apps.service.create_implicit(apps.user("u1"), "u1", Secret("good-key")))
    assert caught.value.reason == "unknown_connection"


def test_the_shape_of_the_script_becomes_the_fields_of_the_account(apps):
    apps.put_app("shop", "acme_ws", "integry_basic_url", user_info_url=None)
    apps.put_app("pair", "acme_ws", "integry_api_key_secret", user_info_url=None)
    fields = {name: apps.service.app(apps.host(), name).fields for name in ("crm", "shop", "pair")}

    assert map_app_auth(fields["crm"], "k", "ada") == {"password": "k"}
    assert map_app_auth(fields["shop"], "k", "ada", {"host": "https://ada.example"}) == {
        "password": "k",
        "login": "ada",
        "host": "https://ada.example",
    }
    assert map_app_auth(fields["pair"], "k", None, {"api_secret": "s"}) == {"api_key": "k", "api_secret": "s"}


@pytest.mark.parametrize(
    ("conn_id", "reason"),
    [("other", "other_workspace"), ("internal", "unknown_connection"), ("nothing", "unknown_connection")],
)
def test_credentials_for_another_workspace_are_refused_with_the_reason_and_nothing_is_stored(apps, conn_id, reason):
    assert refusal_of(apps, conn_id, {"password": "good-key"}).reason == reason
    assert apps.store.count() == 0


def test_an_unsupported_type_is_refused_with_the_reason(apps):
    for name, fields in {
        "consented": {
            "grant_type": "authorization_code",
            "client_id": "c",
            "client_secret": "s",
            "authorize_url": "https://idp.example/authorize",
            "exchange_url": "https://idp.example/token",
        },
        "machine": {"client_id": "c", "client_secret": "s", "exchange_url": "https://idp.example/token"},
    }.items():
        apps.put_app(name, "acme_ws", "integry_oauth2", **fields)
        assert refusal_of(apps, name, {"password": "good-key"}).reason == "unsupported_type"
    assert [app.conn_id for app in apps.service.apps(apps.host())] == ["consented", "crm", "own"]
    assert apps.service.app(apps.host(), "consented").kind == "consent"
    assert apps.store.count() == 0


@pytest.mark.parametrize(
    ("fields", "field"),
    [({}, "password"), ({"password": " "}, "password"), ({"password": "a\nb"}, "password"), ({"key": "x"}, "key")],
)
def test_a_wrong_field_is_named_and_nothing_is_stored(apps, fields, field):
    found = refusal_of(apps, "crm", fields)

    assert (found.reason, found.field) == ("fields", field)
    assert "a\nb" not in str(found)
    assert apps.store.count() == 0


def test_a_credential_that_the_service_refuses_is_not_stored_unless_it_is_not_tried(apps):
    assert refusal_of(apps, "crm", {"password": "bad-key"}).reason == "refused"
    assert apps.store.count() == 0

    made = apps.connect("u1", "bad-key", verify=False)

    assert (made.readiness, made.account_id) == (Readiness.READY, None)


def test_a_service_that_is_down_is_said_so_and_nothing_is_stored(apps):
    apps.server.script(Answer(503))

    with pytest.raises(IntegryError) as caught:
        apps.connect("u1")

    assert caught.value.retryable
    assert apps.store.count() == 0


def test_only_a_connection_that_allows_several_accounts_has_more_than_one(apps):
    found = refusal_of(apps, "own", {"password": "good-key"}, account="work")

    assert (found.reason, found.field) == ("several_accounts", "account")
    assert apps.connect("u1", account="work").account == "work"
    assert refusal_of(apps, "crm", {"password": "good-key"}, account="ca_work").field == "account"
    assert refusal_of(apps, "crm", {"password": "good-key"}, account="x" * 256).field == "account"


# -- who sees what -------------------------------------------------------------------------------------


def test_an_end_user_sees_and_connects_nobody_but_itself(apps):
    own, other = apps.connect("u1"), apps.connect("u2")
    me = apps.user("u1")

    assert [one.id for one in apps.service.accounts(me).items] == [own.id]
    assert apps.service.account(me, own.id) == own
    for ask in (
        lambda: apps.service.account(me, other.id),
        lambda: apps.service.accounts(me, end_user="u2"),
        lambda: apps.service.set_default(me, other.id),
        lambda: run_steps(apps.service.disconnect(me, other.id)),
        lambda: run_steps(apps.service.test(me, other.id)),
        lambda: run_steps(apps.service.migrate(me, own.id, other.id)),
        lambda: run_steps(apps.service.create(me, "crm", "u2", {"password": "good-key"})),
    ):
        with pytest.raises(EndUserNotFoundError) as caught:
            ask()
        assert str(caught.value) == str(EndUserNotFoundError("account"))
    assert apps.service.statuses(me, [("crm", "u1", None), ("crm", "u2", None)])[1] is None
    assert apps.entered("u2") == "good-key"


def test_another_host_application_sees_nothing(apps):
    own = apps.connect("u1")
    other = apps.host("globex")

    assert apps.service.accounts(other).items == []
    assert apps.service.statuses(other, [("crm", "u1", None)]) == [None]
    with pytest.raises(EndUserNotFoundError):
        apps.service.account(other, own.id)
    with pytest.raises(EndUserNotFoundError):
        apps.service.accounts(other, conn_id="crm")
    with pytest.raises(EndUserNotFoundError):
        run_steps(apps.service.disconnect(other, own.id))


def test_a_connection_that_leaves_the_workspace_takes_its_accounts_along(apps):
    own = apps.connect("u1")
    apps.put_app("crm", "globex_ws", accounts_per_user="several")

    assert apps.service.accounts(apps.host()).items == []
    with pytest.raises(EndUserNotFoundError):
        apps.service.account(apps.host(), own.id)


def test_a_connection_of_another_team_is_none_of_the_workspaces(apps, monkeypatch):
    own = apps.connect("u1")
    find = apps.directory.find_app
    monkeypatch.setattr(apps.directory, "find_app", lambda name: replace(find(name), team="b") if find(name) else None)
    host = apps.host()

    for ask in (
        lambda: apps.service.app(host, "crm"),
        lambda: apps.service.account(host, own.id),
        lambda: apps.links.make(host, "crm", "u1"),
    ):
        with pytest.raises(EndUserNotFoundError):
            ask()
    with pytest.raises(LinkRequestError, match="of the same team"):
        apps.links.make(Admin("ada"), "crm", "u1")
    assert refusal_of(apps, "crm", {"password": "good-key"}).reason == "unknown_connection"


def test_what_is_chosen_and_moved_is_in_the_audit_log(apps):
    first, work = apps.connect("u1"), apps.connect("u1", "other-key", account="work")
    with airflow_settings.engine.begin() as database:
        database.execute(Log.__table__.delete())

    apps.service.set_default(apps.host(), work.id)
    run_steps(apps.service.migrate(apps.host(), first.id, work.id))

    with airflow_settings.engine.connect() as database:
        rows = database.execute(select(Log.event, Log.owner, Log.extra).order_by(Log.id)).all()
    assert [row.event.removeprefix("integry.authorization.") for row in rows] == ["made_default", "migrated", "revoked"]
    assert {row.owner for row in rows} == {"integry:acme_ws"}
    assert "u1" not in str(rows)


def test_ids_that_look_alike_are_different_users(apps):
    for number, end_user in enumerate(ODD):
        apps.connect(end_user, "good-key" if number % 2 else "other-key")

    for number, end_user in enumerate(ODD):
        (one,) = apps.service.accounts(apps.host(), end_user=end_user).items
        assert one.end_user == end_user
        assert apps.entered(end_user) == ("good-key" if number % 2 else "other-key")
        (mine,) = apps.service.accounts(apps.user(end_user)).items
        assert mine == one
    told = apps.service.statuses(apps.host(), [("crm", one, None) for one in ODD])
    assert [one.end_user for one in told] == ODD


@pytest.mark.parametrize("end_user", ["", "x" * 256, "a\x00b", "\ud800"])
def test_ids_that_no_database_keeps_are_refused(apps, end_user):
    found = None
    try:
        apps.connect(end_user)
    except ImplicitAuthorizationError as error:
        found = error

    assert found is not None
    assert (found.reason, apps.store.count()) == ("fields", 0)
    assert apps.service.statuses(apps.host(), [("crm", end_user, None)]) == [None]
    assert apps.service.accounts(apps.host(), end_user=end_user).items == []


@pytest.mark.parametrize("account_id", ["", "ca_", "ca_" + "0" * 32, "ca_" + "\x00" * 32, "x" * 10_000, "1"])
def test_what_is_no_account_is_not_found(apps, account_id):
    with pytest.raises(EndUserNotFoundError):
        apps.service.account(apps.host(), account_id)


def test_an_id_in_other_letters_is_another_id(apps):
    made = apps.connect("u1")

    with pytest.raises(EndUserNotFoundError):
        apps.service.account(apps.host(), made.id.upper())


# -- lists ---------------------------------------------------------------------------------------------


def test_a_list_comes_in_parts_without_gaps_or_repeats(apps):
    made = [apps.connect(f"u{number}").id for number in range(7)]
    seen, after = [], None
    while True:
        page = apps.service.accounts(apps.host(), after=after, limit=3)
        seen += [one.id for one in page.items]
        after = page.next
        if after is None:
            break
        assert len(page.items) == 3

    assert seen == made


def test_the_place_in_a_list_is_another_ones_nonsense(apps):
    for number in range(3):
        apps.connect(f"u{number}")
    after = apps.service.accounts(apps.host(), limit=2).next

    for by, text_ in ((apps.host("globex"), after), (apps.host(), "nonsense"), (apps.host(), after[:-4])):
        with pytest.raises(EndUserNotFoundError):
            apps.service.accounts(by, after=text_)


def test_lists_can_be_narrowed_by_readiness_and_leave_revoked_accounts_out(apps):
    kept, gone = apps.connect("u1"), apps.connect("u2")
    run_steps(apps.service.disconnect(apps.host(), gone.id))

    def ids(**more):
        return [one.id for one in apps.service.accounts(apps.host(), **more).items]

    assert ids() == ids(readiness=Readiness.READY) == [kept.id]
    assert ids(readiness=Readiness.REVOKED) == [gone.id]
    assert ids(readiness=Readiness.NEEDS_REAUTHORIZATION) == []
    apps.put(apps_key_elsewhere(apps))
    assert ids(readiness=Readiness.NEEDS_REAUTHORIZATION) == [kept.id]


def apps_key_elsewhere(apps):
    """Return connection `crm` as somebody edits it: keys entered before must not go there."""
    return connection(f"{apps.server.url}/v2", conn_id="crm", workspace="acme_ws", accounts_per_user="several")


def test_many_statuses_take_one_query(apps):
    for number in range(5):
        apps.connect(f"u{number}")
    asked = [("crm", f"u{number % 7}", None) for number in range(500)]
    statements = []
    event.listen(apps.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))

    told = apps.service.statuses(apps.host(), asked)

    assert len(statements) == 1
    assert [one and one.end_user for one in told] == [f"u{n % 7}" if n % 7 < 5 else None for n in range(500)]


# -- changes -------------------------------------------------------------------------------------------


def test_an_account_can_be_tried(apps):
    own = apps.connect("u1")

    assert run_steps(apps.service.test(apps.host(), own.id)).is_ok
    apps.server.script(Answer(401))
    assert not run_steps(apps.service.test(apps.host(), own.id)).is_ok


def test_a_disconnected_account_is_wiped_and_can_be_connected_again(apps):
    own = apps.connect("u1")

    run_steps(apps.service.disconnect(apps.host(), own.id))

    assert apps.entered("u1") is None
    assert apps.service.account(apps.host(), own.id).readiness is Readiness.REVOKED
    assert apps.service.statuses(apps.host(), [("crm", "u1", None)]) == [None]
    assert apps.connect("u1", "other-key").id == own.id


def test_one_of_several_accounts_is_the_default_one(apps):
    first, work = apps.connect("u1"), apps.connect("u1", "other-key", account="work")
    host = apps.host()

    def used():
        (found,) = apps.service.statuses(host, [("crm", "u1", None)])
        return found.account_id

    assert (first.is_default, work.is_default, used()) == (True, False, "id-ada")
    assert apps.service.set_default(host, work.id).is_default
    assert (apps.service.account(host, first.id).is_default, used()) == (False, "id-grace")
    assert apps.service.set_default(apps.user("u1"), first.id).is_default
    assert (apps.service.account(host, work.id).is_default, used()) == (False, "id-ada")


def test_a_named_account_can_be_the_default_where_there_is_no_other(apps):
    work = apps.connect("u1", account="work")

    assert apps.service.statuses(apps.host(), [("crm", "u1", None)]) == [None]
    apps.service.set_default(apps.host(), work.id)

    (used,) = apps.service.statuses(apps.host(), [("crm", "u1", None)])
    assert used.id == work.id
    assert [one.id for one in apps.service.accounts(apps.host()).items] == [work.id]


def test_a_new_account_takes_the_place_of_an_old_one_wherever_that_is_named(apps):
    old, new = apps.connect("u1"), apps.connect("u1", "other-key", account="new")
    host = apps.host()

    moved = run_steps(apps.service.migrate(host, old.id, new.id))

    assert (moved.id, moved.is_default) == (new.id, True)
    used = apps.service.statuses(host, [("crm", "u1", None), ("crm", "u1", "new"), ("crm", "u1", old.id)])
    assert [one.account_id for one in used] == ["id-grace"] * 3
    assert apps.entered("u1") is None


def test_migrations_one_after_the_other_lead_to_the_last_account_at_once(apps):
    keys = {"a": "good-key", "b": "other-key", "c": "third-key"}
    made = {name: apps.connect("u1", key, account=name) for name, key in keys.items()}
    host = apps.host()
    apps.service.set_default(host, made["a"].id)

    run_steps(apps.service.migrate(host, made["a"].id, made["b"].id))
    run_steps(apps.service.migrate(host, made["b"].id, made["c"].id))

    used = apps.service.statuses(host, [("crm", "u1", name) for name in (None, "a", "b", "c")])
    assert [one.account_id for one in used] == ["id-joan"] * 4
    with apps.engine.connect() as database:
        pointing = database.execute(text(f"SELECT DISTINCT use_account FROM {authorization.name}")).scalars()
        assert set(pointing) == {"c", None}


def test_accounts_of_two_users_connections_or_that_are_revoked_are_not_migrated(apps):
    one, two, own = apps.connect("u1"), apps.connect("u2"), apps.connect("u1", conn_id="own")
    work = apps.connect("u1", account="work")
    run_steps(apps.service.disconnect(apps.host(), work.id))

    for target in (two, own, one, work):
        with pytest.raises(AccountMoveError):
            run_steps(apps.service.migrate(apps.host(), one.id, target.id))
    assert apps.entered("u1") == "good-key"
    with pytest.raises(AccountMoveError):
        apps.service.set_default(apps.host(), work.id)
