"""`airflow integry authorize` asks for an end user's key, tries it, and keeps it; nothing shows on the terminal."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest
from flask import request
from integration.command_line import Installation
from servers.api import build_api
from servers.live import LiveServer

ACCOUNTS = {"ada": "password-of-ada-1", "bob": "password-of-bob-1"}


def verify():
    given = request.authorization
    is_right = given is not None and given.type == "basic" and ACCOUNTS.get(given.username or "") == given.password
    return given.username if is_right else None


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    with LiveServer(build_api("Basic", verify)) as server:
        found = Installation(tmp_path_factory.mktemp("entering"))
        extra = {"allow_http": True, "user_info_url": "/me"}
        found.connections["basic"] = {"conn_type": "integry_basic", "host": server.url, "extra": extra}
        found.migrate()
        yield found


def enter(installation, fields, *arguments):
    said = fields if isinstance(fields, str) else json.dumps(fields)
    return installation.integry("authorize", "basic", "--end-user", *arguments, said=said)


def rows(installation):
    return {row["end_user"]: row for row in installation.status("basic")}


def test_fields_are_read_as_json_tried_and_kept(installation):
    done = enter(installation, {"login": "ada", "password": ACCOUNTS["ada"]}, "acme")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(
        "Authorized: connection 'basic', end user 'acme' as ada (id id-of-ada). Its connected"
    )
    public_id = done.stdout.rstrip(".\n").rpartition(" ")[2]
    assert installation.rows()[-1]["public_id"] == public_id
    assert (rows(installation)["acme"]["readiness"], rows(installation)["acme"]["account_name"]) == ("ready", "ada")
    tried = installation.integry("test", "basic", "--end-user", "acme", "--account", public_id)
    assert (tried.returncode, tried.stdout) == (0, "Connected as ada (id id-of-ada).\n")
    assert ("integry.authorization.authorized", {"basic"}) in [
        (one[0], {one[2]["conn_id"]}) for one in installation.audit()
    ]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"login": "ada", "password": "wrong-password-1"}, "the API refuses the credential (status 401)"),
        ({"login": "ada:x", "password": "p"}, "Field 'login': holds a colon"),
        ({"password": "wrong-password-1"}, "Field 'login': is empty, and needed"),
        ({"login": "ada", "host": "https://evil.example.com"}, "Field 'host': is not asked for"),
        ("not json", 'Standard input is no JSON object of texts; write {"login": "…", "password": "…"}.'),
        ('{"login": 1}', "Standard input is no JSON object of texts"),
        ("", "Standard input is no JSON object of texts"),
    ],
)
def test_what_cannot_be_used_is_not_kept(installation, fields, said):
    done = enter(installation, fields, "nobody")

    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert "wrong-password-1" not in done.stderr
    assert "Traceback" not in done.stderr
    assert "nobody" not in rows(installation)


def test_it_can_be_kept_untried(installation):
    done = enter(installation, {"login": "ada", "password": "wrong-password-1"}, "later", "--no-verify")
    assert done.returncode == 0, done.stderr
    tried = installation.integry("test", "basic", "--end-user", "later")
    assert (tried.returncode, "status 401" in tried.stderr) == (1, True)


def test_another_account_takes_the_place_of_a_known_one_only_when_somebody_says_so(installation):
    assert enter(installation, {"login": "ada", "password": ACCOUNTS["ada"]}, "moving").returncode == 0
    bob = {"login": "bob", "password": ACCOUNTS["bob"]}

    asked = enter(installation, bob, "moving")
    assert (asked.returncode, "is ada (id id-of-ada); this is bob" in asked.stdout) == (1, True)
    assert rows(installation)["moving"]["account_name"] == "ada"
    assert enter(installation, bob, "moving", "--yes").returncode == 0
    assert rows(installation)["moving"]["account_name"] == "bob"


def test_it_is_revoked_and_entered_again(installation):
    assert enter(installation, {"login": "ada", "password": ACCOUNTS["ada"]}, "leaving").returncode == 0

    done = installation.integry("revoke", "basic", "--end-user", "leaving", said="y\n")

    assert done.returncode == 0, done.stderr
    assert "It has to be entered again afterwards" in done.stdout
    assert "works at the service as before" in done.stdout
    assert rows(installation)["leaving"]["readiness"] == "revoked"
    assert enter(installation, {"login": "bob", "password": ACCOUNTS["bob"]}, "leaving").returncode == 0
    assert rows(installation)["leaving"]["readiness"] == "ready"


def test_without_an_end_user_there_is_nothing_to_enter(installation):
    own = installation.integry("authorize", "basic", said="{}")
    assert (own.returncode, "End users have their own; name one with --end-user." in own.stderr) == (1, True)
    waiting = installation.integry("authorize", "basic", "--end-user", "acme", "--no-wait", said="{}")
    assert (waiting.returncode, "are for consent" in waiting.stderr) == (1, True)


def test_on_a_terminal_it_asks_and_shows_no_password(installation):
    main, other = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "airflow", "integry", "authorize", "basic", "--end-user", "typed"],
        env=installation.server_environment(),
        stdin=other,
        stdout=other,
        stderr=other,
        start_new_session=True,
        # So that the password is asked for on this terminal.
        preexec_fn=lambda: __import__("fcntl").ioctl(0, __import__("termios").TIOCSCTTY, 0),  # noqa: PLW1509
    )
    os.close(other)
    shown = read_until(main, b"User name: ")
    os.write(main, b"ada\n")
    shown += read_until(main, b"Password (not shown, may be empty): ")
    os.write(main, ACCOUNTS["ada"].encode() + b"\n")
    shown += read_until(main, b"Its connected account id is ca_")
    process.wait(timeout=60)
    os.close(main)

    assert process.returncode == 0, shown
    assert ACCOUNTS["ada"].encode() not in shown
    assert rows(installation)["typed"]["account_name"] == "ada"


def read_until(terminal, words):
    shown = b""
    while words not in shown:
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            piece = b""
        assert piece, shown
        shown += piece
    return shown
