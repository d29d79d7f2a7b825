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
from urllib3.exceptions import NewConnectionError
from urllib3.poolmanager import PoolManager, ProxyManager

from airflow_provider_integry.urls import forbidden_address_reason


class _State(threading.local):
    """What holds for the request that this thread is making now."""

    ends_at: float | None = None
    is_active: bool = False


_state = _State()


@contextmanager
def request_scope(ends_at: float | None) -> Generator[None, None, None]:
    """Hold every read of this thread to a deadline and keep URLs out of other libraries' logs.

    Args:
        ends_at: `time.monotonic` moment; an earlier one that already holds is kept.
    """
    outer_end, outer_active = _state.ends_at, _state.is_active
    if ends_at is not None:
        _state.ends_at = ends_at if outer_end is None else min(ends_at, outer_end)
    _state.is_active = True
    try:
        yield
    finally:
        _state.ends_at, _state.is_active = outer_end, outer_active


class _DeadlineIO(socket.SocketIO):
    """Raw reader of a socket that ends when the request's total time does."""

    def readinto(self, buffer: Any) -> int | None:
        ends_at = _state.ends_at
        if ends_at is not None:
            left_s = ends_at - time.monotonic()
            if left_s <= 0:
                raise TimeoutError("total time is over")
            sock = self._sock  # type: ignore[attr-defined]
            timeout_s = sock.gettimeout()
            if timeout_s is None or timeout_s > left_s:
                sock.settimeout(left_s)
        return super().readinto(buffer)


class _DeadlineResponse(http.client.HTTPResponse):
    """Response whose reader is a `_DeadlineIO`."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        raw = self.fp.detach()
        raw.__class__ = _DeadlineIO
        self.fp = io.BufferedReader(raw)


class _CheckedConnection(HTTPConnection):
    response_class = _DeadlineResponse

    def _new_conn(self) -> socket.socket:
        return _refuse_forbidden_peer(self, super()._new_conn())


class _CheckedTlsConnection(HTTPSConnection):
    response_class = _DeadlineResponse

    def _new_conn(self) -> socket.socket:
        return _refuse_forbidden_peer(self, super()._new_conn())


class _CheckedPool(HTTPConnectionPool):
    ConnectionCls = _CheckedConnection


class _CheckedTlsPool(HTTPSConnectionPool):
    ConnectionCls = _CheckedTlsConnection


class CheckedAdapter(HTTPAdapter):
    """Adapter of `requests` whose connections keep the deadline and check their peer."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools out of checked connections."""
        super().init_poolmanager(*args, **kwargs)
        _use_checked_pools(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> ProxyManager:
        """Make the pools behind a proxy out of checked connections too."""
        manager: ProxyManager = super().proxy_manager_for(proxy, **proxy_kwargs)
        _use_checked_pools(manager)
        return manager


def _use_checked_pools(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _CheckedPool, "https": _CheckedTlsPool}


def _refuse_forbidden_peer(connection: HTTPConnection, sock: socket.socket) -> socket.socket:
    peer = sock.getpeername()
    reason = forbidden_address_reason(peer[0]) if isinstance(peer, tuple) else None
    if reason:
        sock.close()
        raise NewConnectionError(connection, f"the host resolves to {reason}")
    return sock


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
    "urllib3.connectionpool",
    "urllib3.util.retry",
    "requests_oauthlib.oauth1_auth",
    "oauthlib.oauth1.rfc5849",
    "oauthlib.oauth1.rfc5849.signature",
):
    logging.getLogger(_name).addFilter(_QUIET)
