"""One line that counts while somebody is waited for; nothing where no terminal shows it."""

from __future__ import annotations

import sys
from typing import TextIO


class Progress:
    """A line on standard error that is written over.

    Args:
        stream: Where to write; standard error by default, so that standard output holds results alone.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._is_shown = self._stream.isatty()
        self._width = 0

    def tell(self, text: str) -> None:
        """Write a text over the last one."""
        if self._is_shown:
            self._stream.write(f"\r{text.ljust(self._width)}")
            self._stream.flush()
            self._width = len(text)

    def end(self) -> None:
        """Take the line away."""
        if self._is_shown and self._width:
            self._stream.write(f"\r{' ' * self._width}\r")
            self._stream.flush()
            self._width = 0


def format_left(seconds: float) -> str:
    """Return a span as a clock shows it: ``9:59``."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    return f"{minutes}:{rest:02d}"
