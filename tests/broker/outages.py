"""The database goes away between the token endpoint's answer and the commit."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import count
from typing import Any

from broker.quick import QuickRig, token_service, wait_until

_numbers = count()


@dataclass
class Outage:
    """What came of it.

    Attributes:
        error_while_down: What a task is told meanwhile.
        has_token: Whether a task gets a token once the database is back.
        token_requests: How many the authorization server saw.
        revocations: How often a refresh token was used twice.
        back_s: Seconds from the database's return until the token.
        left: What is left in the journal.
        is_sound: Whether the grant could be refreshed once more.
    """

    error_while_down: str | None
    has_token: bool
    token_requests: int
    revocations: int
    back_s: float
    left: list[str]
    is_sound: bool


def lose_database(
    rig: QuickRig, database: Any, *, down_s: float, kills_broker: bool, crashes: bool = False, lease_s: float = 45.0
) -> Outage:
    """Stop the database while a token request is under way, and start it again later.

    Args:
        rig: The installation.
        database: Its database server.
        down_s: For how long.
        kills_broker: Whether the broker is killed while the database is down, and started again after it.
        crashes: Whether the database ends as in a crash.
        lease_s: Length of a lease.
    """
    conn_id = f"outage_{next(_numbers)}"
    short = {"TEST_LEASE_S": str(lease_s), "TEST_CONVERSATION_S": str(lease_s * 2 / 3)}
    with token_service("strict", 0.0) as (api, server):
        rig.connect(conn_id, server.url, grant_type="refresh_token", refresh_token=api.authorize())
        broker = rig.spawn(**short)
        with rig.askers(2, conn_id, broker) as askers:
            assert "token" in askers.ask_one()
            digest = rig.row(conn_id)["digest"]
            rig.age(3700, conn_id)
            api.latency_s = 1.0
            askers.go(only=1)
            server.wait_arrived(2)
            time.sleep(0.2)
            database.kill() if crashes else database.stop()
            stopped = time.monotonic()
            # A file that is still being written has another name.
            wait_until(lambda: any(name.endswith(".grant") for name in rig.journal(digest)), 10.0, "no journal entry")
            api.latency_s = 0.0
            if kills_broker:
                broker.kill()
            told = askers.results()[0].get("error")
            time.sleep(max(0.0, stopped + down_s - time.monotonic()))
            database.start()
            started = time.monotonic()
            if kills_broker:
                broker = rig.spawn(broker.port, **short)
            answer = askers.ask_one()
            back_s = time.monotonic() - started
            wait_until(lambda: not rig.journal(digest), 5.0, "the journal is not empty")
            requests, left = server.arrived(), rig.journal(digest)
            rig.age(3700, conn_id)
            is_sound = "token" in askers.ask_one()
        broker.kill()
    return Outage(told, "token" in answer, requests, api.family_revocations, back_s, left, is_sound)
