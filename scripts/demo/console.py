"""Lines that tell how far the demo is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_started = time.monotonic()


class DemoError(Exception):
    """What failed, what to do, and the log that tells more.

    Attributes:
        log: File whose last lines are worth showing; None when the message says all.
    """

    def __init__(self, message: str, log: Path | None = None) -> None:
        super().__init__(message)
        self.log = log


def elapsed_s() -> float:
    """Return seconds since the demo began."""
    return time.monotonic() - _started


def say(text: str = "") -> None:
    """Print one line of progress, with the time."""
    print(f"[{elapsed_s():5.1f} s] {text}", flush=True)


def show(text: str = "") -> None:
    """Print a line of a result."""
    print(f"          {text}".rstrip(), flush=True)


def show_tail(path: Path, count: int = 25) -> None:
    """Print the last lines of a log."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        show(f"({path} cannot be read: {error.strerror})")
        return
    show(f"Last lines of {path}:")
    for line in lines[-count:]:
        show(f"  | {line[:400]}")


@contextmanager
def step(text: str) -> Iterator[None]:
    """Announce a step, and say how long it took."""
    say(f"{text} ...")
    began = time.monotonic()
    yield
    say(f"{text}: done in {time.monotonic() - began:.1f} s")
