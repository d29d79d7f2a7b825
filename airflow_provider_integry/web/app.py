"""The application below ``/integry``."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exception_handlers import http_exception_handler
from pydantic import BaseModel
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.staticfiles import StaticFiles

from airflow_provider_integry import __version__
from airflow_provider_integry.authorizations.broker import Broker
from airflow_provider_integry.errors import IntegryError
from airflow_provider_integry.web.api import end_users, triggers
from airflow_provider_integry.web.api.openapi import complete_document
from airflow_provider_integry.web.api.routes import build_router
from airflow_provider_integry.web.headers import SafeHeaders
from airflow_provider_integry.web.pages import actions, authorizations, consent, task_link
from airflow_provider_integry.web.pages.rendering import render_login, render_refusal
from airflow_provider_integry.web.public import callback, webhooks
from airflow_provider_integry.web.refusals import PageError

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
    app.include_router(end_users.build_router(broker))
    for pages in (authorizations, consent, actions, task_link, callback, webhooks):
        app.include_router(pages.build_router())
    # Pages that need no login look like the others, also where a proxy lets nothing but this prefix through.
    app.mount("/public/static", StaticFiles(directory=_STATIC), name="static")
    app.add_exception_handler(PageError, _refuse)
    app.add_exception_handler(IntegryError, _fail)
    app.add_exception_handler(StarletteHTTPException, _explain)
    app.add_middleware(SafeHeaders)

    @app.get("/health")
    async def health(response: Response) -> Health:
        """Tell that the provider is installed, and its version."""
        response.headers["Cache-Control"] = "no-store"
        return Health(status="healthy", version=__version__)

    complete_document(app)
    return app


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, PageError)
    return render_refusal(request, error)


async def _fail(request: Request, error: Exception) -> Response:
    """Show an error of this package: they say what to do, and hold no secret."""
    assert isinstance(error, IntegryError)
    status = 503 if error.retryable else 500
    return render_refusal(request, PageError(status, "This did not work", str(error)))


async def _explain(request: Request, error: Exception) -> Response:
    """Show people who are not logged in where to do that; other errors are as FastAPI has them."""
    assert isinstance(error, StarletteHTTPException)
    if error.status_code in (401, 403):
        return render_login(request)
    return await http_exception_handler(request, HTTPException(error.status_code, error.detail))
