"""The async session: aiohttp with the credentials, retries, deadlines and guard of `transport.sync`."""

from __future__ import annotations

import asyncio
import io
import random
import time
from collections.abc import Generator, Mapping
from dataclasses import replace
from functools import partialmethod
from types import TracebackType
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import aiohttp
from yarl import URL

from airflow_provider_integry.auth.apply import apply
from airflow_provider_integry.auth.credentials import carriers_of
from airflow_provider_integry.auth.source import CredentialSource, Issued
from airflow_provider_integry.auth.wire import HttpRequest, HttpResponse, parse_retry_after, redact_url
from airflow_provider_integry.connectors.judgement import Judge
from airflow_provider_integry.errors import (
    RedirectRefusedError,
    RequestTimeoutError,
    ResponseTooLargeError,
    TransportError,
)
from airflow_provider_integry.settings import TransportSettings
from airflow_provider_integry.transport.aio_bodies import encode_body, merge_headers
from airflow_provider_integry.transport.aio_connector import build_connector, translate
from airflow_provider_integry.transport.failed_answers import amark_failed
from airflow_provider_integry.transport.guard import HostGuard
from airflow_provider_integry.transport.limits import (
    IDEMPOTENCY_HEADERS,
    MAX_REDIRECTS,
    TOKEN_DEADLINE_S,
    TOKEN_MAX_BYTES,
    USER_AGENT,
)
from airflow_provider_integry.transport.manner import Manner
from airflow_provider_integry.transport.redirects import REDIRECT_STATUS, plan_redirect
from airflow_provider_integry.transport.retry import Outcome, RetryPolicy, Send, Wait, exchange
from airflow_provider_integry.transport.sockets import quiet_scope
from airflow_provider_integry.transport.streams import check_stream
from airflow_provider_integry.urls import join_url

LARGE_BODY = 512 * 1024


class PendingResponse:
    """A request on its way: ``await`` it, or use it in ``async with``, for an `aiohttp.ClientResponse`."""

    def __init__(self, coroutine: Any) -> None:
        self._coroutine = coroutine
        self._response: aiohttp.ClientResponse | None = None

    def __await__(self) -> Generator[Any, None, aiohttp.ClientResponse]:
        answer: Generator[Any, None, aiohttp.ClientResponse] = self._coroutine.__await__()
        return answer

    async def __aenter__(self) -> aiohttp.ClientResponse:
        self._response = await self
        return self._response

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._response is not None:
            self._response.release()


class IntegryAsyncSession:
    """An async session for one connection; its requests give `aiohttp.ClientResponse`.

    It does what `transport.sync.IntegrySession` does: relative URLs, signing, timeouts and a total
    deadline, retries, one replay with a new token, credentials to allowed hosts only.

    Args:
        source: Where credentials come from.
        guard: Which hosts may have them.
        base_url: Base URL; None when the connection has none.
        settings: Timeouts, retries, proxy, certificates.
        headers: Static headers of every request.
        judge: Says what answers mean to requests of no activity; None for their status alone.
    """

    def __init__(
        self,
        source: CredentialSource,
        guard: HostGuard,
        base_url: str | None,
        settings: TransportSettings,
        headers: Mapping[str, str] | None = None,
        judge: Judge | None = None,
    ) -> None:
        self.base_url = base_url
        self._source = source
        self._guard = guard
        self._settings = settings
        self._judge = judge
        self._headers = {"User-Agent": settings.user_agent or USER_AGENT, "Accept": "*/*", **(headers or {})}
        self._policy = RetryPolicy(max_retries=settings.max_retries, deadline_s=settings.deadline_s)
        self._client: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> IntegryAsyncSession:
        self._client = open_client(self._settings)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.close()

    def request(  # noqa: PLR0913 - most are aiohttp's own
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        allow_redirects: bool = True,
        stream: bool = False,
        manner: Manner | None = None,
    ) -> PendingResponse:
        """Send a request.

        Args:
            method: HTTP method.
            url: Absolute, or relative to the base URL.
            params: Added to the query; lists repeat the name.
            json: Body to send as JSON.
            data: Body to send: bytes, text, a mapping to send as a form, or anything aiohttp streams.
            headers: Headers of this request.
            allow_redirects: Whether redirects are followed.
            stream: Whether the answer is to be read piece by piece: a success is then not looked into for what the
                connector declares to be a failure.
            manner: How it is sent, beside what the connection says; None for nothing beside.
        Raises:
            TransportError: It did not complete.
            HostNotAllowedError: The URL leads to a host that may not have the credential.
            AuthorizationError: There is no usable credential.
        """
        plain, body = self._prepare(method, url, params, json, data, headers)
        manner = manner or Manner(judge=self._judge, is_streamed=stream)
        return PendingResponse(self._send(plain, body, manner, follow=allow_redirects))

    get = partialmethod(request, "GET")
    post = partialmethod(request, "POST")
    put = partialmethod(request, "PUT")
    patch = partialmethod(request, "PATCH")
    delete = partialmethod(request, "DELETE")
    # As in requests and aiohttp: who asks for the head of a page wants that page's.
    head = partialmethod(request, "HEAD", allow_redirects=False)
    options = partialmethod(request, "OPTIONS")

    def _prepare(
        self,
        method: str,
        url: str,
        params: Mapping[str, Any] | None,
        json_body: Any,
        data: Any,
        headers: Mapping[str, str] | None,
    ) -> tuple[HttpRequest, Any]:
        """Return the request as a plain value, and the body apart where it is a stream."""
        merged = merge_headers(self._headers, headers or {})
        body, stream, content_type = encode_body(json_body, data)
        if content_type and not any(name.lower() == "content-type" for name in merged):
            merged["Content-Type"] = content_type
        full = join_url(self.base_url, url)
        # Before yarl takes it apart: parsers disagree about odd URLs, and the guard knows them.
        self._guard.check(full)
        full = str(URL(full).with_fragment(None))
        if params:
            pairs = urlencode([(name, value) for name, value in params.items() if value is not None], doseq=True)
            full += ("&" if "?" in full else "?") + pairs
        return HttpRequest(method.upper(), full, tuple(merged.items()), body), stream

    async def _send(self, request: HttpRequest, stream: Any, manner: Manner, *, follow: bool) -> aiohttp.ClientResponse:
        self._guard.check(request.url)
        manner.begin()
        await asyncio.sleep(manner.choose_rest(self._settings.deadline_s))
        started = time.monotonic()
        for _ in range(MAX_REDIRECTS + 1):
            response, issued = await self._exchange(request, stream, manner, started)
            location = response.headers.get("Location")
            if not follow or response.status not in REDIRECT_STATUS or not location:
                return response
            response.release()
            carriers = carriers_of(issued.credentials).headers
            sent = request
            request = plan_redirect(sent, response.status, location, self._guard, carriers)
            if stream is not None and request.method == sent.method:
                raise RedirectRefusedError(redact_url(sent.url), "redirects a stream, which cannot be sent again")
            stream = None
        raise RedirectRefusedError(redact_url(request.url), "too many redirects")

    async def _exchange(
        self, request: HttpRequest, stream: Any, manner: Manner, started: float
    ) -> tuple[aiohttp.ClientResponse, Issued]:
        """Send one request as often as `exchange` says and return the answer that stands."""
        conversation = exchange(
            manner.apply_to(self._policy),
            request.method,
            is_replayable=stream is None,
            has_idempotency_key=manner.is_repeatable or any(request.header(name) for name in IDEMPOTENCY_HEADERS),
        )
        result: aiohttp.ClientResponse | TransportError | None = None
        issued: Issued | None = None
        outcome: Outcome | None = None
        while True:
            try:
                step = conversation.send(outcome)
            except StopIteration as end:
                manner.declined_wait_s = end.value
                break
            if isinstance(step, Wait):
                await _sleep_beside(result, step.seconds)
                started += manner.forgive(step.seconds, outcome)
                outcome = None
                continue
            if isinstance(result, aiohttp.ClientResponse):
                result.release()
            started += await self._pass_gate(manner, started)
            try:
                issued = await self._obtain(step, request.url, started)
                result, outcome = await self._attempt(request, stream, issued, started, manner)
            finally:
                if manner.gate is not None:
                    await manner.gate.aleave()
        if isinstance(result, aiohttp.ClientResponse) and issued is not None:
            return result, issued
        assert isinstance(result, TransportError)
        raise result

    async def _pass_gate(self, manner: Manner, started: float) -> float:
        """Wait at the gate; return the seconds of it that are not to count."""
        if manner.gate is None:
            return 0.0
        began = time.monotonic()
        await manner.gate.aenter(manner.choose_patience(started + self._settings.deadline_s - began))
        return manner.forgive(time.monotonic() - began)

    async def _obtain(self, step: Send, url: str, started: float) -> Issued:
        left_s = started + self._settings.deadline_s - time.monotonic()
        try:
            return await asyncio.wait_for(self._source.aget(rejected=step.rejected), left_s)
        except asyncio.TimeoutError:
            spent_s = time.monotonic() - started
        raise RequestTimeoutError(redact_url(url), f"no credential after {spent_s:.1f} s. Raise deadline_s.")

    async def _attempt(
        self, request: HttpRequest, stream: Any, issued: Issued, started: float, manner: Manner
    ) -> tuple[aiohttp.ClientResponse | TransportError, Outcome]:
        if stream is not None:
            check_stream(issued.credentials)
        with quiet_scope():
            signed = apply(request, issued.credentials, timestamp=time.time(), nonce=uuid4().hex)
        if stream is not None:
            signed = replace(signed, body=stream)
        jitter = random.random()  # noqa: S311 - spreads retries, decides nothing secret
        try:
            response = await self._transmit(signed, started + self._settings.deadline_s)
            is_expired = await self._is_expired(response)
            status = response.status
            judged = manner.learn(status, response.headers.get, await self._read(response, manner))
            amark_failed(response, judged)
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as caught:
            spent_s = time.monotonic() - started
            failure, error = translate(caught, request.url, spent_s)
            manner.lose(failure)
            return error, Outcome(spent_s, failure=failure, jitter=jitter)
        nonce = response.headers.get("DPoP-Nonce")
        if nonce:
            self._source.observe(request.url, nonce)
        return response, Outcome(
            time.monotonic() - started,
            wants_nonce=bool(nonce) and "use_dpop_nonce" in response.headers.get("WWW-Authenticate", ""),
            status=status,
            is_expired=is_expired or judged.is_expired,
            is_throttled=judged.is_throttled,
            is_passing=judged.is_passing,
            throttled=manner.throttled,
            waited_s=manner.waited_s,
            retry_after_s=judged.choose_wait(parse_retry_after(response.headers.get("Retry-After"), time.time())),
            fingerprint=issued.fingerprint,
            jitter=jitter,
        )

    async def _is_expired(self, response: aiohttp.ClientResponse) -> bool:
        """Return whether the answer means an expired token; `response` keeps what was read for its `read`."""
        rule = self._settings.expiry
        return rule.covers(response.status, await response.read() if rule.needs_body(response.status) else b"")

    async def _read(self, response: aiohttp.ClientResponse, manner: Manner) -> bytes:
        """Return what judging an answer takes; `response` keeps it for its `read`."""
        # Behind a gate a request is over when its answer is there.
        is_wanted = manner.is_read or manner.gate is not None or manner.needs_body(response.status)
        if manner.is_streamed and response.ok:
            # It is its reader's.
            return b""
        return await response.read() if is_wanted else b""

    async def _transmit(self, request: HttpRequest, ends_at: float) -> aiohttp.ClientResponse:
        assert self._client is not None, "use the session in 'async with'"
        left_s = max(0.001, ends_at - time.monotonic())
        return await transmit(self._client, request, self._settings, left_s)


async def _sleep_beside(result: aiohttp.ClientResponse | TransportError | None, seconds: float) -> None:
    """Wait, while the rest of an answer may arrive: its connection serves the next attempt then."""
    try:
        await asyncio.sleep(seconds)
    except BaseException:
        # Cancelled: nobody else knows of it.
        if isinstance(result, aiohttp.ClientResponse):
            result.release()
        raise


def open_client(settings: TransportSettings) -> aiohttp.ClientSession:
    """Open a bare client that reads nothing from the environment; call it inside the running loop."""
    headers = {"User-Agent": settings.user_agent or USER_AGENT}
    client = aiohttp.ClientSession(connector=build_connector(settings), trust_env=False, headers=headers)
    # aiohttp sends idempotent requests a second time on its own, a stream that is used up too; how often
    # is `exchange`'s to decide. There is no public switch: https://github.com/aio-libs/aiohttp/issues/10790
    client._retry_connection = False  # noqa: SLF001
    return client


async def transmit(
    client: aiohttp.ClientSession, request: HttpRequest, settings: TransportSettings, deadline_s: float
) -> aiohttp.ClientResponse:
    """Send one signed request, following nothing."""
    limit = settings.timeout_s
    timeout = aiohttp.ClientTimeout(total=deadline_s, sock_connect=limit, sock_read=limit)
    proxy = settings.proxy_url.reveal() if settings.proxy_url else None
    # aiohttp writes bytes in one go, which blocks the loop when there are many.
    is_large = isinstance(request.body, bytes) and len(request.body) > LARGE_BODY
    data = io.BytesIO(request.body or b"") if is_large else request.body
    return await client.request(
        request.method,
        URL(request.url, encoded=True),
        headers=dict(request.headers),
        data=data,
        allow_redirects=False,
        timeout=timeout,
        proxy=proxy,
    )


async def afetch(
    request: HttpRequest,
    settings: TransportSettings,
    *,
    deadline_s: float = TOKEN_DEADLINE_S,
    max_bytes: int = TOKEN_MAX_BYTES,
) -> HttpResponse:
    """Send one request to a token or login endpoint and read the whole answer; see `transport.sync.fetch`."""
    started = time.monotonic()
    failed: TransportError
    async with open_client(settings) as client:
        try:
            response = await transmit(client, request, settings, deadline_s)
            return await read_response(response, max_bytes)
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
            failed = translate(error, request.url, time.monotonic() - started)[1]
    raise failed


async def read_response(response: aiohttp.ClientResponse, max_bytes: int | None = None) -> HttpResponse:
    """Return an answer, read to its end, as a plain value.

    Raises:
        ResponseTooLargeError: More decoded bytes than `max_bytes`.
        TransportError: It breaks off, or does not come in time.
    """
    started = time.monotonic()
    url = str(response.url)
    try:
        body = await _read_body(response, max_bytes)
    except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
        response.close()
        failed = translate(error, url, time.monotonic() - started)[1]
    except BaseException:
        # Whoever reads was cancelled: nobody else knows of the connection.
        response.close()
        raise
    else:
        return HttpResponse(response.status, tuple(response.headers.items()), body, url)
    raise failed


async def _read_body(response: aiohttp.ClientResponse, max_bytes: int | None) -> bytes:
    if response.content.at_eof():
        # Empty, or read before to see whether it means an expired token: the response has kept it.
        return await response.read()
    chunks, size = [], 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if max_bytes is not None and size > max_bytes:
            response.close()
            raise ResponseTooLargeError(redact_url(str(response.url)), f"the answer has more than {max_bytes} bytes")
        chunks.append(chunk)
    return b"".join(chunks)
