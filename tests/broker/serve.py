"""Serve the plugin's application alone, as Airflow's API server mounts it: ``python serve.py PORT``."""

from __future__ import annotations

import os
import sys

import uvicorn
from fastapi import FastAPI

from airflow_provider_integry.web.plugin import IntegryPlugin


def build() -> FastAPI:
    # What Airflow's API server does at its start: the database is opened by importing the settings.
    from airflow import settings

    assert settings.engine is not None
    root = FastAPI()
    for entry in IntegryPlugin.fastapi_apps:
        root.mount(entry["url_prefix"], entry["app"], entry["name"])
    prefix = os.environ.get("BROKER_PREFIX", "")
    if not prefix:
        return root
    outer = FastAPI()
    outer.mount(prefix, root)
    # Where the rig looks whether it is up.
    outer.mount("", root)
    return outer


if __name__ == "__main__":
    uvicorn.run(build(), host="127.0.0.1", port=int(sys.argv[1]), log_level="info")
