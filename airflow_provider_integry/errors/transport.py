"""A request did not complete."""

from __future__ import annotations

from airflow_provider_integry.errors.base import IntegryError


class TransportError(IntegryError):
    """A request did not complete.

    Args:
        url: The URL without query and user info.
        problem: What happened and what to do.
    """

    def __init__(self, url: str, problem: str) -> None:
        super().__init__(f"{url}: {problem}")
        self.url = url
        self.problem = problem


class ConnectFailedError(TransportError):
    """No connection could be made; nothing was sent."""

    retryable = True


class ConnectionBrokenError(TransportError):
    """The connection broke while sending or reading; the server may have acted."""

    retryable = True


class RequestTimeoutError(TransportError):
    """No complete answer in time; the server may have acted."""

    retryable = True


class CertificateError(TransportError):
    """TLS refused: certificate, host name or protocol."""


class RedirectRefusedError(TransportError):
    """A redirect that would take a credential or a body to another host, or that loops."""


class HostNotAllowedError(TransportError):
    """The credential may not be sent to this host; nothing was sent."""


class ResponseTooLargeError(TransportError):
    """The answer has more bytes than allowed."""
