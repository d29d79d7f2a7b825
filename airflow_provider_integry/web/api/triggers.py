"""The routes that tasks and triggers ask about webhooks and polls; each request proves itself."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from airflow_provider_integry.authorizations.broker import Broker
from airflow_provider_integry.authorizations.proof import ProofError, build_claims
from airflow_provider_integry.authorizations.steps import run_in_thread
from airflow_provider_integry.authorizations.trigger_desk import ANSWERS
from airflow_provider_integry.authorizations.trigger_messages import (
    MAX_BODY,
    POLL_OPEN_PATH,
    POLL_PLAN_PATH,
    POLL_SETTLE_PATH,
    WEBHOOK_PAYLOAD_PATH,
    PayloadAnswer,
    PayloadRequest,
    PollAnswer,
    PollOpenRequest,
    PollPlanRequest,
    PollSettleRequest,
)
from airflow_provider_integry.errors import IntegryError
from airflow_provider_integry.web.api.openapi import describe_operation
from airflow_provider_integry.web.api.problems import ProblemError, answer, describe, failed, not_found
from airflow_provider_integry.web.api.routes import explain_proof, read_body, read_proof, take_time

log = logging.getLogger(__name__)
_REQUESTS: dict[str, tuple[str, Any, Any]] = {
    WEBHOOK_PAYLOAD_PATH: ("webhook_payload", PayloadRequest, PayloadAnswer),
    POLL_OPEN_PATH: ("poll_open", PollOpenRequest, PollAnswer),
    POLL_PLAN_PATH: ("poll_plan", PollPlanRequest, PollAnswer),
    POLL_SETTLE_PATH: ("poll_settle", PollSettleRequest, PollAnswer),
}


def build_router(broker: Broker) -> APIRouter:
    """Return the routes, for connections of all types, over one broker."""
    router = APIRouter()
    for path, (name, asked, answered) in _REQUESTS.items():
        router.add_api_route(
            path,
            _build_handler(broker, path, asked),
            methods=["POST"],
            description=ANSWERS[path].__doc__,
            **describe_operation(name, asked, answered),
        )
    return router


def _build_handler(broker: Broker, path: str, kind: type[Any]) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        try:
            return await _answer(broker, path, kind, request)
        except ProblemError as error:
            return answer(error.problem)
        except IntegryError as error:
            return answer(describe(error))
        except ClientDisconnect:
            # Nobody is there to read it.
            return Response(status_code=400)
        except Exception:
            log.exception("A request to %s failed in an unexpected way.", request.url.path)
            return answer(failed().problem)

    return handle


async def _answer(broker: Broker, path: str, kind: type[Any], request: Request) -> Response:
    started, asked = time.monotonic(), await read_body(request, kind, MAX_BODY)
    whose = getattr(asked, "poll", asked)
    try:
        claims = build_claims(whose.conn_id, whose.end_user, whose.account)
        known = await broker.authenticate(read_proof(request), claims, any_type=True)
    except ProofError as error:
        raise explain_proof(error) from None
    if known is None:
        await take_time(started)
        raise not_found()
    found = await run_in_thread(lambda: ANSWERS[path](asked, known.team))
    return Response(msgspec.json.encode(found), 200, {"Cache-Control": "no-store"}, "application/json")
