"""Sending somebody to a consent page, and showing what came of it."""

from __future__ import annotations

from urllib.parse import urlsplit

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from airflow_provider_integry.auth.oauth1_consent import OAuth1Consent
from airflow_provider_integry.auth.oauth2 import OAuth2Settings
from airflow_provider_integry.authorizations.airflow_store import local_consents, local_store
from airflow_provider_integry.authorizations.consent import CALLBACK_PATH, context_of, cookie_name
from airflow_provider_integry.authorizations.consent_values import Begun
from airflow_provider_integry.authorizations.consents import LIFE_S, Consent
from airflow_provider_integry.authorizations.links import authorize_path
from airflow_provider_integry.authorizations.steps import arun_steps
from airflow_provider_integry.authorizations.subject import Subject
from airflow_provider_integry.errors import IntegryError
from airflow_provider_integry.web.pages.forms import query_of, read_form
from airflow_provider_integry.web.pages.links import find_workspace, list_bindings
from airflow_provider_integry.web.pages.rendering import prefix_of, render, render_form
from airflow_provider_integry.web.pages.subjects import Chosen, choose
from airflow_provider_integry.web.pages.threads import in_page_thread
from airflow_provider_integry.web.refusals import PageError, not_found, read_only
from airflow_provider_integry.web.security import User, base_url_of, may_see, set_cookie

PATH = "/authorize"
RESULT_PATH = "/authorize/result/{consent_id}"
_MAX_ID = 64
# What the service has said may be long, and is shown as far as people read.
_MAX_WORDS = 600


def build_router() -> APIRouter:
    """Return the routes."""
    router = APIRouter(include_in_schema=False)
    router.add_api_route(PATH, show_authorize, methods=["GET"])
    router.add_api_route(PATH, authorize, methods=["POST"])
    router.add_api_route(RESULT_PATH, show_result, methods=["GET"])
    router.add_api_route(RESULT_PATH + "/confirm", confirm, methods=["POST"])
    return router


async def show_authorize(request: Request, user: User) -> Response:
    """Show what will be connected, and the button that begins it."""
    chosen = await in_page_thread(lambda: choose(user, query_of(request)))
    subject = chosen.subject if chosen.subject and chosen.subject.has_consent else None
    workspace = await in_page_thread(lambda: find_workspace(chosen))
    return await render_form(
        request,
        user,
        "authorize.html",
        chosen=chosen,
        subject=subject,
        names=_names_of(chosen),
        host=host_of(subject) if subject else "",
        scopes=scopes_of(subject) if subject else (),
        redirect_uri=redirect_uri_of(request, subject) if subject else "",
        link=prefix_of(request) + authorize_path(*_positions(chosen)).removeprefix("/integry"),
        workspace=workspace,
        bindings=list_bindings(workspace) if workspace else [],
    )


async def authorize(request: Request, user: User) -> Response:
    """Begin an authorization: the answer leads to the consent page."""
    form = await read_form(request, user)
    chosen = await in_page_thread(lambda: choose(user, form))
    if not chosen.can_edit:
        raise read_only(chosen.key.conn_id)
    if chosen.subject is None or not chosen.subject.has_consent:
        raise PageError(409, "Nobody's consent is needed", chosen.problem or _NO_CONSENT)
    begun = await begin(request, chosen.subject, user)
    # Not a redirect: browsers hold those that follow a form against `form-action`, all the way through the
    # service's own redirects.
    page = render(request, "leaving.html", url=begun.url, host=urlsplit(begun.url).hostname)
    set_cookie(request, page, cookie_name(begun.consent_id), begun.browser_key.reveal(), int(LIFE_S))
    return page


async def begin(request: Request, subject: Subject, user: BaseUser) -> Begun:
    """Begin an authorization for somebody who may.

    Raises:
        PageError: The service does not begin it, or Airflow does not know its own address.
    """
    steps = local_consents().begin(subject, base_url=base_url_of(request), user=user.get_id())
    try:
        return await arun_steps(steps)
    except IntegryError as error:
        raise PageError(503 if error.retryable else 502, "The authorization could not begin", str(error)) from None


async def show_result(consent_id: str, request: Request, user: User) -> Response:
    """Show what came of an authorization, to the person who began it."""
    found = await in_page_thread(lambda: _find(consent_id, user))
    if found is None:
        return render(request, "result.html", 404, outcome="expired", consent=None, scopes=None, message="", link="")
    outcome = "expired" if found.outcome == "pending" and found.is_expired else found.outcome
    row = await in_page_thread(lambda: local_store().find(found.digest)) if outcome == "ready" else None
    path = authorize_path(found.conn_id, found.end_user, found.account).removeprefix("/integry")
    return await render_form(
        request,
        user,
        "result.html",
        outcome=outcome,
        consent=found,
        scopes=row.scopes.split() if row and row.scopes else None,
        message=_shorten(found.message or ""),
        link=prefix_of(request) + path,
    )


async def confirm(consent_id: str, request: Request, user: User) -> Response:
    """Take the answer to the question whether another account takes the place of the one that was there."""
    form = await read_form(request, user)
    found = await in_page_thread(lambda: _find(consent_id, user))
    if found is None:
        raise not_found()
    is_yes = form.get("answer") == "replace"
    if is_yes:
        fields = {"conn_id": found.conn_id, "end_user": found.end_user, "account": found.account}
        chosen = await in_page_thread(
            lambda: choose(user, {name: value for name, value in fields.items() if value is not None})
        )
        if not chosen.can_edit:
            raise read_only(found.conn_id)
    await arun_steps(local_consents().answer(consent_id, is_yes=is_yes, user=user.get_id()))
    return RedirectResponse(f"{prefix_of(request)}/authorize/result/{found.id}", 303)


def host_of(subject: Subject) -> str:
    """Return the host that somebody is sent to, as far as the connection says it."""
    settings = subject.settings
    if isinstance(settings, OAuth1Consent):
        return urlsplit(settings.authorize_url).hostname or ""
    if isinstance(settings, OAuth2Settings) and settings.consent:
        return urlsplit(settings.consent.authorize_url or settings.issuer or "").hostname or ""
    return ""


def scopes_of(subject: Subject) -> tuple[str, ...]:
    """Return the scopes that are asked for."""
    return tuple(getattr(subject.settings, "scopes", ()))


def redirect_uri_of(request: Request, subject: Subject) -> str:
    """Return the address that the service has to know; empty where Airflow does not know its own."""
    try:
        return f"{base_url_of(request)}{CALLBACK_PATH}/{context_of(subject)}"
    except PageError:
        return ""


_NO_CONSENT = (
    "This connection's own credentials suffice, or a refresh token is pasted into it. To send somebody to a consent"
    " page, choose grant type 'authorization_code' in the connection."
)


def _find(consent_id: str, user: BaseUser) -> Consent | None:
    found = local_consents().find(consent_id) if len(consent_id) <= _MAX_ID and consent_id.isalnum() else None
    if found is None or not found.belongs_to(user.get_id()) or not may_see(user, found.conn_id, found.team_name):
        return None
    return found


def _names_of(chosen: Chosen) -> dict[str, str]:
    names = zip(("conn_id", "end_user", "account"), _positions(chosen), strict=True)
    return {name: value for name, value in names if value is not None}


def _positions(chosen: Chosen) -> tuple[str, str | None, str | None]:
    return chosen.key.conn_id, chosen.key.end_user, chosen.key.account


def _shorten(text: str) -> str:
    return text if len(text) <= _MAX_WORDS else f"{text[: _MAX_WORDS - 1]}…"
