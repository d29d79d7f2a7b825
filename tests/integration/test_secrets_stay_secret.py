"""No secret in logs, errors, texts or Airflow's database, whatever goes right or wrong.

Every mechanism is seeded with canaries, every logger is at debug level, and servers echo what they were
sent. What comes out is searched for each canary in every encoding in which it travels. Airflow's log
masker does not help here: what this package lets out is looked at before it.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import sqlite3
import traceback
from itertools import product
from urllib.parse import quote, quote_plus

import aiohttp
import pytest
from integration.flows_server import KEY
from integration.loopback import CONN_ID, Answer, Raw, connection, to_json, to_variable

from airflow_provider_integry.authorizations.tokens import source_for
from airflow_provider_integry.errors import IntegryError
from airflow_provider_integry.hooks.integry import IntegryHook

# Nothing in it looks like a token, and each encoding of it is another text.
CANARY = 'canary "7f3a" \\+%/&='
COOKIE_CANARY = "canary-7f3a+%/&="
TEXT_CANARY = 'canary "7f3a" \\+%/&=é☃'
PEM_LINE = "Y2FuYXJ5LXNpZ25pbmcta2V5LWxpbmU"
CONNECTOR = """\
name: shop
title: Shop
user_info: {path: /me}
activities:
  list_items: {kind: query, path: /items, result: items}
"""
# Mechanism: type, fields without the token endpoint, and what must stay secret.
MECHANISMS = {
    "key in Authorization": ("integry_api_key", {"password": CANARY}, [CANARY]),
    "key in own header": ("integry_api_key", {"password": CANARY, "key_name": "X-Api-Key"}, [CANARY]),
    "key in query": ("integry_api_key", {"password": CANARY, "key_location": "query"}, [CANARY]),
    "key in cookie": ("integry_api_key", {"password": COOKIE_CANARY, "key_location": "cookie"}, [COOKIE_CANARY]),
    "two headers": (
        "integry_api_key_secret",
        {"api_key": f"k {CANARY}", "api_secret": f"s {CANARY}"},
        [f"k {CANARY}", f"s {CANARY}"],
    ),
    "pair as basic": (
        "integry_api_key_secret",
        {"api_key": f"k {CANARY}", "api_secret": f"s {TEXT_CANARY}", "pair_style": "basic"},
        [f"k {CANARY}", f"s {TEXT_CANARY}", f"k {CANARY}:s {TEXT_CANARY}"],
    ),
    "basic": ("integry_basic", {"login": "ada", "password": TEXT_CANARY}, [TEXT_CANARY, f"ada:{TEXT_CANARY}"]),
    "oauth1": (
        "integry_oauth1",
        {
            "consumer_key": "ck",
            "consumer_secret": f"cs {TEXT_CANARY}",
            "oauth_token": f"ot {CANARY}",
            "oauth_token_secret": f"os {TEXT_CANARY}",
        },
        [f"cs {TEXT_CANARY}", f"ot {CANARY}", f"os {TEXT_CANARY}"],
    ),
    "oauth1 plaintext": (
        "integry_oauth1",
        {"consumer_key": "ck", "consumer_secret": f"cs {TEXT_CANARY}", "signature_method": "PLAINTEXT"},
        [f"cs {TEXT_CANARY}"],
    ),
    "client credentials": (
        "integry_oauth2",
        {"client_id": "c", "client_secret": TEXT_CANARY, "exchange_url": "{url}/token"},
        [TEXT_CANARY, f"c:{TEXT_CANARY}", f"at {CANARY}"],
    ),
    "refresh token in the body": (
        "integry_oauth2",
        {
            "grant_type": "refresh_token",
            "client_id": "c",
            "client_secret": TEXT_CANARY,
            "client_auth": "client_secret_post",
            "refresh_token": f"rt {CANARY}",
            "exchange_url": "{url}/token",
        },
        [TEXT_CANARY, f"rt {CANARY}", f"at {CANARY}"],
    ),
    "signed jwt": ("integry_jwt", {"private_key": f"{CANARY} long enough for a key"}, [f"{CANARY} long enough"]),
    "jwt by login": (
        "integry_jwt",
        {"jwt_source": "login", "login": "ada", "password": TEXT_CANARY, "login_url": "/token"},
        [TEXT_CANARY, f"at {CANARY}"],
    ),
    "proxy": (
        "integry_api_key",
        {"password": CANARY, "proxy_url": f"http://ada:{quote(CANARY, safe='')}@127.0.0.1:{{port}}"},
        [CANARY, f"ada:{CANARY}"],
    ),
}


def forms_of(secret):
    """Every text in which a secret travels, made here without the package's own helpers."""
    raw = secret.encode()
    encoded = base64.b64encode(raw).decode().rstrip("=")
    return {
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        quote(quote(secret, safe=""), safe=""),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        repr(raw)[2:-1],
        encoded,
        encoded.replace("+", "-").replace("/", "_"),
        raw.hex(),
    }


def find_leaks(text, secrets):
    return sorted(form for secret in secrets for form in forms_of(secret) if form in text)


def describe(value, seen=None):
    """Everything that a debugger, a log or a careless print would show of a value."""
    seen = seen if seen is not None else set()
    if id(value) in seen or isinstance(value, str | bytes | int | float | bool | None):
        return repr(value)
    seen.add(id(value))
    parts = [repr(value), str(value), f"{value}"]
    if isinstance(value, BaseException):
        parts += ["".join(traceback.format_exception(value)), *(describe(part, seen) for part in value.args)]
        parts += [describe(part, seen) for part in (value.__cause__, value.__context__)]
    parts += [describe(part, seen) for part in getattr(value, "__dict__", {}).values()]
    return "\n".join(parts)


def echo(status, **headers):
    """Answer with all that arrived, as a careless server does."""

    def answer(request):
        if request.path == "/token" and status < 300:
            return to_json({"access_token": f"at {CANARY}", "expires_in": 60})
        return to_json({"message": f"you sent {request.text}", "target": request.target}, status, **headers)

    return answer


def echo_token_error(status):
    """Refuse token requests, and quote what arrived in the explanation."""

    def answer(request):
        if request.path == "/token":
            body = {"error": "invalid_request", "error_description": f"you sent {request.body.decode()}"}
            return to_json({**body, "header": request.headers["Authorization"]}, status)
        return echo(401)(request)

    return answer


def echo_html(request):
    return Answer(200, f"<html><title>you sent {request.text}</title></html>".encode(), {"Content-Type": "text/html"})


def redirect_with_query(request):
    return Answer(302, headers={"Location": f"http://other.example/x?next={quote(request.target, safe='')}"})


def malformed_header(request):
    if request.path == "/token":
        return echo(200)(request)
    return Raw((b"HTTP/1.1 200 OK\r\nno colon here\r\nX: y\r\nContent-Length: 2\r\n\r\n{}",))


SCENARIOS = {
    "success": echo(200),
    "refused": echo(401),
    "forbidden": echo(403),
    "not found": echo(404),
    "down": echo(503, **{"Retry-After": "0"}),
    "token refused": echo_token_error(400),
    "token down": echo_token_error(502),
    "html": echo_html,
    "redirect": redirect_with_query,
    "malformed header": malformed_header,
    "hang up": Raw(()),
    "cut off": Raw((b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",)),
    "silence": Raw((5.0,)),
    "gone": None,
}
# Waiting is slow, and the same for all but those whose secrets are in the URL or behind another request.
CASES = [
    (mechanism, scenario)
    for mechanism, scenario in product(sorted(MECHANISMS), sorted(SCENARIOS))
    if scenario != "silence" or mechanism in ("key in query", "refresh token in the body", "proxy")
]


@pytest.fixture
def connect(answer_with, monkeypatch, tmp_path):
    """Make the connection of a mechanism to a server that answers as told, and a hook for it."""
    (tmp_path / "shop.yaml").write_text(CONNECTOR)

    def make(mechanism, script):
        server = answer_with(*([script] if script else []))
        if script is None:
            server.__exit__()
        conn_type, fields, secrets = MECHANISMS[mechanism]
        filled = {
            name: value.replace("{url}", server.url).replace("{port}", str(server.port)).replace("{{", "{")
            for name, value in fields.items()
        }
        options = {
            "connector": str(tmp_path / "shop.yaml"),
            "timeout_s": 0.1 if script is SCENARIOS["silence"] else 5,
            "max_retries": 1 if script is SCENARIOS["down"] else 0,
        }
        monkeypatch.setenv(*to_variable(connection(server.url, conn_type, **options, **filled)))
        return IntegryHook(CONN_ID), secrets

    return make


async def use_async(hook):
    found = []
    try:
        async with hook.get_async_conn() as session, session.get("/echo?x=1") as response:
            found.append(response.status)
            await response.read()
    except (IntegryError, OSError) as error:
        found.append(error)
    except aiohttp.ClientError as error:
        # From reading the body, which is aiohttp's.
        found.append(error)
    found.append(await hook.afind(verify=True) if not isinstance(found[-1], IntegryError) else None)
    return found


def attempt(work, *args, **kwargs):
    try:
        return work(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is searched
        return error


def use(hook):
    """Do what tasks do, and return everything that came of it."""
    found = [
        attempt(hook.run, "list_items"),
        attempt(lambda: hook.get_conn().get("/echo", params={"x": "1"}).status_code),
        attempt(hook.find, verify=True),
        attempt(hook.test_connection),
        attempt(asyncio.run, use_async(hook), debug=True),
    ]
    # What a successful query returns is data: an API may say what it likes.
    return [None if isinstance(one, list) and one and isinstance(one[0], dict) else one for one in found]


@pytest.mark.parametrize(("mechanism", "scenario"), CASES)
def test_no_secret_comes_out(connect, mechanism, scenario, caplog, capsys):
    hook, secrets = connect(mechanism, SCENARIOS[scenario])

    with caplog.at_level(logging.DEBUG):
        found = use(hook)

    printed = capsys.readouterr()
    shown = [caplog.text, printed.out, printed.err, *(describe(one) for one in found)]
    shown += [describe(record.args) for record in caplog.records]
    assert find_leaks("\n".join(shown), secrets) == []


@pytest.mark.parametrize("mechanism", sorted(MECHANISMS))
def test_no_object_shows_its_secrets(connect, mechanism):
    hook, secrets = connect(mechanism, SCENARIOS["success"])
    session = hook.get_conn()
    issued = attempt(source_for(hook.settings).get)

    objects = [hook, session, hook.settings, hook.settings.auth, hook.auth, source_for(hook.settings), issued]
    shown = "\n".join(f"{one!r} {one} {one!s}" for one in objects)

    assert find_leaks(shown, secrets) == []


@pytest.mark.parametrize("mechanism", sorted(MECHANISMS))
def test_an_error_in_another_field_shows_no_secret(connect, mechanism, monkeypatch):
    hook, secrets = connect(mechanism, SCENARIOS["success"])
    assert hook.settings
    name, value = to_variable(connection("https://x", MECHANISMS[mechanism][0], **MECHANISMS[mechanism][1]))
    fields = json.loads(value)
    fields["extra"]["timeout_s"] = "soon"
    monkeypatch.setenv(name, json.dumps(fields))

    error = attempt(IntegryHook(CONN_ID).get_conn)

    assert isinstance(error, IntegryError)
    assert find_leaks(describe(error), secrets) == []


@pytest.mark.parametrize(
    ("conn_type", "fields"),
    [
        ("integry_api_key", {"password": f"{CANARY}\r\nX: y"}),
        ("integry_api_key", {"password": f"{CANARY}☃"}),
        ("integry_api_key", {"password": CANARY, "key_location": "cookie"}),
        ("integry_api_key_secret", {"api_key": f"{CANARY}\0", "api_secret": "s"}),
        ("integry_jwt", {"private_key": CANARY, "algorithm": "RS256"}),
        ("integry_jwt", {"private_key": f"-----BEGIN PRIVATE KEY-----\n{PEM_LINE}\n-----END PRIVATE KEY-----",
                         "algorithm": "RS256"}),
        ("integry_oauth1", {"consumer_key": "c", "signature_method": "RSA-SHA1", "private_key": CANARY}),
        ("integry_api_key", {"password": "k", "proxy_url": f"socks5://ada:{CANARY}@proxy"}),
    ],
)  # fmt: skip
def test_a_secret_that_cannot_be_used_is_not_shown(monkeypatch, conn_type, fields):
    monkeypatch.setenv(*to_variable(connection("https://api.example.com", conn_type, **fields)))

    error = attempt(IntegryHook(CONN_ID).get_conn)

    assert isinstance(error, IntegryError)
    assert find_leaks(describe(error), [CANARY, PEM_LINE]) == []


def test_a_foreign_url_with_a_secret_in_its_query_is_not_shown(connect):
    hook, _ = connect("basic", SCENARIOS["success"])

    error = attempt(hook.get_conn().get, f"https://other.example/x?token={quote(CANARY)}#{quote(CANARY)}")

    assert isinstance(error, IntegryError)
    assert find_leaks(describe(error), [CANARY]) == []


# -- run by Airflow ---------------------------------------------------------------------------------


def without_airflows_own_words(output):
    """Leave out the lines in which Airflow itself shows, at debug level, what it is told to mask.

    `dag.test()` runs the supervisor inside the process; on a worker these messages are not logged.
    """
    return "\n".join(line for line in output.splitlines() if "msg=MaskSecret(" not in line)


@pytest.mark.parametrize("secret", [KEY, "another key"])
def test_no_secret_comes_out_of_tasks_triggers_and_their_logs(airflow_run, secret):
    output = without_airflows_own_words(airflow_run.output)

    assert "CredentialsRejectedError" in output
    assert find_leaks(output, [secret]) == []


@pytest.mark.parametrize("secret", [KEY, "another key"])
def test_no_secret_is_in_airflows_database_or_log_files(airflow_run, secret):
    connected = sqlite3.connect(airflow_run.database)
    dump = "\n".join(connected.iterdump())
    connected.close()
    files = [path.read_bytes().decode("utf-8", "replace") for path in airflow_run.database.parent.rglob("*.log")]

    assert "templated_inputs" in dump
    assert find_leaks("\n".join([dump, *map(without_airflows_own_words, files)]), [secret]) == []
