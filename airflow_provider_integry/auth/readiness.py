"""Whether a connection can be used: one pure decision."""

from __future__ import annotations

from enum import Enum
from typing import Literal

ProbeResult = Literal["accepted", "rejected", "unreachable"]


class Readiness(str, Enum):
    """Where an authorization stands."""

    PENDING = "pending"
    READY = "ready"
    NEEDS_REAUTHORIZATION = "needs_reauthorization"
    REVOKED = "revoked"
    UNREACHABLE = "unreachable"

    def __str__(self) -> str:
        return self.value


def decide_readiness(
    *,
    is_complete: bool,
    is_revoked: bool = False,
    grant_refused: bool = False,
    probe: ProbeResult | None = None,
) -> Readiness:
    """Decide where an authorization stands.

    Args:
        is_complete: Whether every credential that is needed is there.
        is_revoked: Whether somebody revoked it here.
        grant_refused: Whether the authorization server refused to renew it (invalid_grant).
        probe: What the user-information endpoint, or the token endpoint, said just now; None when
            nobody asked.
    """
    if is_revoked:
        return Readiness.REVOKED
    if not is_complete:
        return Readiness.PENDING
    if grant_refused or probe == "rejected":
        return Readiness.NEEDS_REAUTHORIZATION
    if probe == "unreachable":
        return Readiness.UNREACHABLE
    return Readiness.READY
