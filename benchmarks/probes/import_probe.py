"""Import modules after airflow.sdk and print what it cost and what it loaded: ``import_probe.py a.b,c.d``."""

from __future__ import annotations

import gc
import importlib
import json
import sys
import time

import airflow.sdk

# What a DAG file should not load: HTTP clients, model building, parsers, cryptography.
HEAVY = (
    "aiohttp",
    "cryptography",
    "fastapi",
    "httpx",
    "jinja2",
    "jmespath",
    "jsonschema",
    "jwt",
    "msgspec",
    "oauthlib",
    "pydantic",
    "requests",
    "requests_oauthlib",
    "requests_toolbelt",
    "sqlalchemy",
    "tenacity",
    "urllib3",
    "yaml",
)


def main() -> None:
    """Measure the import of the modules named in the first argument."""
    modules = sys.argv[1].split(",")
    # They are imported when they are first touched.
    assert airflow.sdk.BaseOperator
    assert airflow.sdk.BaseSensorOperator
    before = set(sys.modules)
    # A full collection of what was there before must not fall on what is measured.
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    for module in modules:
        importlib.import_module(module)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    added = set(sys.modules) - before
    result = {
        "wall_ms": wall * 1e3,
        "cpu_ms": cpu * 1e3,
        "added": len(added),
        "heavy_before": [name for name in HEAVY if name in before],
        "heavy_added": [name for name in HEAVY if name in added],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
