"""One end user's way from a link to an account that is connected: what its pages have in common."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response
from starlette.responses import RedirectResponse

from airflow_provider_integry import config
from airflow_provider_integry.authorizations.airflow_store import local_consents
from airflow_provider_integry.authorizations.consent import cookie_name
from airflow_provider_integry.authorizations.consent_values import Begun, Visit
from airflow_provider_integry.authorizations.consents import LIFE_S
from airflow_provider_integry.authorizations.crypto import seal_data, unseal_data
from airflow_provider_integry.authorizations.grant import AuthorizationKey
from airflow_provider_integry.authorizations.steps import arun_steps
from airflow_provider_integry.authorizations.subject import Subject, build_subject
from airflow_provider_integry.end_users.accounts import App
from airflow_provider_integry.end_users.link_store import Link
from airflow_provider_integry.end_users.link_values import Finished
from airflow_provider_integry.end_users.local import local_directory, local_end_users, local_links
from airflow_provider_integry.end_users.principals import Principal
from airflow_provider_integry.end_users.return_urls import add_query
from airflow_provider_integry.end_users.workspace import Workspace
from airflow_provider_integry.errors import ConnectLinkError, EndUserNotFoundError, IntegryError, UnreadableGrantError
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.web.pages.consent import host_of, scopes_of
from airflow_provider_integry.web.public.branding import Brand
from airflow_provider_integry.web.public.browser import keep, public_prefix
from airflow_provider_integry.web.public.pace import count_beginning
from airflow_provider_integry.web.public.rendering import PublicError, render_leaving
from airflow_provider_integry.web.public.threads import in_visitor_thread
from airflow_provider_integry.web.public.visitors import brand_of
from airflow_provider_integry.web.security import base_url_of

log = logging.getLogger(__name__)
CONNECT_PATH = "/connect"
CODE_COOKIE = "integry_code"
CODE_LIFE_S = 300
_TITLES = {
    "unknown": (404, "This link is not valid"),
    "expired": (410, "This link has expired"),
    "used": (410, "This link was used already"),
    "revoked": (410, "This link was taken back"),
    "other_browser": (403, "This link was opened in another browser"),
    "other_user": (403, "This link is for somebody else"),
    "login": (403, "Sign in first"),
    "connection": (410, "This link leads nowhere any more"),
}


@dataclass(frozen=True, slots=True)
class Stop:
    """What a link leads to.

    Attributes:
        link: The link.
        workspace: Whose it is.
        app: What is to be connected.
        subject: The same, as consents know it; None where credentials are entered.
    """

    link: Link
    workspace: Workspace
    app: App
    subject: Subject | None

    @property
    def brand(self) -> Brand:
        """How its pages look."""
        return brand_of(self.workspace)

    @property
    def principal(self) -> Principal:
        """Whom it is for."""
        return Principal(self.workspace, self.link.end_user, "link")

    def as_values(self) -> dict[str, Any]:
        """Return what every page about it shows."""
        return {"link": self.link, "app": self.app, "brand": self.brand, **describe(self.app, self.subject)}


def describe(app: App, subject: Subject | None) -> dict[str, Any]:
    """Return what a page says about an app and what is asked for there."""
    return {
        "host": host_of(subject) if subject else "",
        "scopes": scopes_of(subject) if subject else (),
        "images": (app.logo or "",),
    }


def path_of(link_id: str, *more: str) -> str:
    """Return the path of a page of a link, below the public prefix."""
    return "/".join((CONNECT_PATH, link_id, *more))


def go_to(request: Request, path: str) -> Response:
    """Return the answer that leads to another public page."""
    return RedirectResponse(public_prefix(request) + path, 303)


def find_stop(link: Link) -> Stop:
    """Return what a link leads to; may block.

    Raises:
        ConnectLinkError: Its workspace or connection is gone, or was changed.
    """
    principal = local_links().principal_of(link)
    try:
        app = local_end_users().app(principal, link.conn_id)
        subject = subject_of(app, link.end_user, link.account) if app.kind == "consent" else None
    except EndUserNotFoundError:
        raise ConnectLinkError("connection") from None
    except IntegryError as error:
        log.warning("Connection '%s' cannot be connected by an end user: %s", link.conn_id, error)
        raise ConnectLinkError("connection") from None
    return Stop(link, principal.workspace, app, subject)


def subject_of(app: App, end_user: str | None, account: str | None) -> Subject:
    """Return what consents know of an app; may block.

    Raises:
        EndUserNotFoundError: The connection is gone, or wrong.
        AuthorizationError: It cannot be connected.
    """
    found = local_directory().find_app(app.conn_id)
    if found is None or found.settings is None:
        raise EndUserNotFoundError("app")
    return build_subject(found.settings, AuthorizationKey(app.conn_id, found.team, end_user, account))


async def begin_consent(request: Request, stop: Stop, key: Secret) -> Response:
    """Begin a conversation with the service; the answer leads there.

    Raises:
        PublicError: It does not begin.
    """
    assert stop.subject is not None
    link = stop.link
    count_beginning(link.workspace, link.end_user, stop.brand, path_of(link.id))
    visit = Visit(link.id, key, holds=link.binding == "code")
    root = config.public_url() or base_url_of(request)
    steps = local_consents().begin(stop.subject, base_url=root, user=stop.principal.name, visit=visit)
    try:
        begun: Begun = await arun_steps(steps)
    except IntegryError as error:
        # What a service says of a wrong client secret is for whoever looks after the connection.
        log.warning("Connection '%s': an end user's authorization could not begin: %s", link.conn_id, error)
        raise PublicError(
            503 if error.retryable else 502,
            f"{stop.app.name} cannot be connected at the moment",
            f"Try again in a while. If it goes on like this, tell {stop.brand.name}.",
            stop.brand,
            (path_of(link.id), "Try again"),
        ) from None
    await in_visitor_thread(lambda: local_links().begin_consent(link, begun.consent_id))
    page = render_leaving(request, begun.url, stop.brand)
    keep(request, page, cookie_name(begun.consent_id), begun.browser_key.reveal(), int(LIFE_S))
    return page


def finish(request: Request, finished: Finished) -> Response:
    """Return the answer that leads to a link's last page, which gets the code that fetches what is held."""
    link = finished.link
    answer = go_to(request, path_of(link.id, "done"))
    code = finished.message.get("code")
    if code:
        sealed = seal_data({"code": code}, f"code of {link.id}")
        keep(request, answer, CODE_COOKIE, sealed, CODE_LIFE_S, path_of(link.id, "done"))
    return answer


def read_code(request: Request, link: Link) -> str | None:
    """Return the code that fetches what a link holds; None where this browser has none."""
    try:
        sealed = request.cookies.get(CODE_COOKIE, "")
        return str(unseal_data(sealed, f"code of {link.id}")["code"]) if sealed else None
    except (UnreadableGrantError, KeyError):
        return None


def refuse(error: ConnectLinkError, brand: Brand | None = None, back: tuple[str, str] | None = None) -> PublicError:
    """Return the page for a link that cannot be used."""
    status, title = _TITLES[error.reason]
    return PublicError(status, title, str(error), brand, back)


def leave_url(link: Link, status: str) -> str:
    """Return where somebody goes who does not go on; empty where the link does not say."""
    return add_query(link.return_url, {"status": status, "state": link.state}) if link.return_url else ""
