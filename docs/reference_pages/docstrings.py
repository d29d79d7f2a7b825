"""Read Google-style docstrings: the text before the sections, and the entries of a section."""

from __future__ import annotations

import inspect
import re

_SECTION = re.compile(r"^(Args|Attributes|Returns|Raises|Source):\s*(.*)$")
_ENTRY = re.compile(r"^(?P<names>[*\w][\w, *]*):\s+(?P<text>.*)$")


def split_docstring(text: str | None) -> tuple[str, dict[str, list[str]]]:
    """Return the text before the first section, and the lines of each section."""
    before: list[str] = []
    sections: dict[str, list[str]] = {}
    current = before
    for line in inspect.cleandoc(text or "").splitlines():
        found = _SECTION.match(line)
        if found:
            current = sections.setdefault(found[1], [])
            if found[2]:
                current.append(found[2])
        else:
            current.append(line)
    return "\n".join(before).strip(), {name: _dedent(lines) for name, lines in sections.items()}


def read_entries(lines: list[str]) -> dict[str, str]:
    """Return the entries of a section by name; ``a, b: text`` is two entries."""
    entries: dict[str, str] = {}
    names: list[str] = []
    for line in lines:
        found = _ENTRY.match(line)
        if found:
            names = [name.strip() for name in found["names"].split(",")]
            entries.update(dict.fromkeys(names, found["text"].strip()))
        elif line.strip():
            entries.update({name: f"{entries[name]} {line.strip()}" for name in names})
    return entries


def to_markdown(text: str) -> str:
    """Turn the double backquotes of docstrings into Markdown's single ones, outside of code blocks."""
    return text.replace("``", "`")


def summary_of(text: str | None) -> str:
    """Return the first paragraph as one line."""
    return " ".join(split_docstring(text)[0].split("\n\n")[0].split())


def _dedent(lines: list[str]) -> list[str]:
    return inspect.cleandoc("\n" + "\n".join(lines)).splitlines()
