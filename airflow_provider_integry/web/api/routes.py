"""The routes of the broker."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect

from airflow_provider_integry.auth.readiness import Readiness
from airflow_provider_integry.authorizations.broker import Broker
from airflow_provider_integry.authorizations.grant import Authorization
from airflow_provider_integry.authorizations.messages import (
    CREDENTIALS_PATH,
    KEEP_ALIVE_PATH,
    MAX_STATUS_ITEMS,
    PERMITS_PATH,
    STATUS_PATH,
    CredentialsAnswer,
    CredentialsRequest,
    KeepAliveAnswer,
    KeepAliveRequest,
    PermitAnswer,
    PermitRequest,
    Status,
    StatusAnswer,
    StatusItem,
    StatusRequest,
)
from airflow_provider_integry.authorizations.proof import ProofError, build_claims
from airflow_provider_integry.authorizations.refresh import HandedOut
from airflow_provider_integry.authorizations.subject import Subject
from airflow_provider_integry.errors import AuthorizationError, IntegryError
from airflow_provider_integry.settings import ConnectionSettings
from airflow_provider_integry.web.api.openapi import describe_operation
from airflow_provider_integry.web.api.problems import ProblemError, answer, describe, failed, not_found

log = logging.getLogger(__name__)
T = TypeVar("T")
Handler = Callable[[Broker, Request], Awaitable[Response]]
MAX_BODY = 2 * 1024 * 1024
# A holder asks again at least this often, so that a grant that was replaced is noticed.
_MOST_S, _LEAST_S = 300.0, 5.0
# What was entered never ends by itself: this long a holder uses what was taken away.
_ENTERED_S = 60.0
# A refusal takes this long, whatever its cause: what is remembered and what is looked up, what is not
# there and what is not yours look the same to a clock.
REFUSAL_S = 0.1
# Proofs that are checked before others get a turn.
_ITEMS_AT_ONCE = 50
_NO_STORE = {"Cache-Control": "no-store"}


def build_router(broker: Broker) -> APIRouter:
    """Return the routes, over one broker."""
    router = APIRouter()
    for path, handler, asked, answered, has_proof in (
        (CREDENTIALS_PATH, credentials, CredentialsRequest, CredentialsAnswer, True),
        (STATUS_PATH, status, StatusRequest, StatusAnswer, False),
        (PERMITS_PATH, permits, PermitRequest, PermitAnswer, True),
        (KEEP_ALIVE_PATH, keep_alive, KeepAliveRequest, KeepAliveAnswer, True),
    ):
        described = describe_operation(handler.__name__, asked, answered, has_proof=has_proof)
        router.add_api_route(
            path, _answers(handler, broker), methods=["POST"], description=handler.__doc__, **described
        )
    return router


async def credentials(broker: Broker, request: Request) -> Response:
    """Return a token that is good now; wait a few seconds while it is renewed."""
    started, asked = time.monotonic(), await read_body(request, CredentialsRequest)
    claims = build_claims(asked.conn_id, asked.end_user, asked.account)
    try:
        known = await broker.authenticate(read_proof(request), claims)
    except ProofError as error:
        raise explain_proof(error) from None
    if known is None:
        await take_time(started)
        raise not_found()
    subject = broker.subject_of(known, asked.end_user, asked.account)
    try:
        located = await broker.locate(subject, known.settings)
        subject = located.subject
        response = _json(_build_answer(await broker.hand_out(located, asked.rejected)))
    except IntegryError as error:
        response = answer(describe(error))
    response.background = BackgroundTask(broker.settle, subject)
    return response


async def status(broker: Broker, request: Request) -> Response:
    """Return the status of each authorization, each with a proof of its own; null where there is no right to know."""
    started, asked = time.monotonic(), await read_body(request, StatusRequest)
    if len(asked.authorizations) > MAX_STATUS_ITEMS:
        detail = f"Ask for at most {MAX_STATUS_ITEMS} authorizations at once."
        raise ProblemError("too-many", 400, "Too many authorizations", detail)
    subjects: list[tuple[Subject, ConnectionSettings] | Status | None] = []
    for number, item in enumerate(asked.authorizations):
        if number % _ITEMS_AT_ONCE == 0:
            # A thousand proofs take as long as a page of Airflow's: others are served in between.
            await asyncio.sleep(0)
        subjects.append(await _subject_of(broker, item))
    statuses = await broker.statuses([one if isinstance(one, tuple) else None for one in subjects])
    if None in subjects or not subjects:
        await take_time(started)
    if not any(subjects):
        raise not_found()
    found = [told or (one if isinstance(one, Status) else None) for told, one in zip(statuses, subjects, strict=True)]
    return _json(StatusAnswer(found))


async def permits(broker: Broker, request: Request) -> Response:
    """Grant a permit to send requests within a limit, or take one back; says how long to wait where there is none."""
    started, asked = time.monotonic(), await read_body(request, PermitRequest)
    claims = build_claims(asked.conn_id, asked.end_user, asked.account)
    try:
        known = await broker.authenticate(read_proof(request), claims, any_type=True)
    except ProofError as error:
        raise explain_proof(error) from None
    if known is None:
        await take_time(started)
        raise not_found()
    return _json(await broker.grant(known, asked))


async def keep_alive(broker: Broker, request: Request) -> Response:
    """Renew grants that nobody has used for a while, for a few seconds; tell how to go on."""
    started = time.monotonic()
    try:
        is_welcome = await broker.authenticate_keeper(read_proof(request))
    except ProofError as error:
        raise explain_proof(error) from None
    if not is_welcome:
        await take_time(started)
        raise not_found()
    return _json(await broker.keep_alive(await read_body(request, KeepAliveRequest)))


async def take_time(started: float) -> None:
    """Let a refusal take as long as any other."""
    await asyncio.sleep(max(0.0, REFUSAL_S - (time.monotonic() - started)))


async def _subject_of(broker: Broker, item: StatusItem) -> tuple[Subject, ConnectionSettings] | Status | None:
    """Return what an item asks for; its status where that is clear at once; None where there is no right to know."""
    claims = build_claims(item.conn_id, item.end_user, item.account)
    try:
        known = await broker.authenticate(item.proof, claims)
    except ProofError as error:
        raise explain_proof(error) from None
    try:
        return (broker.subject_of(known, item.end_user, item.account), known.settings) if known else None
    except AuthorizationError as error:
        # One connection that was changed a moment ago does not disturb those that are asked for with it.
        return Status(str(Readiness.PENDING), str(error))


def _answers(handler: Handler, broker: Broker) -> Callable[[Request], Awaitable[Response]]:
    """Turn errors into problems."""

    async def handle(request: Request) -> Response:
        try:
            return await handler(broker, request)
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


async def read_body(request: Request, kind: type[T], limit: int = MAX_BODY) -> T:
    """Return the body of a request.

    Raises:
        ProblemError: It is too large, or not what is asked for.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise ProblemError("too-large", 413, "Request too large", f"Send at most {limit} bytes.")
    try:
        return msgspec.json.decode(bytes(body), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # msgspec names the field and what it should be, never the value.
        raise ProblemError("bad-request", 400, "Bad request", f"{error}.") from None


def read_proof(request: Request) -> str:
    """Return the proof in a request's header; empty where there is none."""
    scheme, _, proof = request.headers.get("Authorization", "").partition(" ")
    return proof.strip() if scheme.lower() == "bearer" else ""


def explain_proof(error: ProofError) -> ProblemError:
    """Return the answer for a genuine proof that cannot be used."""
    if error.reason == "expired":
        detail = "The proof has expired, or begins later; the Date of this answer is this server's time."
        return ProblemError("proof-expired", 401, "Proof expired", detail)
    return ProblemError("proof-replayed", 401, "Proof used before", "Make a new proof for each request.")


def _build_answer(found: HandedOut) -> CredentialsAnswer:
    row, secrets = found.row, found.secrets
    if secrets.entered:
        entered = {name: secret.reveal() for name, secret in secrets.entered.items()}
        return CredentialsAnswer("", "entered", None, _ENTERED_S, entered=entered)
    assert secrets.access_token is not None
    expires_in_s = row.expires_at - row.now if row.expires_at is not None else None
    return CredentialsAnswer(
        secrets.access_token.reveal(),
        secrets.token_type,
        expires_in_s,
        _choose_next(row, is_due=found.is_due),
        proof_key=secrets.proof_key.reveal() if secrets.proof_key else None,
        scopes=row.scopes.split() if row.scopes is not None else None,
        kept=dict(secrets.kept) or None,
        token_secret=secrets.token_secret.reveal() if secrets.token_secret else None,
    )


def _choose_next(row: Authorization, *, is_due: bool) -> float:
    if row.advise_at is None or row.expires_at is None:
        return _MOST_S
    least_s = min(_LEAST_S, max(0.0, row.expires_at - row.now) / 2)
    return least_s if is_due else max(least_s, min(_MOST_S, row.advise_at - row.now))


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), 200, _NO_STORE, "application/json")
