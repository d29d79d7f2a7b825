"""What the plugin adds to Airflow's API server."""

from __future__ import annotations

import ast
import asyncio
import os
import subprocess
import sys
from pathlib import Path

import httpx

from airflow_provider_integry import __version__
from airflow_provider_integry.web.plugin import IntegryPlugin

ROOT = Path(__file__).parent.parent.parent


def get(*paths):
    """Ask the mounted application for each path, without a server."""
    (mounted,) = IntegryPlugin.fastapi_apps

    async def ask():
        transport = httpx.ASGITransport(app=mounted["app"])
        async with httpx.AsyncClient(transport=transport, base_url="http://airflow.example") as client:
            return [await client.get(path) for path in paths]

    return asyncio.run(ask())


def test_the_health_endpoint_answers_without_a_login():
    (response,) = get("/health")

    assert response.json() == {"status": "healthy", "version": __version__}
    assert (response.status_code, response.headers["Cache-Control"]) == (200, "no-store")


def test_there_is_no_other_page():
    assert [response.status_code for response in get("/", "/docs", "/redoc", "/openapi.json")] == [404] * 4


def test_the_prefix_is_one_that_airflow_mounts():
    (mounted,) = IntegryPlugin.fastapi_apps

    assert mounted["url_prefix"] == "/integry"


def test_the_module_brings_no_web_framework_into_every_process():
    code = (
        "import sys, airflow.plugins_manager\n"
        "before = set(sys.modules)\n"
        "import airflow_provider_integry.web.plugin\n"
        "print(sorted(name for name in set(sys.modules) - before if '.' not in name))\n"
        "print('fastapi' in before)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    *_, added, had_fastapi = done.stdout.splitlines()
    assert (set(ast.literal_eval(added)) - {"airflow_provider_integry"}, had_fastapi) == (set(), "False")
