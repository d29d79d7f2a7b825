"""Where services tell what has happened: public, and only as strong as what each of them proves itself with."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from functools import cache
from typing import TypeVar
from urllib.parse import parse_qsl

import msgspec
from anyio import CapacityLimiter, move_on_after, to_thread
from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from airflow_provider_integry import config
from airflow_provider_integry.auth.webhook_signatures import Delivery
from airflow_provider_integry.authorizations.airflow_store import local_webhooks
from airflow_provider_integry.authorizations.webhooks import Answered, OpenWebhook, Receipt, WebhookDesk, webhook_path
from airflow_provider_integry.errors import IntegryError

log = logging.getLogger(__name__)
T = TypeVar("T")
PATH = "/public/webhooks/{webhook_id}"
MAX_QUERY = 8 * 1024
MAX_PARAMETERS = 100
# Bytes and seconds for which a delivery that is too large is thrown away after its answer.
LINGER_BYTES, LINGER_S = 32 * 1024 * 1024, 5.0
# Few, and nobody else's: a flood of deliveries keeps no task waiting for its token.
THREADS = 4
_ID = re.compile(r"[0-9a-f]{32}")
_NOT_FOUND = Receipt(404, "not_found", "There is no such webhook.")
_TOO_LARGE = Receipt(413, "refused", "The delivery has more bytes than are taken here.")


def build_router() -> APIRouter:
    """Return the routes."""
    router = APIRouter(include_in_schema=False)
    router.add_api_route(PATH, receive, methods=["GET", "POST"])
    return router


async def receive(webhook_id: str, request: Request) -> Response:
    """Take one delivery, or answer a challenge."""
    query = request.scope["query_string"]
    # The access log prints queries: this one may hold a secret.
    request.scope["query_string"] = b""
    try:
        return _answer(await _receive(webhook_id, request, query))
    except ClientDisconnect:
        # Nobody is there to read it.
        return Response(status_code=400)
    except IntegryError as error:
        # The service can do nothing about it but try again, and learns nothing of what it is.
        log.error("A delivery could not be taken, and the service is asked to send it again: %s", error)  # noqa: TRY400 - it says itself what is wrong
        return _answer(Receipt(503, "failed", "The delivery could not be taken now; send it again."))
    except Exception:
        log.exception("A delivery failed in an unexpected way.")
        return _answer(Receipt(500, "failed", "The delivery could not be taken; send it again."))


async def _receive(webhook_id: str, request: Request, query: bytes) -> Receipt | Answered:
    if not _ID.fullmatch(webhook_id):
        return _NOT_FOUND
    desk = _desk()
    webhook = await _in_thread(lambda: desk.open(webhook_id))
    if webhook is None:
        return _NOT_FOUND
    pairs = _read_query(query)
    if pairs is None:
        return Receipt(400, "refused", "The query cannot be read.")
    # Only now, for those who know the URL; and no more of it than is taken.
    body = await _read_body(request, config.max_webhook_bytes())
    if body is None:
        return _TOO_LARGE
    delivery = _build_delivery(webhook, request, query, pairs, body)
    return await _in_thread(lambda: desk.receive(webhook, delivery))


async def _read_body(request: Request, limit: int) -> bytes | None:
    """Return a body; None for one that is larger than the limit, of which no more than that is read."""
    announced = request.headers.get("Content-Length", "")
    if announced.isascii() and announced.isdigit() and int(announced[:20]) > limit:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)


def _read_query(query: bytes) -> tuple[tuple[str, str], ...] | None:
    if len(query) > MAX_QUERY:
        return None
    try:
        return tuple(
            parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
        )
    except ValueError:
        return None


def _build_delivery(
    webhook: OpenWebhook, request: Request, query: bytes, pairs: tuple[tuple[str, str], ...], body: bytes
) -> Delivery:
    base = config.public_url() or f"{request.url.scheme}://{request.url.netloc}"
    url = f"{base}{webhook_path(webhook.row.id)}"
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw)
    return Delivery(request.method, f"{url}?{query.decode('ascii')}" if query else url, headers, pairs, body)


def _answer(found: Receipt | Answered) -> Response:
    # A text that came from outside is never to be taken for a page.
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if isinstance(found, Answered):
        headers |= dict(found.headers)
        if found.content_type is None:
            # Services that want the header of a handshake back take 200 as well as 204; others want no body.
            return Response(status_code=200 if found.headers else 204, headers=headers)
        return Response(found.body, 200, headers, found.content_type)
    if found.status == 405:
        headers["Allow"] = "POST"
    body = msgspec.json.encode({"status": found.outcome, "detail": found.detail})
    if found.status == 413:
        return _EarlyResponse(body, found.status, {**headers, "Connection": "close"}, "application/json")
    return Response(body, found.status, headers, "application/json")


class _EarlyResponse(Response):
    """An answer to a request that is still being sent.

    Closing at once would reset the connection, and most clients would never see the answer. So it is sent, and a
    little of what still comes is thrown away.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer, and end when the request has ended, or was too long for that too."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        with move_on_after(LINGER_S):
            dropped = 0
            while dropped < LINGER_BYTES:
                message = await receive()
                dropped += len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body"):
                    break
        await send({"type": "http.response.body", "body": b""})


@cache
def _desk() -> WebhookDesk:
    return WebhookDesk(local_webhooks())


async def _in_thread(function: Callable[[], T]) -> T:
    return await to_thread.run_sync(function, limiter=_limiter())


@cache
def _limiter() -> CapacityLimiter:
    return CapacityLimiter(THREADS)
