"""What an Airflow is made to do: a stampede on one grant, and waiting for others in the triggerer."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask, Response
from servers.live import LiveServer
from servers.oauth2 import Client, OAuth2Api

from real.installation import Installation
from real.statsd import StatsD

COUNT = 40
# The second token ends while all tasks wait at the second gate.
SHORT_LIFE_S = 14.0
# The broker takes a younger token for good, whatever the API says.
SETTLED_S = 11.0
GATE_S = 200.0


@dataclass
class Provider:
    """An authorization server that revokes a whole grant when a refresh token is used twice, and its API."""

    api: OAuth2Api = field(
        default_factory=lambda: OAuth2Api(
            Client(f"client-{secrets.token_hex(4)}", f"secret+/={secrets.token_urlsafe(24)}", "client_secret_post"),
            rotation="strict",
            latency_s=0.3,
        )
    )

    @contextmanager
    def serving(self) -> Iterator[Provider]:
        """Serve both on a port of loopback."""
        with LiveServer(self.api.build()) as self.server:
            yield self

    def extra(self, refresh_token: str) -> dict[str, Any]:
        """Return the connection's fields."""
        return {
            "grant_type": "refresh_token",
            "client_id": self.api.client.client_id,
            "client_secret": self.api.client.client_secret,
            "client_auth": "client_secret_post",
            "exchange_url": f"{self.server.url}/token",
            "refresh_token": refresh_token,
        }

    @property
    def secrets(self) -> dict[str, str]:
        """Every secret that was in play."""
        tokens = [token for grant in self.api.grants for token in (grant.access_token, grant.refresh_token) if token]
        return {
            "client_secret": self.api.client.client_secret,
            **{f"token {number}": token for number, token in enumerate(tokens)},
        }


@dataclass
class Seen:
    """What was seen of one play.

    Attributes:
        states, outputs: Of the stampede's tasks.
        token_requests: To the stampede's token endpoint: in all, and counted at each gate's opening.
        refusals: 401 answers of its API.
        family_revocations: How often a refresh token was used twice.
        deferred_states, deferred_outputs: Of the other DAG.
        connections: Extras of the connections afterwards, decrypted.
        authorizations: Rows of the store.
        audit: Names of our entries in Airflow's audit log.
        secrets: Everything that must not be found in clear.
        left: Processes that had to be ended twice.
        figures: For people to read.
    """

    states: dict[str, str] = field(default_factory=dict)
    outputs: list[Any] = field(default_factory=list)
    token_requests: list[int] = field(default_factory=list)
    refusals: int = 0
    family_revocations: int = 0
    deferred_states: dict[str, str] = field(default_factory=dict)
    deferred_outputs: dict[str, Any] = field(default_factory=dict)
    connections: dict[str, dict[str, Any]] = field(default_factory=dict)
    authorizations: list[dict[str, Any]] = field(default_factory=list)
    audit: list[str] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)


def perform(installation: Installation, statsd: StatsD, dump: Path) -> Seen:
    """Run both DAGs in an Airflow that is up; the database's rows are written to `dump` at the end."""
    seen = Seen()
    with Provider().serving() as acme, Provider().serving() as other:
        other.api.latency_s = 0.0
        with LiveServer(_build_gates(acme, seen)) as gates:
            started = time.monotonic()
            lost_token = f"never-issued-{secrets.token_urlsafe(18)}"
            installation.save_connection("acme", acme.server.url, acme.extra(acme.api.authorize()))
            installation.save_connection("late", other.server.url, other.extra(""))
            installation.save_connection("lost", other.server.url, other.extra(lost_token))
            deferred = installation.begin_run("deferred", {})
            _authorize_late(installation, deferred, other)
            seen.figures["deferred DAG, s"] = time.monotonic() - started
            started = time.monotonic()
            run = installation.begin_run("stampede", {"gate_url": gates.url, "count": COUNT})
            installation.finish_run(run)
            installation.finish_run(deferred)
            seen.figures["stampede, s"] = time.monotonic() - started
        seen.states, seen.deferred_states = installation.states(run), installation.states(deferred)
        if set(seen.states.values()) == {"success"}:
            seen.outputs = [installation.xcom(run, "meet", number) for number in range(COUNT)]
        for task, state in seen.deferred_states.items():
            if state == "success" and not task.startswith("wait"):
                seen.deferred_outputs[task] = installation.xcom(deferred, task)
        seen.token_requests.append(acme.server.count("/token"))
        seen.refusals = acme.server.count("/me", status=401)
        seen.family_revocations = acme.api.family_revocations
        seen.secrets = {
            **{f"acme {name}": value for name, value in acme.secrets.items()},
            **{f"other {name}": value for name, value in other.secrets.items()},
            "lost refresh token": lost_token,
            **installation.secrets,
        }
    _read_database(installation, seen)
    installation.dump(dump)
    return seen


def _authorize_late(installation: Installation, run: str, provider: Provider) -> None:
    """Paste refresh tokens into connections whose sensors wait."""
    for name in ("late", "lost"):
        installation.wait_for_state(run, f"wait_{name}", "deferred")
    # They look, and find that they have to wait on.
    time.sleep(4)
    for name in ("late", "lost"):
        assert installation.states(run)[f"wait_{name}"] == "deferred"
        extra = provider.extra(provider.api.authorize())
        installation.save_connection(name, provider.server.url, extra, is_new=False)


def _build_gates(provider: Provider, seen: Seen) -> Flask:
    """Build the gates at which tasks wait for each other."""

    def refuse() -> None:
        _wait_until(lambda: time.monotonic() > provider.server.requests("/token")[-1].at + SETTLED_S)
        seen.token_requests.append(provider.server.count("/token"))
        provider.api.lifetime_s = SHORT_LIFE_S
        provider.api.expire_access_tokens()

    def expire() -> None:
        token = provider.api.grants[-1]
        _wait_until(lambda: time.time() > token.expires_at + 0.5)
        seen.token_requests.append(provider.server.count("/token"))
        provider.api.lifetime_s = 3600.0

    app = Flask("gates")
    gates = {
        "refused": threading.Barrier(COUNT, refuse, timeout=GATE_S),
        "expired": threading.Barrier(COUNT, expire, timeout=GATE_S),
    }

    @app.get("/gate/<name>")
    def gate(name: str) -> Response:
        try:
            gates[name].wait()
        except threading.BrokenBarrierError:
            return Response("not all came", 503)
        return Response("go")

    return app


def _wait_until(is_true: Callable[[], bool]) -> None:
    while not is_true():
        time.sleep(0.05)


def _read_database(installation: Installation, seen: Seen) -> None:
    import json

    for row in installation.query("SELECT conn_id, extra, password FROM connection"):
        seen.connections[row["conn_id"]] = json.loads(installation.decrypt(row["extra"])) if row["extra"] else {}
        if row["password"]:
            seen.secrets[f"password of {row['conn_id']}"] = installation.decrypt(row["password"])
    seen.authorizations = installation.query("SELECT * FROM integry_authorization ORDER BY id")
    events = installation.query("SELECT event FROM log WHERE event LIKE 'integry.%' ORDER BY id")
    seen.audit = [row["event"] for row in events]
