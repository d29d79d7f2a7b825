"""How many requests are taken: per address, per host application and per end user; pure, the clock is an argument.

Each API server counts for itself: with several of them, each takes as many.
"""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

WINDOW_S = 60.0
# Callers that are remembered by one limit at most; whoever has asked for nothing the longest is forgotten.
MAX_CALLERS = 10_000
# Bits of an IPv6 address that name a network: whoever has one has all addresses in it.
_NETWORK_BITS = 64


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one limit takes a request.

    Attributes:
        name: The limit's name.
        quota: Requests that it takes in `WINDOW_S`.
        remaining: Requests that it would take now.
        wait_s: Seconds until it takes the next one; 0 where it has taken this one.
        reset_s: Seconds until it has forgotten what it has taken.
    """

    name: str
    quota: int
    remaining: int
    wait_s: float
    reset_s: float

    @property
    def is_taken(self) -> bool:
        """Whether the request is taken."""
        return self.wait_s <= 0


class Limit:
    """Takes so many requests of each caller in a minute, all at once or spread (the generic cell rate algorithm).

    Args:
        name: Its name in headers.
        quota: Requests in `WINDOW_S`; 0 for no limit.
        max_callers: Callers that are remembered.
    """

    def __init__(self, name: str, quota: int, max_callers: int = MAX_CALLERS) -> None:
        self._name = name
        self._quota = quota
        self._max_callers = max_callers
        # For each caller, when all that was taken is forgotten.
        self._until: OrderedDict[str, float] = OrderedDict()

    def take(self, caller: str, now: float) -> Verdict | None:
        """Count a request, and return whether it is taken; None where there is no limit.

        Args:
            caller: Who asks.
            now: A clock that never jumps, seconds.
        """
        if self._quota <= 0:
            return None
        share_s = WINDOW_S / self._quota
        until = max(self._until.get(caller, 0.0), now)
        room_s = now + WINDOW_S - until - share_s
        # A billionth of a share is rounding.
        if room_s < -share_s * 1e-9:
            return Verdict(self._name, self._quota, 0, -room_s, until - now)
        self._remember(caller, until + share_s)
        return Verdict(self._name, self._quota, math.floor(room_s / share_s + 1e-9), 0.0, until + share_s - now)

    def _remember(self, caller: str, until: float) -> None:
        self._until[caller] = until
        self._until.move_to_end(caller)
        while len(self._until) > self._max_callers:
            self._until.popitem(last=False)


def name_address(address: str | None) -> str:
    """Return what an address counts as: itself, or its network."""
    try:
        ip = ipaddress.ip_address((address or "").split("%", 1)[0])
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((int(ip) >> (128 - _NETWORK_BITS) << (128 - _NETWORK_BITS), _NETWORK_BITS)))


def build_headers(verdicts: Sequence[Verdict]) -> dict[str, str]:
    """Return what an answer tells of limits: all of them, and how much the narrowest one leaves.

    Source: draft-ietf-httpapi-ratelimit-headers (structured fields of RFC 9651), RFC 9110 section 10.2.3.
    """
    if not verdicts:
        return {}
    least = min(verdicts, key=lambda one: (one.remaining / one.quota, -one.wait_s))
    headers = {
        "RateLimit-Policy": ", ".join(f'"{one.name}";q={one.quota};w={WINDOW_S:.0f}' for one in verdicts),
        "RateLimit": f'"{least.name}";r={least.remaining};t={math.ceil(least.wait_s or least.reset_s)}',
    }
    wait_s = max(one.wait_s for one in verdicts)
    if wait_s > 0:
        headers["Retry-After"] = str(max(1, math.ceil(wait_s)))
    return headers
