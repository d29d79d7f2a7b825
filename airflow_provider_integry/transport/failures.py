"""Failures of `requests`, as this package's errors: same causes, no URL query, no body.

Each class is also the `requests` exception that a caller of a `requests.Session` expects.
"""

from __future__ import annotations

import requests
import urllib3.exceptions as pool_errors

from airflow_provider_integry.auth.wire import redact_url
from airflow_provider_integry.errors import (
    CertificateError,
    ConnectFailedError,
    ConnectionBrokenError,
    RedirectRefusedError,
    RequestTimeoutError,
    TransportError,
)
from airflow_provider_integry.transport.retry import Failure


class SyncConnectFailedError(ConnectFailedError, requests.ConnectionError):
    """No connection could be made."""


class SyncConnectionBrokenError(ConnectionBrokenError, requests.ConnectionError):
    """The connection broke."""


class SyncRequestTimeoutError(RequestTimeoutError, requests.Timeout):
    """No complete answer in time."""


class SyncCertificateError(CertificateError, requests.exceptions.SSLError):
    """TLS refused."""


class SyncRedirectRefusedError(RedirectRefusedError, requests.TooManyRedirects):
    """A redirect was refused."""


class SyncTransportError(TransportError, requests.RequestException):
    """Anything else that kept a request from completing."""


def translate(error: requests.RequestException, url: str, spent_s: float) -> tuple[Failure | None, TransportError]:
    """Return why a request failed, for the retry decision, and the error to raise.

    Args:
        error: What `requests` raised.
        url: URL of the request.
        spent_s: Seconds since it began.
    Returns:
        The failure, None when sending again is pointless; and the error.
    """
    shown = redact_url(url)
    if isinstance(error, requests.exceptions.SSLError):
        problem = f"TLS refused ({_cause(error)}). Check the host name, the CA file and the client certificate."
        return None, SyncCertificateError(shown, problem)
    if isinstance(error, requests.ConnectTimeout) or _is_unsent(error):
        problem = f"no connection after {spent_s:.1f} s ({_cause(error)}). Check host, port, DNS, proxy and firewall."
        return "connect", SyncConnectFailedError(shown, problem)
    if isinstance(error, requests.Timeout) or _has_timed_out(error):
        problem = f"no complete answer after {spent_s:.1f} s. Raise timeout_s or deadline_s if it is always slow."
        return "timeout", SyncRequestTimeoutError(shown, problem)
    if isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError):
        return "broken", SyncConnectionBrokenError(shown, f"the connection broke ({_cause(error)})")
    if isinstance(error, requests.exceptions.ContentDecodingError):
        return "broken", SyncConnectionBrokenError(shown, "the answer cannot be decompressed")
    if isinstance(error, requests.TooManyRedirects):
        return None, SyncRedirectRefusedError(shown, "too many redirects")
    return None, SyncTransportError(shown, f"the request cannot be sent ({type(error).__name__})")


def _reasons(error: BaseException) -> list[BaseException]:
    """Return the error and what it wraps, outermost first."""
    found: list[BaseException] = []
    queue: list[object] = [error]
    while queue and len(found) < 20:
        current = queue.pop(0)
        if isinstance(current, BaseException) and current not in found:
            found.append(current)
            queue += [getattr(current, "reason", None), current.__cause__, *current.args]
    return found


def _is_unsent(error: BaseException) -> bool:
    """Whether nothing was sent: no connection, or a proxy that refused the tunnel."""
    kinds = (pool_errors.NewConnectionError, pool_errors.NameResolutionError, pool_errors.ProxyError)
    return any(isinstance(reason, kinds) for reason in _reasons(error))


def _has_timed_out(error: BaseException) -> bool:
    return any(isinstance(reason, TimeoutError | pool_errors.TimeoutError) for reason in _reasons(error))


def _cause(error: BaseException) -> str:
    """Name the innermost cause by its class and, for operating-system errors, its text."""
    innermost = _reasons(error)[-1]
    if isinstance(innermost, OSError) and innermost.strerror:
        return innermost.strerror
    return type(innermost).__name__
