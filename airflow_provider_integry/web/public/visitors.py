"""Who is in front of a public page, as far as the host application has told it.

A session comes from the host application's login alone, and each host application has a cookie of its own: a
browser may know several of them.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response

from airflow_provider_integry.authorizations.crypto import seal_data, unseal_data
from airflow_provider_integry.authorizations.steps import run_in_thread
from airflow_provider_integry.end_users.local import local_sessions
from airflow_provider_integry.end_users.principals import Principal
from airflow_provider_integry.end_users.return_urls import add_query
from airflow_provider_integry.end_users.sessions import LIFE_S as SESSION_LIFE_S
from airflow_provider_integry.end_users.sessions import Session
from airflow_provider_integry.end_users.workspace import Workspace
from airflow_provider_integry.errors import UnreadableGrantError
from airflow_provider_integry.web.public.branding import Brand
from airflow_provider_integry.web.public.browser import forget, keep, public_url
from airflow_provider_integry.web.public.rendering import PublicError, render_leaving

SIGN_ON_PATH = "/sign-on"
# For how long somebody may take to log in.
LOGIN_LIFE_S = 600
_STATE_CHARS = 43


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who has signed in at the host application.

    Attributes:
        session: As it was signed.
        name: How a page calls them.
    """

    session: Session
    name: str

    @property
    def principal(self) -> Principal:
        """The same, as the use cases know it."""
        return Principal(self.session.workspace, self.session.end_user, "session")


@dataclass(frozen=True, slots=True)
class Errand:
    """What somebody was about to do when they had to sign in.

    Attributes:
        workspace: Conn id of the host application.
        path: Page below the public prefix that they come back to.
    """

    workspace: str
    path: str


def brand_of(workspace: Workspace) -> Brand:
    """Return how the pages of a host application look."""
    brand = workspace.brand
    return Brand(brand.name, brand.logo or "", brand.colour or "")


async def find_visitor(request: Request, workspace: Workspace) -> Visitor | None:
    """Return who has signed in at a host application in this browser; None for nobody."""
    text = request.cookies.get(_session_cookie(workspace), "")
    if not text:
        return None
    session = await run_in_thread(lambda: local_sessions().read(text, now=time.time()))
    if session is None or not _is_same(session.workspace, workspace):
        return None
    return Visitor(session, session.name or session.end_user)


def sign_in(request: Request, response: Response, session: Session) -> None:
    """Let a browser keep a session."""
    keep(request, response, _session_cookie(session.workspace), session.text.reveal(), SESSION_LIFE_S)


def sign_out(request: Request, response: Response, workspace: Workspace) -> None:
    """Let a browser forget its session."""
    forget(request, response, _session_cookie(workspace))


def send_to_login(request: Request, workspace: Workspace, path: str, source: str) -> Response:
    """Return the page that leads to the host application's login, which leads back to a page of ours.

    Args:
        request: The conversation.
        workspace: The host application.
        path: Page below the public prefix.
        source: What the login page is told of where somebody comes from: `appdir` or `link`.
    Raises:
        PublicError: The workspace names no login page.
    """
    if workspace.login_url is None:
        raise PublicError(
            409,
            "You cannot sign in here",
            f"{workspace.brand.name} has not said where its users log in. Open this page from inside"
            f" {workspace.brand.name}, or ask its support.",
            brand_of(workspace),
        )
    state = secrets.token_urlsafe(32)
    back = public_url(request) + SIGN_ON_PATH
    page = render_leaving(
        request,
        add_query(workspace.login_url, {"source": source, "return_to": back, "state": state}),
        brand_of(workspace),
    )
    data = {"workspace": workspace.conn_id, "path": path, "until": time.time() + LOGIN_LIFE_S}
    keep(request, page, _state_cookie(state), seal_data(data, f"sign-on {state}"), LOGIN_LIFE_S, SIGN_ON_PATH)
    return page


def read_errand(request: Request, state: str) -> Errand | None:
    """Return what this browser was about to do when it was sent to a login; None where it was not, or long ago."""
    if len(state) != _STATE_CHARS or not state.isascii():
        return None
    try:
        data: dict[str, Any] = unseal_data(request.cookies.get(_state_cookie(state), ""), f"sign-on {state}")
        is_fresh = float(data["until"]) >= time.time()
        return Errand(str(data["workspace"]), str(data["path"])) if is_fresh else None
    except (UnreadableGrantError, KeyError, TypeError, ValueError):
        return None


def forget_errand(request: Request, response: Response, state: str) -> None:
    """Remove what `send_to_login` has kept in the browser: a state is good for one login."""
    forget(request, response, _state_cookie(state), SIGN_ON_PATH)


def _is_same(one: Workspace, other: Workspace) -> bool:
    return (one.conn_id, one.team) == (other.conn_id, other.team)


def _session_cookie(workspace: Workspace) -> str:
    digest = hashlib.sha256(workspace.conn_id.encode("utf-8", "surrogatepass")).hexdigest()
    return f"integry_session_{digest[:12]}"


def _state_cookie(state: str) -> str:
    # Beginning of a digest: the name of a cookie tells nothing that is good for anything.
    return f"integry_sign_on_{hashlib.sha256(state.encode()).hexdigest()[:12]}"
