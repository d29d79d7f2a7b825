"""Rows on standard output, in the formats of Airflow's own commands, however many there are."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

Row = dict[str, Any]
PAGE_ROWS = 1000


def print_rows(rows: Iterable[Row], output: str, by: Sequence[str] = ("conn_id", "end_user", "account")) -> int:
    """Print rows as they come, sorted within each page; return how many there were.

    Args:
        rows: All with the same keys.
        output: `table`, `plain`, `json` or `yaml`. Tables get a header for each page of 1000 rows.
        by: Columns to sort by; empty to leave the order as it is.
    """
    print_page = _PRINTERS[output]
    count = 0
    for page in _split(rows):
        print_page(sorted(page, key=lambda row: [row[name] or "" for name in by]), is_first=count == 0)
        count += len(page)
    if count == 0:
        print({"json": "[]", "yaml": "[]"}.get(output, "No data found"))
    elif output == "json":
        print("\n]")
    return count


def _split(rows: Iterable[Row]) -> Iterator[list[Row]]:
    source = iter(rows)
    while page := list(islice(source, PAGE_ROWS)):
        yield page


def _print_table(page: list[Row], *, is_first: bool) -> None:
    # Lazy for start-up cost: rich is needed for tables alone.
    from airflow.cli.simple_table import AirflowConsole
    from rich.markup import escape

    # A column that says nothing on a whole page takes the place of those that do.
    used = [name for name in page[0] if any(row[name] for row in page)]
    # Square brackets are style to rich: "[core] fernet_key" would lose a word.
    data = [{name: escape(make_printable(row[name])) for name in used} for row in page]
    AirflowConsole().print_as(data=data, output="table")


def _print_plain(page: list[Row], *, is_first: bool) -> None:
    # Not Airflow's own printer: that takes an end user '1e5' for a number, and prints 100000.
    lines = [[make_printable(text) for text in row.values()] for row in page]
    if is_first:
        lines.insert(0, list(page[0]))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def make_printable(text: str) -> str:
    """Return a text without characters that move the cursor or colour a terminal: services and users choose these."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _print_json(page: list[Row], *, is_first: bool) -> None:
    lines = ",\n".join(json.dumps(row) for row in page)
    print(f"[\n{lines}" if is_first else f",\n{lines}", end="")


def _print_yaml(page: list[Row], *, is_first: bool) -> None:
    # Lazy for start-up cost, as above.
    import yaml

    # The C library's writer, where PyYAML has it, is several times as fast.
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    print(yaml.dump(page, Dumper=dumper, sort_keys=False, width=1000), end="")


_PRINTERS: dict[str, Callable[..., None]] = {
    "table": _print_table,
    "plain": _print_plain,
    "json": _print_json,
    "yaml": _print_yaml,
}
