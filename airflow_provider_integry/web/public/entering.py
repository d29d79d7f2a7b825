"""The form in which an end user enters a key, a password or what signs a JWT: from the page straight to the broker.

What was typed is checked and tried out, and either kept or forgotten: no page shows it again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial

from fastapi import APIRouter, Request, Response

from airflow_provider_integry.authorizations.airflow_store import local_held_grants
from airflow_provider_integry.authorizations.consent_values import Visit
from airflow_provider_integry.authorizations.steps import Do, Steps, arun_steps
from airflow_provider_integry.end_users.accounts import ConnectedAccount
from airflow_provider_integry.end_users.implicit import Prepared
from airflow_provider_integry.end_users.link_values import Finished
from airflow_provider_integry.end_users.local import local_end_users, local_links
from airflow_provider_integry.errors import (
    ConnectLinkError,
    ImplicitAuthorizationError,
    IntegryError,
)
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.web.public.browser import key_of, read_public_form
from airflow_provider_integry.web.public.connect import PATH as LINK_PATH
from airflow_provider_integry.web.public.journeys import Stop, find_stop, finish, go_to, leave_url, path_of, refuse
from airflow_provider_integry.web.public.pace import count_try
from airflow_provider_integry.web.public.rendering import render_form
from airflow_provider_integry.web.public.threads import in_visitor_thread
from airflow_provider_integry.web.public.visitors import find_visitor

log = logging.getLogger(__name__)
PATH = LINK_PATH + "/form"
# Some fields of 64 KiB, percent-encoded.
MAX_BYTES = 512 * 1024
# Keys in PEM have lines.
_LONG_FIELDS = ("private_key",)


def build_router() -> APIRouter:
    """Return the routes."""
    router = APIRouter(include_in_schema=False)
    router.add_api_route(PATH, show_form, methods=["GET"])
    router.add_api_route(PATH, enter, methods=["POST"])
    return router


async def show_form(link_id: str, request: Request) -> Response:
    """Show the form, in the browser that has taken the link."""
    try:
        stop = await _open(link_id, key_of(request))
    except ConnectLinkError as error:
        if error.reason in ("login", "used"):
            # Its own page says what is to be done, or what came of it.
            return go_to(request, path_of(link_id))
        raise refuse(error) from None
    return await _render(request, stop)


async def enter(link_id: str, request: Request) -> Response:
    """Check what was entered, try it out, and keep it."""
    fields, key = await read_public_form(request, MAX_BYTES)
    try:
        stop = await _open(link_id, key)
        count_try(link_id, stop.brand, path_of(link_id, "form"))
        asked = {item.name for item in stop.app.fields}
        given = {name: value for name, value in fields.items() if name in asked}
        finished = await arun_steps(_keep(stop, given, key))
    except ConnectLinkError as error:
        raise refuse(error) from None
    except ImplicitAuthorizationError as error:
        if error.field is not None and error.field in asked:
            return await _render(request, stop, problems={error.field: error.problem})
        return await _render(request, stop, problem=error.problem)
    except IntegryError as error:
        log.warning("Connection '%s': credentials of an end user could not be tried: %s", stop.link.conn_id, error)
        return await _render(request, stop, problem=_say(stop, error))
    return finish(request, finished)


def _keep(stop: Stop, given: Mapping[str, str], key: Secret) -> Steps[Finished]:
    """Try what was entered, and keep it; for good, or until the host application says whose it is."""
    link, users, links = stop.link, local_end_users(), local_links()
    if link.binding != "code":
        account: ConnectedAccount = yield from users.create(
            stop.principal, link.conn_id, link.end_user, given, account=link.account
        )
        finished: Finished = yield Do(partial(links.finish, link.id, "connected", account.id, browser_key=key))
        return finished
    ready: Prepared = yield from users.prepare(stop.principal, link.conn_id, link.end_user, given, account=link.account)
    visit = Visit(link.id, key, holds=True)
    owner = stop.principal.name
    hold = local_held_grants().hold_entered
    yield Do(partial(hold, ready.subject, ready.entered, ready.account, visit=visit, owner=owner))
    held: Finished = yield Do(partial(links.finish, link.id, "held", browser_key=key))
    return held


async def _open(link_id: str, key: Secret | None) -> Stop:
    """Return what is to be entered, where this browser may do that now.

    Raises:
        ConnectLinkError: It may not.
    """
    if key is None:
        raise ConnectLinkError("unknown")
    link, _ = await in_visitor_thread(lambda: local_links().enter(link_id, key))
    stop = await in_visitor_thread(lambda: find_stop(link))
    if stop.subject is not None:
        raise ConnectLinkError("connection")
    return stop


async def _render(
    request: Request, stop: Stop, *, problem: str = "", problems: Mapping[str, str] | None = None
) -> Response:
    visitor = await find_visitor(request, stop.workspace)
    is_meant = visitor is not None and visitor.session.end_user == stop.link.end_user
    return await render_form(
        request,
        "entering.html",
        422 if problem or problems else 200,
        **stop.as_values(),
        visitor=visitor.name if visitor and is_meant else "",
        fields=stop.app.fields,
        long_fields=_LONG_FIELDS,
        cancel_url=leave_url(stop.link, "cancelled"),
        problem=problem,
        problems=problems or {},
    )


def _say(stop: Stop, error: IntegryError) -> str:
    """Return what an end user may do about an error; what it is in detail is for whoever looks after Airflow."""
    if error.retryable:
        return f"{stop.app.name} does not answer at the moment, so nothing was kept. Try again in a while."
    return f"{stop.app.name} could not be asked whether this is right, so nothing was kept. Tell {stop.brand.name}."
