"""A workspace's form is read strictly, and a session is good for its own workspace, purpose and hour alone."""

from __future__ import annotations

import jwt as pyjwt
import pytest

from airflow_provider_integry.end_users.sessions import LIFE_S, Sessions
from airflow_provider_integry.end_users.workspace import Workspace, parse_workspace
from airflow_provider_integry.errors import (
    ConnectionConfigError,
    EndUserIdentityError,
    MissingFieldError,
    UnknownConnectionTypeError,
)
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.settings import RawConnection, parse_connection

NOW = 1_800_000_000.0
SECRET = "a-secret-of-at-least-32-characters"


def parse(**more) -> Workspace:
    columns = {"login": more.pop("login", "acme"), "password": more.pop("password", SECRET)}
    return parse_workspace(RawConnection("ws", more.pop("conn_type", "integry_workspace"), **columns, extra=more))


def refused(**more):
    with pytest.raises(ConnectionConfigError) as caught:
        parse(**more)
    return caught.value


# -- the form ------------------------------------------------------------------------------------------


def test_the_least_is_a_key_and_a_secret():
    found = parse()

    assert (found.app_key, found.brand.name, found.return_urls, found.login_url) == ("acme", "acme", (), None)
    assert SECRET not in repr(found)


def test_everything_is_read_as_it_is_meant():
    found = parse(
        login_url="https://app.example.com/login?x=1",
        return_urls="https://app.example.com/a, https://app.example.com/b",
        allowed_origins=["https://APP.example.com:443", "https://app.example.com:8443/"],
        host_connection="acme_api",
        events_url="https://app.example.com/events",
        brand_name="Acme",
        brand_logo="https://static.example.com/logo.svg",
        brand_colour="#1A4fa3",
    )

    assert found.return_urls == ("https://app.example.com/a", "https://app.example.com/b")
    assert found.allowed_origins == ("https://app.example.com", "https://app.example.com:8443")
    assert (found.host_connection, found.events_url) == ("acme_api", "https://app.example.com/events")
    assert (found.brand.name, found.brand.colour) == ("Acme", "#1A4fa3")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"login": None}, "login"),
        ({"password": None}, "password"),
        ({"password": "x" * 31}, "password"),
        ({"login": "a:b"}, "login"),
        ({"login": "é"}, "login"),
        ({"login": "x" * 256}, "login"),
        ({"login_url": "http://app.example.com/login"}, "login_url"),
        ({"login_url": "javascript:alert(1)"}, "login_url"),
        ({"login_url": "https://app.example.com/#x"}, "login_url"),
        ({"return_urls": "https://app.example.com/x?y=1"}, "return_urls"),
        ({"return_urls": "https://app.example.com/x/../y"}, "return_urls"),
        ({"return_urls": "https://*.example.com/"}, "return_urls"),
        ({"return_urls": "/done"}, "return_urls"),
        ({"allowed_origins": "*"}, "allowed_origins"),
        ({"allowed_origins": "null"}, "allowed_origins"),
        ({"allowed_origins": "https://app.example.com/path"}, "allowed_origins"),
        ({"events_url": "http://10.0.0.1/"}, "events_url"),
        ({"events_url": "https://169.254.169.254/"}, "events_url"),
        ({"brand_logo": "http://static.example.com/logo.svg", "allow_http": True}, "brand_logo"),
        ({"brand_colour": "red"}, "brand_colour"),
        ({"brand_colour": "#123;background:url(//evil)"}, "brand_colour"),
        ({"base_url": "https://x"}, "base_url"),
    ],
)
def test_a_wrong_field_is_named(fields, field):
    error = refused(**fields)

    assert error.field == field
    assert SECRET not in str(error)


def test_http_is_for_those_who_ask_for_it():
    found = parse(allow_http=True, events_url="http://10.0.0.1:9/x", allowed_origins="http://localhost:8000")

    assert (found.events_url, found.allowed_origins) == ("http://10.0.0.1:9/x", ("http://localhost:8000",))


def test_a_workspace_is_no_connection_of_an_api_and_the_other_way_round():
    with pytest.raises(UnknownConnectionTypeError):
        parse(conn_type="integry_api_key")
    with pytest.raises(UnknownConnectionTypeError, match="is a workspace, which is no API"):
        parse_connection(RawConnection("ws", "integry_workspace", login="acme", password=SECRET))
    assert isinstance(refused(login=""), MissingFieldError)
    # As URIs have it.
    assert parse(conn_type="integry-workspace").app_key == "acme"


def test_what_a_connection_says_of_end_users_is_checked():
    fields = {
        "workspace": "ws",
        "listing": "listed",
        "accounts_per_user": "several",
        "app_name": "CRM",
        "app_description": "Contacts.",
        "app_logo": "https://static.example.com/crm.png",
    }
    raw = RawConnection("crm", "integry_api_key", host="https://api.example.com", password="k", extra=fields)

    found = parse_connection(raw).end_users

    assert (found.workspace, found.is_listed, found.has_several, found.name) == ("ws", True, True, "CRM")
    for name, value in {"app_logo": "http://x/y", "listing": "maybe", "accounts_per_user": "2"}.items():
        wrong = RawConnection("crm", "integry_api_key", password="k", extra={**fields, name: value})
        with pytest.raises(ConnectionConfigError) as caught:
            parse_connection(wrong)
        assert caught.value.field == name


# -- sessions ------------------------------------------------------------------------------------------


@pytest.fixture
def workspaces():
    return {
        "ws": parse(),
        "other": parse_workspace(RawConnection("other", "integry_workspace", login="o", password="o" * 40)),
    }


@pytest.fixture
def sessions(workspaces):
    return Sessions(lambda: Secret("installation-secret"), workspaces.get)


@pytest.mark.parametrize("end_user", ["u1", "é", "\U0001f600" * 255, " ", "a\nb"])
def test_a_session_comes_back_as_it_was_made_and_fits_into_a_cookie(sessions, workspaces, end_user):
    made = sessions.make(workspaces["ws"], end_user, now=NOW, name="\U0001f600" * 200)
    found = sessions.read(made.text.reveal(), now=NOW + LIFE_S - 1)

    assert found == made
    assert (found.end_user, found.workspace.conn_id, found.expires_at) == (end_user, "ws", NOW + LIFE_S)
    assert len(found.name) == 100
    assert len(made.text.reveal()) < 3800
    assert made.text.reveal().isascii()
    assert made.text.reveal() not in repr(made)


def test_a_session_ends_with_its_hour_its_secrets_and_its_workspace(sessions, workspaces):
    text = sessions.make(workspaces["ws"], "u1", now=NOW).text.reveal()

    assert sessions.read(text, now=NOW + LIFE_S) is None
    assert sessions.read(text, now=NOW - 61) is None
    assert Sessions(lambda: Secret("another"), workspaces.get).read(text, now=NOW) is None
    assert (
        Sessions(lambda: Secret("installation-secret"), {"ws": parse(password="b" * 40)}.get).read(text, now=NOW)
        is None
    )
    assert Sessions(lambda: Secret("installation-secret"), {}.get).read(text, now=NOW) is None


def test_a_cookie_is_no_bearer_token_and_the_other_way_round(sessions, workspaces):
    cookie = sessions.make(workspaces["ws"], "u1", now=NOW).text.reveal()
    script = sessions.make(workspaces["ws"], "u1", now=NOW, purpose="script").text.reveal()

    assert sessions.read(cookie, now=NOW, purpose="script") is None
    assert sessions.read(script, now=NOW) is None
    assert sessions.read(script, now=NOW, purpose="script").end_user == "u1"


def test_a_session_of_one_workspace_is_nothing_in_another(sessions, workspaces):
    text = sessions.make(workspaces["ws"], "u1", now=NOW).text.reveal()
    claims = pyjwt.decode(text, options={"verify_signature": False})
    for key in (SECRET, "o" * 40, "installation-secret"):
        forged = pyjwt.encode({**claims, "workspace": "other"}, key.ljust(32, "0"), algorithm="HS256")
        assert sessions.read(forged, now=NOW) is None
    assert sessions.read(pyjwt.encode(claims, None, algorithm="none"), now=NOW) is None


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "x" * 5000, "é", "\ud800"])
def test_what_is_no_session_is_none(sessions, text):
    assert sessions.read(text, now=NOW) is None


def test_the_token_of_a_form_belongs_to_its_session(sessions, workspaces):
    one, two = (sessions.make(workspaces["ws"], "u1", now=NOW) for _ in range(2))

    assert one.check_csrf(one.csrf_token.reveal())
    assert not one.check_csrf(two.csrf_token.reveal())
    assert not one.check_csrf("")
    assert not one.check_csrf("é")
    assert one.digest != two.digest


def test_an_id_that_no_database_keeps_has_no_session(sessions, workspaces):
    with pytest.raises(EndUserIdentityError):
        sessions.make(workspaces["ws"], "x" * 256, now=NOW)
