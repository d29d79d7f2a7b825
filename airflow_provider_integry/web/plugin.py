"""The Airflow plugin: what this provider adds to the API server.

Airflow imports this module in every process, so it costs almost nothing: the application behind the
prefix is built at its first request.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from fastapi import FastAPI

Message = MutableMapping[str, Any]
URL_PREFIX = "/integry"


class LazyApp:
    """An ASGI application that builds the real one when it is first called."""

    def __init__(self) -> None:
        self._app: FastAPI | None = None

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Handle one connection."""
        if self._app is None:
            # Lazy for start-up cost: only the API server that is asked needs FastAPI.
            from airflow_provider_integry.web.app import build_app

            self._app = build_app()
        await self._app(scope, receive, send)


class IntegryPlugin(AirflowPlugin):
    """Mounts the provider's application below ``/integry``."""

    name = "integry"
    fastapi_apps = [{"app": LazyApp(), "url_prefix": URL_PREFIX, "name": "Integry"}]  # noqa: RUF012 - Airflow's API
    external_views = [  # noqa: RUF012 - Airflow's API
        {
            # Relative to Airflow's own pages, so that it holds behind a proxy with a path prefix.
            "name": "Authorizations",
            "href": f"{URL_PREFIX[1:]}/authorizations",
            "icon": f"{URL_PREFIX[1:]}/public/static/icon-light.svg",
            "icon_dark_mode": f"{URL_PREFIX[1:]}/public/static/icon-dark.svg",
            "url_route": "authorizations",
            "destination": "nav",
            # Beside the connections.
            "category": "admin",
        },
        {
            "name": "Authorize",
            "href": (
                f"{URL_PREFIX[1:]}/task?dag_id={{DAG_ID}}&run_id={{RUN_ID}}&task_id={{TASK_ID}}&map_index={{MAP_INDEX}}"
            ),
            "icon": f"{URL_PREFIX[1:]}/public/static/icon-light.svg",
            "icon_dark_mode": f"{URL_PREFIX[1:]}/public/static/icon-dark.svg",
            "url_route": "authorize",
            "destination": "task_instance",
        },
    ]
