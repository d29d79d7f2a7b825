"""Where services send browsers back: public, and only as strong as the state and the cookie that fit together."""

from __future__ import annotations

import logging
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from airflow_provider_integry.authorizations.airflow_store import local_consents
from airflow_provider_integry.authorizations.consent import Callback, cookie_name
from airflow_provider_integry.authorizations.steps import arun_steps
from airflow_provider_integry.errors import CallbackError, IntegryError
from airflow_provider_integry.web.refusals import PageError
from airflow_provider_integry.web.security import cookie_path

log = logging.getLogger(__name__)
# A code of 8 KiB, a state, and what services add.
MAX_QUERY = 32 * 1024
MAX_PARAMETERS = 50
PATH = "/public/callback/{context}"
_REFUSED = "This authorization cannot go on"


def build_router() -> APIRouter:
    """Return the routes."""
    router = APIRouter(include_in_schema=False)
    router.add_api_route(PATH, callback, methods=["GET"])
    router.add_api_route(PATH, posted_callback, methods=["POST"])
    return router


async def callback(context: str, request: Request) -> Response:
    """End an authorization, and show its outcome at an address that says nothing of it."""
    query = request.scope["query_string"]
    # The access log prints queries: this one holds a code.
    request.scope["query_string"] = b""
    try:
        text, pairs = _read(query)
        consent_id = await arun_steps(local_consents().finish(Callback(context, text, pairs, request.cookies)))
    except CallbackError as error:
        log.warning("A callback was refused: %s.", error.problem)
        raise PageError(400, _REFUSED, str(error)) from None
    except IntegryError as error:
        raise PageError(503 if error.retryable else 500, _REFUSED, str(error)) from None
    response = RedirectResponse(f"{request.scope.get('root_path', '')}/authorize/result/{consent_id}", status_code=303)
    response.delete_cookie(cookie_name(consent_id), path=cookie_path(request))
    return _protect(response)


async def posted_callback(context: str, request: Request) -> Response:
    """Take an answer that comes as a form (response_mode=form_post), and go on as with the other kind.

    The form comes from the service's site, so that the browser leaves our cookie out; it is there again when the
    browser follows this redirect.
    """
    request.scope["query_string"] = b""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_QUERY:
            break
    try:
        _read(bytes(body))
    except CallbackError as error:
        raise PageError(400, _REFUSED, str(error)) from None
    return _protect(RedirectResponse(f"{request.url.path}?{body.decode('ascii')}", status_code=303))


def _read(query: bytes) -> tuple[str, list[tuple[str, str]]]:
    """Return a query as text and as pairs.

    Raises:
        CallbackError: It is too long, or cannot be read in just one way.
    """
    if len(query) > MAX_QUERY:
        raise CallbackError(f"it has more than {MAX_QUERY} characters")
    try:
        text = query.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except ValueError:
        raise CallbackError(f"it is not percent-encoded UTF-8, or has more than {MAX_PARAMETERS} parameters") from None
    if not text.isprintable():
        raise CallbackError("it holds control characters")
    return text, pairs


def _protect(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
