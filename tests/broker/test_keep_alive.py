"""No grant dies because nobody used it: 400 days in the life of grants, and one step over the real route."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import msgspec
import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from airflow_provider_integry.auth.oauth2 import OAuth2Settings
from airflow_provider_integry.auth.wire import HttpResponse
from airflow_provider_integry.authorizations import crypto
from airflow_provider_integry.authorizations.crypto import seal
from airflow_provider_integry.authorizations.grant import AuthorizationKey, GrantSecrets
from airflow_provider_integry.authorizations.keep_alive import GrantKeeper
from airflow_provider_integry.authorizations.keep_alive_client import KeepAliveReport, _conversation
from airflow_provider_integry.authorizations.proof import KEEP_ALIVE_CLAIMS
from airflow_provider_integry.authorizations.refresh import Refresher
from airflow_provider_integry.authorizations.steps import Do, Fetch, Pause
from airflow_provider_integry.authorizations.store import AuthorizationStore
from airflow_provider_integry.authorizations.subject import Subject
from airflow_provider_integry.authorizations.tables import authorization as table
from airflow_provider_integry.authorizations.tables import metadata
from airflow_provider_integry.keep_alive import IDLE, WARN, choose_announced, count_days
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.settings import TransportSettings
from broker.proofs import installation_key, sign
from broker.shell import TaskShell

HOUR_S, DAY_S = 3600.0, 86_400.0
IDLE_S, WARN_S = IDLE.total_seconds(), WARN.total_seconds()
_TIMES = "lease_until expires_at advise_at require_at refreshed_at grant_ends_at unknown_since"
_TIMES += " cool_until error_at created_at"


@dataclass
class Service:
    """A service that ends grants, as its documentation says; a simulation on a clock of its own.

    Attributes:
        idle_limit_s: For how long a grant may lie idle; None for ever.
        life_s: When it ends in any case, from the consent; None for never.
        rotates: Whether each refresh token is good once.
        tells: Whether answers say when the refresh token ends.
        access_s: Life of access tokens.
    """

    idle_limit_s: float | None = None
    life_s: float | None = None
    rotates: bool = False
    tells: bool = False
    access_s: float = HOUR_S
    token: str = "refresh-0"
    used_at: float = 0.0
    refreshes: int = 0
    longest_idle_s: float = 0.0
    died_at: float | None = None

    def answer(self, request, now):
        sent = parse_qs(request.body.decode())["refresh_token"][0]
        idle_s = now - self.used_at
        self.longest_idle_s = max(self.longest_idle_s, idle_s)
        is_over = (self.idle_limit_s is not None and idle_s > self.idle_limit_s) or (
            self.life_s is not None and now > self.life_s
        )
        if is_over or sent != self.token:
            self.died_at = self.died_at or now
            return respond(400, {"error": "invalid_grant"})
        self.used_at, self.refreshes = now, self.refreshes + 1
        body = {"access_token": f"access-{self.refreshes}", "token_type": "Bearer", "expires_in": self.access_s}
        if self.rotates:
            self.token = f"refresh-{self.refreshes}"
            body["refresh_token"] = self.token
        if self.tells:
            ends = [self.idle_limit_s] if self.idle_limit_s is not None else []
            ends += [self.life_s - now] if self.life_s is not None else []
            body["refresh_token_expires_in"] = min(ends)
        return respond(200, body)


def respond(status, body):
    return HttpResponse(status, (("Content-Type", "application/json"),), json.dumps(body).encode())


# Rows of a survey of services, with what is said of the ends of their grants.
SERVICES = {
    "9 Salesforce: 30 days idle": lambda: Service(30 * DAY_S),
    "12 Xero: 60 days idle, rotating": lambda: Service(60 * DAY_S, rotates=True, access_s=1800),
    "20 Instagram: 60 days": lambda: Service(60 * DAY_S, rotates=True, access_s=60 * DAY_S),
    "22 Google: 6 months idle": lambda: Service(182 * DAY_S),
    "22 Google in test: 7 days in all, told": lambda: Service(None, 7 * DAY_S, tells=True),
    "24 Microsoft, single page: 24 hours idle, told": lambda: Service(DAY_S, rotates=True, tells=True),
    "37 Atlassian: 90 days idle, 365 in all": lambda: Service(90 * DAY_S, 365 * DAY_S, rotates=True),
    "37 the same, told": lambda: Service(90 * DAY_S, 365 * DAY_S, rotates=True, tells=True),
    "41 Box: 60 days idle, rotating": lambda: Service(60 * DAY_S, rotates=True),
}
DECLARED = {"37 Atlassian: 90 days idle, 365 in all": 365 * DAY_S}


class NoJournal:
    """Days pass quickly here, and no process dies."""

    def write(self, entry):
        """Do nothing."""

    def find(self, digest, generation):
        return None

    def remove(self, digest, generation):
        """Do nothing."""


class NoEvents:
    """Counts what is lost."""

    def __init__(self):
        self.lost_rows = []

    def lost(self, row, cause):
        self.lost_rows.append((row.conn_id, cause))

    def refreshed(self, row, seconds):
        """Do nothing."""

    recovered = failed = imported = authorized = refreshed


@dataclass
class World:
    """Services, a store, and a clock that is moved by making all that is stored older."""

    engine: sa.Engine
    services: dict[str, Service]
    now: float = 0.0
    started_at: float = field(default_factory=time.time)
    events: NoEvents = field(default_factory=NoEvents)

    def __post_init__(self):
        metadata.create_all(self.engine)
        self.store = AuthorizationStore(lambda: self.engine)
        self.refresher = Refresher(self.store, NoJournal(), self.events)
        self.keeper = GrantKeeper(self.refresher, self.resolve, self.run)
        self.subjects = {name: self.build(name) for name in self.services}
        for name, subject in self.subjects.items():
            sealed = seal(GrantSecrets(refresh_token=Secret("refresh-0")), subject.key.digest)
            values = {"conn_type": "integry_oauth2", "binding": "b", "is_grant": True, "sealed": sealed}
            assert self.store.add(subject.key, values), name

    def build(self, name):
        settings = OAuth2Settings("refresh_token", "https://auth.example.com/token", name, client_auth="none")
        return Subject(
            AuthorizationKey(name),
            "integry_oauth2",
            settings,
            TransportSettings(),
            "b",
            is_grant=True,
            fingerprint="f",
            grant_lifetime_s=DECLARED.get(name),
        )

    async def resolve(self, row):
        return self.subjects[row.conn_id]

    async def run(self, steps):
        """Run steps with the services as their network."""
        result = None
        try:
            while True:
                step = steps.send(result)
                match step:
                    case Do(function=function):
                        result = function()
                    case Pause():
                        result = None
                    case Fetch(request=request):
                        (client_id,) = parse_qs(request.body.decode())["client_id"]
                        result = self.services[client_id].answer(request, self.now)
        except StopIteration as end:
            return end.value

    def keep_alive(self, idle_s=IDLE_S, warn_s=WARN_S):
        """Do what the DAG's first task does."""

        async def keep():
            conversation = _conversation(idle_s, warn_s)
            asked = next(conversation)
            try:
                while True:
                    asked = conversation.send(await self.keeper.step(asked))
            except StopIteration as end:
                return end.value

        report = asyncio.run(keep())
        assert isinstance(report, KeepAliveReport)
        return report

    def pass_time(self, seconds):
        self.now += seconds
        changes = {name: table.c[name] - seconds for name in _TIMES.split()}
        with self.engine.begin() as connection:
            connection.execute(table.update().values(changes))


@pytest.fixture
def build_world(monkeypatch):
    key = Fernet(Fernet.generate_key())
    monkeypatch.setattr(crypto, "_fernet", lambda: key)
    with ExitStack() as stack:

        def build(services):
            engine = sa.create_engine(
                "sqlite://", poolclass=sa.pool.StaticPool, connect_args={"check_same_thread": False}
            )
            stack.callback(engine.dispose)
            return World(engine, services)

        yield build


def test_in_400_days_no_grant_dies_of_idleness_and_every_end_is_announced_in_time(build_world):
    world = build_world({name: build() for name, build in SERVICES.items()})
    announced: dict[str, list[float]] = {name: [] for name in SERVICES}
    ends: dict[str, list[float]] = {name: [] for name in SERVICES}
    interval_s, days = 3 * HOUR_S, {}
    for _ in range(int(400 * DAY_S / interval_s)):
        report = world.keep_alive()
        assert (report.failed, report.skipped) == ([], [])
        now = time.time()
        ending = [msgspec.to_builtins(one) for one in report.ending]
        days, days_before = count_days(ending, now), days
        for one in choose_announced(ending, days, days_before):
            announced[one["conn_id"]].append(world.now)
        for one in report.ending:
            ends[one.conn_id].append(world.now + one.ends_at - now)
        world.pass_time(interval_s)

    died = {name: round(one.died_at / DAY_S, 1) for name, one in world.services.items() if one.died_at}
    life = {name: one.life_s for name, one in world.services.items() if one.life_s}
    idle = {name: one.longest_idle_s / HOUR_S for name, one in world.services.items()}
    # Whoever ends did so at the absolute end, not before.
    assert died == pytest.approx({name: life_s / DAY_S for name, life_s in life.items()}, abs=0.7)
    assert sorted(world.events.lost_rows) == sorted((name, "invalid_grant") for name in life)
    assert max(idle.values()) <= 15
    # Announced two weeks before where there are two weeks, by the right end, about once a day; nobody else is.
    assert {name: bool(times) for name, times in announced.items()} == {name: name in life for name in SERVICES}
    for name, life_s in life.items():
        assert announced[name][0] <= max(IDLE_S + interval_s, life_s - WARN_S + interval_s)
        days_left = min(life_s, WARN_S) / DAY_S
        assert days_left - 1 <= len(announced[name]) <= days_left + 2
        assert max(abs(end - life_s) for end in ends[name]) < HOUR_S


def test_without_the_dag_they_would_have_died(build_world):
    world = build_world({name: build() for name, build in SERVICES.items()})
    world.keep_alive()
    world.pass_time(31 * DAY_S)

    report = world.keep_alive()

    assert {one.conn_id.partition(" ")[0] for one in report.lost} == {"9", "22", "24"}
    assert [(one.reason, one.is_passing) for one in report.lost] == [("invalid_grant", False)] * 3


def test_what_was_just_used_is_left_alone(build_world):
    world = build_world({"a": Service(30 * DAY_S), "b": Service(30 * DAY_S)})

    reports = [world.keep_alive().renewed]
    world.pass_time(11 * HOUR_S)
    reports.append(world.keep_alive().renewed)
    world.pass_time(2 * HOUR_S)
    reports.append(world.keep_alive().renewed)

    assert reports == [2, 0, 2]


def test_more_than_a_page_of_grants_are_all_kept(build_world):
    world = build_world({f"c{number}": Service(30 * DAY_S) for number in range(230)})

    assert world.keep_alive().renewed == 230
    assert {one.refreshes for one in world.services.values()} == {1}


# -- over the real route -------------------------------------------------------------------------------


def age(installation, seconds):
    changes = ", ".join(f"{name} = {name} - {seconds}" for name in _TIMES.split())
    installation.rig.run(
        "from airflow import settings\nfrom sqlalchemy import text\n"
        f"with settings.engine.begin() as c:\n    c.execute(text('update integry_authorization set {changes}'))\n"
    )


def ask(installation, **more):
    body = {"idle_s": 3600, "warn_s": 0, **more}
    return installation.post("/v1/keep-alive", body, sign(installation_key(installation), KEEP_ALIVE_CLAIMS))


def test_one_request_answers_within_ten_seconds_and_the_next_ones_tell_the_rest(installation):
    installation.grant("acme", *(f"user-{number}" for number in range(9)))
    installation.service.slow("/token", 11.0, times=4)

    started = time.monotonic()
    first = ask(installation).json()
    took_s = time.monotonic() - started
    answers, asked = [first], first
    while asked["pending"] or asked["next_id"] is not None:
        after_id = 2**63 - 1 if asked["next_id"] is None else asked["next_id"]
        asked = ask(installation, after_id=after_id, pending=asked["pending"]).json()
        answers.append(asked)

    assert took_s < 10
    assert (first["renewed"], len(first["pending"])) == (0, 4)
    assert sum(answer["renewed"] for answer in answers) == 9
    assert [answer["failed"] + answer["lost"] + answer["skipped"] for answer in answers] == [[]] * len(answers)
    # Each was renewed once, however often it was asked for.
    assert installation.service.count("/token", status=200) == 9


def test_a_task_keeps_alive_and_is_told_what_was_lost(installation):
    installation.api.expire_access_tokens()
    age(installation, 60_000)
    installation.service.fail("/token", 503, times=1)
    victim = next(one for one in installation.api.grants if one.user == "user-8" and not one.is_used)
    victim.is_dead = True

    with TaskShell(installation.rig.task_environment(installation.port)) as task:
        found = task.run(
            "from dataclasses import asdict\nfrom airflow_provider_integry.authorizations.keep_alive_client import"
            " keep_alive\nimport msgspec\nresult = msgspec.to_builtins(asdict(keep_alive(43200, 86400)))"
        )
        again = task.run("result = msgspec.to_builtins(asdict(keep_alive(43200, 86400)))")

    report = found["result"]
    assert [(one["conn_id"], one["reason"], one["is_passing"]) for one in report["failed"]] == [
        ("acme", "TokenEndpointUnavailableError", True)
    ]
    assert [(one["conn_id"], one["reason"]) for one in report["lost"]] == [("acme", "invalid_grant")]
    assert report["renewed"] == 7
    # The one that failed is left for the next run; the lost one is lost.
    assert (again["result"]["renewed"], len(again["result"]["failed"]), again["result"]["lost"]) == (0, 1, [])
    assert "user-8" not in json.dumps(found)
