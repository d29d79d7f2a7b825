"""Answers with a status of success that say, as a connector declares, that the request failed.

They are handed to whoever uses a session as they came. What such code asks of an answer, `raise_for_status`, is
answered as for a status of 4xx; in `requests` that makes `ok` false too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from airflow_provider_integry.auth.wire import redact_url
from airflow_provider_integry.connectors.judgement import Judgement

if TYPE_CHECKING:
    import aiohttp
    import requests


def mark_failed(response: requests.Response, judged: Judgement) -> None:
    """Let an answer of `requests` be a failure where it says that it is one."""
    if judged.is_failure and 200 <= response.status_code < 300:
        message = _describe(response.status_code, response.url, judged)

        def fail() -> NoReturn:
            # Lazy for start-up cost: a session imports one of the two clients.
            import requests

            raise requests.HTTPError(message, response=response)

        # On this one answer: its class is the caller's to know.
        response.raise_for_status = fail  # type: ignore[method-assign]


def amark_failed(response: aiohttp.ClientResponse, judged: Judgement) -> None:
    """Do what `mark_failed` does, for an answer of aiohttp, whose `ok` knows the status alone."""
    if judged.is_failure and 200 <= response.status < 300:
        message = _describe(response.status, str(response.url), judged)

        def fail() -> NoReturn:
            # Lazy for start-up cost, as above.
            import aiohttp

            raise aiohttp.ClientResponseError(
                response.request_info,
                response.history,
                status=response.status,
                message=message,
                headers=response.headers,
            )

        response.raise_for_status = fail  # type: ignore[method-assign]


def _describe(status: int, url: str, judged: Judgement) -> str:
    told = f": {judged.told}" if judged.told else ""
    return f"{status}, but the answer says that the request failed{told}, for url: {redact_url(url)}"
