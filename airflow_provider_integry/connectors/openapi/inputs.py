"""Parameters and body of an operation as the inputs of an activity."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_integry.connectors.inputs import SHORTHAND
from airflow_provider_integry.connectors.model import header_name_problem
from airflow_provider_integry.connectors.openapi.operations import JSON_TYPES, Body, Operation, Parameter
from airflow_provider_integry.connectors.openapi.refs import as_list, as_texts
from airflow_provider_integry.connectors.openapi.schemas import Schemas
from airflow_provider_integry.connectors.openapi.texts import build_key, build_sentence, build_unique

MAX_BODY_INPUTS = 40
_PLACEHOLDER = re.compile(r"\{([^{}/]+)\}")
_ACCEPTS_JSON = frozenset({"accept", "content-type", "authorization"})
_CREDENTIALS = frozenset(
    {"token", "access_token", "api_key", "apikey", "x-api-key", "auth_token", "oauth_token", "x-auth-token"}
)
_SCALARS = ("string", "number", "integer", "boolean")


class LeftOutError(Exception):
    """An operation that the activity language has no words for; the message says why."""


@dataclass
class Request:
    """What an operation is given and where it goes, as keys of an activity.

    Attributes:
        path: With placeholders that are keys of inputs.
        inputs: Inputs as they stand in a file.
        settings: Further keys of the activity (`body_format`, `headers` …).
        notes: What was left out of it, in sentences.
    """

    path: str
    inputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def build_request(operation: Operation, schemas: Schemas, credential_names: frozenset[str]) -> Request:
    """Return the request of an operation.

    Args:
        operation: The operation.
        schemas: Simplifies schemas of its document.
        credential_names: Names, in lower case, under which the document's credentials are sent.
    Raises:
        LeftOutError: It needs something that an activity cannot send.
    """
    return _Builder(operation, schemas, credential_names).build()


class _Builder:
    def __init__(self, operation: Operation, schemas: Schemas, credential_names: frozenset[str]) -> None:
        self._operation = operation
        self._schemas = schemas
        self._credentials = credential_names
        self._taken: set[str] = set()
        self._request = Request(operation.path)

    def build(self) -> Request:
        self._add_path()
        for one in self._operation.parameters:
            if one.place in ("query", "header"):
                self._add_parameter(one)
            elif one.place == "cookie" and one.is_required and not self._is_credential(one):
                raise LeftOutError(f"needs the cookie '{one.name}', which an activity cannot send")
        if self._operation.body is not None:
            self._add_body(self._operation.body)
        return self._request

    # -- path, query and headers -------------------------------------------------------------------

    def _add_path(self) -> None:
        declared = {one.name: one for one in self._operation.parameters if one.place == "path"}
        keys: dict[str, str] = {}

        def rename(match: re.Match[str]) -> str:
            name = match[1]
            if name not in keys:
                one = declared.get(name) or Parameter(name, "path", {"type": "string"}, is_required=True)
                keys[name] = self._put(one.name, "path", one.schema, one.description, is_required=True)
            return f"{{{keys[name]}}}"

        # Some tools mark the rest of a path: {path+}, {path*}.
        # What comes behind '#' tells operations of one path apart, and is not sent.
        plain = re.sub(r"\{([^{}/]+)[+*]\}", r"{\1}", self._operation.path.partition("#")[0])
        self._request.path = _PLACEHOLDER.sub(rename, plain)

    def _add_parameter(self, one: Parameter) -> None:
        if one.place == "header" and one.name.lower() in _ACCEPTS_JSON:
            return
        if self._is_credential(one):
            return
        if one.place == "header" and header_name_problem(one.name):
            self._leave_out(f"header '{one.name}'", is_required=one.is_required)
            return
        schema = self._schemas.given(one.schema)
        if one.is_json:
            self._put(one.name, one.place, {"type": "string"}, f"JSON text. {one.description}", one.is_required)
        elif one.place == "query" and _is_object(schema):
            self._add_object(one, schema)
        elif one.place == "query" and one.style == "deepObject" and not _is_form_value(self._schemas, schema):
            self._put(one.name, "query", schema, one.description, one.is_required, style="brackets")
        else:
            self._put(
                one.name, one.place, _wire_schema(one, schema), one.description, one.is_required, **_style(one, schema)
            )

    def _is_credential(self, one: Parameter) -> bool:
        return one.name.lower() in self._credentials or (
            one.name.lower() in _CREDENTIALS and one.place != "path" and self._operation.security != ()
        )

    def _add_object(self, one: Parameter, schema: dict[str, Any]) -> None:
        properties = schema.get("properties")
        if one.style == "deepObject" and not (isinstance(properties, dict) and self._are_scalars(properties)):
            # As most servers that know nesting in a query read it.
            self._put(one.name, "query", schema, one.description, one.is_required, style="brackets")
            return
        if not isinstance(properties, dict) or one.style not in ("deepObject", "form"):
            self._leave_out(f"query parameter '{one.name}', an object", is_required=one.is_required)
            return
        needed = as_texts(schema.get("required"))
        for name, raw in properties.items():
            inner = self._schemas.merged(raw)
            wire = f"{one.name}[{name}]" if one.style == "deepObject" else str(name)
            if _is_object(inner):
                self._leave_out(f"query parameter '{wire}', an object", is_required=False)
                continue
            is_required = one.is_required and name in needed
            self._put(wire, "query", raw, str(inner.get("description") or ""), is_required)

    def _are_scalars(self, properties: dict[str, Any]) -> bool:
        found = [self._schemas.merged(raw) for raw in properties.values()]
        return bool(found) and not any(_is_object(one) or one.get("type") == "array" for one in found)

    def _leave_out(self, what: str, *, is_required: bool) -> None:
        if is_required:
            raise LeftOutError(f"needs {what}, which an activity cannot send")
        self._request.notes.append(f"{what} is left out")

    # -- body --------------------------------------------------------------------------------------

    def _add_body(self, body: Body) -> None:
        if self._operation.method in ("GET", "HEAD"):
            self._leave_out(f"a body in a {self._operation.method} request", is_required=body.is_required)
            return
        kind = body.media_type
        if kind in JSON_TYPES or kind.endswith("+json") or kind in ("*/*", "application/*"):
            if kind not in ("application/json", "text/json", "*/*", "application/*"):
                self._request.settings["headers"] = {"Content-Type": kind}
            self._add_fields(body, is_nested=True)
        elif kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
            self._request.settings["body_format"] = "form" if kind.endswith("urlencoded") else "multipart"
            self._add_fields(body, is_nested=False)
        else:
            self._add_raw(body)

    def _add_fields(self, body: Body, *, is_nested: bool) -> None:
        schema = self._schemas.merged(body.schema)
        properties = schema.get("properties")
        if not isinstance(properties, dict) or not _is_flat(schema, properties, is_nested=is_nested):
            self._add_whole(body, is_nested=is_nested)
            return
        required = as_texts(schema.get("required"))
        shown = {name: raw for name, raw in properties.items() if not self._schemas.is_read_only(raw)}
        for name, raw in _first(shown, required):
            is_required = body.is_required and name in required
            inner = self._schemas.merged(raw)
            style: dict[str, Any] = {} if is_nested or _is_form_value(self._schemas, inner) else {"style": "brackets"}
            if self._is_file(inner):
                style = {"file": True}
            self._put(str(name), "body", raw, str(inner.get("description") or ""), is_required, **style)
        if len(shown) > MAX_BODY_INPUTS:
            self._request.notes.append(f"{len(shown) - MAX_BODY_INPUTS} further fields of the body are left out")

    def _add_whole(self, body: Body, *, is_nested: bool) -> None:
        schema = self._schemas.simplify(body.schema)
        if self._request.settings.get("body_format") == "multipart":
            raise LeftOutError("takes a multipart form whose parts the document does not name")
        if not is_nested:
            schema = {"type": "object"}
        key = build_unique("body", self._taken)
        self._request.inputs[key] = {
            "in": "body",
            "whole": True,
            **({"required": True} if body.is_required else {}),
            **_description(body.description),
            "schema": schema,
        }

    def _add_raw(self, body: Body) -> None:
        self._request.settings["body_format"] = "raw"
        if not body.media_type.endswith("*"):
            self._request.settings["headers"] = {"Content-Type": body.media_type}
        is_text = body.media_type.startswith("text/") or body.media_type.endswith("xml")
        self._request.inputs[build_unique("body", self._taken)] = {
            "in": "body",
            "whole": True,
            **({"type": "string"} if is_text else {"file": True}),
            **({"required": True} if body.is_required else {}),
            **_description(body.description),
        }

    def _is_file(self, schema: dict[str, Any]) -> bool:
        if self._request.settings.get("body_format") != "multipart":
            return False
        # OpenAPI 3.1 says so by leaving out what kind of text it would be.
        is_binary = "contentMediaType" in schema and "contentEncoding" not in schema
        return schema.get("format") == "binary" or schema.get("type") == "file" or is_binary

    def _put(
        self,
        name: str,
        place: str,
        schema: Any,
        description: str,
        is_required: bool = False,
        **more: Any,
    ) -> str:
        key = build_unique(build_key(name), self._taken)
        wanted = schema if place == "body" else self._schemas.given(schema)
        plain = {} if more.get("file") else self._schemas.simplify(wanted)
        if place != "body" and more.get("style") != "brackets":
            plain = _flat_schema(plain)
        told = description or str(self._schemas.merged(schema).get("description") or "")
        self._request.inputs[key] = {
            "in": place,
            **({"name": name} if key != name and place != "path" else {}),
            **(plain if set(plain) <= set(SHORTHAND) else {}),
            **more,
            **({"required": True} if is_required else {}),
            **_description(told),
            **({} if set(plain) <= set(SHORTHAND) else {"schema": plain}),
        }
        return key


def _description(text: str) -> dict[str, str]:
    told = build_sentence(text)
    return {"description": told} if told else {}


def _first(properties: dict[str, Any], required: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """Give the properties to write: all required ones, and others up to the limit."""
    wanted = set(required)
    left = MAX_BODY_INPUTS - sum(name in wanted for name in properties)
    for name, raw in properties.items():
        if name in wanted:
            yield name, raw
        elif left > 0:
            left -= 1
            yield name, raw


def _is_flat(schema: dict[str, Any], properties: dict[str, Any], *, is_nested: bool) -> bool:
    """Whether a body can be given field by field."""
    if not properties or schema.get("oneOf") or schema.get("anyOf"):
        return False
    if not is_nested:
        return all("." not in name for name in properties)
    # In a body, dots nest.
    return all(name and "." not in name for name in properties)


def _is_form_value(schemas: Schemas, schema: dict[str, Any]) -> bool:
    if _is_object(schema):
        return False
    if schema.get("type") != "array":
        # Alternatives of which one is an object, as some make any field clearable.
        return not any(_is_object(schemas.merged(one)) for one in as_list(schema.get("anyOf") or schema.get("oneOf")))
    items = schemas.merged(schema.get("items"))
    return items.get("type") != "array" and not _is_object(items)


def _is_object(schema: dict[str, Any]) -> bool:
    return schema.get("type") == "object" or "properties" in schema


def _wire_schema(one: Parameter, schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of what is sent: a list that is joined by spaces or bars is text."""
    if schema.get("type") == "array" and (one.style in ("spaceDelimited", "pipeDelimited") or one.place == "header"):
        return {"type": "string", "description": schema.get("description", "")}
    return schema


def _style(one: Parameter, schema: dict[str, Any]) -> dict[str, str]:
    is_joined = schema.get("type") == "array" and one.place == "query" and not one.is_exploded and one.style == "form"
    return {"style": "comma"} if is_joined else {}


def _flat_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema without what no path, query or header carries."""
    if schema.get("type") == "object" or "properties" in schema or "anyOf" in schema:
        kinds = [one.get("type") for one in schema.get("anyOf", [])]
        return {"type": kinds} if kinds and all(kind in _SCALARS for kind in kinds) else {}
    return schema
