"""Credentials that end users have entered reach their own tasks through the broker, and nobody else's."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from flask import request
from servers.api import build_api
from servers.live import LiveServer

from broker.quick import QuickRig
from broker.rig import HERE

KEYS = {"key-of-app": "app", "key-of-ada": "ada", "key-of-bob": "bob", "second-key-of-ada": "second ada"}
ENTER = """
import json, os, sys
sys.path.insert(0, {tests!r})
from integration.entering import enter
for conn_id, end_user, account, fields in json.loads({entries!r}):
    print("entered", enter(conn_id, end_user, fields, account=account).public_id)
"""


def enter(rig: QuickRig, *entries: tuple[str, str, str | None, dict[str, str]]) -> list[str]:
    """Keep credentials, as an API server does; return their public ids."""
    code = ENTER.format(tests=str(HERE.parent), entries=json.dumps(entries))
    return [line.split()[1] for line in rig.run(code).splitlines() if line.startswith("entered ")]


def call(rig: QuickRig, port: int, *asked: tuple[str, str | None, str | None]) -> list[dict[str, Any]]:
    """Call the API as tasks do."""
    done = subprocess.run(
        [sys.executable, HERE / "call.py"],
        env=rig.task_environment(port),
        input="".join(json.dumps(one) + "\n" for one in asked),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line.removeprefix("answer ")) for line in done.stdout.splitlines() if line.startswith("answer ")]


@pytest.fixture(scope="module")
def key_api():
    with LiveServer(build_api("keys", lambda: KEYS.get(request.headers.get("X-Api-Key", "")))) as server:
        yield server


def connect(rig: QuickRig, url: str, **more: Any) -> None:
    extra = {"allow_http": True, "key_name": "X-Api-Key"}
    rig.connections["keyed"] = {"conn_type": "integry_api_key", "host": url, "extra": extra, **more}


def test_tasks_call_with_what_their_end_user_has_entered(rig: QuickRig, key_api: LiveServer):
    connect(rig, key_api.url, password="key-of-app")
    ada, second, bob = enter(
        rig,
        ("keyed", "ada", None, {"password": "key-of-ada"}),
        ("keyed", "ada", "second", {"password": "second-key-of-ada"}),
        ("keyed", "bob", None, {"password": "key-of-bob"}),
    )
    port = rig.spawn().port

    asked = [None, None], ["ada", None], ["ada", "second"], ["ada", second], ["bob", None], ["bob", bob]
    answers = call(rig, port, *(("keyed", *one) for one in asked))
    refused = call(rig, port, ("keyed", "eve", None), ("keyed", "bob", ada), ("keyed", "bob", "second"))

    assert [one.get("account", one) for one in answers] == ["app", "ada", "second ada", "second ada", "bob", "bob"]
    assert [one["error"] for one in refused] == ["NotAuthorizedError"] * 3


def test_the_app_needs_no_account_of_its_own(sqlite_rig: QuickRig, key_api: LiveServer):
    connect(sqlite_rig, key_api.url)
    enter(sqlite_rig, ("keyed", "ada", None, {"password": "key-of-ada"}))

    [ada, own] = call(sqlite_rig, sqlite_rig.spawn().port, ("keyed", "ada", None), ("keyed", None, None))

    assert ada.get("account") == "ada", ada
    assert own["error"] == "MissingFieldError"
