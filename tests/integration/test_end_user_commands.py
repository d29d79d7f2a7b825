"""``airflow integry link`` and ``accounts`` in a real Airflow: links are made, accounts looked after, hosts told."""

from __future__ import annotations

import json
import re

import pytest
from integration.command_line import Installation
from integration.host_app import who_am_i
from integration.loopback import Answer, Server

# What a host application's server does over HTTP.
CONNECT = """
from airflow_provider_integry.authorizations.steps import run_steps
from airflow_provider_integry.end_users.local import local_directory, local_end_users
from airflow_provider_integry.end_users.principals import Principal
by = Principal(local_directory().find("acme_ws"), None, "secret")
made = run_steps(local_end_users().create(by, "crm", USER, {"password": KEY}, account=ACCOUNT))
print(made.id)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A migrated installation with a workspace, an app, an API and a host application that listens."""
    found = Installation(tmp_path_factory.mktemp("end-users"))
    with Server(who_am_i) as api, Server(Answer(200)) as host:
        found.connections["acme_ws"] = {
            "conn_type": "integry_workspace",
            "login": "acme",
            "password": "a" * 40,
            "extra": {
                "login_url": "https://acme.example/login",
                "return_urls": "https://acme.example/done",
                "events_url": f"{host.url}/events",
                "allow_http": True,
            },
        }
        common = {"user_info_url": "/me", "account_id_path": "id", "allow_http": True}
        found.connections["crm"] = {
            "conn_type": "integry_api_key",
            "host": api.url,
            "extra": {**common, "workspace": "acme_ws", "accounts_per_user": "several"},
        }
        found.connections["lonely"] = {"conn_type": "integry_api_key", "host": api.url, "extra": common}
        found.host = host
        found.migrate()
        yield found


def connect(place, user, key="good-key", account=None):
    code = CONNECT.replace("USER", repr(user)).replace("KEY", repr(key)).replace("ACCOUNT", repr(account))
    return place.run(code).splitlines()[-1]


def link(place, *arguments, **more):
    return place.integry("link", *arguments, **{"AIRFLOW__API__BASE_URL": "https://airflow.example", **more})


def accounts(place, *arguments):
    done = place.integry("accounts", "list", "acme_ws", "-o", "json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_link_is_printed_alone_and_its_id_takes_it_back(place):
    made = link(place, "crm", "--end-user", "u1", "--return-url", "https://acme.example/done/x", "--minutes", "5")
    link_id = re.search(r"li_[0-9a-f]{32}", made.stderr)[0]
    revoked = place.integry("revoke-link", link_id)
    unknown = place.integry("revoke-link", "li_" + "0" * 32)

    assert made.returncode == 0, made.stderr
    assert re.fullmatch(r"https://airflow\.example/integry/public/connect\?link=[\w-]{43}\n", made.stdout)
    assert "asks the host application who is signed in" in made.stderr
    assert (revoked.returncode, revoked.stdout) == (0, f"Link {link_id} works no more.\n")
    assert (unknown.returncode, "There is no such link" in unknown.stderr) == (1, True)
    said = [(event, details["link_id"], details["binding"]) for event, _, details in place.audit() if "link" in event]
    assert said == [
        ("integry.authorization.link_made", link_id, "login"),
        ("integry.authorization.link_revoked", link_id, "login"),
    ]
    assert made.stdout.strip().partition("link=")[2] not in str(place.audit())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("lonely", "--end-user", "u1"), "names no workspace"),
        (("nothing", "--end-user", "u1"), "There is no connection 'nothing'"),
        (("acme_ws", "--end-user", "u1"), "is a workspace, which is no API"),
        (("crm", "--end-user", "u1", "--return-url", "https://evil.example/"), "'return_url'"),
        (("crm", "--end-user", "u1", "--minutes", "2000"), "'life_s'"),
    ],
)
def test_a_link_that_cannot_be_made_says_why(place, arguments, said):
    done = link(place, *arguments)

    assert (done.returncode, done.stdout, said in done.stderr, "Traceback" in done.stderr) == (1, "", True, False)


def test_without_an_address_of_its_own_airflow_makes_no_link(place):
    done = link(place, "crm", "--end-user", "u1", AIRFLOW__API__BASE_URL="")

    assert (done.returncode, "[integry] public_url" in done.stderr) == (1, True)


def test_accounts_are_listed_tried_chosen_moved_and_ended(place):
    first, work = connect(place, "u1"), connect(place, "u1", "other-key", "work")
    tried = place.integry("accounts", "test", first)
    chosen = place.integry("accounts", "default", work)
    listed = accounts(place, "--end-user", "u1")
    unsure = place.integry("accounts", "migrate", first, work, said="n\n")
    moved = place.integry("accounts", "migrate", first, work, "--yes")
    ended = place.integry("accounts", "disconnect", work, "--yes")

    assert (tried.returncode, tried.stdout) == (0, "Connected as Ada (id id-ada).\n"), tried.stderr
    assert (chosen.returncode, f"use {work} (Grace)" in chosen.stdout) == (0, True), chosen.stderr
    assert [(one["id"], one["account"], one["default"], one["readiness"]) for one in listed] == [
        (first, "", "", "ready"),
        (work, "work", "yes", "ready"),
    ]
    assert (unsure.returncode, "Nothing was done" in unsure.stderr) == (1, True)
    assert (moved.returncode, ended.returncode) == (0, 0), moved.stderr + ended.stderr
    assert accounts(place) == []
    assert [one["id"] for one in accounts(place, "--readiness", "revoked")] == [first, work]


def test_a_command_tells_the_host_application_what_it_did(place):
    made = connect(place, "u2")
    place.host.requests.clear()

    place.integry("accounts", "disconnect", made, "--yes")

    told = [json.loads(request.body) for request in place.host.requests]
    assert [(one["type"], one["connected_account_id"]) for one in told][-1] == ("account.disconnected", made)
    assert all("X-Integry-Signature" in request.headers for request in place.host.requests)


@pytest.mark.parametrize("command", [("test",), ("disconnect", "--yes"), ("default",)])
def test_an_account_that_is_not_there_is_not_found(place, command):
    done = place.integry("accounts", command[0], "ca_" + "0" * 32, *command[1:])

    assert (done.returncode, "There is no such account" in done.stderr) == (1, True)


def test_a_workspace_that_is_not_there_is_not_found(place):
    done = place.integry("accounts", "list", "crm")

    assert (done.returncode, "There is no workspace 'crm'" in done.stderr) == (1, True)
