"""A StatsD server: keeps what arrives."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType


class StatsD:
    """Receives metrics on a UDP port of loopback; a context manager."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.1)
        self._lines: list[str] = []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._receive, daemon=True)

    @property
    def port(self) -> int:
        """UDP port."""
        return int(self._socket.getsockname()[1])

    @property
    def settings(self) -> dict[str, dict[str, str]]:
        """Airflow's options that send metrics here."""
        options = {"statsd_on": "True", "statsd_host": "127.0.0.1", "statsd_port": str(self.port)}
        return {"metrics": {**options, "statsd_prefix": "airflow"}}

    def count(self, name: str) -> int:
        """Return the sum of a counter, named without the prefix."""
        return sum(int(value) for value in self._values(name, "c"))

    def timings_ms(self, name: str) -> list[float]:
        """Return the values of a timer."""
        return [float(value) for value in self._values(name, "ms")]

    def names(self, prefix: str) -> set[str]:
        """Return the names that begin like this."""
        found = {line.removeprefix("airflow.").partition(":")[0] for line in list(self._lines)}
        return {name for name in found if name.startswith(prefix)}

    def _values(self, name: str, kind: str) -> list[str]:
        start, end = f"airflow.{name}:", f"|{kind}"
        return [
            line[len(start) : -len(end)] for line in list(self._lines) if line.startswith(start) and line.endswith(end)
        ]

    def _receive(self) -> None:
        while not self._is_over.is_set():
            with suppress(TimeoutError):
                self._lines += self._socket.recv(65536).decode().splitlines()

    def __enter__(self) -> StatsD:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._thread.join()
        self._socket.close()
