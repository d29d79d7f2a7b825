"""One way to stream a query's records to a file, synchronously and in an event loop."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

from integration.loopback import CONN_ID

from airflow_provider_integry.hooks.integry import IntegryHook
from airflow_provider_integry.hooks.streaming import awrite_records, write_records

PUMPS = ("sync", "async")


def connector_file(folder: Path, **activities: str) -> str:
    """Write a connector whose activities have these lines of YAML, in flow style; return its path."""
    lines = [f"  {name}: {{kind: query, {text}}}" for name, text in activities.items()]
    path = folder / "paged.yaml"
    path.write_text("\n".join(["name: paged", "title: Paged", "activities:", *lines, ""]))
    return str(path)


def extract(pump: str, activity: str, path: str, compression: str | None = None, **options: Any) -> dict[str, Any]:
    """Run a query of the test's connection into a file and return the summary."""
    hook = IntegryHook(CONN_ID)
    call = hook.start(activity, {}, **{"raw": True, **options})
    if pump == "sync":
        return write_records(hook, call, path, compression)
    return asyncio.run(awrite_records(hook, call, path, compression))


def read_lines(path: Path) -> list[Any]:
    """Return the records of a file."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def writer_threads() -> list[threading.Thread]:
    """Return the threads of writers that are still there."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("integry-writer")]
