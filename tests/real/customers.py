"""What an Airflow is made to do for many customers: each has a grant of its own, and some lose it on the way."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask, Response
from servers.live import LiveServer

from real.installation import Installation
from real.play import Provider

DAGS = Path(__file__).parent / "customer_dags"
COUNT = 200
# Names that are alike, or hard on what carries them, and others.
ODD = ["1", "01", " 1", "é", "e\u0301", "a/../b", "{{ 7 * 7 }}", "u" * 255]
NAMES = [*ODD, *(f"tenant-{number:03}" for number in range(COUNT - len(ODD)))]
# Wiped here; dead at the service.
REVOKED_HERE = "tenant-017"
REVOKED_THERE = ("a/../b", "tenant-100")
IMPORT = """
import json, sys
from airflow_provider_integry.authorizations.airflow_store import local_journal, local_store, read_settings
from airflow_provider_integry.authorizations.grant import AuthorizationKey
from airflow_provider_integry.authorizations.manage import import_grant
from airflow_provider_integry.authorizations.subject import build_subject
from airflow_provider_integry.secret import Secret

settings = read_settings("acme")
for user, token in json.load(sys.stdin).items():
    subject = build_subject(settings, AuthorizationKey("acme", None, user))
    import_grant(local_store(), local_journal(), subject, Secret(token), owner="tests")
"""


@dataclass
class Seen:
    """What was seen of one play.

    Attributes:
        states: Of each DAG's tasks, by DAG.
        runs: How each run has ended, by DAG.
        outputs: What each task of `each` returned, by map index.
        shown: What Airflow's grid shows for each task of `each`.
        tries: How often each task of `each` was tried.
        outcomes: What the last tasks returned, by DAG.
        callers: Whose credential came with each call of `each`, by the service's own books.
        token_requests: Token requests by whose grant it was, and whether they were answered well.
        greeted, by_hand: What the batches returned.
        decorated: What the tasks of `decorated` returned.
        since: What the tasks of both runs of `news` asked with, by end user.
    """

    states: dict[str, dict[str, str]] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    outputs: dict[int, Any] = field(default_factory=dict)
    shown: dict[int, str] = field(default_factory=dict)
    tries: set[int] = field(default_factory=set)
    outcomes: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    callers: list[str] = field(default_factory=list)
    token_requests: dict[str, int] = field(default_factory=dict)
    greeted: list[dict[str, Any]] = field(default_factory=list)
    by_hand: list[dict[str, Any]] = field(default_factory=list)
    decorated: list[Any] = field(default_factory=list)
    since: list[dict[str, str]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def perform(installation: Installation) -> Seen:
    """Perform the play on an Airflow that is up."""
    seen = Seen()
    with Provider().serving() as provider:
        provider.api.latency_s = 0.0
        installation.save_connection("acme", provider.server.url, provider.extra(""))
        import_all(installation, {name: provider.api.authorize(owner_of(name)) for name in NAMES})
        _run_each(installation, provider, seen)
        _run_batches(installation, provider, seen)
        _run_others(installation, seen)
    return seen


def owner_of(end_user: str) -> str:
    """Return as whom the service knows an end user; its names are no longer than 255 characters either."""
    return f"owner of {end_user}"[:255]


def import_all(installation: Installation, tokens: dict[str, str]) -> None:
    """Keep grants, as a process with the database."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT],
        env=installation.box.environment(),
        input=json.dumps(tokens),
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def _run_each(installation: Installation, provider: Provider, seen: Seen) -> None:
    """Let every customer have a task; three lose their grants after they were listed."""
    gate = threading.Event()
    app = Flask("gate")

    @app.get("/")
    def wait() -> Response:
        gate.wait(200)
        return Response("go")

    with LiveServer(app) as server:
        run = installation.begin_run("each", {"gate_url": server.url})
        installation.wait_for_state(run, "ready_end_users", "success", timeout_s=180)
        installation.run("integry", "revoke", "acme", "--end-user", REVOKED_HERE, "--yes", "--local-only")
        for grant in provider.api.grants:
            grant.is_dead = grant.is_dead or grant.user in {owner_of(name) for name in REVOKED_THERE}
        provider.server.forget()
        gate.set()
        seen.runs["each"] = installation.finish_run(run, timeout_s=1200)
    owners = {f"Bearer {one.access_token}": one.user for one in provider.api.grants if one.access_token}
    seen.callers = [owners[one.headers["authorization"]] for one in provider.server.requests("/me", status=200)]
    for status in (200, 400):
        seen.token_requests[str(status)] = provider.server.count("/token", status=status)
    found = read_instances(installation, run)
    seen.states["each"] = {f"{one['task_id']}[{one['map_index']}]": str(one["state"]) for one in found}
    calls = [one for one in found if one["task_id"] == "call"]
    seen.shown = {one["map_index"]: one["rendered_map_index"] for one in calls}
    seen.tries = {one["try_number"] for one in calls}
    seen.outcomes["each"] = installation.xcom(run, "end_user_outcomes")
    for one in calls:
        if one["state"] == "success":
            seen.outputs[one["map_index"]] = installation.xcom(run, "call", one["map_index"])


def _run_batches(installation: Installation, provider: Provider, seen: Seen) -> None:
    run = installation.begin_run("batches", {})
    seen.runs["batches"] = installation.finish_run(run, timeout_s=600)
    seen.outcomes["batches"] = installation.xcom(run, "end_user_outcomes")
    places = sorted(one["map_index"] for one in read_instances(installation, run) if one["task_id"] == "greet")
    seen.states["batches"] = installation.states(run)
    for place in places:
        seen.greeted += installation.xcom(run, "greet", place)
        seen.by_hand += installation.xcom(run, "greet_by_hand", place)


def _run_others(installation: Installation, seen: Seen) -> None:
    run = installation.begin_run("decorated", {"users": ODD[:4]})
    seen.runs["decorated"] = installation.finish_run(run)
    seen.decorated = [installation.xcom(run, "hello", place) for place in range(4)]
    for users in (["1", "01", "é"], ["é", "1"]):
        run = installation.begin_run("news", {"users": users})
        seen.runs["news"] = installation.finish_run(run)
        found = [installation.xcom(run, "read", place) for place in range(len(users))]
        seen.since.append({user: records[0]["since"] for user, records in zip(users, found, strict=True)})


def read_instances(installation: Installation, run: str) -> list[dict[str, Any]]:
    """Return all task instances of a run, a page at a time."""
    found: list[dict[str, Any]] = []
    while True:
        path = f"{run}/taskInstances?limit=100&offset={len(found)}&order_by=id"
        page = installation.call("GET", path)["task_instances"]
        found += page
        if len(page) < 100:
            return found
