"""The subjects, by the names that ``--only`` takes; each takes a plan."""

from __future__ import annotations

from collections.abc import Callable

from comparison import Plan, Subject

from subjects import broker, calls, extraction, growth, imports, parsing, sensors, stampede

SUBJECTS: dict[str, Callable[[Plan], Subject]] = {
    "imports": imports.measure,
    "parsing": parsing.measure,
    "calls": calls.measure,
    "broker": broker.measure,
    "extraction": extraction.measure,
    "stampede": stampede.measure,
    "sensors": sensors.measure,
    "growth": growth.measure,
}
