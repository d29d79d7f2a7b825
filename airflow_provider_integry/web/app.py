"""The application below ``/integry``."""

from __future__ import annotations

import logging
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exception_handlers import http_exception_handler
from pydantic import BaseModel
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.staticfiles import StaticFiles

from airflow_provider_integry import __version__
from airflow_provider_integry.authorizations.broker import Broker
from airflow_provider_integry.end_users.local import local_outbox
from airflow_provider_integry.errors import IntegryError
from airflow_provider_integry.web.api import triggers
from airflow_provider_integry.web.api.openapi import complete_document
from airflow_provider_integry.web.api.routes import build_router
from airflow_provider_integry.web.headers import SafeHeaders
from airflow_provider_integry.web.pages import actions, authorizations, consent, links, task_link
from airflow_provider_integry.web.pages.rendering import render_login, render_refusal
from airflow_provider_integry.web.public import callback, connect, done, entering, marketplace, sign_on, webhooks
from airflow_provider_integry.web.public import rendering as public
from airflow_provider_integry.web.public.api import routes as host_api
from airflow_provider_integry.web.public.api import script
from airflow_provider_integry.web.refusals import PageError
from airflow_provider_integry.web.telling import TellsHosts

log = logging.getLogger(__name__)
_STATIC = Path(__file__).parent / "static"


class Health(BaseModel):
    """Answer of the health endpoint."""

    status: str
    version: str


def build_app() -> FastAPI:
    """Build the application.

    The health endpoint needs no login: it tells load balancers, and tasks that look for the API
    server, that this provider is installed there, and in which version.
    """
    app = FastAPI(
        title="Integry provider for Apache Airflow",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
    )
    broker = Broker()
    app.include_router(build_router(broker))
    app.include_router(triggers.build_router(broker))
    for pages in (authorizations, consent, links, actions, task_link, callback, webhooks, host_api, script):
        app.include_router(pages.build_router())
    for pages in (marketplace, sign_on, connect, entering, done):
        app.include_router(pages.build_router())
    # Pages that need no login look like the others, also where a proxy lets nothing but this prefix through.
    app.mount("/public/static", StaticFiles(directory=_STATIC), name="static")
    app.add_exception_handler(PageError, _refuse)
    app.add_exception_handler(IntegryError, _fail)
    app.add_exception_handler(StarletteHTTPException, _explain)
    app.add_middleware(SafeHeaders)
    app.add_middleware(TellsHosts, outbox=local_outbox())

    @app.get("/health")
    async def health(response: Response) -> Health:
        """Tell that the provider is installed, and its version."""
        response.headers["Cache-Control"] = "no-store"
        return Health(status="healthy", version=__version__)

    complete_document(app)
    return app


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, PageError)
    return _render(request, error)


async def _fail(request: Request, error: Exception) -> Response:
    """Show an error of this package: they say what to do, and hold no secret."""
    assert isinstance(error, IntegryError)
    status = 503 if error.retryable else 500
    if _is_public(request):
        # What it says is for people who know this Airflow.
        log.error("A public page could not be shown: %s", error)
        detail = "Try again in a while. If it goes on like this, tell whoever sent you here."
        return _render(request, PageError(status, "This did not work", detail))
    return _render(request, PageError(status, "This did not work", str(error)))


def _render(request: Request, error: PageError) -> Response:
    return public.render_refusal(request, error) if _is_public(request) else render_refusal(request, error)


def _is_public(request: Request) -> bool:
    """Return whether a page is for people without Airflow's login, who are shown nothing that leads into Airflow."""
    path = str(request.scope["path"]).removeprefix(str(request.scope.get("root_path", "")))
    return path.startswith("/public/")


async def _explain(request: Request, error: Exception) -> Response:
    """Show people who are not logged in where to do that; other errors are as FastAPI has them."""
    assert isinstance(error, StarletteHTTPException)
    if _is_public(request) and error.status_code == 404:
        return _render(
            request, PageError(404, "There is no such page", "Check the address, or ask who gave it to you.")
        )
    if error.status_code in (401, 403):
        return render_login(request)
    return await http_exception_handler(request, HTTPException(error.status_code, error.detail))
