"""The routes: who asks, how often, from which page, and only then what for."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache
from inspect import isgenerator
from typing import Any, TypeVar, cast
from urllib.parse import parse_qsl

import msgspec
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from airflow_provider_integry import config
from airflow_provider_integry.authorizations.steps import Steps, arun_steps
from airflow_provider_integry.end_users import local
from airflow_provider_integry.end_users.links import Links
from airflow_provider_integry.end_users.messages import APP_KEY, MAX_BODY, PREFIX, USER_HASH, USER_ID, Nothing
from airflow_provider_integry.end_users.principals import Identities, Principal
from airflow_provider_integry.end_users.service import EndUsers
from airflow_provider_integry.end_users.sessions import Sessions
from airflow_provider_integry.errors import EndUserIdentityError, EndUserNotFoundError, IntegryError
from airflow_provider_integry.web.api.routes import take_time
from airflow_provider_integry.web.public.api import handlers
from airflow_provider_integry.web.public.api.document import build_document
from airflow_provider_integry.web.public.api.handlers import Call
from airflow_provider_integry.web.public.api.identify import identify
from airflow_provider_integry.web.public.api.limits import Limit, Verdict, build_headers, name_address
from airflow_provider_integry.web.public.api.operations import OPERATIONS, Operation
from airflow_provider_integry.web.public.api.problems import ProblemError, answer, build_problem, describe

log = logging.getLogger(__name__)
T = TypeVar("T")
# Few, and nobody else's: a host application that asks a lot keeps no task waiting for its token.
THREADS = 4
MAX_QUERY = 8 * 1024
_NO_STORE = {"Cache-Control": "no-store"}
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, DELETE",
    "Access-Control-Allow-Headers": f"Authorization, Content-Type, {APP_KEY}, {USER_ID}, {USER_HASH}",
    "Access-Control-Max-Age": "600",
    "Vary": "Origin",
}
_EXPOSED = "RateLimit, RateLimit-Policy, Retry-After"


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes ask."""

    end_users: EndUsers
    links: Links
    identities: Identities
    sessions: Sessions


class Limits:
    """The three limits of this process."""

    def __init__(self) -> None:
        self._address = Limit("address", config.api_address_requests_per_minute())
        self._app = Limit("app", config.api_requests_per_minute())
        self._user = Limit("user", config.api_user_requests_per_minute())

    def count_address(self, address: str | None, verdicts: list[Verdict]) -> None:
        """Count a request before anybody looks who sends it.

        Raises:
            ProblemError: Too many from there.
        """
        _count(self._address.take(name_address(address), time.monotonic()), verdicts)

    def count_principal(self, principal: Principal, verdicts: list[Verdict]) -> None:
        """Count a request of somebody who is known.

        Raises:
            ProblemError: Too many.
        """
        name, now = principal.workspace.conn_id, time.monotonic()
        if principal.end_user is not None:
            _count(self._user.take(f"{name}\n{principal.end_user}", now), verdicts)
        _count(self._app.take(name, now), verdicts)


def local_services() -> Services:
    """Return this Airflow's own."""
    return Services(local.local_end_users(), local.local_links(), local.local_identities(), local.local_sessions())


def build_router(find_services: Callable[[], Services] = local_services) -> APIRouter:
    """Return the routes.

    Args:
        find_services: Returns what answers; asked at the first request.
    """
    router = APIRouter(include_in_schema=False)
    api = Api(find_services)
    described = msgspec.json.encode(build_document())

    async def describe_api() -> Response:
        headers = {"Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*"}
        return Response(described, 200, headers, "application/json")

    router.add_api_route(f"{PREFIX}/openapi.json", describe_api, methods=["GET"])
    for operation in OPERATIONS:
        router.add_api_route(f"{PREFIX}{operation.path}", api.build_handler(operation), methods=[operation.method])
    router.add_api_route(f"{PREFIX}/{{rest:path}}", allow_asking, methods=["OPTIONS"])
    router.add_api_route(f"{PREFIX}/{{rest:path}}", api.refuse, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    return router


async def allow_asking(request: Request) -> Response:
    """Let any page ask (CORS): whose pages get an answer is decided when it is known who asks, and no cookie counts."""
    origin = request.headers.get("origin")
    if origin is None:
        return Response(status_code=204, headers=_NO_STORE)
    return Response(status_code=204, headers={**_NO_STORE, **_PREFLIGHT, "Access-Control-Allow-Origin": origin})


class Api:
    """Takes requests from the wire to the handlers."""

    def __init__(self, find_services: Callable[[], Services]) -> None:
        self._services = cache(find_services)
        self._limits = cache(Limits)

    def build_handler(self, operation: Operation) -> Callable[[Request], Awaitable[Response]]:
        """Return the route of an operation."""

        async def handle(request: Request) -> Response:
            return await self._protect(request, lambda talk: self._do(operation, request, talk))

        return handle

    async def refuse(self, request: Request) -> Response:
        """Answer for paths and methods that are not there."""

        async def say(talk: _Talk) -> Response:
            self._limits().count_address(_address_of(request), talk.verdicts)
            talk.origin_allowed = talk.origin
            raise ProblemError("not-found", 404, "There is no such operation; see openapi.json.")

        return await self._protect(request, say)

    async def _protect(self, request: Request, do: Callable[[_Talk], Awaitable[Response]]) -> Response:
        """Turn errors into problems, and put on what every answer carries."""
        talk = _Talk(time.monotonic(), request.headers.get("origin"), request.scope["query_string"])
        # The access log prints queries: this one may hold ids of users.
        request.scope["query_string"] = b""
        try:
            response = await do(talk)
        except ProblemError as error:
            response = answer(error.problem)
        except IntegryError as error:
            response = await self._explain(error, talk)
        except ClientDisconnect:
            # Nobody is there to read it.
            return Response(status_code=400)
        except Exception:
            log.exception("A request to %s failed in an unexpected way.", request.url.path)
            response = answer(build_problem("failed", 500, "The API server failed; its log says how."))
        response.headers.update({**build_headers(talk.verdicts), **talk.build_headers(response.status_code)})
        return response

    async def _explain(self, error: IntegryError, talk: _Talk) -> Response:
        if isinstance(error, EndUserIdentityError):
            log.warning("A caller of the API for host applications was not known: %s.", error.detail)
        if isinstance(error, EndUserIdentityError | EndUserNotFoundError):
            await take_time(talk.started)
        return answer(describe(error, is_host=talk.is_host))

    async def _do(self, operation: Operation, request: Request, talk: _Talk) -> Response:
        limits, services = self._limits(), await _in_thread(self._services)
        limits.count_address(_address_of(request), talk.verdicts)
        principal = await _in_thread(lambda: identify(request.headers, services.identities, services.sessions))
        talk.is_host = principal.end_user is None
        _check_origin(principal, request, talk)
        limits.count_principal(principal, talk.verdicts)
        query = _read_query(talk.query, operation)
        body = await _read_body(request, operation.request) if operation.request else None
        call = Call(principal, services.end_users, services.links, services.sessions, request.path_params, query, body)
        do: Callable[[Call], Any] = getattr(handlers, operation.name)
        found: Any = await _in_thread(lambda: do(call))
        if isgenerator(found):
            found = await arun_steps(cast("Steps[Any]", found))
        if operation.answer is None:
            return Response(status_code=operation.status, headers=_NO_STORE)
        return Response(msgspec.json.encode(found), operation.status, _NO_STORE, "application/json")


@dataclass(slots=True)
class _Talk:
    """What is known of a request so far.

    Attributes:
        started: When it came, seconds.
        origin: Page that a browser says it comes from; None for others.
        query: Its query, as it came.
        is_host: Whether a server of the host application asks.
        origin_allowed: The origin that may read the answer.
        verdicts: What the limits say.
    """

    started: float
    origin: str | None
    query: bytes
    is_host: bool = False
    origin_allowed: str | None = None
    verdicts: list[Verdict] = field(default_factory=list)

    def build_headers(self, status: int) -> dict[str, str]:
        """Return which page may read an answer of a status (CORS)."""
        if self.origin is None:
            return {}
        # Before it is known who asks, all pages may read the same two answers.
        allowed = self.origin if status == 401 or (status == 429 and len(self.verdicts) == 1) else self.origin_allowed
        if allowed is None:
            return {"Vary": "Origin"}
        return {
            "Vary": "Origin",
            "Access-Control-Allow-Origin": allowed,
            "Access-Control-Expose-Headers": _EXPOSED,
        }


def _check_origin(principal: Principal, request: Request, talk: _Talk) -> None:
    """Refuse browsers that hold what only servers may hold, and pages that the workspace does not name."""
    if talk.origin is None:
        return
    if principal.end_user is None:
        log.error(
            "The app secret of workspace '%s', or a token that is for no user, came from a browser: change the secret.",
            principal.workspace.conn_id,
        )
        detail = "The app secret is for servers. Whoever sees the page can read it: change it, and use hash or token."
        raise ProblemError("secret-in-browser", 403, detail)
    if talk.origin not in principal.workspace.allowed_origins:
        detail = "This page is not one of the workspace's. Whoever looks after Airflow adds it to 'allowed_origins'."
        raise ProblemError("origin", 403, detail)
    talk.origin_allowed = talk.origin


def _read_query(raw: bytes, operation: Operation) -> dict[str, str]:
    known = {one.name for one in operation.query}
    if len(raw) > MAX_QUERY:
        raise ProblemError("bad-request", 400, f"The query has more than {MAX_QUERY} characters.")
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=20)
    except ValueError:
        raise ProblemError("bad-request", 400, "The query is not percent-encoded UTF-8.") from None
    query = dict(pairs)
    if len(query) != len(pairs) or set(query) - known:
        detail = f"The query may hold {', '.join(sorted(known)) or 'nothing'}, each once."
        raise ProblemError("bad-request", 400, detail)
    if any(not value for value in query.values()):
        raise ProblemError("bad-request", 400, "A part of the query is empty; leave it out.")
    return query


async def _read_body(request: Request, kind: type[T]) -> T:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise ProblemError("too-large", 413, f"Send at most {MAX_BODY} bytes.")
    if kind is Nothing and not body:
        return kind()
    try:
        return msgspec.json.decode(bytes(body), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # msgspec names the field and what it should be, never the value.
        raise ProblemError("bad-request", 400, f"{error}.") from None


def _count(verdict: Verdict | None, verdicts: list[Verdict]) -> None:
    if verdict is None:
        return
    verdicts.append(verdict)
    if not verdict.is_taken:
        detail = f"More than {verdict.quota} requests in a minute. Header Retry-After says how long to wait."
        raise ProblemError("rate-limit", 429, detail, reason=verdict.name)


def _address_of(request: Request) -> str | None:
    return request.client.host if request.client else None


async def _in_thread(function: Callable[[], T]) -> T:
    return await to_thread.run_sync(function, limiter=_limiter())


@cache
def _limiter() -> CapacityLimiter:
    return CapacityLimiter(THREADS)
