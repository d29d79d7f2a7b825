"""Swagger 2.0 in the shape of OpenAPI 3.

Source: OpenAPI Specification 2.0, and the changes that 3.0 lists.
"""

from __future__ import annotations

from typing import Any

from airflow_provider_integry.connectors.openapi.refs import as_texts

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_SCHEMA_KEYS = (
    "type", "format", "items", "enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength",
    "maxLength", "pattern", "minItems", "maxItems", "uniqueItems", "multipleOf", "default",
)  # fmt: skip
_STYLES = {"multi": ("form", True), "csv": ("form", False), "ssv": ("spaceDelimited", False)}
_FLOWS = {"accessCode": "authorizationCode", "application": "clientCredentials"}


def convert_operation(document: dict[str, Any], raw: dict[str, Any]) -> dict[str, Any]:
    """Return parameters, body and successful answers of an operation as OpenAPI 3 has them.

    Args:
        document: The whole document.
        raw: The operation; its parameters and successful answers as lists with references followed.
    """
    given = raw["parameters"]
    parameters = [_parameter(one) for one in given if one.get("in") not in ("body", "formData")]
    takes = as_texts(raw.get("consumes") or document.get("consumes")) or ["application/json"]
    gives = as_texts(raw.get("produces") or document.get("produces")) or ["application/json"]
    answers = [_answer(answer, gives) for answer in raw["responses"]]
    return {"parameters": parameters, "requestBody": _body(given, takes), "responses": answers}


def convert_servers(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return host, base path and schemes as servers, https first."""
    path = str(document.get("basePath") or "").rstrip("/")
    host = document.get("host")
    if not host:
        return [{"url": path or "/"}]
    schemes = [one for one in as_texts(document.get("schemes")) if one in ("https", "http")] or ["https"]
    return [{"url": f"{scheme}://{host}{path}"} for scheme in sorted(schemes, reverse=True)]


def convert_scheme(raw: dict[str, Any]) -> dict[str, Any]:
    """Return a security scheme as OpenAPI 3 has it."""
    if raw.get("type") == "basic":
        return {"type": "http", "scheme": "basic", "description": raw.get("description")}
    if raw.get("type") != "oauth2":
        return raw
    flow = str(raw.get("flow"))
    parts = {key: raw[key] for key in ("authorizationUrl", "tokenUrl", "scopes") if key in raw}
    return {"type": "oauth2", "description": raw.get("description"), "flows": {_FLOWS.get(flow, flow): parts}}


def _parameter(raw: dict[str, Any]) -> dict[str, Any]:
    style, explode = _STYLES.get(str(raw.get("collectionFormat") or "csv"), ("pipeDelimited", False))
    known: dict[str, Any] = {key: raw[key] for key in ("name", "in", "required", "description") if key in raw}
    schema = {key: raw[key] for key in _SCHEMA_KEYS if key in raw}
    if raw.get("in") == "query":
        return {**known, "schema": schema, "style": style, "explode": explode}
    return {**known, "schema": schema}


def _body(parameters: list[dict[str, Any]], takes: list[str]) -> dict[str, Any] | None:
    for one in parameters:
        if one.get("in") == "body":
            content = {kind: {"schema": one.get("schema", {})} for kind in takes}
            return {"content": content, "required": one.get("required"), "description": one.get("description")}
    fields = [one for one in parameters if one.get("in") == "formData" and one.get("name")]
    if not fields:
        return None
    has_file = any(one.get("type") == "file" for one in fields)
    kinds = [kind for kind in takes if kind in FORMS] or [FORMS[1] if has_file else FORMS[0]]
    schema = {
        "type": "object",
        "properties": {str(one["name"]): _field(one) for one in fields},
        "required": [str(one["name"]) for one in fields if one.get("required") is True],
    }
    kind = FORMS[1] if has_file else kinds[0]
    return {"content": {kind: {"schema": schema}}, "required": bool(schema["required"])}


def _field(raw: dict[str, Any]) -> dict[str, Any]:
    if raw.get("type") == "file":
        return {"type": "string", "format": "binary", "description": raw.get("description", "")}
    return {**{key: raw[key] for key in _SCHEMA_KEYS if key in raw}, "description": raw.get("description", "")}


def _answer(raw: dict[str, Any], gives: list[str]) -> dict[str, Any]:
    content = {kind: {"schema": raw["schema"]} for kind in gives} if "schema" in raw else {}
    return {"content": content, "headers": raw.get("headers", {})}
