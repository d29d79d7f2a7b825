"""Credentials that end users have entered reach their own tasks through the broker, and nobody else's."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
import requests
from flask import request
from servers.api import build_api
from servers.live import LiveServer

from airflow_provider_integry.authorizations.broker import KnownConnection, _serves
from airflow_provider_integry.authorizations.proof import build_claims, derive_key
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.settings import RawConnection, parse_connection
from broker.proofs import key_of, sign
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


# -- asked by hand ---------------------------------------------------------------------------------


class Place:
    """A broker that is asked with proofs of every kind."""

    def __init__(self, rig: QuickRig, api: LiveServer) -> None:
        connect(rig, api.url, password="key-of-app")
        rig.connections["other"] = {**rig.connections["keyed"], "password": "another-key-of-app"}
        self.rig = rig
        self.ids = enter(
            rig,
            ("keyed", "eva", None, {"password": "key-of-ada"}),
            ("keyed", "eva", "second", {"password": "second-key-of-ada"}),
            ("keyed", "finn", None, {"password": "key-of-bob"}),
        )
        self.port = rig.spawn().port

    def post(self, path: str, body: dict[str, Any], proof: str | None = None) -> requests.Response:
        headers = {} if proof is None else {"Authorization": f"Bearer {proof}"}
        return requests.post(f"http://127.0.0.1:{self.port}/integry{path}", json=body, headers=headers, timeout=30)

    def sign(self, end_user: str | None, account: str | None, conn_id: str = "keyed") -> str:
        return sign(key_of(self, conn_id), build_claims(conn_id, end_user, account))  # type: ignore[arg-type]

    def ask(self, end_user: str | None, account: str | None = None, proof: str | None = None) -> requests.Response:
        body = {"conn_id": "keyed", "end_user": end_user, "account": account}
        return self.post("/v1/credentials", body, self.sign(end_user, account) if proof is None else proof)


@pytest.fixture(scope="module")
def place(on_sqlite: QuickRig, key_api: LiveServer):
    yield Place(on_sqlite, key_api)
    on_sqlite.kill_servers()


def test_an_answer_holds_the_end_users_fields_and_nothing_of_the_app(place: Place):
    answer = place.ask("eva")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    expected = {"access_token": "", "token_type": "entered", "expires_in_s": None, "ask_after_s": 60.0}
    assert answer.json() == {**expected, "entered": {"password": "key-of-ada"}}


def test_what_no_proof_fits_looks_like_what_is_not_there(place: Place):
    proofs = [
        place.sign("finn", None),
        place.sign("eva", "second"),
        place.sign("eva", place.ids[0]),
        place.sign(None, None),
        place.sign("EVA", None),
        place.sign(" eva", None),
        place.sign("eva", None, conn_id="other"),
        "not.a.proof",
        "",
    ]
    answers = [place.ask("eva", proof=proof) for proof in proofs]
    # The connection's own key is in the connection: the broker hands none out.
    answers.append(place.ask(None))

    assert {one.status_code for one in answers} == {404}
    assert len({one.text for one in answers}) == 1


def test_an_id_is_nobody_elses(place: Place):
    eva, second, finn = place.ids
    assert place.ask("eva", second).json()["entered"] == {"password": "second-key-of-ada"}
    for end_user, public_id in (("finn", eva), ("finn", second), ("eva", finn), ("eva", "ca_" + "0" * 32)):
        refused = place.ask(end_user, public_id)
        assert refused.status_code != 200
        assert refused.json()["error"]["error"] == "NotAuthorizedError"
        assert "entered" not in refused.text.replace("has entered", "")


def test_statuses_are_told_together_by_name_and_by_id(place: Place):
    asked = [("eva", None), ("eva", "second"), ("eva", place.ids[1]), ("finn", place.ids[1]), ("nobody", None)]
    items = [
        {"conn_id": "keyed", "end_user": user, "account": account, "proof": place.sign(user, account)}
        for user, account in asked
    ]
    found = place.post("/v1/status", {"authorizations": items}).json()["authorizations"]

    assert [one["readiness"] for one in found] == ["ready", "ready", "ready", "pending", "pending"]
    assert "no connected account" in found[3]["reason"]
    assert found[4]["reason"] == "nobody has entered its credentials yet"


def test_one_account_has_one_limit_by_whatever_name(place: Place):
    def take(account: str | None) -> int:
        body = {"conn_id": "keyed", "bucket": "b", "end_user": "eva", "account": account, "concurrency": 1}
        ask = {"wanted": 1, "permit_id": uuid4().hex, "lease_s": 60.0}
        answer = place.post("/v1/permits", {**body, "ask": ask}, place.sign("eva", account))
        assert answer.status_code == 200, answer.text
        return int(answer.json().get("count", 0))

    assert [take("second"), take(place.ids[1]), take(None), take(place.ids[0])] == [1, 0, 1, 0]


def test_with_teams_a_connection_without_a_secret_hands_out_nothing():
    raw = RawConnection("keyed", "integry_api_key", host="https://api.example.com")
    for extra, team, expected in (
        ({}, None, True),
        ({}, "sales", False),
        ({"webhook_secret": "secret-of-the-team"}, "sales", True),
    ):
        settings = parse_connection(replace(raw, extra=extra), allow_unfilled=True)
        known = KnownConnection(settings, derive_key(Secret("installation"), settings), team, 0.0)
        assert _serves(known, build_claims("keyed", "ada", None)) is expected
        assert not _serves(known, build_claims("keyed", None, None))
