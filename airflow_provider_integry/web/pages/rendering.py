"""From a template to an answer: what every page of ours has in common."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from fastapi import Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse

from airflow_provider_integry import __version__
from airflow_provider_integry.web import flash
from airflow_provider_integry.web.pages import words
from airflow_provider_integry.web.refusals import PageError
from airflow_provider_integry.web.security import CSRF_COOKIE, issue_csrf, set_cookie

_FOLDER = Path(__file__).parent.parent / "templates"


@cache
def _environment() -> Environment:
    found = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update(
        exact_time=words.exact_time,
        number=words.number,
        readiness=words.readiness,
        sentence=words.sentence,
    )
    return found


def prefix_of(request: Request) -> str:
    """Return the path under which our pages are: Airflow's own prefix and ``/integry``."""
    return str(request.scope.get("root_path", "")).rstrip("/")


def render(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page without forms."""
    shared = {"prefix": prefix_of(request), "version": __version__, "csrf": "", "messages": []}
    return HTMLResponse(_environment().get_template(template).render(**shared | values), status)


async def render_form(
    request: Request, user: BaseUser, template: str, status: int = 200, **values: Any
) -> HTMLResponse:
    """Return a page with forms, and with what there is to say after the last one."""
    cookies: dict[str, str] = {}
    csrf = await issue_csrf(request, cookies, user)
    messages = flash.read(request, user)
    page = render(request, template, status, csrf=csrf, messages=messages, **values)
    if CSRF_COOKIE in cookies:
        set_cookie(request, page, CSRF_COOKIE, cookies[CSRF_COOKIE])
    if messages:
        flash.forget(request, page)
    return page


def render_refusal(request: Request, error: PageError) -> HTMLResponse:
    """Return the page for a request that is not done."""
    return render(request, "refusal.html", error.status, title=error.title, detail=error.detail, login_url=None)


def render_login(request: Request) -> HTMLResponse:
    """Return the page for somebody who is not logged in; a page that was asked for is where the login leads back to."""
    here = f"{request.url.path}?{request.url.query}".rstrip("?")
    next_url = {"next_url": here} if request.method == "GET" else {}
    login_url = get_auth_manager().get_url_login(**next_url)
    if next_url and "next=" not in login_url:
        # Auth managers of Airflow 3.2 do not add it themselves.
        login_url += ("&" if "?" in login_url else "?") + urlencode({"next": here})
    title, detail = "You are not logged in", "Log in to Airflow to see and change authorizations."
    return render(request, "refusal.html", 401, title=title, detail=detail, login_url=login_url)


def go_on(request: Request, user: BaseUser, path: str, message: flash.Flash) -> Response:
    """Return the answer to a form: the browser loads another page of ours, which shows a message."""
    answer = RedirectResponse(prefix_of(request) + path, 303)
    flash.write(request, answer, user, message)
    return answer
