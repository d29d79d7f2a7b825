"""A process without the database, as a task's is, that runs Python line by line: ``python shell.py``.

Each line of its input is a JSON text of Python code; what the code leaves in `result`, or the error that it
raised, comes back as one line of JSON. Names stay from one line to the next.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class TaskShell:
    """Starts such a process and talks to it; a context manager.

    Args:
        environment: Its environment.
        shift_s: Seconds that its clock is ahead.
    """

    def __init__(self, environment: Mapping[str, str], shift_s: float = 0.0) -> None:
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__), str(shift_s)],
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> TaskShell:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._process.kill()
        self._process.communicate()

    def run(self, code: str) -> dict[str, Any]:
        """Run code; return `result`, or `error`, `message` and `retryable`, and the warnings `logged`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(code) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, self._process.communicate(timeout=10)[1][-3000:]
        found: dict[str, Any] = json.loads(line)
        return found


class _Warnings(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def main() -> None:
    # Answers alone go to the real output; Airflow logs to whatever is called stdout.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    _shift_clock(float(sys.argv[1]))
    from airflow.sdk.execution_time.supervisor import block_orm_access

    block_orm_access()
    seen = _Warnings()
    logging.getLogger("airflow_provider_integry").addHandler(seen)
    names: dict[str, Any] = {}
    for line in sys.stdin:
        seen.lines.clear()
        names["result"] = None
        try:
            exec(json.loads(line), names)
            told = {"result": names["result"]}
        except Exception as error:  # noqa: BLE001 - every outcome is reported
            traceback.print_exc()
            told = {
                "error": type(error).__name__,
                "message": str(error),
                "retryable": getattr(error, "retryable", None),
            }
        print(json.dumps({**told, "logged": list(seen.lines)}), file=out, flush=True)


def _shift_clock(seconds: float) -> None:
    if seconds:
        import time

        real = time.time
        time.time = lambda: real() + seconds


if __name__ == "__main__":
    main()
