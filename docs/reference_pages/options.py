"""The page of configuration options, from the table that Airflow is given."""

from __future__ import annotations

from typing import Any

from airflow_provider_integry.get_provider_info import OPTIONS
from reference_pages.markdown import build_table, code, join

SECTION = "integry"
AIRFLOW_OPTIONS = {
    "[core] test_connection": (
        "`Disabled` by default. With `Enabled`, forms have a *Test* button and `airflow connections test` works."
    ),
    "[operators] default_deferrable": (
        "Whether a query with `output_path` runs in the triggerer when the task does not say."
    ),
    "[core] fernet_key": (
        "Encrypts `password` and `extra` of connections in Airflow's database, and the grants that are kept there."
        " Without it connections are stored in clear, and no grant is stored at all."
    ),
    "[core] execution_api_server_url": (
        "Where tasks look for the API server while `[integry] api_url` is empty; `/execution` at its end is left out."
    ),
    "[api] base_url": "Where they look next.",
    "[metrics] statsd_on": "Whether the metrics of this provider are sent, with Airflow's own.",
}


def build_page() -> str:
    """Build the page."""
    return join(
        "# Configuration options",
        "All options stand in section `[integry]` of `airflow.cfg`.\n"
        "An environment variable wins over the file, as with every option of Airflow.\n"
        "`airflow config get-value integry OPTION` prints what holds on the machine where it is run.",
        *(_build_section(name, option) for name, option in OPTIONS.items()),
        "## Options of Airflow itself that matter here",
        build_table(["Option", "Why"], ([code(name), text] for name, text in AIRFLOW_OPTIONS.items())),
    )


def _build_section(name: str, option: dict[str, Any]) -> str:
    facts = [
        ["Environment variable", code(f"AIRFLOW__{SECTION.upper()}__{name.upper()}")],
        ["Type", str(option["type"])],
        ["Default", code(option["default"]) if option["default"] else "empty"],
        ["Since", str(option["version_added"])],
    ]
    if option.get("example"):
        facts.append(["Example", code(option["example"])])
    return join(f"## {name}", str(option["description"]), build_table(["", ""], facts))
