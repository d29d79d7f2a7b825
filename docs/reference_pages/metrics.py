"""The page of metrics, from the table beside the code that sends them."""

from __future__ import annotations

from airflow_provider_integry.authorizations.metrics import METRICS
from reference_pages.markdown import build_table, code, join


def build_page() -> str:
    """Build the page."""
    return join(
        "# Metrics",
        "With Airflow's metrics on (`[metrics] statsd_on` or `otel_on`), API servers send these with Airflow's own.\n"
        "Names begin with `integry.`, after Airflow's prefix: `airflow.integry.refresh.success`.",
        build_table(
            ["Name", "Kind", "What it counts or measures"],
            ([code(name), metric.kind, metric.meaning] for name, metric in METRICS.items()),
        ),
        "Let `grant.lost.*` wake somebody, because somebody has to authorize again.\n"
        "A steady `broker.refused.signature` means that workers and API servers read different connections.",
    )
