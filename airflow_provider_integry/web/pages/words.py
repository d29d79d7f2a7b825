"""Values in words, for people."""

from __future__ import annotations

from datetime import datetime, timezone

from airflow_provider_integry.auth.readiness import Readiness
from airflow_provider_integry.connection_types import CONNECTION_TYPES_BY_NAME

_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))
_READINESS = {
    Readiness.PENDING: "Pending",
    Readiness.READY: "Ready",
    Readiness.NEEDS_REAUTHORIZATION: "Needs reauthorization",
    Readiness.REVOKED: "Revoked",
    Readiness.UNREACHABLE: "Unreachable",
}


def readiness(value: str) -> str:
    """Return the name of a readiness as people read it."""
    return _READINESS[Readiness(value)]


def conn_type(name: str | None) -> str:
    """Return the label of a connection type; its name where it is not one of ours."""
    known = CONNECTION_TYPES_BY_NAME.get(name or "")
    return known.label if known else name or ""


def sentence(text: str) -> str:
    """Return a reason as a sentence: with a capital at its beginning."""
    return text[:1].upper() + text[1:]


def exact_time(seconds: float | None) -> str:
    """Return a moment, UTC epoch seconds, as ISO 8601 in UTC."""
    if seconds is None:
        return ""
    try:
        found = datetime.fromtimestamp(seconds, timezone.utc)
    except (OverflowError, ValueError, OSError):
        return ""
    return found.isoformat(sep=" ", timespec="seconds").replace("+00:00", " UTC")


def until(seconds: float) -> str:
    """Return how far away a moment is: ``in 12 min``, ``expired``."""
    return f"in {_span(seconds)}" if seconds > 0 else "expired"


def since(seconds: float) -> str:
    """Return how long ago a moment was: ``3 h ago``, ``just now``."""
    return f"{_span(seconds)} ago" if seconds >= 60 else "just now"


def number(value: int) -> str:
    """Return a number with its thousands apart."""
    return f"{value:,}"


def _span(seconds: float) -> str:
    for unit_s, name in _UNITS:
        if seconds >= unit_s:
            return f"{int(seconds // unit_s):,} {name}"
    return "less than a minute"
