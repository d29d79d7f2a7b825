"""A conversation with an authorization server, as steps with one deadline for all of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import TypeVar

from airflow_provider_integry.auth.discovery import ServerMetadata
from airflow_provider_integry.auth.grants import discover
from airflow_provider_integry.auth.oauth2 import OAuth2Settings
from airflow_provider_integry.auth.wire import HttpRequest, HttpResponse
from airflow_provider_integry.authorizations.steps import Fetch, Steps
from airflow_provider_integry.errors import RequestTimeoutError
from airflow_provider_integry.settings import TransportSettings
from airflow_provider_integry.transport.limits import TOKEN_DEADLINE_S

T = TypeVar("T")


def converse(
    conversation: Generator[HttpRequest, HttpResponse, T],
    transport: TransportSettings,
    *,
    what: str = "Authorization server",
    total_s: float = TOKEN_DEADLINE_S,
    clock: Callable[[], float] = time.monotonic,
) -> Steps[T]:
    """Hold a conversation to its end and return what it ends with.

    Args:
        conversation: Says what to send, and is told what came back.
        transport: Proxy, certificates, timeouts.
        what: Who it is with, for the message.
        total_s: Seconds for all requests together.
        clock: A clock that never jumps, seconds.
    Raises:
        RequestTimeoutError: It took too long.
        TransportError: A request did not complete.
    """
    started = clock()
    try:
        request = next(conversation)
        while True:
            left_s = total_s - (clock() - started)
            if left_s <= 0:
                raise RequestTimeoutError(what, f"no end of the conversation after {total_s:.0f} s")
            response: HttpResponse = yield Fetch(request, transport, left_s)
            request = conversation.send(response)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


def ask_metadata(settings: OAuth2Settings, transport: TransportSettings) -> Steps[ServerMetadata | None]:
    """Return what the issuer says of itself; None where the connection names no issuer.

    Raises:
        TokenResponseError: There is no document of this issuer.
        TokenEndpointUnavailableError, TransportError: It cannot be had now.
    """
    if settings.issuer is None:
        return None
    return (yield from converse(discover(settings), transport, what="Issuer"))
