"""What came of an end user's way: the last page of a link, and the page of a consent that has not led there.

The host application is told three times, since each way can fail: by the address that the browser is sent back
to, by a message to the page that opened this window, and by a signed event of its own.
"""

from __future__ import annotations

import json

from fastapi import APIRouter, Request, Response

from airflow_provider_integry.authorizations.airflow_store import local_consents, local_store
from airflow_provider_integry.authorizations.consents import Consent
from airflow_provider_integry.authorizations.steps import arun_steps
from airflow_provider_integry.end_users.link_values import Finished, FinishOutcome
from airflow_provider_integry.end_users.local import local_links
from airflow_provider_integry.end_users.return_urls import add_query
from airflow_provider_integry.errors import ConnectLinkError, IntegryError
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.web.public.browser import key_of, read_public_form
from airflow_provider_integry.web.public.connect import PATH as LINK_PATH
from airflow_provider_integry.web.public.journeys import (
    Stop,
    find_stop,
    finish,
    go_to,
    leave_url,
    path_of,
    read_code,
    refuse,
)
from airflow_provider_integry.web.public.rendering import PublicError, render, render_form
from airflow_provider_integry.web.public.threads import in_visitor_thread

DONE_PATH = LINK_PATH + "/done"
OUTCOME_PATH = "/public/outcome/{consent_id}"
_MAX_ID = 64
# What the service has said may be long, and is shown as far as people read.
_MAX_WORDS = 600
_OUTCOMES: dict[str, FinishOutcome] = {"held": "held", "denied": "denied", "declined": "denied"}


def build_router() -> APIRouter:
    """Return the routes."""
    router = APIRouter(include_in_schema=False)
    router.add_api_route(DONE_PATH, show_done, methods=["GET"])
    router.add_api_route(OUTCOME_PATH, show_outcome, methods=["GET"])
    router.add_api_route(OUTCOME_PATH, answer, methods=["POST"])
    return router


async def show_done(link_id: str, request: Request) -> Response:
    """Tell the host application and the end user what came of a link."""
    try:
        finished = await in_visitor_thread(lambda: _shown(request, link_id))
        stop = await in_visitor_thread(lambda: find_stop(finished.link))
    except ConnectLinkError as error:
        raise refuse(error) from None
    status = finished.status
    if status not in ("connected", "held"):
        # Nothing has come of it yet.
        return go_to(request, path_of(link_id))
    code = read_code(request, finished.link)
    return render(
        request,
        "done.html",
        **stop.as_values(),
        result=status,
        who=await in_visitor_thread(lambda: _name_account(stop)) if status == "connected" else "",
        warning=finished.link.message or "",
        origin=finished.origin or "",
        message=json.dumps({**finished.message, "code": code}),
        return_url=add_query(finished.url, {"code": code}) if finished.url and code else finished.url or "",
        back="",
    )


async def finish_consent(request: Request, consent: Consent) -> Response:
    """Return where a browser goes that comes back from the service, after its answer was dealt with.

    Args:
        request: The callback, or the answer to a question.
        consent: What came of it.
    """
    if consent.outcome in ("other_account", "taken", "pending"):
        return go_to(request, f"/outcome/{consent.id}")
    try:
        finished = await in_visitor_thread(lambda: _finish(consent))
    except ConnectLinkError as error:
        if error.reason == "used" and consent.link_id is not None:
            # Its last page says what came of it.
            return go_to(request, path_of(consent.link_id, "done"))
        raise refuse(error) from None
    if consent.outcome in ("ready", "held"):
        return finish(request, finished)
    return go_to(request, f"/outcome/{consent.id}")


async def show_outcome(consent_id: str, request: Request) -> Response:
    """Show why a consent has not led to the end, or ask what is to be done."""
    consent, stop = await _open(request, consent_id)
    if consent.outcome in ("ready", "held"):
        return go_to(request, path_of(stop.link.id, "done"))
    outcome = "expired" if consent.outcome == "pending" and consent.is_expired else consent.outcome
    return await render_form(
        request,
        "outcome.html",
        **stop.as_values(),
        outcome=outcome,
        consent_id=consent.id,
        # Where nobody has shown that they are the user, the account is not named that this user has.
        before=consent.message if outcome == "other_account" and stop.link.binding == "login" else "",
        after=consent.account_name or consent.account_id or "",
        # What went wrong otherwise is for whoever looks after the connection, and stands in the log.
        words=_shorten(consent.message or "") if outcome == "denied" else "",
        again=path_of(stop.link.id) if stop.link.done_at is None and not stop.link.is_expired else "",
        leave_url=leave_url(stop.link, "failed" if outcome == "failed" else "denied") if outcome != "pending" else "",
    )


async def answer(consent_id: str, request: Request) -> Response:
    """Take the answer to the question whether another account takes the place of the one before."""
    form, key = await read_public_form(request)
    consent, _ = await _open(request, consent_id)
    is_yes = form.get("answer") == "replace"
    await arun_steps(local_consents().answer(consent.id, is_yes=is_yes, browser=key))
    found = await in_visitor_thread(lambda: local_consents().find(consent.id))
    return await finish_consent(request, found or consent)


def _shown(request: Request, link_id: str) -> Finished:
    return local_links().shown(link_id, _need_key(request))


def _finish(consent: Consent) -> Finished:
    """Note at the link what came of its consent."""
    assert consent.link_id is not None
    if consent.outcome == "ready":
        row = local_store().find(consent.digest)
        return local_links().finish(consent.link_id, "connected", row.public_id if row else None)
    outcome = _OUTCOMES.get(consent.outcome, "failed")
    return local_links().finish(consent.link_id, outcome, message=_shorten(consent.message or ""))


def _name_account(stop: Stop) -> str:
    link = stop.link
    row = local_store().find_by_public_id(link.connected_id) if link.connected_id else None
    return (row.account_name or row.account_id or "") if row else ""


async def _open(request: Request, consent_id: str) -> tuple[Consent, Stop]:
    """Return a consent and what it is for, in the browser in which it was begun; for all others it does not exist."""
    key = key_of(request)
    is_name = len(consent_id) <= _MAX_ID and consent_id.isalnum()
    try:
        consent = await in_visitor_thread(lambda: local_consents().find(consent_id)) if is_name else None
        if key is None or consent is None or consent.link_id is None or not consent.belongs_to(None, key):
            raise _over()
        link_id = consent.link_id
        finished = await in_visitor_thread(lambda: local_links().shown(link_id, key))
        return consent, await in_visitor_thread(lambda: find_stop(finished.link))
    except ConnectLinkError as error:
        raise refuse(error) from None
    except IntegryError as error:
        if error.retryable:
            raise
        raise _over() from None


def _over() -> PublicError:
    return PublicError(
        404, "This is over", "It was begun too long ago, or in another browser. Begin again where you came from."
    )


def _need_key(request: Request) -> Secret:
    key = key_of(request)
    if key is None:
        raise ConnectLinkError("other_browser")
    return key


def _shorten(text: str) -> str:
    return text if len(text) <= _MAX_WORDS else f"{text[: _MAX_WORDS - 1]}…"
