"""What becomes of a refresh token that is good for one use, when many processes need it at once."""

from __future__ import annotations

import json
import secrets
import urllib.request
from typing import Any

from comparison import Plan, Row, Samples, Subject, Target
from cryptography.fernet import Fernet
from peers import AIRBYTE, OAUTHLIB
from processes import Sandbox, sandbox

COUNT = 32
LATENCY_S = 0.2
PEERS = {
    "requests-oauthlib + file": (OAUTHLIB, "stampede_oauthlib"),
    "Airbyte CDK, single-use": (AIRBYTE, "stampede_airbyte"),
}
Found = list[dict[str, Any]]


def measure(plan: Plan) -> Subject:
    """Let the processes of each contender meet an expired token, in turns."""
    with sandbox() as box, box.serving("strict_server", str(LATENCY_S)) as url:
        found: dict[str, Found] = {"ours": _measure_ours(box, url, plan.rounds)}
        for number, (name, (peer, probe)) in enumerate(PEERS.items() if plan.with_peers else (), start=1):
            python = peer.install().python
            families = range(number * 1000, number * 1000 + plan.rounds)
            found[name] = [
                _look(url, family, box.run(probe, url, str(family), str(COUNT), str(box.folder), python=python))
                for family in families
            ]

    def samples(name: str, key: str) -> Samples:
        return Samples(name, [float(one[key]) for one in found[name]], "")

    wanted = (
        (f"token requests of {COUNT} processes", "requests", Target(1, "value")),
        ("processes that failed", "failed", Target(0, "value")),
        ("grants lost, of 1", "lost", Target(0, "value")),
    )
    rows = [
        Row(what, samples("ours", key), samples(name, key), target)
        for what, key, target in wanted
        for name in found
        if name != "ours"
    ]
    return Subject(
        f"{COUNT} processes meet one expired token; the service takes each refresh token once, in {LATENCY_S} s",
        rows,
        [
            f"a service that is shown a used refresh token ends the grant; {plan.rounds} rounds, each with a new grant",
            "ours: hooks in processes without a database, which ask one real API server on SQLite",
            (
                "requests-oauthlib: each process reads the token from a file, refreshes it, and writes the new one;"
                " Airbyte CDK: each begins with the same configuration, as parallel runs of a connector do"
            ),
            *(f"{name}, as they failed: {_words(found[name])}" for name in found if _words(found[name])),
        ],
    )


def _measure_ours(box: Sandbox, url: str, rounds: int) -> Found:
    environment = {
        "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(48),
        "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
    }
    done = box.run("stampede_ours", url, "1", str(rounds), str(COUNT), environment=environment)
    return [_look(url, family, one) for family, one in enumerate(done, start=1)]


def _look(url: str, family: int, done: dict[str, Any]) -> dict[str, Any]:
    """Return what the processes say, with what the server has seen."""
    with urllib.request.urlopen(f"{url}/family/{family}", timeout=30) as answer:
        seen = json.load(answer)
    return {**done, "requests": seen["requests"], "failed": COUNT - done["done"], "lost": int(seen["is_revoked"])}


def _words(found: Found) -> str:
    return "; ".join(sorted({error.partition("\n")[0][:120] for one in found for error in one["errors"]})[:3])
