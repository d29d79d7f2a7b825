"""``airflow integry`` in a real Airflow: what is shown, imported, wiped and encrypted anew."""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
import threading
import time

import pytest
import yaml
from cryptography.fernet import Fernet
from integration.command_line import Installation
from servers.live import LiveServer
from servers.oauth2 import Client, OAuth2Api

ROWS = 2000
SOW = """
import sys
from airflow import settings
from sqlalchemy import insert
from airflow_provider_integry.authorizations.crypto import seal
from airflow_provider_integry.authorizations.grant import AuthorizationKey, GrantSecrets
from airflow_provider_integry.authorizations.tables import authorization as table, epoch_now
from airflow_provider_integry.secret import Secret
def build(number):
    key = AuthorizationKey("crm", None, f"user-{number}")
    return {
        "digest": key.digest, "conn_id": key.conn_id, "end_user": key.end_user, "conn_type": "integry_oauth2",
        "binding": "b" * 64, "is_grant": True, "is_rotating": True, "state": "active", "version": 1, "generation": 1,
        "failures": 0, "created_at": 1.0,
        "sealed": seal(GrantSecrets(refresh_token=Secret(f"refresh-{number}")), key.digest),
    }
with settings.engine.begin() as connection:
    connection.execute(insert(table), [build(number) for number in range(ROWS)])
"""
# A process that renews grants all the time, as an API server does, until its standard input ends.
CHURN = """
import random, sys, threading
from airflow_provider_integry.authorizations.airflow_store import local_store
from airflow_provider_integry.authorizations.crypto import seal, unseal
from airflow_provider_integry.authorizations.grant import AuthorizationKey, GrantSecrets
from airflow_provider_integry.errors import StoreUnavailableError
from airflow_provider_integry.secret import Secret
stop, changed = threading.Event(), 0
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
print("ready", flush=True)
store = local_store()
while not stop.is_set():
    key = AuthorizationKey("crm", None, f"user-{random.randrange(ROWS)}")
    try:
        row = store.find(key.digest)
        secrets = unseal(row.sealed, row.digest)
        text = seal(GrantSecrets(refresh_token=Secret(secrets.refresh_token.reveal() + "+")), row.digest)
        changed += store.change(row, {"sealed": text, "generation": row.generation + 1})
    except StoreUnavailableError:
        pass
print(changed, flush=True)
"""
READ = """
import json
from airflow_provider_integry.authorizations.airflow_store import local_store
from airflow_provider_integry.authorizations.crypto import unseal
from airflow_provider_integry.errors import UnreadableGrantError
read, unread, changes = 0, 0, 0
for page in local_store().walk():
    for row in page:
        try:
            token = unseal(row.sealed, row.digest).refresh_token.reveal()
        except UnreadableGrantError:
            unread += 1
            continue
        assert token.rstrip("+") == "refresh-" + row.end_user.removeprefix("user-"), row.end_user
        read += 1
        changes += token.count("+")
print(json.dumps([read, unread, changes]))
"""


@pytest.fixture(scope="module")
def oauth():
    """A token endpoint that takes each refresh token once."""
    api = OAuth2Api(Client("client-1", "secret-1"), rotation="strict")
    with LiveServer(api.build()) as server:
        api.url, api.server = server.url, server
        yield api


@pytest.fixture(scope="module")
def shared(tmp_path_factory, oauth):
    """One migrated installation for the tests that do not disturb each other."""
    found = Installation(tmp_path_factory.mktemp("commands"))
    for conn_id in ("crm", "pasted", "wiped", "verified"):
        token = {"refresh_token": oauth.authorize()} if conn_id == "pasted" else {}
        found.connect(conn_id, oauth.url, grant_type="refresh_token", **token)
    found.connect("own", oauth.url)
    found.connections["photos"] = {
        "conn_type": "integry_oauth1",
        "host": "https://photos.example.com",
        "extra": {
            "consumer_key": "key",
            "consumer_secret": "c0nsumer",
            **{f"{name}_url": f"https://photos.example.com/{name}" for name in ("request", "authorize", "access")},
        },
    }
    found.connections["key"] = {"conn_type": "integry_api_key", "host": "https://api.example.com", "password": "k"}
    found.connections["broken"] = {"conn_type": "integry_api_key", "host": "https://api.example.com"}
    found.connections["other"] = {"conn_type": "http", "host": "https://api.example.com"}
    found.migrate()
    return found


@pytest.fixture
def alone(tmp_path):
    """A migrated installation for one test."""
    found = Installation(tmp_path)
    found.migrate()
    yield found
    found.stop()


def row_of(installation, conn_id, end_user=None):
    [row] = [one for one in installation.rows() if (one["conn_id"], one["end_user"]) == (conn_id, end_user)]
    return row


# -- status ----------------------------------------------------------------------------------------


def test_connections_that_nothing_is_kept_of_are_shown_with_what_they_say_themselves(shared):
    found = {one["conn_id"]: one for one in shared.status() if one["authorization_id"] is None}

    assert {name: found[name]["readiness"] for name in ("own", "pasted", "key", "broken")} == {
        "own": "ready",
        "pasted": "ready",
        "key": "ready",
        "broken": "pending",
    }
    assert "field 'password': is empty" in found["broken"]["last_error"]
    assert "other" not in found
    assert "integry_installation" not in found


def test_connections_of_the_database_are_shown_and_those_that_cannot_be_decrypted_too(alone):
    alone.connections["shadowed"] = {"conn_type": "integry_basic", "login": "ada", "password": "pw"}
    for conn_id in ("stored", "shadowed"):
        added = alone.airflow(
            "connections", "add", conn_id, "--conn-type", "integry_api_key", "--conn-password", "secret-key-1"
        )
        assert added.returncode == 0, added.stderr[-2000:]

    found = {one["conn_id"]: one for one in alone.status()}
    changed = alone.integry("status", "stored", AIRFLOW__CORE__FERNET_KEY=Fernet.generate_key().decode())

    assert (found["stored"]["readiness"], found["stored"]["conn_type"]) == ("ready", "integry_api_key")
    assert found["shadowed"]["conn_type"] == "integry_basic"
    assert "pending" in changed.stdout
    assert "field 'password': cannot be" in changed.stdout
    assert "secret-key-1" not in changed.stdout + changed.stderr


def test_a_row_without_its_connection_says_so_and_every_format_shows_it(shared, oauth):
    shared.connect("gone", oauth.url, grant_type="refresh_token")
    made = shared.integry("import", "gone", "--end-user", "acme", "--verify", said=oauth.authorize())
    before = shared.status("gone")
    del shared.connections["gone"]

    [row] = shared.status("gone")
    assert made.returncode == 0, made.stderr
    assert (before[-1]["readiness"], before[-1]["end_user"], before[-1]["last_error"]) == ("ready", "acme", None)
    assert 3500 < before[-1]["expires_in_s"] <= 3600
    assert before[-1]["scopes"] == ["contacts.read"]
    assert before[-1]["refreshed_at"].endswith("Z")
    assert (row["readiness"], "does not exist any more" in row["last_error"]) == ("pending", True)

    assert [one["end_user"] for one in yaml.safe_load(shared.integry("status", "gone", "-o", "yaml").stdout)] == [
        "acme"
    ]
    for output in ("table", "plain"):
        text = shared.integry("status", "gone", "-o", output).stdout
        assert "acme" in text
        assert "59 min" in text
        assert "does not exist any more" in text


def test_status_names_what_it_does_not_find(shared):
    nothing = shared.integry("status", "nope")
    nobody = shared.integry("status", "pasted", "--end-user", "nobody")

    assert (nothing.returncode, nobody.returncode) == (1, 1)
    assert "Connection 'nope': there is no authorization" in nothing.stderr
    assert "end user 'nobody'" in nobody.stderr


def test_status_decrypts_no_grant(alone, oauth):
    alone.connect("crm", oauth.url, grant_type="refresh_token")
    assert alone.integry("import", "crm", said=oauth.authorize()).returncode == 0
    before = alone.status("crm")

    other = alone.integry("status", "crm", "-o", "plain", AIRFLOW__CORE__FERNET_KEY=Fernet.generate_key().decode())

    assert before[0]["readiness"] == "ready"
    assert (other.returncode, "ready" in other.stdout) == (0, True)


# -- import ----------------------------------------------------------------------------------------


def test_an_imported_token_is_the_grant_from_now_on(shared, oauth, tmp_path):
    first, second = oauth.authorize(), oauth.authorize()
    (tmp_path / "token").write_text(f"  {second}\n")

    piped = shared.integry("import", "crm", "--end-user", "acme", said=f"{first}\n")
    row = row_of(shared, "crm", "acme")
    from_file = shared.integry("import", "crm", "--end-user", "acme", "--file", str(tmp_path / "token"), "--verify")
    after = row_of(shared, "crm", "acme")

    assert piped.returncode == 0, piped.stderr
    assert f"Authorization {row['id']} of connection 'crm', end user 'acme'" in piped.stdout
    assert (row["state"], row["generation"], row["token_fingerprint"]) == ("active", 0, None)
    assert from_file.returncode == 0, from_file.stderr
    told = re.search(r"A token was obtained with it, good for (\d+) s, with scopes contacts.read", from_file.stdout)
    # An hour, less the time that a busy machine takes to say so.
    assert told is not None
    assert 3540 <= int(told[1]) <= 3600
    # The import and the refresh are a generation each.
    assert (after["id"], after["generation"], after["refreshed_at"] is not None) == (row["id"], 2, True)
    everything = piped.stdout + piped.stderr + from_file.stdout + from_file.stderr + str(shared.audit())
    assert first not in everything
    assert second not in everything
    events = [(event, details) for event, _, details in shared.audit() if details["authorization_id"] == row["id"]]
    assert events == [("integry.authorization.imported", {"conn_id": "crm", "authorization_id": row["id"]})] * 2
    assert {owner for _, owner, _ in shared.audit()} != {"integry"}


def test_what_is_pasted_into_the_connection_does_not_take_over_from_an_import(shared, oauth):
    pasted = shared.connections["pasted"]["extra"]["refresh_token"]

    done = shared.integry("import", "pasted", "--verify", said=oauth.authorize())

    row = row_of(shared, "pasted")
    assert done.returncode == 0, done.stderr
    assert row["seed"] == hashlib.sha256(pasted.encode()).hexdigest()
    assert [one["readiness"] for one in shared.status("pasted")] == ["ready"]
    assert oauth.family_revocations == 0


def test_a_token_that_is_refused_is_told_at_once(shared):
    done = shared.integry("import", "verified", "--verify", said="no-such-token")

    assert done.returncode == 1
    assert "The grant is stored, and no token was obtained with it" in done.stderr
    assert "invalid_grant" in done.stderr
    assert "Traceback" not in done.stderr
    assert "no-such-token" not in done.stdout + done.stderr
    assert [one["readiness"] for one in shared.status("verified")] == ["needs_reauthorization"]


@pytest.mark.parametrize(
    ("arguments", "said", "complaint"),
    [
        (["nope"], "t", "There is no connection 'nope'"),
        (["key"], "t", "is of type 'integry_api_key', which has no refresh tokens"),
        (["own"], "t", "uses grant type 'client_credentials': its own credentials suffice"),
        (["photos"], "t", "has no refresh tokens: its grant comes out of a consent"),
        (["broken"], "t", "are entered with 'airflow integry authorize broken --end-user NAME'"),
        (["crm", "--end-user", ""], "t", "end_user has 0 characters"),
        (["crm", "--end-user", "x" * 256], "t", "end_user has 256 characters"),
        (["crm"], "", "Standard input is empty"),
        (["crm"], "two words", "one word"),
        (["crm", "--file", "/no/such/file"], "", "File '/no/such/file' cannot be read"),
    ],
)
def test_what_cannot_be_imported_is_refused_with_the_reason(shared, arguments, said, complaint):
    done = shared.integry("import", *arguments, said=said)

    assert done.returncode == 1
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


# -- revoke ----------------------------------------------------------------------------------------


def test_a_wiped_grant_holds_nothing_and_stays_wiped(shared, oauth):
    assert shared.integry("import", "wiped", "--verify", said=oauth.authorize()).returncode == 0
    refused = shared.integry("revoke", "wiped", said="no\n")
    kept = row_of(shared, "wiped")

    done = shared.integry("revoke", "wiped", said="yes\n")
    row = row_of(shared, "wiped")
    again = shared.integry("revoke", "wiped", "--yes")

    assert (refused.returncode, kept["sealed"] is not None) == (1, True)
    assert (done.returncode, again.returncode) == (0, 0)
    assert (row["state"], row["sealed"], row["token_fingerprint"], row["scopes"]) == ("revoked", None, None, None)
    assert [one["readiness"] for one in shared.status("wiped")] == ["revoked"]
    events = [event for event, _, details in shared.audit() if details["authorization_id"] == row["id"]]
    assert events[:2] == ["integry.authorization.imported", "integry.authorization.revoked"]
    back = shared.integry("import", "wiped", "--verify", said=oauth.authorize())
    assert back.returncode == 0, back.stderr
    assert row_of(shared, "wiped")["state"] == "active"


def test_there_is_nothing_to_wipe_where_nothing_is_kept(shared):
    done = shared.integry("revoke", "own", "--yes")

    assert (done.returncode, "Nothing is kept of connection 'own'" in done.stderr) == (1, True)


def test_all_grants_of_a_connection_are_wiped_at_once_and_no_others(alone, oauth):
    for conn_id in ("crm", "shop"):
        alone.connect(conn_id, oauth.url, grant_type="authorization_code", authorize_url=f"{oauth.url}/authorize")
    for conn_id, *user in (("crm",), ("crm", "--end-user", "u1"), ("crm", "--end-user", "ü 2"), ("shop",)):
        assert alone.integry("import", conn_id, *user, "--verify", said=oauth.authorize()).returncode == 0
    odd = alone.integry("revoke", "crm", "--all", "--end-user", "u1", "--yes")
    refused = alone.integry("revoke", "crm", "--all", said="no\n")
    before = [one["readiness"] for one in alone.status()]

    done = alone.integry("revoke", "crm", "--all", said="yes\n")
    again = alone.integry("revoke", "crm", "--all", "--yes")

    assert (odd.returncode, "--all is for every end user" in odd.stderr) == (1, True)
    assert (refused.returncode, before) == (1, ["ready"] * 4)
    assert done.returncode == 0, done.stderr
    assert "Revoke all 3 grants of connection 'crm', here and at the service?" in done.stdout
    assert "3 grants of connection 'crm' are wiped; the service was told of 0." in done.stdout
    assert {(one["conn_id"], one["readiness"]) for one in alone.status()} == {("crm", "revoked"), ("shop", "ready")}
    assert (again.returncode, "Nothing is kept of connection 'crm'" in again.stderr) == (1, True)


@pytest.fixture
def held():
    """A token endpoint that answers when it is told to: ``held.arrived.wait()``, ``held.gate.set()``."""
    api = OAuth2Api(Client("client-1", "secret-1"), rotation="strict")
    api.arrived, api.gate = threading.Event(), threading.Event()
    app = api.build()

    @app.before_request
    def hold():
        api.arrived.set()
        assert api.gate.wait(30)

    with LiveServer(app) as server:
        api.url, api.server = server.url, server
        yield api
        api.gate.set()


def test_a_refresh_that_is_on_its_way_does_not_bring_a_wiped_grant_back(alone, held):
    alone.connect("crm", held.url, grant_type="refresh_token", refresh_token=held.authorize())
    alone.start_server()
    with alone.tasks(1, "crm") as (task,):
        task.go()
        assert held.arrived.wait(30)
        done = alone.integry("revoke", "crm", "--yes")
        assert done.returncode == 0, done.stderr
        held.gate.set()
        result = task.result()
        wait_until(lambda: held.server.count("/token") == 1 and not list(alone.journal.glob("*")))
        row = row_of(alone, "crm")

    assert result["error"] == "NotAuthorizedError"
    assert "revoked" in result["message"]
    assert (row["state"], row["sealed"], row["token_fingerprint"], row["lease_owner"]) == ("revoked", None, None, None)


def test_a_refresh_that_is_on_its_way_does_not_replace_an_imported_grant(alone, held):
    alone.connect("crm", held.url, grant_type="refresh_token", refresh_token=held.authorize())
    alone.start_server()
    with alone.tasks(1, "crm") as (task,):
        task.go()
        assert held.arrived.wait(30)
        done = alone.integry("import", "crm", said=held.authorize())
        assert done.returncode == 0, done.stderr
        imported = row_of(alone, "crm")
        held.gate.set()
        result = task.result()
        wait_until(lambda: not list(alone.journal.glob("*")))
        row = row_of(alone, "crm")

    # What the first refresh obtained is dropped; the second one was made with the imported token.
    assert held.server.count("/token") == 2
    assert held.family_revocations == 0
    assert (row["generation"], row["state"]) == (imported["generation"] + 1, "active")
    assert row["token_fingerprint"] == result["fingerprint"]


# -- rotate-keys -----------------------------------------------------------------------------------


def test_everything_is_readable_with_the_new_key_alone_after_a_rotation_under_load(alone):
    old, new = alone.fernet_key, Fernet.generate_key().decode()
    alone.run(f"ROWS = {ROWS}\n{SOW}")
    alone.fernet_key = f"{new},{old}"
    churn = subprocess.Popen(
        [sys.executable, "-c", f"ROWS = {ROWS}\n{CHURN}"],
        env=alone.server_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert churn.stdout.readline() == "ready\n"
        first = alone.integry("rotate-keys")
        again = alone.integry("rotate-keys")
        changed = int(churn.communicate("", timeout=60)[0])
    finally:
        churn.kill()
        churn.communicate()
    alone.fernet_key = new

    read, unread, changes = yaml.safe_load(alone.run(READ).splitlines()[-1])

    assert first.returncode == again.returncode == 0, first.stderr + again.stderr
    assert f"Encrypted anew with the first Fernet key: {ROWS} authorizations" in first.stdout
    assert f"{ROWS} of {ROWS} authorizations" in first.stderr
    assert changed > 100
    assert (read, unread, changes) == (ROWS, 0, changed)


def test_what_no_key_decrypts_is_named_and_the_rest_is_done(alone):
    alone.run(f"ROWS = 3\n{SOW}")
    alone.run("from airflow import settings\nfrom sqlalchemy import text\n"
              "with settings.engine.begin() as c:\n"
              "    c.execute(text(\"update integry_authorization set sealed = 'gone' where id = 2\"))\n"
              '    c.execute(text("update integry_authorization set sealed = null where id = 3"))\n')  # fmt: skip
    write_journal(alone, "user-0", 1)
    write_journal(alone, "user-0", 0)
    alone.fernet_key, old = Fernet.generate_key().decode(), alone.fernet_key
    new, alone.fernet_key = alone.fernet_key, f"{alone.fernet_key},{old}"
    (alone.journal / f"{'0' * 64}-7.grant").write_text("damaged")

    done = alone.integry("rotate-keys")
    entries = sorted(path.name for path in alone.journal.iterdir())
    alone.fernet_key = new
    after = alone.run(
        "from airflow_provider_integry.authorizations.airflow_store import local_journal\n"
        "journal = local_journal()\n"
        "print([journal.find(*one).secrets.refresh_token.reveal() for one in journal.entries() if one[1] == 1])\n"
    )

    assert done.returncode == 1
    assert "Cannot be decrypted with any of the keys: connection 'crm', authorization 2" in done.stdout
    assert f"Cannot be decrypted with any of the keys: journal entry {'0' * 64}-7" in done.stdout
    assert "1 authorizations (1 more hold no secret), and 1 entries of the journal" in done.stdout
    assert "2 could not be decrypted" in done.stderr
    # The row has moved on from generation 0: nobody will ask for that entry.
    assert [name.rpartition("-")[2] for name in entries] == ["7.damaged", "1.grant"]
    assert "journalled-1" in after


def test_without_a_fernet_key_nothing_is_encrypted_anew(alone):
    done = alone.integry("rotate-keys", AIRFLOW__CORE__FERNET_KEY="")

    assert (done.returncode, "[core] fernet_key" in done.stderr) == (1, True)


def write_journal(installation, end_user, generation):
    installation.run(
        "from airflow_provider_integry.authorizations.airflow_store import local_journal\n"
        "from airflow_provider_integry.authorizations.grant import AuthorizationKey, GrantSecrets\n"
        "from airflow_provider_integry.authorizations.journal import JournalEntry\n"
        "from airflow_provider_integry.secret import Secret\n"
        f"digest = AuthorizationKey('crm', None, {end_user!r}).digest\n"
        f"secrets = GrantSecrets(refresh_token=Secret('journalled-{generation}'))\n"
        f"local_journal().write(JournalEntry(digest, 1.5, {generation}, secrets, {{}}))\n"
    )


# -- help ------------------------------------------------------------------------------------------


def test_every_command_and_argument_explains_itself():
    from airflow_provider_integry.cli import get_commands

    [group] = get_commands()
    todo, seen = list(group.subcommands), []
    while todo:
        one = todo.pop()
        seen.append(one.name)
        assert one.help
        assert not one.help.endswith(".")
        # rich would take them for style, and leave the word out.
        assert "[" not in f"{one.help}{one.description}"
        todo += getattr(one, "subcommands", ())
        for argument in getattr(one, "args", ()):
            assert argument.kwargs.get("help"), f"{one.name} {argument.flags}"
    commands = (
        "accounts add authorize check connectors db default disconnect downgrade import import link list list list"
        " migrate remove revoke revoke-link rotate-keys run schema show status test test upgrade validate webhooks"
    )
    assert sorted(seen) == commands.split()


def test_no_command_takes_a_secret_as_an_argument():
    from airflow.cli.cli_parser import get_parser

    parser = get_parser()
    with pytest.raises(SystemExit):
        parser.parse_args(["integry", "import", "crm", "token-on-the-command-line"])
    args = parser.parse_args(["integry", "import", "crm", "--end-user", "acme", "--verify"])
    assert isinstance(args, argparse.Namespace)
    assert (args.conn_id, args.end_user, args.account, args.file, args.verify) == ("crm", "acme", None, None, True)


def wait_until(is_so, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


def test_status_tells_of_a_consent_that_nobody_has_given(shared):
    (found,) = shared.status("photos")

    assert (found["readiness"], found["last_error"]) == ("pending", "nobody has authorized it yet")
