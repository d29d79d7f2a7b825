"""``airflow integry authorize``, ``test`` and ``revoke``: what is printed, what is waited for, and how it ends."""

from __future__ import annotations

import inspect
import io
import re
import signal
import subprocess
import sys
import threading
import time
from argparse import Namespace
from contextlib import contextmanager
from html import unescape
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from airflow import settings as airflow_settings
from integration.command_line import Installation
from integration.granted import CLIENT, build_granted
from servers.live import LiveServer
from servers.oauth2_consent import ConsentApi, ConsentClient

from airflow_provider_integry.authorizations.airflow_store import local_consents, local_journal, local_store
from airflow_provider_integry.authorizations.consent import Callback, cookie_name
from airflow_provider_integry.authorizations.manage import import_grant
from airflow_provider_integry.authorizations.steps import run_steps
from airflow_provider_integry.authorizations.tables import consent as consent_table
from airflow_provider_integry.cli import authorize as commands
from airflow_provider_integry.cli.progress import Progress, format_left
from airflow_provider_integry.secret import Secret

AIRFLOW = "https://airflow.example.com/prod"
# The service knows callbacks on loopback alone; here nobody is sent there.
BROWSER_AIRFLOW = "http://127.0.0.1:8080"
LINK = f"{AIRFLOW}/integry/authorize?conn_id=crm"


@pytest.fixture
def granted(serve, set_connection, monkeypatch):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", AIRFLOW)
    monkeypatch.setattr(commands, "LOOK_S", 0.05)
    found = build_granted(serve, set_connection, scopes="contacts.read")
    # Pushed parameters would not be in the addresses that are looked at here.
    found.api.unoffered = frozenset({"pushed_authorization_request_endpoint"})
    yield found
    with airflow_settings.engine.begin() as database:
        database.execute(consent_table.delete())


def run(function, **arguments):
    """Run a command without what Airflow puts around it; return what it ends with."""
    given = {"conn_id": "crm", "end_user": None, "account": None, "device": False, "no_wait": False, "timeout": 10.0}
    try:
        inspect.unwrap(function)(Namespace(**{**given, "yes": False, **arguments}))
    except SystemExit as end:
        return end.code
    return 0


def printed(capsys):
    """Return what a command printed, without what Airflow logs to the same place in this process."""
    captured = capsys.readouterr()
    lines = [line for line in captured.out.splitlines(keepends=True) if not re.match(r"\d{4}-\d\d-\d\dT", line)]
    return "".join(lines), captured.err


class Consenting(threading.Thread):
    """Somebody who opens the page after a while and presses a button."""

    def __init__(self, granted, decision="allow", user="ada", answer=None):
        super().__init__(daemon=True)
        self.granted, self.decision, self.user, self.answer = granted, decision, user, answer

    def run(self):
        time.sleep(0.3)
        begun = run_steps(local_consents().begin(self.granted.subject, base_url=BROWSER_AIRFLOW, user="tester"))
        page = requests.get(begun.url, timeout=5)
        form = {name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', page.text)}
        form |= {"decision": self.decision, "user": self.user}
        back = requests.post(f"{self.granted.server.url}/authorize", data=form, timeout=5, allow_redirects=False)
        parts = urlsplit(back.headers["Location"])
        cookies = {cookie_name(begun.consent_id): begun.browser_key.reveal()}
        context = parts.path.rpartition("/")[2]
        run_steps(local_consents().finish(Callback(context, parts.query, parse_qsl(parts.query), cookies)))
        if self.answer is not None:
            time.sleep(0.3)
            run_steps(local_consents().answer(begun.consent_id, is_yes=self.answer, user="tester"))


# -- by a link -------------------------------------------------------------------------------------


def test_the_link_is_all_that_is_asked_for(granted, capsys):
    assert run(commands.authorize, no_wait=True, end_user="acme & söhne") == 0
    assert printed(capsys) == (f"{LINK}&end_user=acme+%26+s%C3%B6hne\n", "")


def test_without_a_base_url_the_link_is_a_path_and_says_what_is_missing(granted, capsys, monkeypatch):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "")
    assert run(commands.authorize, no_wait=True) == 0
    out, err = printed(capsys)
    assert out == "/integry/authorize?conn_id=crm\n"
    assert "Option [api] base_url does not say where Airflow is" in err


def test_it_waits_until_somebody_has_authorized_and_tells_the_account(granted, capsys):
    somebody = Consenting(granted)
    somebody.start()

    assert run(commands.authorize) == 0

    somebody.join(timeout=10)
    told = "Authorized: connection 'crm' as ada (id id-of-ada), with scopes contacts.read."
    # No terminal: no line that counts.
    assert printed(capsys) == (f"{LINK}\n{told}\n", "")


def test_a_grant_that_is_there_already_and_is_renewed_is_not_what_is_waited_for(granted, capsys):
    granted.grant("ada")
    started = time.monotonic()

    def renew():
        time.sleep(0.2)
        granted.api.expire_access_tokens()
        run_steps(commands.local_refresher().hand_out(granted.subject, granted.row().token_fingerprint))

    renewing = threading.Thread(target=renew, daemon=True)
    renewing.start()
    ended = run(commands.authorize, timeout=1.0)
    renewing.join(timeout=10)

    assert granted.server.count("/token") == 2
    assert ended == "Nobody has authorized connection 'crm' in 1 s. The link stays good."
    assert time.monotonic() - started >= 1.0


def test_an_import_meanwhile_is_an_authorization_too(granted, capsys):
    def bring():
        time.sleep(0.3)
        import_grant(local_store(), local_journal(), granted.subject, Secret(granted.api.authorize()), owner="tester")

    threading.Thread(target=bring, daemon=True).start()
    assert run(commands.authorize) == 0
    assert "Authorized: connection 'crm'." in capsys.readouterr().out


def test_a_denial_is_told_and_ends_it(granted):
    Consenting(granted, "deny").start()
    ended = run(commands.authorize)
    assert isinstance(ended, str)
    assert ended.startswith("Not authorized, connection 'crm':")
    assert "access_denied" in ended


@pytest.mark.parametrize(("answer", "said"), [(True, "bea"), (False, "declined on Airflow's page")])
def test_another_account_is_waited_for_until_the_question_is_answered(granted, capsys, answer, said):
    first = Consenting(granted, user="ada")
    first.run()
    somebody = Consenting(granted, user="bea", answer=answer)
    somebody.start()

    ended = run(commands.authorize)

    somebody.join(timeout=10)
    assert (ended == 0) is answer
    assert said in (capsys.readouterr().out if answer else ended)
    assert granted.row().account_name == ("bea" if answer else "ada")


def test_a_denial_of_yesterday_is_none_of_today(granted):
    Consenting(granted, "deny").run()
    assert "Nobody has authorized" in run(commands.authorize, timeout=0.3)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"grant_type": "client_credentials"}, "holds no grant"),
        ({"grant_type": "refresh_token"}, "has no consent page"),
    ],
)
def test_a_connection_that_nobody_is_asked_about_says_so(granted, fields, said):
    granted.connect(**fields)
    try:
        ended = run(commands.authorize)
    except Exception as error:  # noqa: BLE001 - what is around a command makes an exit of it
        ended = str(error)
    assert said in ended


class Terminal(io.StringIO):
    """What a person sees."""

    def isatty(self):
        return True


def test_a_terminal_shows_a_line_that_counts_and_is_taken_away():
    shown = Terminal()
    progress = Progress(shown)
    progress.tell("Waiting ... 10:00")
    progress.tell("Waiting ... 9:59")
    progress.end()
    assert shown.getvalue() == "\rWaiting ... 10:00\rWaiting ... 9:59 \r" + " " * 16 + "\r"
    piped = io.StringIO()
    Progress(piped).tell("Waiting")
    assert piped.getvalue() == ""
    assert [format_left(one) for one in (0, 59.4, 60, 600, 3661, -5)] == [
        "0:00",
        "0:59",
        "1:00",
        "10:00",
        "61:01",
        "0:00",
    ]


# -- as a person runs it ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def service():
    api = ConsentApi(ConsentClient(*CLIENT), rotation="strict")
    with LiveServer(api.build()) as server:
        api.server = server
        yield api


@pytest.fixture(scope="module")
def installation(tmp_path_factory, service):
    found = Installation(tmp_path_factory.mktemp("authorize"))
    fields = {"grant_type": "authorization_code", "client_id": CLIENT[0], "client_secret": CLIENT[1]}
    for conn_id in ("crm", "told"):
        found.connect(
            conn_id,
            service.server.url,
            **fields,
            issuer=service.server.url,
            user_info_url="/me",
            scopes="contacts.read",
        )
    found.connections["key"] = {
        "conn_type": "integry_api_key",
        "host": service.server.url,
        "password": "wrong-key-1",
        "extra": {"user_info_url": "/me", "allow_http": True},
    }
    found.migrate()
    return found


@contextmanager
def start(installation, *arguments):
    """Start a command; it is ended where a test ends before it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "airflow", "integry", *arguments],
        env=installation.server_environment(AIRFLOW__API__BASE_URL=AIRFLOW),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def read_code(process):
    """Return address and code as they are shown."""
    line = process.stdout.readline()
    shown = re.fullmatch(r"Open (http://\S+/device) and enter the code (\S+)\n", line)
    if shown is None:
        process.kill()
        raise AssertionError((line, *process.communicate()))
    return shown.groups()


def test_a_device_is_authorized_tried_and_revoked_from_the_command_line(installation, service):
    with start(installation, "authorize", "told", "--device", "--timeout", "60") as process:
        address, code = read_code(process)
        form = {"user_code": code, "decision": "allow", "user": "grace"}
        assert requests.post(address, data=form, timeout=5).status_code == 200
        out, err = process.communicate(timeout=60)

    assert (process.returncode, err) == (0, ""), err
    assert out.endswith("Authorized: connection 'told' as grace (id id-of-grace), with scopes contacts.read.\n")
    [row] = installation.rows()
    assert (row["conn_id"], row["state"], row["account_name"]) == ("told", "active", "grace")

    tried = installation.integry("test", "told")
    assert (tried.returncode, tried.stdout) == (0, "Connected as grace (id id-of-grace).\n"), tried.stderr

    done = installation.integry("revoke", "told", "--yes")
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        f"Connection 'told': The grant is wiped (authorization {row['id']}). The service was told, and has revoked it"
        " too.\n"
    )
    assert all(one.is_dead for one in service.grants)
    lost = installation.integry("test", "told")
    assert (lost.returncode, "it was revoked here" in lost.stderr) == (1, True)
    events = [(event, owner) for event, owner, details in installation.audit() if details["conn_id"] == "told"]
    assert [event for event, _ in events] == ["integry.authorization.authorized", "integry.authorization.revoked"]
    assert all(owner not in ("integry", "") for _, owner in events)
    everything = out + err + tried.stdout + done.stdout + done.stderr + lost.stderr
    for grant in service.grants:
        for text in (grant.access_token, grant.refresh_token, CLIENT[1]):
            assert not text or text not in everything
    for code in service.desk.credentials:
        assert code not in everything


def test_a_device_that_is_denied_ends_with_status_1(installation, service):
    with start(installation, "authorize", "crm", "--device", "--timeout", "60") as process:
        address, code = read_code(process)
        requests.post(address, data={"user_code": code, "decision": "deny"}, timeout=5)
        _, err = process.communicate(timeout=60)

    assert process.returncode == 1
    assert err == (
        "Connection 'crm': the service did not give its consent (access_denied). It says: The resource owner or"
        " authorization server denied the request.\n"
    )


def test_ctrl_c_ends_the_waiting_without_a_traceback(installation):
    with start(installation, "authorize", "crm") as process:
        assert process.stdout.readline() == f"{LINK}\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)

    assert (process.returncode, out, err) == (130, "", "Not waiting any longer. The link stays good.\n")


def test_nobody_in_time_ends_with_status_1(installation):
    done = installation.integry("authorize", "crm", "--timeout", "1", AIRFLOW__API__BASE_URL=AIRFLOW)
    assert (done.returncode, done.stdout) == (1, f"{LINK}\n")
    assert done.stderr == "Nobody has authorized connection 'crm' in 1 s. The link stays good.\n"


def test_a_key_is_tried_too(installation):
    done = installation.integry("test", "key")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Connection 'key': the API refuses the credential (status 401)" in done.stderr
    assert "wrong-key-1" not in done.stderr
    named = installation.integry("test", "key", "--end-user", "acme")
    assert (named.returncode, "nobody has entered its credentials yet" in named.stderr) == (1, True)
