"""The few pieces of Markdown that all generated pages are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def build_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Build a table; line breaks and bars inside a cell are taken care of."""
    lines = [_row(head), _row(["---"] * len(head)), *(_row(row) for row in rows)]
    return "\n".join(lines)


def code(text: object) -> str:
    """Build an inline code span."""
    return f"`{text}`"


def code_list(values: Iterable[object]) -> str:
    """Build a list of inline code spans, separated by commas."""
    return ", ".join(code(value) for value in values)


def build_block(language: str, text: str) -> str:
    """Build a fenced block of code."""
    return f"```{language}\n{text.strip()}\n```"


def join(*parts: str) -> str:
    """Join paragraphs, leaving empty ones out."""
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def build_anchor(heading: str) -> str:
    """Return the anchor that MkDocs gives to a heading of letters, digits, spaces and underscores."""
    return heading.strip().lower().replace(" ", "-")


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"
