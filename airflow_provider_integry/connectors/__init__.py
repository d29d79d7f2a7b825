"""The activity language: what an API can do, written down once. No I/O but reading connector files."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_integry.connectors.load import list_connectors, load_connector, parse_connector
    from airflow_provider_integry.connectors.spec import Connector

__all__ = ["Connector", "list_connectors", "load_connector", "parse_connector"]

_HOME = {
    "Connector": "spec",
    "list_connectors": "load",
    "load_connector": "load",
    "parse_connector": "load",
}


def __getattr__(name: str) -> object:
    # Lazy for start-up cost: DAG files import operators, operators may name this package, and
    # pydantic, PyYAML and jsonschema together cost more than the rest of a DAG parse.
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
