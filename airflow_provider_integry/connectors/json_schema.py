"""The JSON Schema of connector files, for editors: completion and a first check while typing.

It follows from the models. What it cannot say (placeholders, names that collide, JMESPath) is
checked when the connector is loaded, or by ``airflow integry connectors validate``.
"""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from airflow_provider_integry.connectors.inputs import SHORTHAND
from airflow_provider_integry.connectors.spec import Connector

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def build_json_schema() -> dict[str, Any]:
    """Return the schema as plain JSON types."""
    schema = Connector.model_json_schema(by_alias=True, mode="validation", schema_generator=_Generator)
    _tidy(schema)
    inputs = schema["$defs"]["Input"]["properties"]
    for keyword in SHORTHAND:
        inputs.setdefault(keyword, _KEYWORDS.get(keyword, {}))
    # One place may be written without its list.
    places = inputs["in"]
    inputs["in"] = {
        "description": places.get("description", ""),
        "anyOf": [places["items"], {key: value for key, value in places.items() if key != "description"}],
    }
    return {"$schema": DRAFT, **schema, "title": "Connector of the Integry provider"}


class _Generator(GenerateJsonSchema):
    """Takes no field for nullable that a file leaves out instead."""

    def nullable_schema(self, schema: Any) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


def _tidy(node: Any) -> None:
    """Take away titles that repeat the key, and defaults that say nothing."""
    if isinstance(node, list):
        for item in node:
            _tidy(item)
    if not isinstance(node, dict):
        return
    for key in ("properties", "$defs"):
        for one in node.get(key, {}).values():
            if isinstance(one, dict):
                one.pop("title", None)
    if node.get("default", 0) in (None, "", {}, []):
        node.pop("default")
    if isinstance(node.get("description"), str):
        node["description"] = node["description"].partition("\n\nAttributes:")[0]
    for value in node.values():
        _tidy(value)


_COUNT = {"type": "integer", "minimum": 0}
_NUMBER = {"type": "number"}
_KEYWORDS: dict[str, Any] = {
    "type": {"type": ["string", "array"], "description": "JSON type of the value."},
    "enum": {"type": "array", "description": "All values that are allowed."},
    "format": {"type": "string", "examples": ["date-time", "date", "uuid", "email", "uri"]},
    "pattern": {"type": "string"},
    "minLength": _COUNT,
    "maxLength": _COUNT,
    "minItems": _COUNT,
    "maxItems": _COUNT,
    "minimum": _NUMBER,
    "maximum": _NUMBER,
    "exclusiveMinimum": _NUMBER,
    "exclusiveMaximum": _NUMBER,
    "multipleOf": _NUMBER,
    "uniqueItems": {"type": "boolean"},
    "items": {"type": "object"},
    "properties": {"type": "object"},
}
