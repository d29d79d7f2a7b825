"""The page of the connectors that come with the provider."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pydantic import JsonValue

from airflow_provider_integry.connectors import Connector, load_connector
from airflow_provider_integry.connectors.inputs import Input
from airflow_provider_integry.connectors.load import CATALOG
from airflow_provider_integry.connectors.spec import Activity, Query
from airflow_provider_integry.connectors.triggers import Webhook
from reference_pages.markdown import build_anchor, build_table, code, code_list, join


def build_page() -> str:
    """Build the page."""
    return join(
        "# Catalog",
        "These connectors come with the provider: name one in the connection's field *Connector* and use it.\n"
        "A file of the same name in the folder of option `[integry] connectors_folder` wins over them.\n"
        "[Use the catalog](../how-to/use-the-catalog.md) shows how.",
        build_table(["Connector", "Service", "Connection types", "Activities"], map(_build_line, read_catalog())),
        *(_build_section(connector) for connector in read_catalog()),
    )


def read_catalog() -> list[Connector]:
    """Return the shipped connectors by name."""
    return [load_connector(str(path)) for path in sorted(CATALOG.glob("*.yaml"))]


def _build_section(connector: Connector) -> str:
    return join(
        f"## {connector.name}",
        f"**{connector.title}.** {connector.description}",
        build_table(["", ""], _facts(connector)),
        *(_build_activity(name, activity) for name, activity in connector.activities.items()),
    )


def _build_line(connector: Connector) -> list[str]:
    types = code_list(connector.connection_types) if connector.connection_types else "all"
    link = f"[{code(connector.name)}](#{build_anchor(connector.name)})"
    return [link, connector.title, types, str(len(connector.activities))]


def _facts(connector: Connector) -> list[list[str]]:
    types = connector.connection_types
    facts = [
        ["Base URL", code(connector.base_url) if connector.base_url else "the connection's own"],
        ["Connection types", code_list(types) if types else "all"],
    ]
    facts += [[f"Known for {code(conn_type)}", _describe_profile(known)] for conn_type, known in connector.auth.items()]
    if connector.user_info:
        facts.append(["User information", code(f"{connector.user_info.method} {connector.user_info.path}")])
    if connector.docs_url:
        facts.append(["Documentation", f"<{connector.docs_url}>"])
    return facts


def _describe_profile(profile: Mapping[str, JsonValue]) -> str:
    """Return the fields that a connection may leave empty, with what they are then."""
    return ", ".join(
        f"{code(name)} {code(value if isinstance(value, str) else json.dumps(value))}"
        for name, value in profile.items()
    )


def _build_activity(name: str, activity: Activity) -> str:
    if isinstance(activity, Webhook):
        about = f"{activity.title or name}: trigger, webhook, verified by `{activity.verify.kind}`.\n"
        return join(f"### {name}", f"{about}{activity.description}")
    paged = f", paging `{activity.paging.kind}`" if isinstance(activity, Query) else ""
    rows = [_build_input(key, spec) for key, spec in activity.inputs.items()]
    return join(
        f"### {name}",
        f"{activity.title or name}: {activity.kind}{paged}, {code(f'{activity.method} {activity.path}')}.\n"
        f"{activity.description}",
        build_table(["Input", "Goes into", "Value", "What it is"], rows) if rows else "It takes no inputs.",
    )


def _build_input(key: str, spec: Input) -> list[str]:
    needed = " *Required.*" if spec.required and not spec.has_default else ""
    default = f" Default: {code(json.dumps(spec.default))}." if spec.has_default else ""
    return [code(key), ", ".join(spec.places), _value_of(spec), f"{spec.description}{default}{needed}".strip()]


def _value_of(spec: Input) -> str:
    return _describe_schema(spec.json_schema)


def _describe_schema(schema: Mapping[str, JsonValue]) -> str:
    if isinstance(choices := schema.get("enum"), list):
        return code_list(choices)
    kind = schema.get("type")
    items = schema.get("items")
    if kind == "array" and isinstance(items, dict):
        return f"array of {_describe_schema(items)}"
    words = kind if isinstance(kind, list) else [kind]
    shape = f" ({schema['format']})" if "format" in schema else ""
    return " or ".join(map(str, words)) + shape if kind else "any JSON value"
