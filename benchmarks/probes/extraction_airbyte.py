"""Read all pages with a declarative source of the Airbyte CDK, whose messages go to a file, and print what it cost.

``extraction_airbyte.py cdk BASE_URL FILE``. Imports are not counted; lines of records are.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from pathlib import Path

from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.models import ConfiguredAirbyteCatalogSerializer
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource

KEY = json.loads(os.environ["AIRFLOW_CONN_BENCH_OURS"])["password"]


def build_manifest(base_url):
    """Return the source's description."""
    return {
        "version": "6.0.0",
        "type": "DeclarativeSource",
        "check": {"type": "CheckStream", "stream_names": ["records"]},
        "streams": [
            {
                "type": "DeclarativeStream",
                "name": "records",
                "primary_key": ["id"],
                "schema_loader": {"type": "InlineSchemaLoader", "schema": {"type": "object", "properties": {}}},
                "retriever": {
                    "type": "SimpleRetriever",
                    "record_selector": {
                        "type": "RecordSelector",
                        "extractor": {"type": "DpathExtractor", "field_path": ["data"]},
                    },
                    "requester": {
                        "type": "HttpRequester",
                        "url_base": base_url,
                        "path": "/v1/records",
                        "http_method": "GET",
                        "authenticator": {
                            "type": "ApiKeyAuthenticator",
                            "api_token": KEY,
                            "inject_into": {
                                "type": "RequestOption",
                                "inject_into": "header",
                                "field_name": "X-Api-Key",
                            },
                        },
                    },
                    "paginator": {
                        "type": "DefaultPaginator",
                        "page_token_option": {
                            "type": "RequestOption",
                            "inject_into": "request_parameter",
                            "field_name": "cursor",
                        },
                        "pagination_strategy": {
                            "type": "CursorPagination",
                            "cursor_value": "{{ response.get('next') }}",
                            "stop_condition": "{{ not response.get('next') }}",
                        },
                    },
                },
            }
        ],
        "spec": {"type": "Spec", "connection_specification": {"type": "object", "properties": {}}},
    }


CATALOG = {
    "streams": [
        {
            "stream": {"name": "records", "json_schema": {}, "supported_sync_modes": ["full_refresh"]},
            "sync_mode": "full_refresh",
            "destination_sync_mode": "overwrite",
        }
    ]
}


def main():
    """Measure one run."""
    base_url, path = sys.argv[2], Path(sys.argv[3])
    catalog = ConfiguredAirbyteCatalogSerializer.load(CATALOG)
    wall, cpu = time.perf_counter(), time.process_time()
    source = ConcurrentDeclarativeSource(catalog=catalog, config={}, state=None, source_config=build_manifest(base_url))
    with path.open("w", encoding="utf-8") as file:
        for message in source.read(logging.getLogger("bench"), {}, catalog, None):
            file.write(AirbyteEntrypoint.airbyte_message_to_string(message) + "\n")
    found = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    with path.open("rb") as lines:
        print(json.dumps({**found, "records": sum(b'"type":"RECORD"' in line for line in lines)}))


if __name__ == "__main__":
    main()
