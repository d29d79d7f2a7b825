"""A broker process is killed at one point of a refresh: what is left, and how soon is it good again?"""

from __future__ import annotations

import json
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import Any

from servers.oauth2 import Rotation

from broker.quick import QuickRig, token_service

POINTS = (
    "before_lease",
    "after_lease",
    "before_sending",
    "in_flight",
    "after_response",
    "after_journal",
    "after_commit",
    "after_removal",
)
# A lease as long as the real one would make a run take a minute.
LEASE_S, CONVERSATION_S = 1.5, 1.0
SHORT = {"TEST_LEASE_S": str(LEASE_S), "TEST_CONVERSATION_S": str(CONVERSATION_S)}
# Where a server that accepts each refresh token once has used it up, and its answer is gone.
UNSAVEABLE = ("in_flight", "after_response")
_numbers = count()


@dataclass
class Killed:
    """What came of one kill.

    Attributes:
        point: Where.
        has_token: Whether the next task got a token.
        error: The error that it got instead, by name.
        cause: Why, as the row says.
        token_requests: How many the authorization server saw, the interrupted one included.
        recovery_s: Seconds from the new server's start until the next task had its answer.
        revocations: How often a refresh token was used twice.
        left: What is left in the journal after the next refresh.
        is_sound: Whether two further refreshes went well.
    """

    point: str
    has_token: bool
    error: str | None
    cause: str | None
    token_requests: int
    recovery_s: float
    revocations: int
    left: list[str]
    is_sound: bool

    @property
    def problem_with_grace(self) -> str | None:
        """What is wrong where an old refresh token stays good for a while; None when nothing is."""
        if not (self.has_token and self.is_sound):
            return "the grant is lost"
        if self.token_requests != (2 if self.point in UNSAVEABLE else 1):
            return "wrong number of token requests"
        return self._general_problem

    @property
    def problem_when_strict(self) -> str | None:
        """What is wrong where a refresh token is good for one use; None when nothing is."""
        if self.point in UNSAVEABLE:
            # One more try with the old token, and then the truth.
            told = (self.error, self.cause, self.token_requests)
            is_right = told == ("ReauthorizationNeededError", "refresh_outcome_unknown", 2)
            return self._general_problem if is_right else "lost without the reason after one retry"
        if not (self.has_token and self.is_sound) or self.revocations:
            return "the grant is lost"
        return self._general_problem if self.token_requests == 1 else "wrong number of token requests"

    @property
    def _general_problem(self) -> str | None:
        if self.left:
            return "something is left in the journal"
        return "too slow" if self.recovery_s > 10.0 else None


def kill_at(rig: QuickRig, point: str, rotation: Rotation) -> Killed:
    """Kill a broker at a point of a refresh, start it again, and let a task ask."""
    conn_id = f"kill_{next(_numbers)}_{point}"
    mark = rig.folder / f"{conn_id}.mark"
    is_in_flight = point == "in_flight"
    with token_service(rotation, 0.4 if is_in_flight else 0.0, grace_s=60.0) as (api, server):
        rig.connect(conn_id, server.url, grant_type="refresh_token", refresh_token=api.authorize())
        broker = rig.spawn(**SHORT, TEST_DIE_AT=point, TEST_DIE_MARK=str(mark))
        with rig.askers(1, conn_id, broker) as askers:
            askers.go()
            if is_in_flight:
                server.wait_arrived(1)
                broker.signal(signal.SIGKILL)
            assert broker.wait_dead() == -signal.SIGKILL
            # The task sees its connection break; Airflow would try it again.
            assert "error" in askers.results()[0]
            broker = rig.spawn(broker.port, **SHORT)
            answer = askers.ask_one()
            requests = server.arrived()
            is_sound = _is_sound(rig, askers, conn_id)
            left = rig.journal(rig.row(conn_id)["digest"])
        broker.kill()
    cause = read_cause(rig, conn_id) if "error" in answer else None
    return Killed(
        point=point,
        has_token="token" in answer,
        error=answer.get("error"),
        cause=cause,
        token_requests=requests,
        recovery_s=answer["seconds"],
        revocations=api.family_revocations,
        left=left,
        is_sound=is_sound,
    )


def _is_sound(rig: QuickRig, askers: Any, conn_id: str) -> bool:
    """Whether the grant that is stored now can be refreshed again."""
    for _ in range(2):
        rig.age(3700, conn_id)
        if "token" not in askers.ask_one():
            return False
    return True


def read_cause(rig: QuickRig, conn_id: str) -> str | None:
    """Return why a grant was lost, as its row says."""
    row = rig.row(conn_id)
    return json.loads(row["error"])["fields"]["cause"] if row["state"] == "refused" else None


def kill_everywhere(rig: QuickRig, rotation: Rotation, *, runs: int = 1, at_once: int = 4) -> list[Killed]:
    """Kill brokers at each point, so many times; several at the same time, each with its own authorization."""
    points = [point for _ in range(runs) for point in POINTS]
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(lambda point: kill_at(rig, point, rotation), points))
