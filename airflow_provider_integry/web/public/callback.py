"""Where services send browsers back: public, and only as strong as the state and the cookie that fit together."""

from __future__ import annotations

import logging
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from airflow_provider_integry.authorizations.airflow_store import local_consents
from airflow_provider_integry.authorizations.consent import cookie_name
from airflow_provider_integry.authorizations.consent_values import Callback
from airflow_provider_integry.authorizations.consents import Consent
from airflow_provider_integry.authorizations.steps import arun_steps, run_in_thread
from airflow_provider_integry.end_users.local import local_links
from airflow_provider_integry.errors import CallbackError, ConnectLinkError, IntegryError
from airflow_provider_integry.web.public.browser import forget, key_of
from airflow_provider_integry.web.public.done import finish_consent
from airflow_provider_integry.web.public.journeys import refuse
from airflow_provider_integry.web.public.threads import in_visitor_thread
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
        found = Callback(context, text, pairs, request.cookies)
        await _check_link(request, await run_in_thread(lambda: local_consents().peek(found)))
        consent: Consent = await arun_steps(local_consents().finish(found))
    except CallbackError as error:
        log.warning("A callback was refused: %s.", error.problem)
        raise PageError(400, _REFUSED, str(error)) from None
    except ConnectLinkError as error:
        raise refuse(error) from None
    except IntegryError as error:
        raise PageError(503 if error.retryable else 500, _REFUSED, str(error)) from None
    if consent.link_id is not None:
        response = await finish_consent(request, consent)
        forget(request, response, cookie_name(consent.id))
    else:
        path = f"{request.scope.get('root_path', '')}/authorize/result/{consent.id}"
        response = RedirectResponse(path, status_code=303)
        response.delete_cookie(cookie_name(consent.id), path=cookie_path(request))
    return _protect(response)


async def _check_link(request: Request, consent: Consent) -> None:
    """Refuse what comes back for a link that was taken back, or that has led on in another way meanwhile.

    Raises:
        ConnectLinkError: It has; nothing was sent anywhere.
    """
    if consent.link_id is None:
        return
    link_id, key = consent.link_id, key_of(request)
    if key is None:
        raise ConnectLinkError("other_browser")
    link = (await in_visitor_thread(lambda: local_links().shown(link_id, key))).link
    if link.revoked_at is not None:
        raise ConnectLinkError("revoked")
    if link.done_at is not None or link.consent_id != consent.id:
        raise ConnectLinkError("used")


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
    # Relative: behind a proxy, our own path may be another one than the browser's.
    return _protect(RedirectResponse(f"?{body.decode('ascii')}", status_code=303))


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
