"""The marketplace of a host application: its listed apps for everybody, and what a signed-in user has connected.

Nobody needs a login to look. Whoever connects something is sent to the host application's own login first, and
comes back as one of its users.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from airflow_provider_integry.auth.readiness import Readiness
from airflow_provider_integry.authorizations.steps import arun_steps
from airflow_provider_integry.authorizations.subject import Subject
from airflow_provider_integry.end_users.accounts import App, ConnectedAccount
from airflow_provider_integry.end_users.link_store import Link
from airflow_provider_integry.end_users.local import local_directory, local_end_users, local_links
from airflow_provider_integry.end_users.principals import Principal
from airflow_provider_integry.end_users.return_urls import check_return_url
from airflow_provider_integry.end_users.workspace import Workspace
from airflow_provider_integry.errors import ConnectLinkError, EndUserNotFoundError, IntegryError, LinkRequestError
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.web.pages.forms import query_of
from airflow_provider_integry.web.public.browser import public_prefix, read_public_form
from airflow_provider_integry.web.public.connect import go_on
from airflow_provider_integry.web.public.journeys import describe, find_stop, go_to, refuse, subject_of
from airflow_provider_integry.web.public.rendering import PublicError, render_form
from airflow_provider_integry.web.public.threads import in_visitor_thread
from airflow_provider_integry.web.public.visitors import Visitor, brand_of, find_visitor, send_to_login, sign_out

PATH = "/public/apps/{workspace}"
# Names of connections may hold slashes.
APP_PATH = PATH + "/{conn_id:path}"
RETURN_FIELD = "return_url"
ACCOUNT_FIELD = "account"
_DONE_FIELD = "done"
_DONE = {
    "disconnected": "Disconnected. What was kept is deleted, and the service was told where it takes that.",
    "default": "From now on this account is used unless another one is asked for.",
}
_MOST_ACCOUNTS = 100


@dataclass(frozen=True, slots=True)
class Stall:
    """A marketplace, or an app in it, as somebody sees it.

    Attributes:
        name: As the workspace is called in the address.
        workspace: Whose it is.
        visitor: Who is signed in; None for nobody.
        return_url: Where they go in the end; None for nowhere.
    """

    name: str
    workspace: Workspace
    visitor: Visitor | None
    return_url: str | None

    @property
    def principal(self) -> Principal:
        """Who asks."""
        return self.visitor.principal if self.visitor else Principal(self.workspace, None, "session")

    @property
    def path(self) -> str:
        """Its path below the public prefix."""
        return f"/apps/{quote(self.name, safe='')}"

    def path_of(self, conn_id: str, **more: str) -> str:
        """Return the path and query of an app's page."""
        query = ({RETURN_FIELD: self.return_url} if self.return_url else {}) | more
        return f"{self.path}/{quote(conn_id, safe='')}" + (f"?{urlencode(query)}" if query else "")

    def as_values(self, request: Request) -> dict[str, Any]:
        """Return what its pages have in common."""
        return {
            "brand": brand_of(self.workspace),
            "visitor": self.visitor.name if self.visitor else "",
            "here": public_prefix(request) + self.path,
            "tail": f"?{urlencode({RETURN_FIELD: self.return_url})}" if self.return_url else "",
            "return_url": self.return_url,
        }


def build_router() -> APIRouter:
    """Return the routes."""
    router = APIRouter(include_in_schema=False)
    router.add_api_route(PATH, show_apps, methods=["GET"])
    router.add_api_route(PATH + "/sign-out", leave, methods=["POST"])
    router.add_api_route(APP_PATH, show_app, methods=["GET"])
    router.add_api_route(APP_PATH + "/connect", connect, methods=["POST"])
    router.add_api_route(APP_PATH + "/disconnect", disconnect, methods=["POST"])
    router.add_api_route(APP_PATH + "/default", make_default, methods=["POST"])
    return router


async def show_apps(workspace: str, request: Request) -> Response:
    """Show the apps that are listed."""
    stall = await _open(request, workspace, query_of(request).get(RETURN_FIELD))
    apps, accounts = await in_visitor_thread(lambda: (_list_apps(stall), _list_accounts(stall, None)))
    states = _sum_up(accounts)
    # What the host application has connected by itself is not a step that anybody has to see.
    shown = [app for app in apps if not (app.is_host and states.get(app.conn_id) == Readiness.READY)]
    return await render_form(
        request,
        "marketplace.html",
        **stall.as_values(request),
        apps=shown,
        states=states,
        images=[app.logo or "" for app in shown],
    )


async def show_app(workspace: str, conn_id: str, request: Request) -> Response:
    """Show one app, and the accounts that the visitor has connected there."""
    query = query_of(request)
    stall = await _open(request, workspace, query.get(RETURN_FIELD))
    app, subject, accounts = await in_visitor_thread(lambda: _look_at(stall, conn_id))
    done = _DONE.get(query.get(_DONE_FIELD, ""))
    return await render_form(
        request,
        "app.html",
        **stall.as_values(request),
        **describe(app, subject),
        app=app,
        accounts=accounts,
        message=("success", done) if done else None,
    )


async def connect(workspace: str, conn_id: str, request: Request) -> Response:
    """Begin to connect an account: at the host application's login, and for who is signed in where the app wants it."""
    form, key = await read_public_form(request)
    stall = await _open(request, workspace, form.get(RETURN_FIELD))
    app, _, accounts = await in_visitor_thread(lambda: _look_at(stall, conn_id))
    if stall.visitor is None:
        return send_to_login(request, stall.workspace, stall.path_of(app.conn_id), "appdir")
    account = _choose_slot(stall, app, accounts, form.get(ACCOUNT_FIELD))
    try:
        link = await in_visitor_thread(lambda: _make_link(stall, app, account, key))
        stop = await in_visitor_thread(lambda: find_stop(link))
    except ConnectLinkError as error:
        raise refuse(error, brand_of(stall.workspace), (stall.path_of(app.conn_id), "Back")) from None
    except LinkRequestError as error:
        raise _cannot(stall, app, str(error)) from None
    return await go_on(request, stop, key)


async def disconnect(workspace: str, conn_id: str, request: Request) -> Response:
    """Disconnect an account of the visitor."""
    stall, app, account = await _open_own(workspace, conn_id, request)
    try:
        await arun_steps(local_end_users().disconnect(stall.principal, account.id))
    except IntegryError as error:
        raise _cannot(stall, app, str(error)) from None
    return go_to(request, stall.path_of(app.conn_id, done="disconnected"))


async def make_default(workspace: str, conn_id: str, request: Request) -> Response:
    """Let an account of the visitor be the one that is used unless another one is asked for."""
    stall, app, account = await _open_own(workspace, conn_id, request)
    try:
        await in_visitor_thread(lambda: local_end_users().set_default(stall.principal, account.id))
    except IntegryError as error:
        raise _cannot(stall, app, str(error)) from None
    return go_to(request, stall.path_of(app.conn_id, done="default"))


async def leave(workspace: str, request: Request) -> Response:
    """Sign the visitor out of our pages; the host application's own session stays."""
    await read_public_form(request)
    stall = await _open(request, workspace, None)
    answer = RedirectResponse(public_prefix(request) + stall.path, 303)
    sign_out(request, answer, stall.workspace)
    return answer


async def _open(request: Request, name: str, return_url: str | None) -> Stall:
    """Return a marketplace by the name of its workspace's connection, or by its app key.

    Raises:
        PublicError: There is none, or the browser is to be sent elsewhere in the end.
    """
    directory = local_directory()
    workspace = await in_visitor_thread(lambda: directory.find(name) or directory.find_by_key(name))
    if workspace is None:
        raise PublicError(404, "There is no such page", "Check the address, or ask whoever gave it to you.")
    if return_url is not None:
        try:
            check_return_url(return_url, workspace.return_urls, allow_http=workspace.allow_http)
        except LinkRequestError:
            raise PublicError(
                400,
                "This address leads elsewhere",
                f"It names a page to go back to that is not one of {workspace.brand.name}. Open the page from inside"
                f" {workspace.brand.name}.",
                brand_of(workspace),
            ) from None
    return Stall(name, workspace, await find_visitor(request, workspace), return_url)


async def _open_own(name: str, conn_id: str, request: Request) -> tuple[Stall, App, ConnectedAccount]:
    """Return the account that a form is about, if it is the visitor's own."""
    form, _ = await read_public_form(request)
    stall = await _open(request, name, form.get(RETURN_FIELD))
    app, _, accounts = await in_visitor_thread(lambda: _look_at(stall, conn_id))
    found = next((one for one in accounts if one.id == form.get(ACCOUNT_FIELD)), None)
    if stall.visitor is None or found is None:
        raise PublicError(
            404,
            "There is no such account",
            "It was disconnected, is another user's, or you are not signed in any more.",
            brand_of(stall.workspace),
            (stall.path_of(app.conn_id), "Back"),
        )
    return stall, app, found


def _list_apps(stall: Stall) -> Sequence[App]:
    return local_end_users().apps(stall.principal, listed_only=True)


def _list_accounts(stall: Stall, conn_id: str | None) -> list[ConnectedAccount]:
    if stall.visitor is None:
        return []
    principal = stall.visitor.principal
    page = local_end_users().accounts(
        principal, conn_id=conn_id, end_user=stall.visitor.session.end_user, limit=_MOST_ACCOUNTS
    )
    return [one for one in page.items if one.readiness != Readiness.REVOKED]


def _look_at(stall: Stall, conn_id: str) -> tuple[App, Subject | None, list[ConnectedAccount]]:
    """Return a listed app, and the visitor's accounts there."""
    try:
        app = local_end_users().app(stall.principal, conn_id)
        subject = subject_of(app, None, None) if app.kind == "consent" else None
    except EndUserNotFoundError:
        app = None
    if app is None or not app.is_listed:
        # Not listed is as if it was not there.
        raise PublicError(
            404,
            "There is no such app",
            f"{stall.workspace.brand.name} does not offer it here.",
            brand_of(stall.workspace),
            (stall.path, "All apps"),
        )
    return app, subject, _list_accounts(stall, conn_id)


def _choose_slot(stall: Stall, app: App, accounts: Sequence[ConnectedAccount], given: str | None) -> str | None:
    """Return which of several accounts is connected: one that is there, anew, or another one."""
    if given is not None:
        found = next((one for one in accounts if one.id == given), None)
        if found is None:
            raise _cannot(stall, app, "The account was disconnected meanwhile. Look at the page again.")
        return found.account
    if not accounts:
        return None
    if app.accounts_per_user != "several":
        raise _cannot(stall, app, f"{app.name} takes one account, and yours is connected. Reconnect that one instead.")
    taken = {one.account for one in accounts}
    return None if None not in taken else f"account-{secrets.token_hex(8)}"


def _make_link(stall: Stall, app: App, account: str | None, key: Secret) -> Link:
    """Make a link for the visitor, who takes it at once: from here on, both ways are one."""
    assert stall.visitor is not None
    principal, links = stall.visitor.principal, local_links()
    end_user = stall.visitor.session.end_user
    made = links.make(principal, app.conn_id, end_user, account=account, binding="login", return_url=stall.return_url)
    (token,) = parse_qs(urlsplit(made.url).query)["link"]
    links.claim(token, key)
    return links.prove(made.id, key, principal)


def _sum_up(accounts: Sequence[ConnectedAccount]) -> Mapping[str, Readiness]:
    """Return where each app stands: as the account that is used, of several."""
    ordered = sorted(accounts, key=lambda one: one.is_default)
    return {one.conn_id: one.readiness for one in ordered}


def _cannot(stall: Stall, app: App, why: str) -> PublicError:
    return PublicError(
        409, "This cannot be done now", why, brand_of(stall.workspace), (stall.path_of(app.conn_id), "Back")
    )
