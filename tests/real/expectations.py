"""What must be true of every play, however Airflow is deployed."""

from __future__ import annotations

from pathlib import Path

from system.leaks import find_leaks

from real.play import COUNT, Seen
from real.statsd import StatsD


def check_stampede(seen: Seen) -> None:
    """Every task is green, with one token request for each end of a token."""
    assert set(seen.states.values()) == {"success"}, seen.states
    assert len([name for name in seen.states if name.startswith("meet[")]) == COUNT
    assert [[number, "ada", "ada"] for number in range(COUNT)] == seen.outputs
    # The pasted token's first use; the refused token; the expired token.
    assert seen.token_requests == [1, 2, 3]
    assert seen.family_revocations == 0


def check_deferred(seen: Seen) -> None:
    """Sensors waited in the triggerer and went on, and the activities behind them ran there."""
    assert set(seen.deferred_states.values()) == {"success"}, seen.deferred_states
    late, lost = seen.deferred_outputs["look_late"], seen.deferred_outputs["look_lost"]
    assert late["readiness"] == "pending"
    assert "refresh token" in late["reason"]
    assert lost["readiness"] == "needs_reauthorization"
    assert "invalid_grant" in lost["reason"]
    assert lost["error"][0] == "ReauthorizationNeededError"
    assert (seen.deferred_outputs["read_late"], seen.deferred_outputs["read_lost"]) == ("ada", "ada")


def check_database(seen: Seen) -> None:
    """Grants are kept, and pasted refresh tokens are not."""
    assert {seen.connections[name]["refresh_token"] for name in ("acme", "late", "lost")} == {""}
    assert "integry_installation" in seen.connections
    assert {(row["conn_id"], row["state"]) for row in seen.authorizations} == {
        ("acme", "active"),
        ("late", "active"),
        ("lost", "active"),
    }
    assert "integry.authorization.lost" in seen.audit
    assert seen.audit.count("integry.authorization.imported") == 4


def check_metrics(statsd: StatsD) -> None:
    """Refreshes, failures, waits and reads arrive from the API servers."""
    # Three of the stampede, and one of each of the other connections.
    assert statsd.count("integry.refresh.success") == 5
    assert statsd.count("integry.grant.lost.invalid_grant") == 1
    assert statsd.count("integry.broker.read") >= 2 * COUNT
    assert len(statsd.timings_ms("integry.refresh.duration")) == 5
    assert statsd.timings_ms("integry.broker.wait")


def check_leaks(seen: Seen, files: list[Path]) -> None:
    """No secret is in any file."""
    leaks = find_leaks(files, seen.secrets)
    assert not leaks, "\n".join(leaks[:20])
