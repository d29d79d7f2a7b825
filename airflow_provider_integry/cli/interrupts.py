"""Ctrl-C while a command waits."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

# As shells have it for a command that was interrupted.
INTERRUPTED = 130


@contextmanager
def interruptible(rest: str) -> Iterator[Callable[[], None]]:
    """End without a traceback when somebody presses Ctrl-C.

    Args:
        rest: What holds afterwards, for people.
    Yields:
        A check to make now and then, which raises KeyboardInterrupt after Ctrl-C: Python drops an interrupt
        that comes in a finalizer, such as those with which database connections go back to their pool.
    Raises:
        SystemExit: With status 130, after Ctrl-C.
    """
    interrupt = _Interrupt()
    # Signals are the main thread's.
    is_main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, interrupt.receive) if is_main else None
    try:
        yield interrupt.check
    except KeyboardInterrupt:
        print(f"Not waiting any longer. {rest}", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None
    finally:
        if is_main:
            signal.signal(signal.SIGINT, before)


class _Interrupt:
    def __init__(self) -> None:
        self._is_asked = False

    def receive(self, number: int, frame: FrameType | None) -> NoReturn:
        self._is_asked = True
        raise KeyboardInterrupt

    def check(self) -> None:
        if self._is_asked:
            raise KeyboardInterrupt
