"""Answers that are read while they come."""

from __future__ import annotations

import time
from collections.abc import Iterator

import requests

from airflow_provider_integry.errors import TransportError
from airflow_provider_integry.transport.failures import translate

CHUNK_BYTES = 1024 * 1024


def iter_answer(response: requests.Response) -> Iterator[bytes]:
    """Give the decoded bytes of an answer, and close it at the end or after an error.

    The time for the whole request does not hold here: a file takes as long as it takes. Each piece of
    it has to come within the connection's `timeout_s`.

    Raises:
        TransportError: It broke off, or is shorter than it says.
    """
    started = time.monotonic()
    failed: TransportError | None = None
    try:
        yield from response.iter_content(CHUNK_BYTES)
    except requests.RequestException as error:
        failed = translate(error, response.url, time.monotonic() - started)[1]
    finally:
        response.close()
    if failed is not None:
        raise failed
