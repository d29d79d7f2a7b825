"""End users enter keys, passwords and JWT keys of their own, and tasks use them: the server sees each call."""

from __future__ import annotations

import asyncio
import socket

import jwt
import pytest
from airflow import settings as airflow_settings
from flask import request
from integration.entering import enter, subject_of
from servers.api import build_api
from servers.jwt_api import JwtApi
from servers.live import LiveServer
from sqlalchemy import text

from airflow_provider_integry.auth.readiness import Readiness
from airflow_provider_integry.authorizations.airflow_store import (
    local_journal,
    local_refresher,
    local_store,
    read_raw,
    read_settings,
)
from airflow_provider_integry.authorizations.check import check_authorization
from airflow_provider_integry.authorizations.entered import fill, verify
from airflow_provider_integry.authorizations.listing import Lister, ListQuery
from airflow_provider_integry.authorizations.manage import revoke_grant
from airflow_provider_integry.authorizations.overview import list_standings
from airflow_provider_integry.authorizations.revoke import revoke_authorization
from airflow_provider_integry.authorizations.rotate import rotate_keys
from airflow_provider_integry.authorizations.steps import run_steps
from airflow_provider_integry.authorizations.tokens import forget_sources
from airflow_provider_integry.connectors.user_info import Account
from airflow_provider_integry.errors import (
    CredentialsRejectedError,
    HostNotAllowedError,
    MissingFieldError,
    NotAuthorizedError,
    TokenEndpointError,
)
from airflow_provider_integry.hooks.integry import IntegryHook
from airflow_provider_integry.settings import RawConnection

pytestmark = pytest.mark.usefixtures("fernet_key")
KEYS = {"key-of-app": "app", "key-of-ada": "ada", "key-of-bob": "bob", "key-of-ada-2": "ada-2"}


@pytest.fixture(scope="module")
def key_api():
    """An API that knows the keys of some people."""
    with LiveServer(build_api("keys", lambda: KEYS.get(request.headers.get("X-Api-Key", "")))) as server:
        yield server


@pytest.fixture
def keyed(key_api, set_connection):
    """A connection `keyed`, whose own key is the app's."""
    app = {"conn_id": "keyed", "password": "key-of-app", "key_name": "X-Api-Key", "user_info_url": "/me"}
    return set_connection(key_api.url, "integry_api_key", **app)


def who_calls(end_user=None, account=None, conn_id="keyed"):
    """Return whose key a session and an asynchronous session send."""
    hook = IntegryHook(conn_id, end_user, account)
    with hook.get_conn() as session:
        name = session.get("/resource").json()["account"]

    async def ask():
        async with hook.get_async_conn() as asynchronous, asynchronous.get("/resource") as answer:
            return (await answer.json())["account"]

    assert asyncio.run(ask()) == name
    return name


def test_each_end_user_calls_with_what_they_have_entered(keyed):
    enter("keyed", "ada", {"password": "key-of-ada"})
    enter("keyed", "bob", {"password": "key-of-bob"})

    assert (who_calls(), who_calls("ada"), who_calls("bob")) == ("app", "ada", "bob")
    with pytest.raises(NotAuthorizedError, match="nobody has entered its credentials yet"):
        who_calls("eve")


def test_a_connection_needs_no_account_of_its_own(key_api, set_connection):
    extra = {"key_name": "X-Api-Key", "allow_http": True, "user_info_url": "/me"}
    set_connection(RawConnection("keyed", "integry_api_key", key_api.url, extra=extra))
    enter("keyed", "ada", {"password": "key-of-ada"})

    assert who_calls("ada") == "ada"
    with pytest.raises(MissingFieldError, match="'password': is empty"):
        who_calls()
    assert IntegryHook("keyed").readiness() is Readiness.PENDING
    assert IntegryHook("keyed", "ada").readiness() is Readiness.READY
    assert IntegryHook("keyed", "ada").find(verify=True).was_verified
    assert IntegryHook("keyed", "eve").readiness() is Readiness.PENDING


def test_every_row_has_a_public_id_that_names_it(keyed):
    ada = enter("keyed", "ada", {"password": "key-of-ada"})
    second = enter("keyed", "ada", {"password": "key-of-ada-2"}, account="second")

    assert who_calls("ada", ada.public_id) == "ada"
    assert who_calls("ada", second.public_id) == who_calls("ada", "second") == "ada-2"
    assert local_store().find_by_public_id(second.public_id).id == second.id
    with pytest.raises(NotAuthorizedError, match="no connected account"):
        who_calls("bob", ada.public_id)


# -- each type -------------------------------------------------------------------------------------

SIGNING_KEYS = {name: f"signing-key-of-{name}-with-32-bytes" for name in ("app", "ada", "bob")}


def sign_in(name):
    """Check a signature with the key of whoever it claims to be from."""
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    try:
        who = jwt.decode(token, options={"verify_signature": False}).get("iss", "")
        jwt.decode(token, SIGNING_KEYS[who], algorithms=["HS256"], audience=name)
    except (jwt.PyJWTError, KeyError):
        return None
    return who


def passwords():
    given = request.authorization
    is_right = given is not None and given.type == "basic" and given.password == f"password-of-{given.username}"
    return given.username if is_right else None


def pairs():
    key = request.headers.get("X-Api-Key", "").removeprefix("key-of-")
    return key if request.headers.get("X-Api-Secret") == f"secret-of-{key}" else None


# What the API checks, the connection's own account, and what an end user of that name enters.
TYPES = {
    "integry_api_key": (
        lambda: KEYS.get(request.headers.get("Authorization", "").removeprefix("Bearer ")),
        {"password": "key-of-app"},
        lambda name, url: {"password": f"key-of-{name}"},
    ),
    "integry_api_key_url": (
        lambda: KEYS.get(request.headers.get("Authorization", "").removeprefix("Bearer ")),
        {"password": "key-of-app"},
        lambda name, url: {"password": f"key-of-{name}", "host": url},
    ),
    "integry_api_key_secret": (
        pairs,
        {"extra": {"api_key": "key-of-app", "api_secret": "secret-of-app"}},
        lambda name, url: {"api_key": f"key-of-{name}", "api_secret": f"secret-of-{name}"},
    ),
    "integry_basic": (
        passwords,
        {"login": "app", "password": "password-of-app"},
        lambda name, url: {"login": name, "password": f"password-of-{name}"},
    ),
    "integry_basic_url": (
        passwords,
        {"login": "app", "password": "password-of-app"},
        lambda name, url: {"login": name, "password": f"password-of-{name}", "host": url},
    ),
    "integry_jwt": (
        lambda: sign_in("api"),
        {"extra": {"private_key": SIGNING_KEYS["app"], "issuer": "app", "audience": "api"}},
        lambda name, url: {"private_key": SIGNING_KEYS[name], "issuer": name},
    ),
}


@pytest.mark.parametrize("conn_type", TYPES)
def test_each_type_calls_for_each_end_user_and_for_itself(conn_type, serve, set_connection):
    verify, own, enters = TYPES[conn_type]
    server = serve(build_api("any", verify))
    extra = {"allow_http": True, "allowed_hosts": server.url.removeprefix("http://"), **own.get("extra", {})}
    columns = {name: value for name, value in own.items() if name != "extra"}
    set_connection(RawConnection("typed", conn_type, server.url, extra=extra, **columns))
    for name in ("ada", "bob"):
        enter("typed", name, enters(name, server.url))

    assert [who_calls(name, conn_id="typed") for name in (None, "ada", "bob")] == ["app", "ada", "bob"]


def test_a_login_is_made_with_the_end_users_own_password(serve, set_connection):
    api = JwtApi("0123456789abcdef" * 2, username="ada", password="password-of-ada")
    server = serve(api.build())
    extra = {"jwt_source": "login", "login_url": "/login", "allow_http": True, "user_info_url": "/me"}
    set_connection(RawConnection("typed", "integry_jwt", server.url, extra=extra))
    entered = {"login": "ada", "password": "password-of-ada"}
    enter("typed", "ada", entered)
    enter("typed", "bob", {"login": "bob", "password": "password-of-ada"})

    assert who_calls("ada", conn_id="typed") == "ada"
    api.revoke_issued()
    assert who_calls("ada", conn_id="typed") == "ada"
    with pytest.raises(TokenEndpointError, match="Wrong user name or password"):
        who_calls("bob", conn_id="typed")
    filled = fill(read_raw("typed"), entered)
    assert run_steps(verify(filled)) == Account("id-of-ada", "ada")


# -- where it goes ---------------------------------------------------------------------------------


def test_each_end_user_may_have_a_host_of_their_own(serve, set_connection):
    places = [serve(build_api("keys", lambda: KEYS.get(request.headers.get("X-Api-Key", "")))) for _ in range(2)]
    hosts = " ".join(one.url.removeprefix("http://") for one in places)
    extra = {"allow_http": True, "allowed_hosts": hosts, "key_name": "X-Api-Key", "user_info_url": "/me"}
    set_connection(RawConnection("hosted", "integry_api_key_url", extra=extra))
    for name, place in zip(("ada", "bob"), places, strict=True):
        enter("hosted", name, {"host": place.url, "password": f"key-of-{name}"})

    for name, place in zip(("ada", "bob"), places, strict=True):
        assert IntegryHook("hosted", name).get_conn().base_url == place.url
        assert who_calls(name, conn_id="hosted") == name
        assert IntegryHook("hosted", name).find(verify=True).account == Account(f"id-of-{name}", name)


def test_a_session_does_not_take_a_new_key_to_the_old_host(serve, set_connection):
    places = [serve(build_api("keys", lambda: KEYS.get(request.headers.get("X-Api-Key", "")))) for _ in range(2)]
    hosts = " ".join(one.url.removeprefix("http://") for one in places)
    extra = {"allow_http": True, "allowed_hosts": hosts, "key_name": "X-Api-Key"}
    set_connection(RawConnection("hosted", "integry_api_key_url", extra=extra))
    enter("hosted", "ada", {"host": places[0].url, "password": "key-of-ada"})
    hook = IntegryHook("hosted", "ada")
    assert hook.get_conn().get("/resource").json()["account"] == "ada"

    enter("hosted", "ada", {"host": places[1].url, "password": "key-of-ada-2"})
    # As if a minute was over.
    forget_sources()
    hook_again = IntegryHook("hosted", "ada")
    assert hook_again.get_conn().get("/resource").json()["account"] == "ada-2"
    supply = hook._entered_supply()
    with pytest.raises(NotAuthorizedError, match="another base URL was entered"):
        supply.source(places[0].url).get()


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "::1", "fd00::1", "100.64.0.1"])
def test_a_name_that_leads_into_a_private_network_is_not_called(address, set_connection, monkeypatch):
    set_connection(RawConnection("hosted", "integry_api_key_url"))
    enter("hosted", "ada", {"host": "https://rebound.example.com", "password": "key-of-ada"})
    kind = socket.AF_INET6 if ":" in address else socket.AF_INET
    found = [(kind, socket.SOCK_STREAM, 6, "", (address, 443, *((0, 0) if ":" in address else ())))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)
    connected = []
    monkeypatch.setattr(socket.socket, "connect", lambda self, to: connected.append(to))
    hook = IntegryHook("hosted", "ada")

    with pytest.raises(HostNotAllowedError, match="private network"):
        hook.get_conn().get("/resource")

    async def ask():
        async with hook.get_async_conn() as session, session.get("/resource"):
            pass

    with pytest.raises(HostNotAllowedError, match="private network"):
        asyncio.run(ask())
    assert connected == []


def test_an_edited_base_url_gets_none_of_what_was_entered(keyed, serve, set_connection):
    enter("keyed", "ada", {"password": "key-of-ada"})
    seen = []
    evil = serve(build_api("evil", lambda: seen.append(request.headers.get("X-Api-Key"))))
    set_connection(evil.url, "integry_api_key", conn_id="keyed", password="key-of-app", key_name="X-Api-Key")

    with pytest.raises(NotAuthorizedError, match="were changed after it was authorized"):
        who_calls("ada")
    assert IntegryHook("keyed", "ada").readiness() is Readiness.NEEDS_REAUTHORIZATION
    assert seen == []


# -- what is done with it --------------------------------------------------------------------------


def test_what_is_entered_again_takes_over_at_once_and_what_is_revoked_is_wiped(keyed):
    first = enter("keyed", "ada", {"password": "key-of-ada"}, who=Account("7", "Ada"))
    second = enter("keyed", "ada", {"password": "key-of-ada-2"})
    assert (second.id, second.public_id, second.account_id) == (first.id, first.public_id, None)
    assert second.token_fingerprint != first.token_fingerprint
    forget_sources()
    assert who_calls("ada") == "ada-2"

    subject = subject_of("keyed", "ada")
    stores = (local_store(), local_journal(), local_refresher())
    outcome = run_steps(revoke_authorization(*stores, subject, subject.key, owner="tester"))

    assert outcome.upstream == "not_asked"
    assert "works at the service as before" in outcome.describe()
    assert local_store().find(subject.key.digest).sealed is None
    forget_sources()
    with pytest.raises(NotAuthorizedError, match="it was revoked here"):
        who_calls("ada")
    assert IntegryHook("keyed", "ada").readiness() is Readiness.REVOKED


def test_an_account_may_stand_in_for_another_one_and_no_chain_is_followed(keyed):
    ada = enter("keyed", "ada", {"password": "key-of-ada"})
    second = enter("keyed", "ada", {"password": "key-of-ada-2"}, account="second")
    enter("keyed", "ada", {"password": "key-of-bob"}, account="third")
    store = local_store()
    assert store.change(ada, {"use_account": "second"})
    assert store.change(store.find(second.digest), {"use_account": "third"})

    # Followed once: the second one's own credentials, although it points on.
    assert who_calls("ada") == "ada-2"
    assert who_calls("ada", "second") == "bob"
    # An id means its own row, as long as that is active.
    assert who_calls("ada", ada.public_id) == "ada"
    key = subject_of("keyed", "ada").key
    revoke_grant(store, local_journal(), key, None, owner="tester")
    forget_sources()
    assert who_calls("ada", ada.public_id) == who_calls("ada") == "ada-2"
    assert IntegryHook("keyed", "ada").readiness() is Readiness.READY

    # The default one again, after something was entered for it.
    enter("keyed", "ada", {"password": "key-of-ada"})
    forget_sources()
    assert who_calls("ada") == "ada"


def test_an_account_may_point_back_to_the_default_one(keyed):
    enter("keyed", "ada", {"password": "key-of-ada"})
    second = enter("keyed", "ada", {"password": "key-of-ada-2"}, account="second")
    assert local_store().change(second, {"use_account": ""})

    assert who_calls("ada", "second") == "ada"


def test_the_test_action_tries_it_and_remembers_the_account(keyed):
    enter("keyed", "ada", {"password": "key-of-ada"})
    enter("keyed", "bob", {"password": "wrong-key"})
    settings = read_settings("keyed")

    good = run_steps(check_authorization(local_refresher(), settings, subject_of("keyed", "ada")))
    bad = run_steps(check_authorization(local_refresher(), settings, subject_of("keyed", "bob")))

    assert (good.is_ok, good.message) == (True, "Connected as ada (id id-of-ada).")
    assert local_store().find(subject_of("keyed", "ada").key.digest).account_id == "id-of-ada"
    assert (bad.is_ok, type(bad.error)) == (False, CredentialsRejectedError)


def test_it_is_listed_with_where_it_stands(keyed):
    enter("keyed", "ada", {"password": "key-of-ada"}, who=Account("7", "Ada"))
    enter("keyed", "bob", {"password": "key-of-bob"})
    revoke_grant(local_store(), local_journal(), subject_of("keyed", "bob").key, None, owner="tester")

    page = Lister(local_store(), lambda places: places).list_page(ListQuery(conn_id="keyed"))
    found = {entry.standing.key.end_user: entry.standing.status.readiness for entry in page.entries}
    assert found == {"ada": "ready", "bob": "revoked", None: "ready"}
    told = {one.key.end_user: one.status.readiness for one in list_standings(local_store(), "keyed")}
    assert told == found
    ready = Lister(local_store(), lambda places: places).list_page(ListQuery("ada", Readiness.READY, "keyed"))
    assert [entry.standing.status.account_name for entry in ready.entries] == ["Ada"]


def test_it_is_never_kept_alive_and_is_encrypted_anew_with_the_rest(keyed):
    row = enter("keyed", "ada", {"password": "key-of-ada"})
    assert local_store().list_idle(-1.0) == []

    rotation = rotate_keys(local_store(), local_journal(), lambda done: None)

    assert (rotation.rotated, rotation.unreadable) == (1, [])
    assert local_store().find(row.digest).sealed != row.sealed
    forget_sources()
    assert who_calls("ada") == "ada"


def test_nothing_that_was_entered_is_in_clear_in_the_database_or_the_log(keyed, caplog):
    caplog.set_level("DEBUG")
    enter("keyed", "ada", {"password": "key-of-ada"})
    who_calls("ada")
    with airflow_settings.engine.connect() as database:
        kept = repr(database.execute(text("select * from integry_authorization")).all())
        audit = repr(database.execute(text("select * from log")).all())
    assert "key-of-ada" not in kept + audit + caplog.text


def test_ids_that_look_alike_are_different_end_users(keyed):
    names = ["1", "01", " 1", "1 ", "é", "e\u0301", "a/../b", "a%2Fb", "ADA", "ada", "x" * 255]
    for number, name in enumerate(names):
        enter("keyed", name, {"password": f"key-{number}"})
    rows = {row.end_user: row.id for page in local_store().walk(conn_id="keyed") for row in page}
    assert len(rows) == len(names)
    for number, name in enumerate(names):
        source = IntegryHook("keyed", name)._source().get()
        assert source.credentials.key.reveal() == f"key-{number}"
        assert [row.end_user for row in local_store().page(["keyed"], end_user=name)] == [name]
    for name in ("", "x" * 256, "a\x00b", "\ud800"):
        with pytest.raises(NotAuthorizedError):
            enter("keyed", name, {"password": "key-of-ada"})
