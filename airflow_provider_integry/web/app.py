"""The application below ``/integry``."""

from __future__ import annotations

from fastapi import FastAPI, Response
from pydantic import BaseModel

from airflow_provider_integry import __version__
from airflow_provider_integry.authorizations.broker import Broker
from airflow_provider_integry.web.api.openapi import complete_document
from airflow_provider_integry.web.api.routes import build_router


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
    app.include_router(build_router(Broker()))

    @app.get("/health")
    async def health(response: Response) -> Health:
        """Tell that the provider is installed, and its version."""
        response.headers["Cache-Control"] = "no-store"
        return Health(status="healthy", version=__version__)

    complete_document(app)
    return app
