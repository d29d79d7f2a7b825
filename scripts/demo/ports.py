"""TCP ports that nobody uses."""

from __future__ import annotations

import socket
from contextlib import ExitStack

from scripts.demo.console import DemoError


def find_free_ports(count: int) -> list[int]:
    """Return this many free ports, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for item in sockets:
            # Held until all are found, so that none is found twice. On all addresses, because
            # Airflow's log servers listen there.
            item.bind(("", 0))
        return [int(item.getsockname()[1]) for item in sockets]


def check_free(port: int) -> int:
    """Return a port that the user asked for.

    Raises:
        DemoError: Somebody has it, or it is none.
    """
    if not 0 < port < 65536:
        raise DemoError(f"{port} is not a port; give a number from 1 to 65535.")
    try:
        with socket.socket() as item:
            item.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            item.bind(("127.0.0.1", port))
    except OSError as error:
        raise DemoError(
            f"Port {port} cannot be used ({error.strerror}); name another, or none for a free one."
        ) from None
    return port
