"""How much may be asked of an API, and how it tells that it was too much: the key `limits`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, StrictInt, StrictStr, model_validator

from airflow_provider_integry.auth.wire import parse_http_date, parse_iso_time
from airflow_provider_integry.connectors.model import SpecModel, header_name_problem, problem

ResetUnit = Literal["seconds", "ms", "epoch_s", "epoch_ms", "date", "iso"]
Policy = Literal["backoff", "integry"]
# Integry's waits after a 429 in seconds; the last one again and again.
INTEGRY_WAITS_S = (60.0, 120.0, 240.0, 480.0, 960.0, 1800.0)
# Nobody waits for an API for longer than this.
GIVE_UP_S = 36 * 3600.0
MAX_REQUESTS = 1_000_000
MAX_PER_S = 31 * 86400.0
MAX_CONCURRENCY = 1000
# Headers that tell of more than this tell nothing that can be waited for.
_FAR_S = 31 * 86400.0


def _as_number(value: object) -> object:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


class Limits(SpecModel):
    """What one authorization may ask of the API, over all tasks on all workers together.

    Attributes:
        requests: Most requests in any span of `per_s` seconds.
        per_s: Length of that span.
        concurrency: Most requests at the same time.
        remaining_header: Header that tells how many requests are left.
        reset_header: Header that tells when there will be more.
        reset_unit: What it holds: `seconds` or `ms` from now, UTC epoch seconds (`epoch_s`) or milliseconds
            (`epoch_ms`), an HTTP date (`date`), or an ISO 8601 time with its zone (`iso`).
        policy: How long to wait after a 429 that does not say: `backoff` (half a second, doubled each time, at
            random below that) or `integry` (1, 2, 4, 8, 16, 30 minutes, then every 30, for 36 hours).
    """

    requests: Annotated[StrictInt, Field(ge=1, le=MAX_REQUESTS)] | None = None
    per_s: Annotated[float, BeforeValidator(_as_number), Field(strict=True, gt=0, le=MAX_PER_S)] | None = None
    concurrency: Annotated[StrictInt, Field(ge=1, le=MAX_CONCURRENCY)] | None = None
    remaining_header: StrictStr | None = None
    reset_header: StrictStr | None = None
    reset_unit: ResetUnit | None = None
    policy: Policy = "backoff"

    @property
    def has_cap(self) -> bool:
        """Whether requests need a permit."""
        return self.requests is not None or self.concurrency is not None

    @model_validator(mode="after")
    def _check_pairs(self) -> Limits:
        for name, other in (("requests", "per_s"), ("per_s", "requests")):
            if getattr(self, name) is not None and getattr(self, other) is None:
                raise problem((name,), f"needs '{other}': requests: 5 and per_s: 1 are five in any second")
        if self.reset_header is not None and self.reset_unit is None:
            raise problem(("reset_header",), f"needs 'reset_unit': {', '.join(get_args(ResetUnit))}")
        if self.reset_unit is not None and self.reset_header is None:
            raise problem(("reset_unit",), "needs 'reset_header'")
        if self.remaining_header is not None and self.reset_header is None:
            raise problem(("remaining_header",), "needs 'reset_header': nothing says how long to wait otherwise")
        for name in ("remaining_header", "reset_header"):
            value = getattr(self, name)
            if value is not None and (sentence := header_name_problem(value)):
                raise problem((name,), sentence)
        return self

    def describe(self) -> str:
        """Return the caps in words."""
        rate = f"{self.requests} requests in {self.per_s:g} s" if self.requests and self.per_s else ""
        together = f"{self.concurrency} at the same time" if self.concurrency else ""
        return " and ".join(part for part in (rate, together) if part)


def read_reset(limits: Limits, header: Callable[[str], str | None], now: float) -> float | None:
    """Return the seconds until the API takes requests again, as its own header says; None when it does not.

    Args:
        limits: Which header it is.
        header: Returns a header of the answer by name.
        now: Current time, UTC epoch seconds.
    """
    text = (header(limits.reset_header) or "").strip() if limits.reset_header else ""
    unit = limits.reset_unit or "seconds"
    at = _READERS.get(unit, _number)(text)
    if at is None:
        return None
    if unit in ("ms", "epoch_ms"):
        at /= 1000
    left_s = at if unit in ("seconds", "ms") else at - now
    return max(0.0, left_s) if left_s <= _FAR_S else None


def read_pause(limits: Limits, header: Callable[[str], str | None], now: float) -> float:
    """Return the seconds to leave the API alone before the next request, after an answer that is a success.

    That is 0 unless the answer says that no request is left, and when there will be more.
    """
    if limits.remaining_header is None:
        return 0.0
    left = _number((header(limits.remaining_header) or "").strip())
    return (read_reset(limits, header, now) or 0.0) if left is not None and left <= 0 else 0.0


def _number(text: str) -> float | None:
    # Not float(): that takes 'nan', '1_0' and digits of other scripts.
    digits = text.replace(".", "", 1).removeprefix("-")
    return float(text) if digits.isascii() and digits.isdigit() and len(text) <= 20 else None


_READERS: dict[str, Callable[[str], float | None]] = {"date": parse_http_date, "iso": parse_iso_time}
