"""Whatever text is given, reading it ends in a connector or in one typed error."""

from __future__ import annotations

import contextlib
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_integry.connectors.load import parse_connector
from airflow_provider_integry.errors import ConnectorFormatError

KEYS = st.sampled_from(
    [
        "name", "title", "base_url", "hosts", "headers", "user_info", "activities", "kind", "path", "inputs",
        "in", "schema", "type", "paging", "cursor", "param", "size", "result", "default", "enum", "$ref",
        "items", "properties", "whole", "required", "connection_types", "method", "total", "a",
    ]
)  # fmt: skip
SCALARS = st.sampled_from(
    [
        "action", "query", "cursor", "page", "path", "body", "/x/{a}", "/x", "https://h.example", "GET",
        "string", "a[?b]", "foo(", "", "crm", "#/$defs/a", None, True, 0, -1, 1.5, 10**30,
    ]
)  # fmt: skip
TREES = st.recursive(
    SCALARS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=4), inner, max_size=5),
    max_leaves=20,
)
INPUTS = st.dictionaries(KEYS, st.dictionaries(KEYS, TREES, max_size=4), max_size=3)
ACTIVITIES = st.dictionaries(
    KEYS,
    st.fixed_dictionaries(
        {"kind": st.sampled_from(["action", "query"]), "path": SCALARS},
        optional={
            "inputs": INPUTS | TREES,
            "paging": TREES,
            "result": TREES,
            "method": SCALARS,
            "headers": TREES,
        },
    ),
    max_size=2,
)
CONNECTORS = st.fixed_dictionaries(
    {"name": st.just("crm"), "title": st.just("CRM"), "activities": ACTIVITIES},
    optional={"base_url": SCALARS, "hosts": TREES, "headers": TREES, "user_info": TREES, "a": TREES},
)


def _parse(text: str) -> None:
    with contextlib.suppress(ConnectorFormatError):
        parse_connector(text, "fuzz.yaml")


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=300))
def test_any_text_gives_a_connector_or_a_format_error(text: str) -> None:
    """No other exception leaves `parse_connector` for arbitrary text."""
    _parse(text)


@settings(max_examples=150, deadline=None)
@given(CONNECTORS | TREES)
def test_any_tree_gives_a_connector_or_a_format_error(tree: object) -> None:
    """No other exception leaves `parse_connector` for documents shaped like connectors."""
    _parse(json.dumps(tree))


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="ab:-[]{}&*!#|>'\"%@,?~ \n\t", max_size=120))
def test_any_yaml_punctuation_gives_a_connector_or_a_format_error(text: str) -> None:
    """No other exception leaves `parse_connector` for text full of YAML's own characters."""
    _parse(text)


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="ab.[]()*?|&!<>=@`'\"{}:,0-9\\ ", max_size=40))
def test_any_expression_is_compiled_or_refused(expression: str) -> None:
    """No other exception leaves `parse_connector` for text that looks like JMESPath."""
    activity = {"kind": "action", "path": "/x", "result": expression}
    _parse(json.dumps({"name": "a", "title": "A", "activities": {"do": activity}}))
