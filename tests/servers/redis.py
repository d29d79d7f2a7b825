"""A Redis of our own, on a free port of loopback, that keeps nothing."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path


class RedisServer:
    """One server process; a context manager.

    Args:
        folder: Where its log goes.
    """

    def __init__(self, folder: Path) -> None:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = int(found.getsockname()[1])
        self._log = folder / "redis.log"

    @classmethod
    def missing(cls) -> str | None:
        """Return why it cannot be run here; None where it can."""
        return None if shutil.which("redis-server") else "no program redis-server (Debian package redis-server)"

    @property
    def url(self) -> str:
        """URL of its first database."""
        return f"redis://127.0.0.1:{self.port}/0"

    def __enter__(self) -> RedisServer:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        with self._log.open("wb") as log:
            # A session of its own: Ctrl-C at the terminal must not reach it before the tests have ended.
            self._process = subprocess.Popen(
                command, cwd=self._log.parent, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + 20
        while not self._answers():
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, "redis-server does not answer"
            time.sleep(0.05)
        return self

    def _answers(self) -> bool:
        with socket.socket() as found:
            return found.connect_ex(("127.0.0.1", self.port)) == 0

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(timeout=20)
