"""Processes that the demo starts, and the proof that none of them is left.

Each child leads a session of its own, so that Ctrl-C reaches the demo alone, and so that whatever
the child starts can be told by its session. Descendants that leave the session are remembered
from looking at the tree now and then.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from scripts.demo.console import DemoError, say


class Processes:
    """Every process of one run."""

    def __init__(self) -> None:
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._seen: dict[int, psutil.Process] = {}
        self._folders: set[str] = set()
        self._began_at = time.time()

    def start(
        self, name: str, command: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path, stdin: bytes = b""
    ) -> subprocess.Popen[bytes]:
        """Start a process in a session of its own, with its output in `log`.

        Raises:
            DemoError: The program cannot be started.
        """
        self._folders.add(str(cwd.resolve()))
        try:
            with log.open("ab") as output:
                child = subprocess.Popen(
                    command,
                    env=dict(env),
                    cwd=cwd,
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except OSError as error:
            raise DemoError(f"{command[0]} cannot be started: {error.strerror}. Run 'make setup'.") from None
        self._children[name] = child
        if child.stdin:
            child.stdin.write(stdin)
            child.stdin.close()
        return child

    def run(self, name: str, command: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path) -> str:
        """Run a command to its end and return what it printed.

        Raises:
            DemoError: It failed, or took longer than two minutes.
        """
        child = self.start(name, command, env=env, cwd=cwd, log=log)
        try:
            code = child.wait(timeout=120)
        except subprocess.TimeoutExpired:
            raise DemoError(f"'{name}' did not end within 120 s.", log) from None
        if code != 0:
            raise DemoError(f"'{name}' failed (exit code {code}).", log)
        return log.read_text(encoding="utf-8", errors="replace")

    def look(self) -> None:
        """Remember who is there now."""
        for child in self._children.values():
            if child.poll() is None:
                self._remember(child.pid)

    def _remember(self, pid: int) -> None:
        with suppress(psutil.NoSuchProcess):
            for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
                self._seen.setdefault(process.pid, process)

    def children_of(self, name: str) -> list[psutil.Process]:
        """Return the processes that one child has started itself, and that are there now."""
        with suppress(psutil.NoSuchProcess):
            return [process for process in psutil.Process(self._children[name].pid).children() if is_alive(process)]
        return []

    def stop(self, name: str, sig: signal.Signals, timeout_s: float) -> None:
        """Ask one child to end, and wait for it."""
        child = self._children.get(name)
        if child is None or child.poll() is not None:
            return
        self.look()
        child.send_signal(sig)
        try:
            child.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            say(f"{name} did not end within {timeout_s:.0f} s")

    def find_left(self, grace_s: float = 5.0) -> list[psutil.Process]:
        """Return the processes of this run that are still there after a moment of grace."""
        deadline = time.monotonic() + grace_s
        while (left := self._alive()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return left

    def _alive(self) -> list[psutil.Process]:
        sessions = {child.pid for child in self._children.values()}
        found = dict(self._seen)
        for pid in psutil.pids():
            # It may end while we look.
            with suppress(OSError, psutil.Error):
                if os.getsid(pid) in sessions or self._is_orphan(psutil.Process(pid)):
                    found.setdefault(pid, psutil.Process(pid))
        return [process for process in found.values() if is_alive(process)]

    def _is_orphan(self, process: psutil.Process) -> bool:
        """Tell whether a process lost its parent before anybody saw it: Airflow gives some their own session."""
        return process.ppid() == 1 and process.create_time() >= self._began_at and process.cwd() in self._folders

    def end(self, left: Sequence[psutil.Process]) -> None:
        """End processes by force: politely first."""
        for process in left:
            _signal(process, signal.SIGTERM)
        _, stubborn = psutil.wait_procs(list(left), timeout=5)
        for process in stubborn:
            _signal(process, signal.SIGKILL)


def describe(process: psutil.Process) -> str:
    """Return number and name of a process."""
    try:
        return f"{process.pid} {process.name()}"
    except psutil.Error:
        return str(process.pid)


def is_alive(process: psutil.Process) -> bool:
    """Tell whether a process runs."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _signal(process: psutil.Process, sig: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(sig)
