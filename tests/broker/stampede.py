"""Many processes meet one expired token: how many requests does the authorization server see?"""

from __future__ import annotations

from dataclasses import dataclass, field

from broker.quick import QuickRig, token_service


@dataclass
class Stampede:
    """What came of some rounds.

    Attributes:
        rounds: How often the token expired.
        asked: Requests of tasks.
        token_requests: For each round, how many the authorization server saw.
        failures: What went wrong in tasks.
        tokens: For each round, how many different tokens tasks got.
        revocations: How often a refresh token was used twice.
        slowest_s: The longest that a task waited.
    """

    rounds: int = 0
    asked: int = 0
    token_requests: list[int] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    revocations: int = 0
    slowest_s: float = 0.0

    @property
    def is_perfect(self) -> bool:
        """Whether each expiry caused one request, and everybody got the one token."""
        one_each = [1] * self.rounds
        return self.token_requests == one_each == self.tokens and not self.failures and not self.revocations


def stampede(
    rig: QuickRig, conn_id: str, *, count: int, rounds: int, servers: int, latency_s: float = 0.0, rejects: bool = False
) -> Stampede:
    """Let `count` processes ask at once, after each of `rounds` expiries.

    Args:
        rig: The installation.
        conn_id: Name for a new connection.
        count: Processes.
        rounds: Expiries.
        servers: Broker processes.
        latency_s: How long the token endpoint takes.
        rejects: Whether the token has not expired: all report that the API refuses it.
    """
    found = Stampede()
    with token_service("strict", latency_s) as (api, server):
        rig.connect(conn_id, server.url, grant_type="refresh_token", refresh_token=api.authorize())
        brokers = [rig.spawn() for _ in range(servers)]
        with rig.askers(count, conn_id, *brokers) as askers:
            rejected = askers.ask_one()["fingerprint"] if rejects else None
            for _ in range(rounds):
                if found.rounds or rejects:
                    # Older than what a fresh token is believed, or dead.
                    rig.age(20 if rejects else 3700, conn_id)
                before = server.arrived()
                results = askers.ask(rejected=rejected)
                found.rounds += 1
                found.asked += count
                found.token_requests.append(server.arrived() - before)
                found.failures += [one["message"] for one in results if "error" in one]
                found.tokens.append(len({one.get("fingerprint") for one in results}))
                found.slowest_s = max(found.slowest_s, *(one["seconds"] for one in results))
                rejected = results[0].get("fingerprint") if rejects else None
        found.revocations = api.family_revocations
    for broker in brokers:
        broker.kill()
    return found
