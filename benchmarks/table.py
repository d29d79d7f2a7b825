"""How results look on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from comparison import Curve, Row, Samples, Subject

_HEADINGS = ("what", "A: median (min…max)", "B: median (min…max)", "A/B (min…max)", "target", "")


def render_subject(subject: Subject) -> str:
    """Render one subject as a table with its notes below."""
    cells = [_HEADINGS, *(_render_row(row) for row in subject.rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADINGS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    rule = "─" * max(map(len, lines))
    notes = [f"· {note}" for note in subject.notes]
    table = [lines[0], rule, *lines[1:], rule] if subject.rows else []
    curves = [line for curve in subject.curves for line in _render_curve(curve)]
    return "\n".join([subject.title, rule, *table, *curves, *notes])


def _render_curve(curve: Curve) -> list[str]:
    """Render a curve as one line for each contender."""
    lines = [f"{curve.what}, {curve.unit}, by {curve.x}"]
    for name, points in curve.series.items():
        told = ", ".join(f"{x:,.0f}: {_number(y)}" for x, y in points)
        lines.append(f"  {name}: {told}")
    return lines


def render_summary(subjects: Sequence[Subject]) -> str:
    """Say in one line whether every target holds."""
    judged = [row for subject in subjects for row in subject.rows if row.holds is not None]
    missed = [row.what for row in judged if not row.holds]
    if missed:
        return f"{len(missed)} of {len(judged)} targets do NOT hold: {'; '.join(missed)}"
    return f"All {len(judged)} targets hold."


def _render_row(row: Row) -> tuple[str, ...]:
    ratios = row.ratios
    ratio = f"{_number(row.ratio)} ({_number(min(ratios))}…{_number(max(ratios))})"
    target = "-"
    if row.target is not None:
        target = f"≤ {row.target.limit:g} " + ("x B" if row.target.of == "ratio" else row.a.unit)
    verdict = {True: "holds", False: "DOES NOT HOLD", None: "informs"}[row.holds]
    return (row.what, _samples(row.a), _samples(row.b), ratio, target, verdict)


def _samples(samples: Samples) -> str:
    middle, low, high = samples.median, min(samples.values), max(samples.values)
    spread = "" if low == high else f" ({_number(low)}…{_number(high)})"
    return f"{samples.name} {_number(middle)} {samples.unit}{spread}"


def _number(value: float) -> str:
    if value == float("inf"):
        return "∞"
    if value == int(value) or abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
