"""The route of the script that host applications embed: kept long under its version, and readable for any page."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from airflow_provider_integry import __version__
from airflow_provider_integry.web.public.api.embedded import PATH, integrity, read_script

_LONG, _SHORT = "public, max-age=31536000, immutable", "public, max-age=300"


def build_router() -> APIRouter:
    """Return the route."""
    router = APIRouter(include_in_schema=False)
    router.add_api_route(PATH, send_script, methods=["GET", "HEAD"])
    return router


async def send_script(request: Request) -> Response:
    """Send the script; for good where its address names this version."""
    headers = {
        "Cache-Control": _LONG if request.query_params.get("v") == __version__ else _SHORT,
        "ETag": f'"{integrity()}"',
        # Browsers check `integrity` of scripts of other sites only where these allow reading.
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "X-Content-Type-Options": "nosniff",
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(read_script(), 200, headers, "text/javascript; charset=utf-8")
