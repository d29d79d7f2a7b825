"""Permits to send requests, as pure decisions: how many are out, how many requests still count.

A permit is for some requests. While it is out, all of them count; when it is given back, those that were sent
count for one more span of time. A request arrives between the two, so that no span ever holds more requests
than allowed, however late a request or its answer was on its way. Times are the database's, in seconds.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

import msgspec

from airflow_provider_integry.authorizations.grant import AuthorizationKey
from airflow_provider_integry.authorizations.messages import PermitAnswer, PermitAsk

# Sent requests are remembered in so many lots; the two nearest ones become one, which counts until the later.
MAX_LOTS = 64
# More permits than this are never out at once, so that a row stays small.
MAX_HELD = 2000
# So many permits share what is allowed: one is for this part of the requests at most.
SHARES = 50
# How often to look again where nobody can tell when a permit comes back.
LOOK_S = 0.25


def permit_digest(key: AuthorizationKey, bucket: str) -> str:
    """Name what is limited: SHA-256, in hex, of an authorization and a bucket."""
    return hashlib.sha256(json.dumps(["integry-permit-1", key.digest, bucket]).encode()).hexdigest()


class Caps(msgspec.Struct, frozen=True):
    """What is allowed.

    Attributes:
        requests: Requests in any span of `per_s` seconds; None for any number.
        per_s: Length of that span.
        concurrency: Permits that may be out at once; None for any number.
    """

    requests: int | None = None
    per_s: float = 0.0
    concurrency: int | None = None

    @property
    def most(self) -> int:
        """Most requests of one permit; one, where those that are under way are counted."""
        if self.concurrency is not None or self.requests is None:
            return 1
        return max(1, self.requests // SHARES)

    @property
    def spacing_s(self) -> float:
        """Seconds between two requests at full speed."""
        return self.per_s / self.requests if self.requests else LOOK_S / (self.concurrency or 1)


@dataclass(slots=True)
class PermitState:
    """What is out, and what still counts.

    Attributes:
        held: By name of a permit: until when it is out at most, and for how many requests it is.
        spent: Until when a lot of sent requests counts, and how many they are; in the order of time.
    """

    held: dict[str, tuple[float, int]] = field(default_factory=dict)
    spent: list[tuple[float, int]] = field(default_factory=list)

    def serve(self, ask: PermitAsk, caps: Caps, now: float) -> PermitAnswer:
        """Take what is given back, and grant what there is room for."""
        self._expire(caps, now)
        if ask.returned_id is not None and (out := self.held.pop(ask.returned_id, None)):
            self._spend(now + caps.per_s, min(ask.used, out[1]), caps)
        if ask.wanted < 1:
            return PermitAnswer()
        wait_s = self._find_wait(caps, now)
        if wait_s is not None:
            return PermitAnswer(wait_s=wait_s)
        count = min(ask.wanted, caps.most, caps.requests - self._count() if caps.requests else 1)
        self.held[ask.permit_id] = (now + ask.lease_s, count)
        return PermitAnswer(count)

    @property
    def busy_until(self) -> float:
        """When nothing of this matters any more, as far as is known."""
        return max([until for until, _ in (*self.held.values(), *self.spent)], default=0.0)

    def encode(self) -> str:
        """Return this as JSON."""
        return msgspec.json.encode([self.held, self.spent]).decode()

    @classmethod
    def decode(cls, text: str) -> PermitState:
        """Return what `encode` was given."""
        return cls(*msgspec.json.decode(text, type=tuple[dict[str, tuple[float, int]], list[tuple[float, int]]]))

    def _count(self) -> int:
        return sum(count for _, count in (*self.held.values(), *self.spent))

    def _find_wait(self, caps: Caps, now: float) -> float | None:
        """Return the seconds until there may be room; None when there is."""
        waits = []
        if len(self.held) >= min(caps.concurrency or MAX_HELD, MAX_HELD):
            waits.append(LOOK_S)
        if caps.requests is not None and self._count() >= caps.requests:
            waits.append(max(0.01, self.spent[0][0] - now) if self.spent else min(LOOK_S, caps.per_s))
        return max(waits) if waits else None

    def _expire(self, caps: Caps, now: float) -> None:
        """Forget what counts no more; permits that nobody has given back count as used up at their end."""
        for name, (until, count) in list(self.held.items()):
            if until <= now:
                del self.held[name]
                self._spend(until + caps.per_s, count, caps)
        self.spent = [lot for lot in self.spent if lot[0] > now]

    def _spend(self, until: float, count: int, caps: Caps) -> None:
        if caps.requests is None or count < 1:
            return
        self.spent = sorted([*self.spent, (until, count)])
        if len(self.spent) > MAX_LOTS:
            gaps = [later[0] - sooner[0] for sooner, later in zip(self.spent, self.spent[1:], strict=False)]
            at = gaps.index(min(gaps))
            joined = (self.spent[at + 1][0], self.spent[at][1] + self.spent[at + 1][1])
            self.spent[at : at + 2] = [joined]
