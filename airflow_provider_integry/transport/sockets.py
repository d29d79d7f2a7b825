"""A total deadline and an address check for urllib3, below everything that `requests` does.

`requests` knows a timeout for each read alone: a server that drips one byte at a time holds a task
for ever. Here each read waits no longer than what is left of the request's total time. And a host
name that resolves to a metadata or link-local address is refused before a byte is sent to it.
"""

from __future__ import annotations

import http.client
import io
import logging
import re
import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager, ProxyManager

from airflow_provider_integry.errors import HostNotAllowedError
from airflow_provider_integry.urls import forbidden_address_reason, private_address_reason


class _State(threading.local):
    """What holds for the request that this thread is making now."""

    ends_at: float | None = None
    is_active: bool = False


_state = _State()


@contextmanager
def quiet_scope() -> Generator[None, None, None]:
    """Keep what this thread sends out of other libraries' logs."""
    outer = _state.is_active
    _state.is_active = True
    try:
        yield
    finally:
        _state.is_active = outer


@contextmanager
def request_scope(ends_at: float) -> Generator[float, None, None]:
    """Hold all traffic of this thread to a deadline, and be quiet about it.

    Args:
        ends_at: `time.monotonic` moment; an earlier one that already holds is kept.
    Returns:
        Context that gives the moment that holds.
    """
    outer = _state.ends_at
    _state.ends_at = ends_at if outer is None else min(ends_at, outer)
    try:
        with quiet_scope():
            yield _state.ends_at
    finally:
        _state.ends_at = outer


def time_left() -> float | None:
    """Return the seconds (> 0) that the request of this thread has left; None outside of a request.

    Raises:
        TimeoutError: The total time is over.
    """
    if _state.ends_at is None:
        return None
    left_s = _state.ends_at - time.monotonic()
    if left_s <= 0:
        raise TimeoutError("total time is over")
    return left_s


def _shorten(timeout_s: float | None) -> float | None:
    """Return a socket's timeout, or what is left of the total time where that is less.

    Raises:
        TimeoutError: The total time is over.
    """
    left_s = time_left()
    return min((limit for limit in (timeout_s, left_s) if limit is not None), default=None)


class _DeadlineIO(socket.SocketIO):
    """Raw reader of a socket that ends when the request's total time does."""

    def readinto(self, buffer: Any) -> int | None:
        sock = self._sock  # type: ignore[attr-defined]
        sock.settimeout(_shorten(sock.gettimeout()))
        return super().readinto(buffer)


class _DeadlineResponse(http.client.HTTPResponse):
    """Response whose reader is a `_DeadlineIO`."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        raw = self.fp.detach()
        raw.__class__ = _DeadlineIO
        self.fp = io.BufferedReader(raw)


class _Checked(HTTPConnection):
    """What both kinds of connection share: connecting, sending and reading end with the total time."""

    response_class = _DeadlineResponse
    find_reason = staticmethod(forbidden_address_reason)

    def _new_conn(self) -> socket.socket:
        self.timeout = _shorten(self.timeout)
        self._refuse(_resolve(self.host))
        sock = super()._new_conn()
        try:
            # Once more: a name may resolve to something else the second time.
            self._refuse([sock.getpeername()[0]])
        except HostNotAllowedError:
            sock.close()
            raise
        # The TLS handshake comes next, and has what is left.
        sock.settimeout(_shorten(sock.gettimeout()))
        return sock

    def _refuse(self, addresses: list[str]) -> None:
        for address in addresses:
            if reason := self.find_reason(address):
                problem = f"the host resolves to {reason}, which is never called; nothing was sent"
                raise HostNotAllowedError(self.host, problem)

    def send(self, data: Any) -> None:
        if self.sock is not None:
            self.sock.settimeout(_shorten(self.sock.gettimeout()))
        super().send(data)


class _CheckedConnection(_Checked):
    pass


class _CheckedTlsConnection(_Checked, HTTPSConnection):
    pass


class _PublicConnection(_CheckedConnection):
    find_reason = staticmethod(private_address_reason)


class _PublicTlsConnection(_CheckedTlsConnection):
    find_reason = staticmethod(private_address_reason)


class _CheckedPool(HTTPConnectionPool):
    ConnectionCls = _CheckedConnection


class _CheckedTlsPool(HTTPSConnectionPool):
    ConnectionCls = _CheckedTlsConnection


class _PublicPool(HTTPConnectionPool):
    ConnectionCls = _PublicConnection


class _PublicTlsPool(HTTPSConnectionPool):
    ConnectionCls = _PublicTlsConnection


class CheckedAdapter(HTTPAdapter):
    """Adapter of `requests` whose connections keep the deadline and check their peer.

    Args:
        is_public_only: Whether addresses of private networks are refused too, except a proxy's.
    """

    def __init__(self, *, is_public_only: bool = False) -> None:
        self._is_public_only = is_public_only
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools out of checked connections."""
        super().init_poolmanager(*args, **kwargs)
        _use_checked_pools(self.poolmanager)
        if self._is_public_only:
            self.poolmanager.pool_classes_by_scheme = {"http": _PublicPool, "https": _PublicTlsPool}

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> ProxyManager:
        """Make the pools behind a proxy out of checked connections too."""
        manager: ProxyManager = super().proxy_manager_for(proxy, **proxy_kwargs)
        _use_checked_pools(manager)
        return manager


def _use_checked_pools(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _CheckedPool, "https": _CheckedTlsPool}


def _resolve(host: str) -> list[str]:
    """Return a host's addresses; none when it has none, which connecting will say better."""
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        return []


class _QuietFilter(logging.Filter):
    """Keep query strings and signatures of our requests out of other libraries' debug records."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not _state.is_active:
            return True
        if record.name.startswith("urllib3"):
            if isinstance(record.args, tuple):
                record.args = tuple(_strip_query(part) for part in record.args)
            return True
        return record.levelno > logging.DEBUG


def _strip_query(part: Any) -> Any:
    return re.sub(r"\?\S*", "?***", part) if isinstance(part, str) else part


_QUIET = _QuietFilter()
for _name in (
    "urllib3.connection",
    "urllib3.connectionpool",
    "urllib3.util.retry",
    "requests_oauthlib.oauth1_auth",
    "oauthlib.oauth1.rfc5849",
    "oauthlib.oauth1.rfc5849.signature",
):
    logging.getLogger(_name).addFilter(_QUIET)
