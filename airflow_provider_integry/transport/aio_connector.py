"""aiohttp's connections and failures, brought in line with the sync side."""

from __future__ import annotations

import asyncio
import socket
import ssl
from functools import lru_cache
from typing import Any

import aiohttp
import certifi
from aiohttp.abc import AbstractResolver, ResolveResult

from airflow_provider_integry.auth.wire import redact_url
from airflow_provider_integry.errors import (
    CertificateError,
    ConnectFailedError,
    ConnectionBrokenError,
    HostNotAllowedError,
    RequestTimeoutError,
    TransportError,
)
from airflow_provider_integry.settings import TransportSettings
from airflow_provider_integry.transport.certificates import check_files
from airflow_provider_integry.transport.retry import Failure
from airflow_provider_integry.urls import forbidden_address_reason, private_address_reason


class CheckedResolver(AbstractResolver):
    """Resolver that refuses metadata and link-local addresses.

    Args:
        is_public_only: Whether addresses of private networks are refused too.
    """

    def __init__(self, *, is_public_only: bool = False) -> None:
        self._inner = aiohttp.ThreadedResolver()
        self._find_reason = private_address_reason if is_public_only else forbidden_address_reason

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the host's addresses.

        Raises:
            HostNotAllowedError: One of them is never to be called.
        """
        results = await self._inner.resolve(host, port, family)
        for result in results:
            if reason := self._find_reason(result["host"]):
                raise HostNotAllowedError(
                    host, f"the host resolves to {reason}, which is never called; nothing was sent"
                )
        return results

    async def close(self) -> None:
        """Release the inner resolver."""
        await self._inner.close()


class PromptConnector(aiohttp.TCPConnector):
    """Connector that ends a connection at once when it is not to be used again.

    aiohttp asks such a connection to close and forgets it: it stays open until a stalled peer has taken the
    rest of an upload, or has said good-bye in TLS, and it outlives the session. Nobody waits for either:
    the request is over, whatever came of it. There is no public switch.
    """

    def _release(self, key: Any, protocol: Any, *, should_close: bool = False) -> None:
        is_over = should_close or protocol.should_close
        if is_over and protocol.transport is not None:
            protocol.transport.abort()
        super()._release(key, protocol, should_close=is_over)


def build_connector(settings: TransportSettings) -> aiohttp.TCPConnector:
    """Build the connector for a connection's certificates; call it inside the running loop.

    Raises:
        CertificateError: A certificate file is not there, or cannot be used.
    """
    check_files(settings)
    try:
        context = _build_context(settings.ca_file, settings.client_cert_file, settings.client_key_file)
    except OSError as error:
        shown = settings.client_cert_file or settings.ca_file or ""
        problem = f"cannot be used ({_cause(error)}). Check the CA file, the client certificate and its key."
        raise CertificateError(shown, problem) from None
    # With a proxy, it is the proxy that is looked up here.
    is_public_only = settings.is_public_only and settings.proxy_url is None
    return PromptConnector(resolver=CheckedResolver(is_public_only=is_public_only), ssl=context)


@lru_cache(maxsize=32)
def _build_context(ca_file: str | None, cert_file: str | None, key_file: str | None) -> ssl.SSLContext:
    """Build a TLS context that trusts what `requests` trusts."""
    context = ssl.create_default_context(cafile=ca_file or certifi.where())
    if cert_file:
        context.load_cert_chain(cert_file, key_file)
    return context


def translate(error: BaseException, url: str, spent_s: float) -> tuple[Failure | None, TransportError]:
    """Return why a request failed, for the retry decision, and the error to raise."""
    shown = redact_url(url)
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        problem = f"TLS refused ({_cause(error)}). Check the host name, the CA file and the client certificate."
        return None, CertificateError(shown, problem)
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        problem = f"no connection after {spent_s:.1f} s ({_cause(error)}). Check host, port, DNS, proxy and firewall."
        return "connect", ConnectFailedError(shown, problem)
    if isinstance(error, aiohttp.ClientHttpProxyError):
        problem = f"the proxy refuses the tunnel (status {error.status}). Check the proxy's user, password and rules."
        return "connect", ConnectFailedError(shown, problem)
    if isinstance(error, asyncio.TimeoutError | aiohttp.ServerTimeoutError):
        problem = f"no complete answer after {spent_s:.1f} s. Raise timeout_s or deadline_s if it is always slow."
        return "timeout", RequestTimeoutError(shown, problem)
    if isinstance(error, aiohttp.ClientConnectionError | aiohttp.ClientPayloadError | OSError):
        return "broken", ConnectionBrokenError(shown, f"the connection broke ({_cause(error)})")
    if isinstance(error, aiohttp.ClientResponseError):
        return "broken", ConnectionBrokenError(shown, "the answer is not HTTP")
    return None, TransportError(shown, f"the request cannot be sent ({type(error).__name__})")


def _cause(error: BaseException) -> str:
    text = getattr(error, "strerror", None)
    return str(text) if text else type(error).__name__
