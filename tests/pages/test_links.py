"""A connect link that somebody of this Airflow makes on our page: for those who may edit the connection, shown once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape

import pytest
from sqlalchemy import create_engine

from airflow_provider_integry.authorizations.end_user_tables import link as table
from pages.desk import OAUTH, Desk

PAGE = "/authorize?conn_id=apps_crm&end_user=u%C3%A9"


@pytest.fixture(scope="module")
def apps(desk: Desk) -> Iterator[Desk]:
    """The Airflow, with a workspace and connections that belong to it; other files count what there is."""
    extra = {
        "login_url": "https://acme.example/login",
        "return_urls": "https://acme.example/done",
        "brand_name": "Acme",
    }
    secret = {"login": "acme", "password": "a" * 40, "host": None}
    desk.add_connection("apps_ws", conn_type="integry_workspace", extra=json.dumps(extra), **secret)
    keys = {"extra": json.dumps({"workspace": "apps_ws"})}
    desk.add_connection("apps_keys", conn_type="integry_api_key", password="k", **keys)
    desk.add_connection("apps_crm", extra=json.dumps({**OAUTH, "workspace": "apps_ws"}))
    yield desk
    for conn_id in ("apps_ws", "apps_keys", "apps_crm"):
        desk.remove_connection(conn_id)


def fields_of(page, **more):
    found = {name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', page)}
    return {**found, **more}


def links_of(apps):
    with create_engine(apps.site.database_url).connect() as database:
        return [dict(row) for row in database.execute(table.select()).mappings()]


def test_the_page_of_an_end_user_offers_a_link_that_is_shown_once(apps):
    root = apps.visitor("root")
    page = root.open(PAGE).text
    before = len(links_of(apps))

    answer = root.submit("/link", fields_of(page, binding="login"))

    (url,) = set(re.findall(r'data-copies="([^"]+)"', answer.text))
    made = links_of(apps)[before:]
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert unescape(url).startswith(f"{apps.url}/integry/public/connect?link=")
    assert [(one["conn_id"], one["end_user"], one["binding"], one["created_by"]) for one in made] == [
        ("apps_crm", "ué", "login", "root")
    ]
    assert made[0]["return_url"] == "https://acme.example/done"
    assert "Who opens it" in page
    assert url.partition("link=")[2] not in root.open(PAGE).text


def test_the_list_leads_to_the_page_of_an_end_user_whose_key_is_kept(apps):
    apps.add_row("apps_keys", "u1", conn_type="integry_api_key")
    page = apps.visitor("root").open("/authorizations?conn_id=apps_keys").text

    assert re.search(r'href="(/integry/authorize\?conn_id=apps_keys&amp;end_user=u1)"[^>]*>Connect link<', page)


def test_bindings_say_what_they_mean(apps):
    root = apps.visitor("root")
    page = root.open(PAGE).text

    answer = root.submit("/link", fields_of(page, binding="holder"))

    assert re.findall(r'<option value="(\w+)"', page) == ["login", "code", "holder"]
    assert "is believed to be that user" in answer.text


@pytest.mark.parametrize(
    "path", ["/authorize?conn_id=apps_crm", "/authorize?conn_id=crm&end_user=u1", "/authorize?conn_id=shop&end_user=u1"]
)
def test_without_an_end_user_or_a_workspace_there_is_no_link(apps, path):
    root = apps.visitor("root")
    page = root.open(path).text
    query = dict(part.split("=") for part in path.partition("?")[2].split("&"))

    answer = root.submit("/link", fields_of(page, **query))

    assert "Make a link" not in page
    assert (answer.status_code, "No link was made" in answer.text) == (409, True)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"return_url": "https://evil.example/"}, 409),
        ({"binding": "everybody"}, 409),
        ({"conn_id": "apps_ws"}, 404),
        ({"conn_id": "nothing"}, 404),
        ({"end_user": ""}, 404),
    ],
)
def test_what_no_link_can_be_made_for_is_refused(apps, fields, status):
    root = apps.visitor("root")
    page = root.open(PAGE).text
    before = len(links_of(apps))

    answer = root.submit("/link", fields_of(page, **fields))

    assert (answer.status_code, len(links_of(apps))) == (status, before)


def test_who_may_not_edit_the_connection_makes_none(apps):
    ada, bob = apps.visitor("ada"), apps.visitor("bob")
    before = len(links_of(apps))

    given = {"csrf": ada.csrf(), "conn_id": "apps_crm", "end_user": "u1"}
    assert ada.submit("/link", given).status_code == 404
    given = {"csrf": bob.csrf("/authorize?conn_id=shop"), "conn_id": "shop", "end_user": "u1"}
    assert bob.submit("/link", given).status_code == 409
    assert len(links_of(apps)) == before
