"""Read all pages into a JSON-lines file with dlt and print what it cost: ``extraction_dlt.py WAY BASE_URL FILE``.

``iterated``: the records of its REST source, written by hand; ``pipeline``: a pipeline with its filesystem
destination, as its documentation has it, which normalizes and loads too. Imports are not counted.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import dlt
from dlt.destinations import filesystem
from dlt.sources.rest_api import rest_api_source

KEY = json.loads(os.environ["AIRFLOW_CONN_BENCH_OURS"])["password"]


def build_source(base_url):
    """Return the source."""
    return rest_api_source(
        {
            "client": {
                "base_url": base_url,
                "auth": {"type": "api_key", "name": "X-Api-Key", "api_key": KEY, "location": "header"},
                "paginator": {"type": "cursor", "cursor_path": "next", "cursor_param": "cursor"},
            },
            "resources": [{"name": "records", "endpoint": {"path": "v1/records", "data_selector": "data"}}],
        }
    )


def iterate(base_url, path):
    """Write what the source yields."""
    with path.open("w", encoding="utf-8") as file:
        for record in build_source(base_url):
            file.write(json.dumps(record) + "\n")


def run_pipeline(base_url, path):
    """Run a pipeline into a folder, and put its files together."""
    folder = path.parent / "dlt"
    pipeline = dlt.pipeline(
        "bench", pipelines_dir=str(folder / "state"), destination=filesystem(bucket_url=f"file://{folder}/out")
    )
    pipeline.run(build_source(base_url), loader_file_format="jsonl", write_disposition="replace")


def main():
    """Measure one way."""
    way, base_url, target = sys.argv[1:4]
    path = Path(target)
    os.environ["DATA_WRITER__DISABLE_COMPRESSION"] = os.environ["NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION"] = "true"
    wall, cpu = time.perf_counter(), time.process_time()
    {"iterated": iterate, "pipeline": run_pipeline}[way](base_url, path)
    found = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    files = [path] if way == "iterated" else list((path.parent / "dlt" / "out").rglob("records/*.jsonl"))
    print(json.dumps({**found, "records": sum(count(file) for file in files)}))


def count(file):
    """Return the lines of a file."""
    with file.open("rb") as lines:
        return sum(1 for _ in lines)


if __name__ == "__main__":
    main()
