"""Where the host application's login sends its users back to, with a signed token that says who they are.

The token is believed once, and only in a browser that was sent to that login a while ago: nobody can be signed
in as somebody else by a link that they follow.
"""

from __future__ import annotations

import logging
import time
from functools import partial
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response

from airflow_provider_integry import config
from airflow_provider_integry.auth.end_user_identity import MAX_TOKEN, Identity
from airflow_provider_integry.authorizations.steps import Do, Steps, arun_steps
from airflow_provider_integry.end_users.accounts import App, ConnectedAccount
from airflow_provider_integry.end_users.implicit import map_app_auth
from airflow_provider_integry.end_users.local import (
    local_directory,
    local_end_users,
    local_identities,
    local_sessions,
)
from airflow_provider_integry.end_users.principals import Principal
from airflow_provider_integry.end_users.workspace import Workspace
from airflow_provider_integry.errors import EndUserIdentityError, IntegryError
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.web.public.journeys import go_to
from airflow_provider_integry.web.public.rendering import PublicError, render_form
from airflow_provider_integry.web.public.threads import in_visitor_thread
from airflow_provider_integry.web.public.visitors import (
    SIGN_ON_PATH,
    brand_of,
    forget_errand,
    read_errand,
    sign_in,
)
from airflow_provider_integry.web.security import is_from

log = logging.getLogger(__name__)
PATH = f"/public{SIGN_ON_PATH}"
# A token, a state, and what a login page may add.
MAX_QUERY = MAX_TOKEN + 4096


def build_router() -> APIRouter:
    """Return the routes."""
    router = APIRouter(include_in_schema=False)
    router.add_api_route(PATH, sign_on, methods=["GET"])
    router.add_api_route(PATH, posted_sign_on, methods=["POST"])
    return router


async def sign_on(request: Request) -> Response:
    """Sign somebody in, and lead them back to what they were about to do."""
    query = request.scope["query_string"]
    # The access log prints queries: this one says who somebody is.
    request.scope["query_string"] = b""
    return await _sign_in(request, *_read(query))


async def posted_sign_on(request: Request) -> Response:
    """Take a token that comes as a form, and so stands in no address.

    The form comes from the login's site, so that the browser leaves our cookies out. A page of ours sends the same
    form once more, and then they are there.
    """
    request.scope["query_string"] = b""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_QUERY:
            break
    token, state = _read(bytes(body))
    if is_from(request, config.public_url()):
        return await _sign_in(request, token, state)
    return await render_form(request, "signing_on.html", token=token, state=state)


async def _sign_in(request: Request, token: str, state: str) -> Response:
    errand = read_errand(request, state)
    if errand is None:
        raise _not_begun()
    workspace = await in_visitor_thread(lambda: local_directory().find(errand.workspace))
    if workspace is None:
        raise _not_begun()
    principal, identity = await in_visitor_thread(lambda: _identify(token, workspace))
    end_user = principal.end_user
    assert end_user is not None
    if identity.api_key is not None:
        await _pass_on(principal, end_user, identity.api_key)
    name = identity.name
    session = await in_visitor_thread(lambda: local_sessions().make(workspace, end_user, now=time.time(), name=name))
    answer = go_to(request, errand.path)
    sign_in(request, answer, session)
    forget_errand(request, answer, state)
    return answer


def _identify(token: str, workspace: Workspace) -> tuple[Principal, Identity]:
    """Return who a token is for; it is used up by that."""
    try:
        principal, identity = local_identities().by_token(token, needs_user=True)
    except EndUserIdentityError as error:
        log.warning(
            "Somebody was not signed in to workspace '%s' (%s): %s", workspace.conn_id, error.reason, error.detail
        )
        raise PublicError(403, "You are not signed in", str(error), brand_of(workspace)) from None
    if (principal.workspace.conn_id, principal.workspace.team) != (workspace.conn_id, workspace.team):
        log.warning("Somebody came to workspace '%s' with a token of another one.", workspace.conn_id)
        detail = "You were signed in by another application than the one that you came from. Begin again there."
        raise PublicError(403, "You are not signed in", detail, brand_of(workspace))
    return principal, identity


async def _pass_on(principal: Principal, end_user: str, api_key: Secret) -> None:
    """Connect the host application's own API for its user, who has not to do it then."""
    workspace = principal.workspace
    if workspace.host_connection is None:
        log.warning("Workspace '%s' passes keys on and names no host connection.", workspace.conn_id)
        return
    try:
        await arun_steps(_create(principal, workspace.host_connection, end_user, api_key))
    except IntegryError as error:
        # They are signed in all the same; the app stays unconnected, and the page says so.
        log.warning("Workspace '%s': the key that its login passes on was not taken: %s", workspace.conn_id, error)


def _create(principal: Principal, conn_id: str, end_user: str, api_key: Secret) -> Steps[ConnectedAccount]:
    """Connect an account with the key alone that a login passes on."""
    app: App = yield Do(partial(local_end_users().app, principal, conn_id))
    fields = map_app_auth(app.fields, api_key.reveal())
    return (yield from local_end_users().create(principal, conn_id, end_user, fields))


def _not_begun() -> PublicError:
    return PublicError(
        400,
        "This sign-in was not begun here",
        "It was begun in another browser, more than ten minutes ago, or was finished already; or this browser keeps no"
        " cookies. Go back to the page where you began, and begin again.",
    )


def _read(query: bytes) -> tuple[str, str]:
    """Return token and state.

    Raises:
        PublicError: One of them is missing or there twice, or the whole is too long.
    """
    if len(query) > MAX_QUERY:
        raise _not_begun()
    try:
        pairs = parse_qsl(query.decode("ascii"), errors="strict", max_num_fields=50)
    except ValueError:
        raise _not_begun() from None
    found = {name: [value for other, value in pairs if other == name] for name in ("token", "state")}
    if any(len(values) != 1 for values in found.values()):
        raise _not_begun()
    return found["token"][0], found["state"][0]
