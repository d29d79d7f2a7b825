"""The page of benchmarks, with its plots, from what ``make bench`` has written into ``benchmarks.json``."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from reference_pages.markdown import build_block, build_table, join

RECORD = Path(__file__).resolve().parent.parent / "benchmarks.json"
COMMAND = "make bench ARGS='--json docs/benchmarks.json'"
_INTRODUCTION = (
    "What the provider costs, beside what one would use in its place.\n"
    "All contenders of a table took turns in one run on one machine, so it is the ratio that says something, and not"
    " the milliseconds.\n"
    "A figure is the median of all rounds, with the least and the most in brackets; the ratio is the median of the"
    " rounds' own ratios."
)


def build_page() -> str:
    """Build the page."""
    if not RECORD.is_file():
        return join(
            "# Benchmarks", _INTRODUCTION, "Nothing was measured for this version.", build_block("bash", COMMAND)
        )
    record = json.loads(RECORD.read_text("utf-8"))
    machine, load = record["machine"], record["load"]
    return join(
        "# Benchmarks",
        _INTRODUCTION,
        "To measure on a machine of yours, which installs the other projects into environments of their own:",
        build_block("bash", COMMAND),
        build_table(
            ["", ""],
            [
                *([name.capitalize(), value] for name, value in machine.items()),
                ["Load (1, 5, 15 min)", f"{load['before']} before, {load['after']} after"],
            ],
        ),
        *(part for subject in record["subjects"] for part in _build_subject(subject)),
    )


def build_plots() -> dict[str, str]:
    """Build the pictures, as SVG by their place in the site."""
    if not RECORD.is_file():
        return {}
    subjects = json.loads(RECORD.read_text("utf-8"))["subjects"]
    return {f"explanation/{_file(curve)}": _plot(curve) for subject in subjects for curve in subject["curves"]}


def _build_subject(subject: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {subject['title'].partition(';')[0]}"
    if subject["rows"]:
        yield build_table(["What", "Ours", "Beside it", "Ratio", "Target"], map(_build_row, subject["rows"]))
    for curve in subject["curves"]:
        yield f"![{curve['what']}, {curve['unit']}, by {curve['x']}]({_file(curve)})"
        yield _build_curve_table(curve)
    yield "\n".join(f"- {note}" for note in subject["notes"])


def _build_row(row: Mapping[str, Any]) -> list[str]:
    return [row["what"], _samples(row["a"]), _samples(row["b"]), _ratio(row["ratio"]), _target(row)]


def _samples(samples: Mapping[str, Any]) -> str:
    values = samples["values"]
    spread = "" if min(values) == max(values) else f" ({_number(min(values))} to {_number(max(values))})"
    return f"{samples['name']}: {_number(median(values))} {samples['unit']}{spread}"


def _ratio(ratio: float) -> str:
    return "∞" if math.isinf(ratio) else f"**{_number(ratio)}**"


def _target(row: Mapping[str, Any]) -> str:
    target = row["target"]
    if target is None:
        return ""
    limit = f"{target['limit']:.3g}"
    asked = f"at most {limit} times" if target["of"] == "ratio" else f"at most {limit} {row['a']['unit']}".rstrip()
    return f"{asked}: {'holds' if row['holds'] else '**does not hold**'}"


def _build_curve_table(curve: Mapping[str, Any]) -> str:
    xs = sorted({x for points in curve["series"].values() for x, _ in points})
    return build_table(
        [f"{curve['what']}, {curve['unit']}", *(f"{x:,.0f} {curve['x']}" for x in xs)],
        ([name, *(_number(dict(points)[x]) for x in xs)] for name, points in _series(curve)),
    )


def _series(curve: Mapping[str, Any]) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    for name, points in curve["series"].items():
        yield name, [(x, y) for x, y in points]


def _plot(curve: Mapping[str, Any]) -> str:
    # Lazy: only the site needs pictures.
    import pygal
    from pygal.style import CleanStyle

    chart = pygal.XY(
        style=CleanStyle(font_family="sans-serif", background="white", plot_background="white"),
        js=(),
        title=f"{curve['what']} ({curve['unit']})",
        x_title=curve["x"],
        # Both axes are logarithmic: pygal knows that of one, so the other one is told in tens.
        logarithmic=True,
        x_labels=sorted({math.log10(x) for _, points in _series(curve) for x, _ in points}),
        x_value_formatter=lambda power: f"{10**power:,.0f}",
        width=760,
        height=420,
    )
    for name, points in _series(curve):
        chart.add(name, [(math.log10(x), max(y, 1e-3)) for x, y in points])
    return str(chart.render(is_unicode=True))


def _file(curve: Mapping[str, Any]) -> str:
    words = "".join(char if char.isalnum() else " " for char in f"{curve['what']} {curve['unit']}".lower()).split()
    return f"benchmark-{'-'.join(words)}.svg"


def _number(value: float) -> str:
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
