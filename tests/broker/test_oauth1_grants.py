"""Grants of OAuth 1.0a, as tasks get them from the broker: with their secret, and never renewed."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from integration.consented import authorize, fields_of
from integration.wide import change_one_character
from servers.live import LiveServer
from servers.oauth1_consent import METHODS, OAuth1Service

from airflow_provider_integry.auth.oauth1_consent import Granted
from airflow_provider_integry.authorizations.proof import build_claims, derive_key
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.settings import ConnectionSettings, RawConnection, parse_connection
from broker.proofs import sign
from broker.quick import QuickRig
from broker.rig import Rig
from broker.shell import TaskShell

KEEP = """
import time
from dataclasses import replace
from airflow_provider_integry.auth.grants import Obtained
from airflow_provider_integry.auth.token import Token
from airflow_provider_integry.authorizations.airflow_store import local_journal, local_store, read_settings
from airflow_provider_integry.authorizations.direct import find_subject
from airflow_provider_integry.authorizations.events import AirflowEvents
from airflow_provider_integry.authorizations.granting import Given, store_grant
from airflow_provider_integry.authorizations.steps import run_steps
from airflow_provider_integry.secret import Secret
for conn_id, end_user, token, token_secret in {grants!r}:
    subject = find_subject(read_settings(conn_id), end_user, None)
    given = Given(Obtained(Token(Secret(token), token_secret=Secret(token_secret), token_type="OAuth")), time.time())
    run_steps(store_grant(local_store(), local_journal(), AirflowEvents(), subject, given, owner="tester"))
"""
ASK = """
import asyncio
from airflow_provider_integry.authorizations.tokens import forget_sources
from airflow_provider_integry.errors import IntegryError
from airflow_provider_integry.hooks.integry import IntegryHook

def ask(conn_id, end_user=None, path="/resource"):
    forget_sources()
    with IntegryHook(conn_id, end_user).get_conn() as session:
        return session.get(path).status_code

def aask(conn_id, end_user=None, path="/resource"):
    forget_sources()
    async def get():
        async with IntegryHook(conn_id, end_user).get_async_conn() as session, session.get(path) as answer:
            return answer.status
    return asyncio.run(get())

def both(*args):
    return [ask(*args), aask(*args)]
"""


class Photos:
    """A service, an installation that is connected to it, and the grants that it has given."""

    def __init__(self, rig: Rig, server: LiveServer, service: OAuth1Service, private_pem: str) -> None:
        self.rig, self.server, self.service, self._private_pem = rig, server, service, private_pem
        self.kept: list[tuple[str, str | None, str, str]] = []

    def connect(self, conn_id: str, method: str = "HMAC-SHA1", **more: Any) -> ConnectionSettings:
        key = {"private_key": self._private_pem} if method.startswith("RSA") else {}
        extra = {**fields_of(self.service, self.server.url, method), "user_info_url": "/me", **key, **more}
        written = {"conn_type": "integry_oauth1", "host": self.server.url, "extra": extra}
        self.rig.connections[conn_id] = written
        return parse_connection(RawConnection(conn_id, **written))

    def authorize(self, settings: ConnectionSettings, end_user: str | None = None) -> Granted:
        granted = authorize(settings)
        self.keep(settings.conn_id, end_user, *texts_of(granted))
        return granted

    def keep(self, conn_id: str, end_user: str | None, token: str, token_secret: str) -> None:
        self.kept.append((conn_id, end_user, token, token_secret))

    def store(self) -> None:
        """Store what was given since the last time, in a process with the database."""
        self.rig.run(KEEP.format(grants=self.kept))
        self.kept.clear()


def texts_of(granted: Granted) -> tuple[str, str]:
    token = granted.token
    assert token.token_secret is not None
    return token.access_token.reveal(), token.token_secret.reveal()


@pytest.fixture
def photos(rig, serve, rsa_pair):
    service = OAuth1Service(public_pem=rsa_pair.public_pem)
    before = dict(rig.connections)
    yield Photos(rig, serve(service.build()), service, rsa_pair.private_pem)
    rig.connections = before
    rig.sql("DELETE FROM integry_authorization WHERE conn_type = 'integry_oauth1'")


def task_of(rig: QuickRig, port: int) -> TaskShell:
    return TaskShell(rig.task_environment(port))


def result_of(task: TaskShell, code: str) -> Any:
    told = task.run(f"result = {code}")
    assert "error" not in told, told
    return told["result"]


def test_every_method_is_served_through_the_broker_and_one_changed_character_is_not(photos):
    names = {method: f"photos_{method.lower().replace('-', '_')}" for method in METHODS}
    for method, name in names.items():
        settings = photos.connect(name, method)
        token, token_secret = texts_of(photos.authorize(settings, "good"))
        photos.keep(name, "token", change_one_character(token), token_secret)
        photos.keep(name, "secret", token, change_one_character(token_secret))
    photos.store()

    with task_of(photos.rig, photos.rig.spawn().port) as task:
        task.run(ASK)
        found = {
            method: {user: result_of(task, f"both({name!r}, {user!r})") for user in ("good", "token", "secret")}
            for method, name in names.items()
        }

    hmac = {"good": [200, 200], "token": [401, 401], "secret": [401, 401]}
    # The RSA methods sign with the private key alone (RFC 5849 section 3.4.3).
    rsa = {**hmac, "secret": [200, 200]}
    assert found == {method: rsa if method.startswith("RSA") else hmac for method in METHODS}


def test_a_refused_grant_is_not_renewed_whoever_asks_for_it(photos):
    settings = photos.connect("photos")
    fingerprint = photos.authorize(settings).token.fingerprint
    photos.store()
    before = photos.rig.row("photos")
    broker = photos.rig.spawn()
    photos.service.revoke_all()
    asked = photos.server.count("/token") + photos.server.count("/initiate")

    with task_of(photos.rig, broker.port) as task:
        task.run(ASK)
        refused = result_of(task, "both('photos')")
        # A broker that is told all the same that the token was refused hands it out as before.
        code = "IntegryHook('photos')._source()._inner.get({!r}).credentials.token.fingerprint()"
        task.run("forget_sources()")
        handed_out = result_of(task, code.format(fingerprint))
        said = result_of(task, "IntegryHook('photos').find(verify=True).reason")

    after = photos.rig.row("photos")
    assert refused == [401, 401]
    assert handed_out == fingerprint
    assert "/integry/authorize?conn_id=photos" in said
    assert photos.server.count("/token") + photos.server.count("/initiate") == asked
    assert [after[name] for name in ("state", "version", "generation", "failures")] == [
        before[name] for name in ("state", "version", "generation", "failures")
    ]


def test_who_has_not_authorized_or_no_longer_is_told_so_with_the_link(photos):
    settings = photos.connect("photos")
    photos.authorize(settings, "ada")
    photos.store()
    with task_of(photos.rig, photos.rig.spawn().port) as task:
        task.run(ASK)
        told = [task.run("both('photos')"), task.run("both('photos', 'grace')")]
        states = result_of(task, "[str(IntegryHook('photos', user).readiness()) for user in ('ada', 'grace', None)]")
        photos.rig.sql("UPDATE integry_authorization SET state = 'revoked', sealed = NULL WHERE conn_id = 'photos'")
        told.append(task.run("both('photos', 'ada')"))

    assert states == ["ready", "pending", "pending"]
    assert [(one["error"], one["retryable"]) for one in told] == [("NotAuthorizedError", False)] * 3
    assert all("/integry/authorize?conn_id=photos" in one["message"] for one in told)
    assert "end_user=ada" in told[2]["message"]


def test_hundreds_of_days_later_it_is_served_as_before(photos):
    photos.authorize(photos.connect("photos"))
    photos.store()
    photos.rig.age(400 * 86_400.0, "photos")
    with task_of(photos.rig, photos.rig.spawn().port) as task:
        task.run(ASK)
        assert result_of(task, "both('photos')") == [200, 200]


def test_the_answer_holds_the_tokens_secret_and_none_of_the_applications(photos):
    settings = photos.connect("photos", consumer_secret=photos.service.consumer_secret)
    token, token_secret = texts_of(photos.authorize(settings))
    photos.store()
    broker = photos.rig.spawn()
    key = derive_key(Secret(photos.rig.installation_secret), settings)

    answer = requests.post(
        f"{broker.url}/integry/v1/credentials",
        data=json.dumps({"conn_id": "photos"}),
        headers={"Authorization": f"Bearer {sign(key, build_claims('photos', None, None))}"},
        timeout=30,
    )

    assert answer.json() == {
        "access_token": token,
        "token_type": "OAuth",
        "token_secret": token_secret,
        "expires_in_s": None,
        "ask_after_s": 300.0,
    }
    assert not any(text in broker.log for text in (token, token_secret, photos.service.consumer_secret))
    assert not any(text in str(photos.rig.row("photos")) for text in (token, token_secret))
