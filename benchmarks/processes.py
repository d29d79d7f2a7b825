"""Fresh processes, each measuring one thing, in a clean environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROBES = Path(__file__).resolve().parent / "probes"
_TIMEOUT_S = 600


class ProbeError(Exception):
    """A probe did not end well; the message holds what it wrote."""


class Sandbox:
    """Runs probes with an Airflow home of their own.

    The environment is a short one: no proxies, no Airflow settings of whoever runs this. It is also
    the fairest one for a `requests.Session`, which reads every variable for every request.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "AIRFLOW_HOME": str(folder / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        }
        if "PYTHONPATH" in os.environ:
            # Whoever measures another working copy than the one that is installed.
            self._environment["PYTHONPATH"] = os.environ["PYTHONPATH"]

    def run(
        self,
        probe: str,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        python: Path | str = sys.executable,
    ) -> Any:
        """Run one probe and return the JSON on the last line that it prints.

        Args:
            probe: Name of a file in ``probes/``, without ``.py``.
            arguments: Its arguments.
            environment: Further variables.
            python: Interpreter, of another environment than this one.
        Raises:
            ProbeError: It failed.
        """
        command = [str(python), str(PROBES / f"{probe}.py"), *arguments]
        done = subprocess.run(
            command,
            env={**self._environment, **(environment or {})},
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_S,
        )
        if done.returncode != 0:
            raise ProbeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return json.loads(done.stdout.splitlines()[-1])

    @contextmanager
    def serving(self, server: str = "loopback_server", *arguments: str) -> Generator[str, None, None]:
        """Run a server in a process of its own; gives its base URL.

        Args:
            server: Name of a file in ``probes/``, without ``.py``; it prints its port.
            arguments: Its arguments.
        """
        command = [sys.executable, str(PROBES / f"{server}.py"), *arguments]
        with subprocess.Popen(command, env=self._environment, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                yield f"http://127.0.0.1:{int(process.stdout.readline())}"
            finally:
                process.terminate()


@contextmanager
def sandbox() -> Generator[Sandbox, None, None]:
    """Give a sandbox in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="integry-bench-") as folder:
        yield Sandbox(Path(folder))
