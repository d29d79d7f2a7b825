"""What a benchmark gives: samples of two contenders, their ratio, and whether a target holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import inf
from statistics import median
from typing import Any, Literal


@dataclass(frozen=True)
class Plan:
    """How to measure.

    Attributes:
        rounds: Measurements of each contender.
        with_peers: Whether other projects are compared too, which are installed for it.
    """

    rounds: int
    with_peers: bool = True


@dataclass(frozen=True)
class Samples:
    """What one contender took, one value a round.

    Attributes:
        name: The contender.
        values: In the order of the rounds; at least one.
        unit: What is counted ("ms", "µs", "look-ups").
    """

    name: str
    values: Sequence[float]
    unit: str

    @property
    def median(self) -> float:
        """The value that stands for all."""
        return median(self.values)


@dataclass(frozen=True)
class Target:
    """The most that contender A may take.

    Attributes:
        limit: The number.
        of: "ratio": times what contender B takes; "value": in A's own unit.
    """

    limit: float
    of: Literal["ratio", "value"]


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        what: What was measured.
        a, b: The contenders; round for round, B was measured beside A.
        target: What A has to keep; None where the row only informs.
    """

    what: str
    a: Samples
    b: Samples
    target: Target | None = None

    @property
    def ratios(self) -> list[float]:
        """A divided by B, one value a round: what slows the machine slows both."""
        return [_divide(ours, theirs) for ours, theirs in zip(self.a.values, self.b.values, strict=True)]

    @property
    def ratio(self) -> float:
        """Median of the rounds' ratios."""
        return median(self.ratios)

    @property
    def holds(self) -> bool | None:
        """Whether the target holds; None without a target."""
        if self.target is None:
            return None
        return (self.ratio if self.target.of == "ratio" else self.a.median) <= self.target.limit

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON-ready values."""
        return {**asdict(self), "ratio": self.ratio, "ratios": self.ratios, "holds": self.holds}


@dataclass(frozen=True)
class Curve:
    """How something grows.

    Attributes:
        what: What was measured.
        x: What grows.
        unit: What is counted.
        series: For each contender, pairs of what grows and the median of what was measured.
    """

    what: str
    x: str
    unit: str
    series: Mapping[str, Sequence[tuple[float, float]]]


@dataclass(frozen=True)
class Subject:
    """One benchmark, done.

    Attributes:
        title: What it is about.
        rows: The comparisons.
        notes: What a reader has to know besides, one line each.
        curves: How it grows.
    """

    title: str
    rows: Sequence[Row]
    notes: Sequence[str] = ()
    curves: Sequence[Curve] = ()

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON-ready values."""
        return {
            "title": self.title,
            "rows": [row.as_json() for row in self.rows],
            "notes": list(self.notes),
            "curves": [asdict(curve) for curve in self.curves],
        }


def _divide(ours: float, theirs: float) -> float:
    """Return the ratio; of two that are nothing it is 1, and of something and nothing it has no end."""
    if theirs:
        return ours / theirs
    return inf if ours else 1.0
