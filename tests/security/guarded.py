"""A guard below every client: it sees each connection that is tried, and lets none through that it was not told of."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

# What every name leads to while the guard stands, as an attacker's own name server would have it.
EVIL = "169.254.169.254"


class SocketGuard:
    """Sees what is connected to, and what is looked up.

    Attributes:
        allowed: Ports of 127.0.0.1 that may be connected to.
        tried: Addresses that somebody tried to connect to, and was kept from.
        names: Host names that were looked up.
    """

    def __init__(self) -> None:
        self.allowed: set[int] = set()
        self.tried: list[Any] = []
        self.names: list[str] = []

    @contextmanager
    def watching(self) -> Iterator[SocketGuard]:
        """Stand between this process and the network."""
        with pytest.MonkeyPatch.context() as patch:
            real_connect, real_lookup = socket.socket.connect, socket.getaddrinfo
            real_connect_ex = socket.socket.connect_ex

            def connect(sock: socket.socket, address: Any) -> None:
                self._check(sock, address)
                real_connect(sock, address)

            def connect_ex(sock: socket.socket, address: Any) -> int:
                self._check(sock, address)
                return real_connect_ex(sock, address)

            def look_up(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
                text = host.decode() if isinstance(host, bytes) else str(host)
                try:
                    return real_lookup(text, port, 0, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
                except (OSError, UnicodeError):
                    self.names.append(text)
                return real_lookup(EVIL, port, 0, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)

            patch.setattr(socket.socket, "connect", connect)
            patch.setattr(socket.socket, "connect_ex", connect_ex)
            patch.setattr(socket, "getaddrinfo", look_up)
            yield self

    def _check(self, sock: socket.socket, address: Any) -> None:
        if sock.family in (socket.AF_INET, socket.AF_INET6) and address[:2] not in {
            ("127.0.0.1", port) for port in self.allowed
        }:
            self.tried.append(address)
            raise ConnectionRefusedError("the guard lets nobody there")
