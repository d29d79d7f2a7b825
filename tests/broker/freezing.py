"""The one who renews a token freezes: what do the others get, and what does it do when it wakes up?"""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from servers.oauth2 import Rotation

from broker.quick import QuickRig, token_service

_numbers = count()


@dataclass
class Frozen:
    """What came of it.

    Attributes:
        answers: What the other server said while the holder was frozen: fingerprints and names of errors.
        slowest_s: The longest that one of its answers took.
        lease_left_s: Seconds that the lease had left when somebody took over; negative after its end.
        generation: Of the row after the takeover, and after the holder's awakening.
        fingerprint: The same, of the token.
        token_requests: How many the authorization server saw.
        is_sound: Whether the grant could be refreshed once more.
    """

    answers: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    lease_left_s: float = 0.0
    generation: tuple[int, int] = (0, 0)
    fingerprint: tuple[str, str] = ("", "")
    token_requests: int = 0
    is_sound: bool = False


def freeze(rig: QuickRig, *, is_alive: bool, lease_s: float, rotation: Rotation = "grace") -> Frozen:
    """Freeze a broker in the middle of its token request, with another one beside it.

    Args:
        rig: An installation whose database serves two brokers.
        is_alive: Whether the old token still works (for a minute).
        lease_s: Length of a lease.
        rotation: What becomes of a refresh token that was used.
    """
    conn_id = f"frozen_{next(_numbers)}"
    found = Frozen()
    short = {"TEST_LEASE_S": str(lease_s), "TEST_CONVERSATION_S": str(lease_s * 2 / 3)}
    with token_service(rotation, grace_s=600.0) as (api, server):
        rig.connect(conn_id, server.url, grant_type="refresh_token", refresh_token=api.authorize())
        holder, other = rig.spawn(**short), rig.spawn(**short)
        # A task gives up at once: each answer of the broker is seen by itself.
        with (
            rig.askers(1, conn_id, holder) as first,
            rig.askers(2, conn_id, other, AIRFLOW__INTEGRY__WAIT_S="0") as others,
        ):
            old = first.ask_one()["fingerprint"]
            rig.age(3550 if is_alive else 3700, conn_id)
            api.latency_s = 0.5
            first.go()
            server.wait_arrived(2)
            holder.signal(signal.SIGSTOP)
            api.latency_s = 0.0
            _watch(rig, conn_id, others, old, found)
            taken = rig.row(conn_id)
            holder.signal(signal.SIGCONT)
            answer = first.results()[0]
            time.sleep(1.0)
            woken = rig.row(conn_id)
            found.generation = (taken["generation"], woken["generation"])
            found.fingerprint = (taken["token_fingerprint"], woken["token_fingerprint"])
            assert answer.get("fingerprint", woken["token_fingerprint"]) == woken["token_fingerprint"], answer
            found.token_requests = server.arrived()
            rig.age(3700, conn_id)
            found.is_sound = "token" in others.ask_one()
    for broker in (holder, other):
        broker.kill()
    return found


def _watch(rig: QuickRig, conn_id: str, others: Any, old: str, found: Frozen) -> None:
    """Ask the other server until it has taken over."""
    lease_until = rig.row(conn_id)["lease_until"]
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        for answer in others.ask():
            found.slowest_s = max(found.slowest_s, answer["seconds"])
            name = answer.get("error") or ("old" if answer["fingerprint"] == old else "new")
            found.answers.append(name)
        if "new" in found.answers or "ReauthorizationNeededError" in found.answers:
            row = rig.row(conn_id)
            found.lease_left_s = lease_until - (row["refreshed_at"] or row["error_at"])
            return
    raise AssertionError(f"nobody took over: {found}")
