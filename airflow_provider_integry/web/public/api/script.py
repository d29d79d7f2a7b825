"""The script that host applications embed: kept long by browsers under its version, and readable for any page."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request, Response

from airflow_provider_integry import __version__

PATH = "/public/static/integry.js"
_FILE = Path(__file__).parents[2] / "static" / "integry.js"
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


def integrity() -> str:
    """Return what a page writes into attribute `integrity` of its script element (Subresource Integrity)."""
    return f"sha384-{base64.b64encode(hashlib.sha384(read_script()).digest()).decode()}"


@cache
def read_script() -> bytes:
    """Return the script."""
    return _FILE.read_bytes()
