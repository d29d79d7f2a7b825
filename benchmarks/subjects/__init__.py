"""The subjects, by the names that ``--only`` takes; each takes the number of rounds."""

from __future__ import annotations

from collections.abc import Callable

from comparison import Subject

from subjects import broker, calls, extraction, imports, parsing

SUBJECTS: dict[str, Callable[[int], Subject]] = {
    "imports": imports.measure,
    "parsing": parsing.measure,
    "calls": calls.measure,
    "broker": broker.measure,
    "extraction": extraction.measure,
}
