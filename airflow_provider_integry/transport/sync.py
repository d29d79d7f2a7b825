"""The session: `requests` with credentials, retries, deadlines and a guard."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, NoReturn, cast
from uuid import uuid4

import requests
from requests.auth import AuthBase
from requests.cookies import extract_cookies_to_jar
from requests.hooks import dispatch_hook

from airflow_provider_integry.auth.apply import apply
from airflow_provider_integry.auth.credentials import Credentials, carriers_of
from airflow_provider_integry.auth.source import CredentialSource, Issued
from airflow_provider_integry.auth.wire import HttpRequest, HttpResponse, parse_retry_after, redact_url
from airflow_provider_integry.errors import ResponseTooLargeError, TransportError
from airflow_provider_integry.settings import TransportSettings
from airflow_provider_integry.transport.certificates import check_files
from airflow_provider_integry.transport.failures import SyncRedirectRefusedError, translate
from airflow_provider_integry.transport.guard import HostGuard, is_downgrade
from airflow_provider_integry.transport.limits import (
    IDEMPOTENCY_HEADERS,
    MAX_REDIRECTS,
    READ_BYTES,
    TOKEN_DEADLINE_S,
    TOKEN_MAX_BYTES,
    USER_AGENT,
)
from airflow_provider_integry.transport.manner import Manner
from airflow_provider_integry.transport.redirects import resolve_location
from airflow_provider_integry.transport.retry import Outcome, RetryPolicy, Send, Wait, exchange
from airflow_provider_integry.transport.sockets import CheckedAdapter, request_scope
from airflow_provider_integry.transport.streams import check_stream
from airflow_provider_integry.urls import join_url

# How the requests of the call under way are sent: `requests` passes nothing on that it does not know.
_manner: ContextVar[Manner | None] = ContextVar("integry_manner", default=None)


@contextmanager
def sending(manner: Manner) -> Iterator[None]:
    """Send the requests within in this manner; in this thread alone."""
    token = _manner.set(manner)
    try:
        yield
    finally:
        _manner.reset(token)


class RedirectCheck:
    """Refuses a redirect to a host that may not have the credential: plain `requests` would take it along."""

    def __init__(self, guard: HostGuard) -> None:
        self._guard = guard

    def __call__(self, response: requests.Response, *args: Any, **kwargs: Any) -> requests.Response:
        """Look at one answer.

        Raises:
            RedirectRefusedError: It redirects elsewhere.
        """
        if response.is_redirect:
            url = resolve_location(response.url, response.headers["Location"])
            if is_downgrade(response.url, url) or not self._guard.allows(url):
                problem = f"redirects to {redact_url(url)}, which may not have this connection's credential"
                raise SyncRedirectRefusedError(redact_url(response.url), f"{problem}; it was not followed")
        return response


class SignedAuth(AuthBase):
    """Put a connection's credential on a request; for code that takes a `requests` auth object.

    Raises:
        HostNotAllowedError: The request goes to a host that may not have the credential.
    """

    def __init__(self, source: CredentialSource, guard: HostGuard) -> None:
        self._source = source
        self._guard = guard

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign the request in place, and watch where its answer redirects to."""
        self._guard.check(request.url or "")
        sign_prepared(request, self._source.get().credentials)
        request.register_hook("response", RedirectCheck(self._guard))
        return request


class IntegrySession(requests.Session):
    """A `requests.Session` for one connection.

    Relative URLs are taken against the base URL. Each request is signed, has a timeout and a total
    deadline, is retried where that does no harm, and is sent once more with a new token when the API
    refuses the one it had. The credential goes to allowed hosts only, also after a redirect. Neither
    ``.netrc`` nor the environment's proxies are read.

    Args:
        source: Where credentials come from.
        guard: Which hosts may have them.
        base_url: Base URL; None when the connection has none.
        settings: Timeouts, retries, proxy, certificates.
        headers: Static headers of every request.
    """

    def __init__(
        self,
        source: CredentialSource,
        guard: HostGuard,
        base_url: str | None,
        settings: TransportSettings,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        configure(self, settings)
        self.base_url = base_url
        self.max_redirects = MAX_REDIRECTS
        self.headers.update(headers or {})
        self._source = source
        self._guard = guard
        self._settings = settings
        self._policy = RetryPolicy(max_retries=settings.max_retries, deadline_s=settings.deadline_s)

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request; the arguments are those of `requests.Session.request`.

        Raises:
            TransportError: It did not complete; also a `requests.RequestException`.
            HostNotAllowedError: The URL leads to a host that may not have the credential.
            AuthorizationError: There is no usable credential.
        """
        text = url.decode("ascii") if isinstance(url, bytes) else str(url)
        full = join_url(self.base_url, text)
        # Before requests takes it apart: parsers disagree about odd URLs, and the guard knows them.
        self._guard.check(full)
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = self._settings.timeout_s
        if manner := _manner.get():
            manner.begin()
            time.sleep(manner.choose_rest(self._settings.deadline_s))
        return super().request(method, full, *args, **kwargs)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send a prepared request, following redirects unless `allow_redirects` is false."""
        # As requests does: a redirected request has to go through the same proxy, with the same certificates.
        kwargs.setdefault("stream", self.stream)
        kwargs.setdefault("verify", self.verify)
        kwargs.setdefault("cert", self.cert)
        kwargs.setdefault("proxies", dict(self.proxies))
        follow = kwargs.pop("allow_redirects", True)
        self._guard.check(request.url or "")
        deadline_s = self._settings.deadline_s
        # A redirected request comes here again, inside the scope of the first: the time is counted from there.
        with request_scope(time.monotonic() + deadline_s) as ends_at:
            response = self._exchange(request, kwargs, ends_at - deadline_s)
            if follow and response.is_redirect:
                history = [response, *self._follow(response, request, kwargs)]
                response = history.pop()
                response.history = history
        return response

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Take the credential off a redirected request; `send` puts it on again where it may go."""
        url = prepared_request.url or ""
        for name in self._carrier_headers():
            prepared_request.headers.pop(name, None)
        if not isinstance(prepared_request.body, str | bytes | None) and not hasattr(prepared_request.body, "seek"):
            self._refuse(response, "redirects a stream, which cannot be sent again")
        if is_downgrade(response.url, url):
            self._refuse(response, "redirects from https to http")
        if not self._guard.allows(url):
            self._refuse(response, f"redirects to {redact_url(url)}, which may not have this connection's credential")

    def _follow(
        self, response: requests.Response, request: requests.PreparedRequest, kwargs: dict[str, Any]
    ) -> list[requests.Response]:
        try:
            return list(self.resolve_redirects(response, request, **kwargs))
        except TransportError:
            raise
        except requests.RequestException as error:
            failed = translate(error, request.url or "", 0.0)[1]
        except ValueError:
            failed = SyncRedirectRefusedError(redact_url(response.url), "redirects to something that is no URL")
        raise failed

    def _exchange(self, request: requests.PreparedRequest, kwargs: dict[str, Any], started: float) -> requests.Response:
        """Send one request as often as `exchange` says and return the answer that stands."""
        manner = _manner.get() or Manner()
        conversation = exchange(
            manner.apply_to(self._policy),
            request.method or "GET",
            is_replayable=request.body is None or isinstance(request.body, str | bytes),
            has_idempotency_key=manner.is_repeatable or any(name in request.headers for name in IDEMPOTENCY_HEADERS),
        )
        result: requests.Response | TransportError | None = None
        outcome: Outcome | None = None
        while True:
            try:
                step = conversation.send(outcome)
            except StopIteration as end:
                manner.declined_wait_s = end.value
                break
            if isinstance(step, Wait):
                time.sleep(step.seconds)
                outcome = None
                continue
            if isinstance(result, requests.Response):
                result.close()
            result, outcome = self._pass_gate(request, kwargs, step, started, manner)
        if isinstance(result, requests.Response):
            return result
        assert result is not None
        raise result

    def _pass_gate(
        self, request: requests.PreparedRequest, kwargs: dict[str, Any], step: Send, started: float, manner: Manner
    ) -> tuple[requests.Response | TransportError, Outcome]:
        if manner.gate is None:
            return self._attempt(request, kwargs, step, started, manner)
        manner.gate.enter(manner.choose_patience(started + self._settings.deadline_s - time.monotonic()))
        try:
            return self._attempt(request, kwargs, step, started, manner)
        finally:
            manner.gate.leave()

    def _attempt(
        self, request: requests.PreparedRequest, kwargs: dict[str, Any], step: Send, started: float, manner: Manner
    ) -> tuple[requests.Response | TransportError, Outcome]:
        issued: Issued = self._source.get(rejected=step.rejected) if step.rejected else self._source.get()
        sign_prepared(request, issued.credentials)
        try:
            response = self._transmit(request, kwargs)
            is_expired = self._is_expired(response)
            status = response.status_code
            # A stream is its reader's, unless it tells of a failure.
            is_wanted = manner.needs_body(status) and (status >= 400 or not kwargs.get("stream"))
            judged = manner.learn(status, response.headers.get, response.content if is_wanted else b"")
        except requests.RequestException as caught:
            spent_s = time.monotonic() - started
            failure, error = translate(caught, request.url or "", spent_s)
            manner.lose(failure)
            return error, Outcome(spent_s, failure=failure, jitter=random.random())  # noqa: S311 - spreads retries
        nonce = response.headers.get("DPoP-Nonce")
        if nonce:
            self._source.observe(request.url or "", nonce)
        outcome = Outcome(
            time.monotonic() - started,
            wants_nonce=bool(nonce) and "use_dpop_nonce" in response.headers.get("WWW-Authenticate", ""),
            status=status,
            is_expired=is_expired or judged.is_expired,
            is_throttled=judged.is_throttled,
            is_passing=judged.is_passing,
            throttled=manner.throttled,
            retry_after_s=judged.choose_wait(parse_retry_after(response.headers.get("Retry-After"), time.time())),
            fingerprint=issued.fingerprint,
            jitter=random.random(),  # noqa: S311 - spreads retries, decides nothing secret
        )
        return response, outcome

    def _is_expired(self, response: requests.Response) -> bool:
        rule, status = self._settings.expiry, response.status_code
        return rule.covers(status, response.content if rule.needs_body(status) else b"")

    def _transmit(self, request: requests.PreparedRequest, kwargs: dict[str, Any]) -> requests.Response:
        """Send one request once, as `requests.Session.send` does but for redirects.

        That one would work out the next request of every redirect, and refuse it before it is known
        whether anybody wants to follow.
        """
        stream = kwargs.get("stream", self.stream)
        adapter = self.get_adapter(url=request.url or "")
        started = time.perf_counter()
        response = adapter.send(
            request,
            stream=stream,
            timeout=kwargs.get("timeout") or self._settings.timeout_s,
            verify=kwargs["verify"] if kwargs.get("verify") is not None else (self.verify or False),
            cert=kwargs.get("cert", self.cert),
            proxies=kwargs.get("proxies", self.proxies),
        )
        response.elapsed = timedelta(seconds=time.perf_counter() - started)
        response = cast("requests.Response", dispatch_hook("response", request.hooks, response, **kwargs))
        extract_cookies_to_jar(self.cookies, request, response.raw)
        if not stream:
            read_content(response)
        return response

    def _carrier_headers(self) -> frozenset[str]:
        # Cookies are requests' own: it has put on those that the new URL may have.
        return (carriers_of(self._source.get().credentials).headers | {"authorization"}) - {"cookie"}

    def _refuse(self, response: requests.Response, problem: str) -> NoReturn:
        raise SyncRedirectRefusedError(redact_url(response.url), f"{problem}; it was not followed")


def configure(session: requests.Session, settings: TransportSettings) -> None:
    """Set what every session of this package has: checked connections, no environment, user agent.

    Raises:
        CertificateError: A certificate file is not there.
    """
    check_files(settings)
    adapter = CheckedAdapter(is_public_only=settings.is_public_only)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.trust_env = False
    session.headers["User-Agent"] = settings.user_agent or USER_AGENT
    if settings.proxy_url:
        session.proxies = {"http": settings.proxy_url.reveal(), "https": settings.proxy_url.reveal()}
    if settings.ca_file:
        session.verify = settings.ca_file
    if settings.client_cert_file:
        key_file = settings.client_key_file
        session.cert = (settings.client_cert_file, key_file) if key_file else settings.client_cert_file


def sign_prepared(request: requests.PreparedRequest, credentials: Credentials) -> None:
    """Put a credential on a prepared request, replacing what an earlier attempt put there."""
    body = request.body.encode() if isinstance(request.body, str) else request.body
    if body is not None and not isinstance(body, bytes):
        check_stream(credentials)
        body = None
    plain = HttpRequest(request.method or "GET", request.url or "", tuple(request.headers.items()), body)
    signed = apply(plain, credentials, timestamp=time.time(), nonce=uuid4().hex)
    request.url = signed.url
    if signed.body is not plain.body:
        request.prepare_body(signed.body, None)
        request.headers["Content-Type"] = signed.header("Content-Type") or ""
    carriers = carriers_of(credentials).headers
    for name, value in signed.headers:
        if name.lower() in carriers:
            request.headers[name] = value


def read_content(response: requests.Response) -> None:
    """Read a body to its end, as `response.content` does but in larger pieces, and have it kept there.

    requests reads ten kilobytes at a time, and each piece goes through five layers.
    """
    # There is no public way to say how much to read; the type stubs know nothing of False.
    if response._content is False:  # type: ignore[comparison-overlap]  # noqa: SLF001
        response._content = b"".join(response.iter_content(READ_BYTES)) or b""  # noqa: SLF001 - as above


def fetch(
    request: HttpRequest,
    settings: TransportSettings,
    *,
    deadline_s: float = TOKEN_DEADLINE_S,
    max_bytes: int = TOKEN_MAX_BYTES,
) -> HttpResponse:
    """Send one request to a token or login endpoint and read the whole answer.

    No redirect is followed: it would take the body's secrets along.

    Args:
        request: What to send; signed already.
        settings: Proxy, certificates, timeouts.
        deadline_s: Seconds in all.
        max_bytes: Most decoded bytes to read.
    Raises:
        TransportError: No complete answer.
        ResponseTooLargeError: More bytes than allowed.
    """
    started = time.monotonic()
    failed: TransportError
    with requests.Session() as session, request_scope(started + deadline_s):
        configure(session, settings)
        prepared = requests.Request(request.method, request.url, dict(request.headers), data=request.body).prepare()
        prepared.headers.setdefault("User-Agent", str(session.headers["User-Agent"]))
        try:
            # Not `session.send`: that one would unpack the body of a redirect, however large.
            response = session.get_adapter(request.url).send(
                prepared,
                stream=True,
                timeout=min(settings.timeout_s, deadline_s),
                verify=session.verify or False,
                cert=session.cert,
                proxies=dict(session.proxies),
            )
            return _read(response, max_bytes)
        except requests.RequestException as error:
            failed = translate(error, request.url, time.monotonic() - started)[1]
    raise failed


def _read(response: requests.Response, max_bytes: int) -> HttpResponse:
    chunks, size = [], 0
    for chunk in response.iter_content(64 * 1024):
        size += len(chunk)
        if size > max_bytes:
            response.close()
            raise ResponseTooLargeError(redact_url(response.url), f"the answer has more than {max_bytes} bytes")
        chunks.append(chunk)
    # The raw headers: requests' own would join several Set-Cookie into one.
    return HttpResponse(response.status_code, tuple(response.raw.headers.items()), b"".join(chunks), response.url)


def to_response(response: requests.Response) -> HttpResponse:
    """Return a response of `requests`, read to its end, as a plain value."""
    return HttpResponse(response.status_code, tuple(response.headers.items()), response.content, response.url)
