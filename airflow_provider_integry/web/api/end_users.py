"""The route that tells a task which end users have authorized a connection."""

from __future__ import annotations

import logging
import time

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from airflow_provider_integry.authorizations.airflow_store import local_store
from airflow_provider_integry.authorizations.broker import Broker
from airflow_provider_integry.authorizations.end_user_list import list_end_users
from airflow_provider_integry.authorizations.end_user_messages import (
    END_USERS_PATH,
    USE,
    EndUsersAnswer,
    EndUsersRequest,
)
from airflow_provider_integry.authorizations.proof import ProofError, build_claims
from airflow_provider_integry.authorizations.steps import run_in_thread
from airflow_provider_integry.errors import IntegryError
from airflow_provider_integry.web.api.openapi import describe_operation
from airflow_provider_integry.web.api.problems import ProblemError, answer, describe, failed, not_found
from airflow_provider_integry.web.api.routes import explain_proof, read_body, read_proof, take_time

log = logging.getLogger(__name__)
_MOST_BYTES = 64 * 1024


def build_router(broker: Broker) -> APIRouter:
    """Return the route, over one broker."""
    router = APIRouter()

    async def end_users(request: Request) -> Response:
        try:
            return await _answer(broker, request)
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

    described = describe_operation("end_users", EndUsersRequest, EndUsersAnswer)
    router.add_api_route(END_USERS_PATH, end_users, methods=["POST"], description=_answer.__doc__, **described)
    return router


async def _answer(broker: Broker, request: Request) -> Response:
    """Return end users of a connection with how they stand, a page at a time; their names alone."""
    started, asked = time.monotonic(), await read_body(request, EndUsersRequest, _MOST_BYTES)
    try:
        claims = build_claims(asked.conn_id, None, asked.account, USE)
        known = await broker.authenticate(read_proof(request), claims, any_type=True)
    except ProofError as error:
        raise explain_proof(error) from None
    if known is None or not broker.serves_end_users(known):
        await take_time(started)
        raise not_found()
    found = await run_in_thread(lambda: list_end_users(local_store(), known.settings, known.team, asked))
    return Response(msgspec.json.encode(found), 200, {"Cache-Control": "no-store"}, "application/json")
