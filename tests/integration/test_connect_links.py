"""Connect links, on real databases: who may make them, which browser takes them, and whom they bind an account to."""

from __future__ import annotations

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from time import time
from urllib.parse import parse_qsl, urlsplit

import pytest
from integration.host_app import PUBLIC_URL, HostApps, who_am_i
from integration.loopback import Server, connection
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from airflow_provider_integry.auth.end_user_identity import sign_identity, user_hash
from airflow_provider_integry.authorizations.end_user_tables import link as table
from airflow_provider_integry.authorizations.end_user_tables import used_token
from airflow_provider_integry.authorizations.steps import run_steps
from airflow_provider_integry.end_users.principals import Admin
from airflow_provider_integry.errors import (
    ConnectLinkError,
    EndUserIdentityError,
    EndUserNotFoundError,
    ImplicitAuthorizationError,
    LinkRequestError,
    StoreUnavailableError,
)
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.settings import RawConnection

BROWSER, OTHER_BROWSER = Secret("b" * 43), Secret("o" * 43)
DONE = "https://acme.example/done"


@pytest.fixture(params=["sqlite", "postgres", "mariadb"])
def apps(request, tmp_path, monkeypatch):
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'links.db'}"
    else:
        url = request.getfixturevalue(request.param).create_database("links")
    engine = create_engine(url, poolclass=NullPool)
    with Server(who_am_i) as server:
        found = HostApps(engine, monkeypatch, tmp_path, server)
        found.put_workspace("acme")
        found.put_workspace("globex")
        found.put_app("crm", "acme_ws", accounts_per_user="several")
        found.put_app("own", "acme_ws")
        found.put_app("internal", None)
        yield found
        found.close()
    engine.dispose()


def make(apps, by=None, conn_id="crm", end_user="u1", **more):
    """Make a link; return its id and the text in its URL."""
    made = apps.links.make(by or apps.host(), conn_id, end_user, **more)
    assert made.url.startswith(f"{PUBLIC_URL}/integry/public/connect?link=")
    return made.id, made.url.partition("link=")[2]


def refused(function, *args, **more):
    with pytest.raises(ConnectLinkError) as caught:
        function(*args, **more)
    return caught.value.reason


def age(apps, link_id, **columns):
    """Change the times of a link, as waiting would."""
    changes = ", ".join(f"{name} = {name} - {seconds}" for name, seconds in columns.items())
    with apps.engine.begin() as database:
        database.execute(text(f"UPDATE {table.name} SET {changes} WHERE id = :id"), {"id": link_id})


# -- making --------------------------------------------------------------------------------------------


def test_a_link_holds_256_bits_of_which_the_database_has_a_digest_alone(apps):
    link_id, token = make(apps, return_url=DONE, state="s-1")

    with apps.engine.connect() as database:
        row = database.execute(table.select()).mappings().one()
    assert len(token) == 43
    assert row["token_digest"] == hashlib.sha256(f"link:{token}".encode()).hexdigest()
    assert token not in str(dict(row))
    assert (row["id"], row["end_user"], row["conn_id"], row["binding"]) == (link_id, "u1", "crm", "login")
    assert row["expires_at"] - row["created_at"] == pytest.approx(900, abs=1)
    assert row["created_by"] == "integry:acme_ws"


@pytest.mark.parametrize(
    ("by", "conn_id", "end_user"),
    [("host", "internal", "u1"), ("host", "nothing", "u1"), ("globex", "crm", "u1"), ("u1", "crm", "u2")],
)
def test_nobody_makes_a_link_for_what_is_not_theirs(apps, by, conn_id, end_user):
    who = {"host": apps.host, "globex": lambda: apps.host("globex"), "u1": lambda: apps.user("u1")}[by]()

    with pytest.raises(EndUserNotFoundError):
        make(apps, who, conn_id, end_user)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"return_url": "https://acme.example.evil.example/done"}, "return_url"),
        ({"return_url": "https://acme.example/donee"}, "return_url"),
        ({"return_url": "//evil.example/done"}, "return_url"),
        ({"return_url": "https://acme.example/done/../evil"}, "return_url"),
        ({"origin": "https://evil.example"}, "origin"),
        ({"origin": "https://acme.example.evil.example"}, "origin"),
        ({"state": "s" * 501}, "state"),
        ({"state": "a\nb"}, "state"),
        ({"life_s": 86_401}, "life_s"),
        ({"life_s": 0}, "life_s"),
        ({"life_s": float("nan")}, "life_s"),
        ({"binding": "code"}, "return_url"),
        ({"binding": "holder"}, "binding"),
        ({"binding": "none"}, "binding"),
        ({"account": "x" * 256}, "account"),
        ({"account": "ca_1"}, "account"),
        ({"account": ""}, "account"),
        ({"end_user": ""}, "end_user"),
        ({"end_user": "x" * 256}, "end_user"),
        ({"end_user": "\x00"}, "end_user"),
        ({"conn_id": "own", "account": "work"}, "account"),
    ],
)
def test_what_is_wrong_with_a_link_is_named_and_none_is_made(apps, more, field):
    with pytest.raises(LinkRequestError) as caught:
        make(apps, **more)

    assert caught.value.field == field
    with apps.engine.connect() as database:
        assert database.execute(table.select()).all() == []


def test_without_a_login_page_the_result_waits_for_the_host_application(apps):
    apps.put_workspace("acme", login_url=None)

    link_id, _ = make(apps, return_url=DONE)
    other_id, _ = make(apps, origin="https://acme.example")

    assert [apps.links.find(apps.host(), one).binding for one in (link_id, other_id)] == ["code", "code"]
    with pytest.raises(LinkRequestError):
        make(apps, binding="login")


def test_who_may_edit_the_connection_may_believe_the_holder_but_needs_a_workspace_too(apps):
    _, token = make(apps, Admin("ada"), binding="holder")

    assert apps.links.claim(token, BROWSER).created_by == "ada"
    with pytest.raises(LinkRequestError, match="workspace"):
        make(apps, Admin("ada"), "internal")


# -- taking ---------------------------------------------------------------------------------------------


def test_looking_at_a_link_does_not_use_it(apps):
    link_id, token = make(apps)

    for _ in range(3):
        assert apps.links.look(token).id == link_id
        assert apps.links.find_open(link_id).claimed_at is None
    assert apps.links.claim(token, BROWSER).status == "claimed"


def test_one_browser_takes_a_link_and_may_come_back(apps):
    link_id, token = make(apps)

    apps.links.claim(token, BROWSER)

    assert apps.links.claim(token, BROWSER).id == apps.links.resume(link_id, BROWSER).id == link_id
    assert refused(apps.links.claim, token, OTHER_BROWSER) == "other_browser"
    assert refused(apps.links.resume, link_id, OTHER_BROWSER) == "other_browser"


def test_of_many_browsers_at_once_one_takes_it(apps):
    _, token = make(apps)
    keys = [Secret(f"{number:043d}") for number in range(8)]

    def take(key):
        try:
            return apps.links.claim(token, key).id
        except ConnectLinkError as error:
            return error.reason

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(take, keys))

    assert sorted(found).count("other_browser") == 7


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "x" * 10_000, "\x00", "é"])
def test_what_is_no_link_is_not_known(apps, token):
    make(apps)

    assert refused(apps.links.look, token) == "unknown"
    assert refused(apps.links.claim, token, BROWSER) == "unknown"
    assert refused(apps.links.resume, token, BROWSER) == "unknown"


def test_an_expired_a_revoked_and_a_used_link_say_so(apps):
    ids, tokens = zip(*(make(apps) for _ in range(3)), strict=True)
    age(apps, ids[0], created_at=1000, expires_at=1000)
    apps.links.revoke(apps.host(), ids[1])
    apps.links.claim(tokens[2], BROWSER)
    apps.links.finish(ids[2], "connected", "ca_1")

    assert [refused(apps.links.look, token) for token in tokens] == ["expired", "revoked", "used"]
    assert [refused(apps.links.claim, token, BROWSER) for token in tokens] == ["expired", "revoked", "used"]
    assert [apps.links.find(apps.host(), one).status for one in ids] == ["expired", "revoked", "connected"]
    assert apps.links.revoke(apps.host(), ids[2]).status == "connected"


def test_links_of_others_cannot_be_seen_or_taken_back(apps):
    link_id, _ = make(apps)

    for by in (apps.host("globex"), apps.user("u2")):
        with pytest.raises(EndUserNotFoundError):
            apps.links.find(by, link_id)
        with pytest.raises(EndUserNotFoundError):
            apps.links.revoke(by, link_id)
    assert apps.links.find(apps.user("u1"), link_id).id == link_id
    with pytest.raises(EndUserNotFoundError):
        apps.links.find(apps.host(), link_id.upper())


# -- whose it becomes -----------------------------------------------------------------------------------


def test_nothing_is_connected_before_the_right_user_has_signed_in(apps):
    link_id, token = make(apps, return_url=DONE, state="s-1")
    apps.links.claim(token, BROWSER)

    assert refused(apps.links.enter, link_id, BROWSER) == "login"
    for wrong in (apps.user("u2"), apps.user("u1", "globex"), apps.host(), apps.user(" u1"), apps.user("U1")):
        assert refused(apps.links.prove, link_id, BROWSER, wrong) == "other_user"
    assert refused(apps.links.prove, link_id, OTHER_BROWSER, apps.user("u1")) == "other_browser"
    assert refused(apps.links.enter, link_id, BROWSER) == "login"

    apps.links.prove(link_id, BROWSER, apps.user("u1"))
    link, principal = apps.links.enter(link_id, BROWSER)
    finished = run_steps(apps.service.enter(link, principal, {"password": "good-key"}))

    assert apps.entered("u1") == "good-key"
    (account,) = apps.service.accounts(apps.host()).items
    assert finished.url == f"{DONE}?status=connected&connected_account_id={account.id}&state=s-1"
    assert finished.message == {
        "type": "integry.connect",
        "link": link_id,
        "conn_id": "crm",
        "status": "connected",
        "connected_account_id": account.id,
        "state": "s-1",
        "code": None,
    }
    assert refused(apps.links.enter, link_id, BROWSER) == "used"


def hold(apps, **more):
    """Go through a link of binding `code` with a form; return its id and what came of it."""
    link_id, token = make(apps, binding="code", return_url=DONE, **more)
    apps.links.claim(token, BROWSER)
    link, principal = apps.links.enter(link_id, BROWSER)
    return link_id, run_steps(apps.service.enter(link, principal, {"password": "good-key"}))


def test_what_a_link_gave_is_held_until_the_host_application_fetches_it_for_its_user(apps):
    link_id, finished = hold(apps, account="work")
    query = dict(parse_qsl(urlsplit(finished.url).query))

    assert (query["status"], finished.message["code"]) == ("held", query["code"])
    assert re.fullmatch(r"[\w-]{43}", query["code"])
    assert (apps.store.count(), apps.links.find(apps.host(), link_id).status) == (0, "held")
    assert apps.links.shown(link_id, BROWSER).message["code"] is None
    with apps.engine.connect() as database:
        assert "good-key" not in str(database.execute(table.select()).mappings().one())

    made = run_steps(apps.service.redeem(apps.host(), query["code"], end_user="u1"))

    assert (made.account, made.account_id, apps.entered("u1", "work")) == ("work", "id-ada", "good-key")
    found = apps.links.find(apps.host(), link_id)
    assert (found.status, found.connected_id, found.sealed) == ("connected", made.id, None)
    with pytest.raises(EndUserNotFoundError):
        run_steps(apps.service.redeem(apps.host(), query["code"], end_user="u1"))


@pytest.mark.parametrize("who", ["u2", " u1", "U1", None])
def test_what_somebody_else_went_through_with_is_dropped(apps, who):
    link_id, finished = hold(apps)
    code = finished.message["code"]

    with pytest.raises(EndUserNotFoundError):
        run_steps(apps.service.redeem(apps.host(), code, end_user=who))

    assert (apps.store.count(), apps.links.find(apps.host(), link_id).status) == (0, "failed")
    with pytest.raises(EndUserNotFoundError):
        run_steps(apps.service.redeem(apps.host(), code, end_user="u1"))


def test_a_user_fetches_its_own_and_no_other_application_can(apps):
    _, finished = hold(apps)
    code = finished.message["code"]

    with pytest.raises(EndUserNotFoundError):
        run_steps(apps.service.redeem(apps.host("globex"), code, end_user="u1"))
    assert run_steps(apps.service.redeem(apps.user("u1"), code)).end_user == "u1"


def test_what_cannot_be_stored_now_can_be_fetched_again(apps, monkeypatch):
    link_id, finished = hold(apps)
    code = finished.message["code"]

    def fail(*arguments):
        raise StoreUnavailableError("The database does not answer.")

    with monkeypatch.context() as patch:
        patch.setattr(apps.directory, "find_app", fail)
        with pytest.raises(StoreUnavailableError):
            run_steps(apps.service.redeem(apps.host(), code, end_user="u1"))

    assert apps.links.find(apps.host(), link_id).status == "held"
    assert run_steps(apps.service.redeem(apps.host(), code, end_user="u1")).end_user == "u1"


def test_a_connection_that_was_changed_meanwhile_gets_nothing(apps):
    link_id, finished = hold(apps)
    apps.put_app("crm", "globex_ws")

    with pytest.raises(ImplicitAuthorizationError):
        run_steps(apps.service.redeem(apps.host(), finished.message["code"], end_user="u1"))

    assert (apps.store.count(), apps.links.find(apps.host(), link_id).status) == (0, "failed")


def test_what_was_typed_for_one_host_is_not_stored_for_another(apps):
    link_id, finished = hold(apps)
    apps.put(connection(f"{apps.server.url}/v2", conn_id="crm", workspace="acme_ws", accounts_per_user="several"))

    with pytest.raises(ConnectLinkError) as caught:
        run_steps(apps.service.redeem(apps.host(), finished.message["code"], end_user="u1"))

    assert caught.value.reason == "connection"
    assert (apps.store.count(), apps.links.find(apps.host(), link_id).status) == (0, "failed")


def test_a_code_lives_five_minutes(apps):
    link_id, finished = hold(apps)
    age(apps, link_id, completion_until=301)

    with pytest.raises(EndUserNotFoundError):
        run_steps(apps.service.redeem(apps.host(), finished.message["code"], end_user="u1"))
    assert apps.store.count() == 0


def test_a_form_with_a_wrong_credential_can_be_filled_in_again(apps):
    link_id, token = make(apps, Admin("ada"), binding="holder")
    apps.links.claim(token, BROWSER)
    link, principal = apps.links.enter(link_id, BROWSER)

    with pytest.raises(ImplicitAuthorizationError):
        run_steps(apps.service.enter(link, principal, {"password": "bad-key"}))
    link, principal = apps.links.enter(link_id, BROWSER)
    finished = run_steps(apps.service.enter(link, principal, {"password": "good-key"}))

    assert (finished.status, finished.url, apps.entered("u1")) == ("connected", None, "good-key")


def test_a_denied_consent_leaves_the_link_to_its_browser_until_it_ends(apps):
    link_id, token = make(apps, return_url=f"{DONE}?x=1")
    apps.links.claim(token, BROWSER)

    finished = apps.links.finish(link_id, "denied", message="no")

    assert (finished.status, finished.url) == ("denied", f"{DONE}?x=1&status=denied")
    assert apps.links.resume(link_id, BROWSER).message == "no"
    assert refused(apps.links.finish, link_id, "denied", browser_key=OTHER_BROWSER) == "other_browser"


def test_who_began_in_the_last_second_still_has_time_to_finish(apps):
    link_id, token = make(apps)
    apps.links.claim(token, BROWSER)
    age(apps, link_id, expires_at=1400)

    assert refused(apps.links.resume, link_id, BROWSER) == "expired"
    assert apps.links.finish(link_id, "connected", "ca_1").status == "connected"

    link_id, token = make(apps)
    apps.links.claim(token, BROWSER)
    age(apps, link_id, expires_at=1600)
    assert refused(apps.links.finish, link_id, "connected", "ca_1") == "expired"


def test_old_links_are_forgotten(apps):
    link_id, _ = make(apps)
    age(apps, link_id, expires_at=87_400)

    make(apps)

    with pytest.raises(EndUserNotFoundError):
        apps.links.find(apps.host(), link_id)


# -- who asks -------------------------------------------------------------------------------------------


def test_every_way_to_show_who_one_is_leads_to_the_same_principal(apps):

    secret = Secret("a" * 40)
    by_hash = apps.identities.by_hash("acme", "u1", user_hash(secret, "u1"))
    token = sign_identity("acme", secret, "u1", now=time(), unique="j-1")
    by_token, identity = apps.identities.by_token(token)

    assert by_hash.workspace == by_token.workspace == apps.host().workspace
    assert (by_hash.end_user, by_token.end_user, identity.jti) == ("u1", "u1", "j-1")
    with pytest.raises(EndUserIdentityError) as caught:
        apps.identities.by_token(token)
    assert caught.value.reason == "replayed"
    server_token = sign_identity("acme", secret, None, now=time(), unique="j-2")
    with pytest.raises(EndUserIdentityError):
        apps.identities.by_token(server_token, needs_user=True)
    assert apps.identities.by_token(server_token)[0].end_user is None


def test_one_token_that_is_brought_many_times_at_once_is_accepted_once(apps):

    token = sign_identity("acme", Secret("a" * 40), "u1", now=time(), unique="j-1")

    def bring(_):
        try:
            return apps.identities.by_token(token)[0].end_user
        except EndUserIdentityError as error:
            return error.reason

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(bring, range(8)))

    assert sorted(found) == ["replayed"] * 7 + ["u1"]


def test_used_tokens_are_forgotten_when_they_have_expired(apps):
    assert apps.link_store.use_once("one", 0.0)
    assert apps.link_store.use_once("two", 60.0)
    with apps.engine.connect() as database:
        assert len(database.execute(used_token.select()).all()) == 1


def test_all_refusals_of_strangers_are_the_same_to_them(apps):
    found = []
    for ask in (
        lambda: apps.identities.by_secret("acme", "g" * 40),
        lambda: apps.identities.by_secret("nobody", "a" * 40),
        lambda: apps.identities.by_hash("acme", "u1", "0" * 64),
        lambda: apps.identities.by_hash("nobody", "u1", "é"),
        lambda: apps.identities.by_token("a.b.c"),
    ):
        with pytest.raises(EndUserIdentityError) as caught:
            ask()
        found.append(str(caught.value))
    assert len(set(found)) == 1


def test_an_app_key_that_two_workspaces_have_is_nobodys(apps, caplog):

    apps.put(RawConnection("copy_ws", "integry_workspace", login="acme", password="x" * 40))

    with pytest.raises(EndUserIdentityError):
        apps.host()
    assert "same app key" in caplog.text
    assert apps.directory.find("acme_ws").app_key == "acme"
