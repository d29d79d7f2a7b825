"""A service that behaves as an OpenAPI document says, made from the document alone.

It refuses what the document does not allow, and answers with samples of what it promises. Nothing of
the importer is used here: references are resolved and schemas checked by other people's libraries.
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from integration.loopback import Answer, Received, Server, to_json
from openapi_schema_validator import OAS30WriteValidator, OAS31Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

FORM = "application/x-www-form-urlencoded"


class DocumentServer(Server):
    """Serves one document.

    Attributes:
        served: Method and path, as in the document, of each request that was accepted.
        refused: Why requests were refused.
    """

    def __init__(self, document: dict[str, Any], base_path: str) -> None:
        super().__init__(self._serve)
        self.document = document
        self.base_path = base_path
        self.served: list[str] = []
        self.refused: list[str] = []
        is_31 = str(document.get("openapi", "")).startswith("3.1")
        self._validator = OAS31Validator if is_31 else OAS30WriteValidator
        self._registry = Registry().with_resource("urn:doc", Resource(document, DRAFT202012))
        self._resolver = self._registry.resolver("urn:doc")

    def _serve(self, request: Received) -> Answer:
        if request.path == "/__token":
            return to_json({"access_token": "token-1", "token_type": "Bearer", "expires_in": 3600})
        if "Authorization" not in request.headers and "key-1" not in request.text:
            return to_json({"message": "no credential"}, 401)
        try:
            path, item, values = self._match(request)
            operation = item[request.method.lower()]
            self._check(request, item, operation, values)
        except RefusalError as refusal:
            self.refused.append(str(refusal))
            return to_json({"message": str(refusal)}, 400)
        self.served.append(f"{request.method} {path}")
        return self._answer(operation)

    def follow(self, node: Any) -> Any:
        for _ in range(20):
            if not (isinstance(node, dict) and isinstance(node.get("$ref"), str)):
                return node
            node = self._resolver.lookup(node["$ref"]).contents
        raise AssertionError(f"references in a circle: {node}")

    def _match(self, request: Received) -> tuple[str, Any, dict[str, str]]:
        assert request.path.startswith(self.base_path), request.path
        rest = request.path[len(self.base_path) :]
        best = None
        for template, item in self.document["paths"].items():
            plain = template.partition("#")[0].partition("?")[0]
            names = re.findall(r"{([^}]+)}", plain)
            pattern = "".join(
                "([^/]+)" if part.startswith("{") else re.escape(part) for part in re.split(r"({[^}]+})", plain)
            )
            found = re.fullmatch(pattern, rest)
            if found and request.method.lower() in self.follow(item) and (best is None or len(names) < len(best[2])):
                best = template, self.follow(item), dict(zip(names, map(unquote, found.groups()), strict=True))
        if best is None:
            raise RefusalError(f"no path for {request.method} {rest}")
        return best

    def _check(self, request: Received, item: Any, operation: Any, values: dict[str, str]) -> None:
        query = dict(parse_qsl(urlsplit(request.target).query, keep_blank_values=True))
        given = {"query": query, "path": values, "header": {k.lower(): v for k, v in request.headers.items()}}
        known = set()
        for raw in [*item.get("parameters", []), *operation.get("parameters", [])]:
            one = self.follow(raw)
            known.add(one["name"])
            if one["in"] in ("body", "formData", "cookie"):
                continue
            name = one["name"].lower() if one["in"] == "header" else one["name"]
            value = given[one["in"]].get(name)
            if value is None:
                if one.get("required") is True and not re.search("token|authorization|key", name, re.IGNORECASE):
                    raise RefusalError(f"{one['in']} parameter '{name}' is missing")
            else:
                self._check_text(one["in"], name, value, one.get("schema", one))
        for name in query:
            if name not in known and name.partition("[")[0] not in known and "key" not in name:
                raise RefusalError(f"query parameter '{name}' is unknown")
        self._check_body(request, operation)

    def _check_text(self, place: str, name: str, text: str, raw: Any) -> None:
        schema = self.follow(raw)
        kind = schema.get("type")
        if kind in ("integer", "number") and not re.fullmatch(r"-?\d+(\.\d+)?", text):
            raise RefusalError(f"{place} parameter '{name}' is no number: {text}")
        if kind == "boolean" and text not in ("true", "false"):
            raise RefusalError(f"{place} parameter '{name}' is no boolean: {text}")
        if kind in ("string", "integer") and schema.get("enum") and text not in map(str, schema["enum"]):
            raise RefusalError(f"{place} parameter '{name}' is not among {schema['enum'][:5]}: {text}")
        if "maximum" in schema and kind in ("integer", "number") and float(text) > schema["maximum"]:
            raise RefusalError(f"{place} parameter '{name}' is over {schema['maximum']}")

    def _check_body(self, request: Received, operation: Any) -> None:
        raw = operation.get("requestBody")
        if raw is None:
            return
        body = self.follow(raw)
        kind = (request.headers.get("Content-Type") or "").partition(";")[0]
        if not request.body:
            if body.get("required"):
                raise RefusalError("the body is missing")
            return
        if kind not in body["content"]:
            raise RefusalError(f"a body of type {kind}, where {list(body['content'])} are known")
        if kind == "application/json":
            schema = body["content"][kind].get("schema", {})
            whole = {"$id": "urn:body", **self._absolute(schema)}
            problems = list(self._validator(whole, registry=self._registry).iter_errors(json.loads(request.body)))
            if problems:
                raise RefusalError(f"body: {problems[0].message} at {list(problems[0].path)}")

    def _absolute(self, schema: Any) -> Any:
        if isinstance(schema, dict):
            return {
                key: f"urn:doc{value}" if key == "$ref" and isinstance(value, str) else self._absolute(value)
                for key, value in schema.items()
            }
        return [self._absolute(item) for item in schema] if isinstance(schema, list) else schema

    def _answer(self, operation: Any) -> Answer:
        status, raw = next(
            (one for one in operation["responses"].items() if str(one[0]).startswith("2")),
            next(iter(operation["responses"].items())),
        )
        answer = self.follow(raw)
        code = int(status) if str(status).isdigit() else 200
        schema = answer.get("schema")
        for kind, content in (answer.get("content") or {}).items():
            if "json" in kind or kind == "*/*":
                schema = content.get("schema")
        return Answer(code, b"") if schema is None else to_json(self.sample(schema), code)

    def sample(self, schema: Any, depth: int = 0) -> Any:
        """Return a value of a schema; lists hold two."""
        node = self.follow(schema)
        if depth > 6:
            return None
        for key in ("example", "default"):
            if key in node and not isinstance(node[key], (dict, list)):
                return node[key]
        if node.get("enum"):
            return node["enum"][0]
        for key in ("oneOf", "anyOf"):
            if node.get(key) and "properties" not in node:
                return self.sample(node[key][0], depth + 1)
        if node.get("allOf"):
            parts = [self.sample(part, depth + 1) for part in [*node["allOf"], {**node, "allOf": None}]]
            objects = [part for part in parts if isinstance(part, dict)]
            return {k: v for part in objects for k, v in part.items()} if objects else parts[0]
        kind = node.get("type")
        kind = next((one for one in kind if one != "null"), "null") if isinstance(kind, list) else kind
        if kind == "object" or "properties" in node:
            return {name: self.sample(one, depth + 1) for name, one in (node.get("properties") or {}).items()}
        if kind == "array":
            return [self.sample(node.get("items") or {}, depth + 1) for _ in range(2)]
        return {"integer": 1, "number": 1.5, "boolean": True, "string": "text"}.get(kind)


class RefusalError(Exception):
    """A request that the document does not allow."""
