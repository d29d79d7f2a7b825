"""Make a constraints file from what ``pip freeze --all`` printed under several Pythons.

    python scripts/make_constraints.py 3.10=freeze-3.10.txt 3.11=freeze-3.11.txt 3.13=freeze-3.13.txt

The Pythons are given oldest first; each stands for itself and all up to the next one. A pin that is
the same everywhere is one plain line; another one is a line per range of Pythons, with a marker.
"""

from __future__ import annotations

import re
import sys
from itertools import groupby
from pathlib import Path

_PIN = re.compile(r"([A-Za-z0-9._-]+)==([^\s;]+)")
# The project itself, and what only some machines have.
_LEFT_OUT = frozenset({"airflow-provider-integry", "setuptools", "wheel"})


def read_pins(text: str) -> dict[str, str]:
    """Return versions by normalized name; lines that are no plain pin (paths, URLs) are left out."""
    matches = (_PIN.fullmatch(line.strip()) for line in text.splitlines())
    pins = {re.sub(r"[-_.]+", "-", match[1]).lower(): match[2] for match in matches if match}
    return {name: version for name, version in pins.items() if name not in _LEFT_OUT}


def merge(freezes: dict[str, dict[str, str]]) -> list[str]:
    """Return the lines of the file.

    Args:
        freezes: Pins by Python version ("3.10"), oldest first.
    """
    names = sorted({name for pins in freezes.values() for name in pins})
    return [line for name in names for line in _lines(name, {py: pins.get(name) for py, pins in freezes.items()})]


def _lines(name: str, versions: dict[str, str | None]) -> list[str]:
    pythons = list(versions)
    runs = [list(run) for _, run in groupby(pythons, key=lambda python: versions[python])]
    return [f"{name}=={versions[run[0]]}{_marker(run, pythons)}" for run in runs if versions[run[0]]]


def _marker(run: list[str], pythons: list[str]) -> str:
    after = pythons.index(run[-1]) + 1
    parts = [f'python_version >= "{run[0]}"'] if run[0] != pythons[0] else []
    parts += [f'python_version < "{pythons[after]}"'] if after < len(pythons) else []
    return f"; {' and '.join(parts)}" if parts else ""


def main(arguments: list[str]) -> int:
    """Print the file."""
    given = [argument.partition("=") for argument in arguments]
    if not given or not all(file for _, _, file in given):
        print(__doc__, file=sys.stderr)
        return 2
    freezes = {python: read_pins(Path(file).read_text(encoding="utf-8")) for python, _, file in given}
    print("# Made by scripts/make_constraints.py; tested together. Pins only, and they bind developers alone.")
    print("\n".join(merge(freezes)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
