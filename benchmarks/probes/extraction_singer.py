"""Read all pages with a tap of the Singer SDK, whose messages go to a file, and print what it cost.

``extraction_singer.py sdk BASE_URL FILE``. Imports are not counted; lines of records are.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path

from singer_sdk import RESTStream, Tap
from singer_sdk import typing as th
from singer_sdk.pagination import JSONPathPaginator

KEY = json.loads(os.environ["AIRFLOW_CONN_BENCH_OURS"])["password"]
BASE_URL = sys.argv[2]


class Records(RESTStream):
    """The stream."""

    name = "records"
    path = "/v1/records"
    url_base = BASE_URL
    records_jsonpath = "$.data[*]"
    primary_keys = ("id",)
    schema = th.PropertiesList(
        th.Property("id", th.IntegerType),
        th.Property("name", th.StringType),
        th.Property("email", th.StringType),
        th.Property("active", th.BooleanType),
        th.Property("balance", th.NumberType),
        th.Property("tags", th.ArrayType(th.StringType)),
        th.Property("address", th.ObjectType(th.Property("city", th.StringType), th.Property("zip", th.StringType))),
        th.Property("created_at", th.StringType),
        th.Property("notes", th.StringType),
    ).to_dict()

    @property
    def http_headers(self):
        return {"X-Api-Key": KEY}

    def get_new_paginator(self):
        return JSONPathPaginator("$.next")

    def get_url_params(self, context, next_page_token):
        return {} if next_page_token is None else {"cursor": next_page_token}


class BenchTap(Tap):
    """The tap."""

    name = "tap-bench"
    config_jsonschema = th.PropertiesList().to_dict()

    def discover_streams(self):
        return [Records(self)]


def main():
    """Measure one run."""
    path = Path(sys.argv[3])
    wall, cpu = time.perf_counter(), time.process_time()
    with path.open("w", encoding="utf-8") as file, redirect_stdout(file):
        BenchTap(config={}).sync_all()
    found = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    with path.open("rb") as lines:
        print(json.dumps({**found, "records": sum(b'"type":"RECORD"' in line for line in lines)}))


if __name__ == "__main__":
    main()
