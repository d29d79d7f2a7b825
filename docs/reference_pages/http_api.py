"""The page of HTTP routes, from the OpenAPI document that the API server hands out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from reference_pages.markdown import build_table, code, join

PREFIX = "/integry"


class Operation(NamedTuple):
    """One operation of the document."""

    method: str
    path: str
    described: Mapping[str, Any]


def build_page() -> str:
    """Build the page."""
    document = read_document()
    schemas = document["components"]["schemas"]
    return join(
        "# HTTP API",
        "What the provider answers in Airflow's API server, below `/integry`.\n"
        "The OpenAPI document itself is at `/integry/v1/openapi.json`.\n"
        "Tasks and triggers call these routes through the hook; nobody has to call them by hand.\n"
        "Who may is decided by a *proof*, a signed note of 60 seconds:"
        " [Security model](../explanation/security-model.md#who-may-use-the-broker).",
        "Errors are `application/problem+json` (RFC 9457).",
        "## Routes",
        *(_build_operation(operation) for operation in list_operations(document)),
        "## Messages",
        "A field without a default has to be there.",
        *(_build_schema(name, schema) for name, schema in sorted(schemas.items())),
    )


def read_document() -> Mapping[str, Any]:
    """Return the document, from the application itself."""
    # Lazy: the application needs Airflow's API server, which most pages do not.
    from airflow_provider_integry.web.app import build_app

    return build_app().openapi()


def list_operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    """Return the operations of a document, in its order."""
    for path, item in document["paths"].items():
        for method, described in item.items():
            yield Operation(method.upper(), path, described)


def _build_operation(operation: Operation) -> str:
    described = operation.described
    asked = _schema_of(described.get("requestBody", {}))
    proof = "A proof in header `Authorization: Bearer`." if described.get("security") else "No proof in a header."
    return join(
        f"### {operation.method} {PREFIX}{operation.path}",
        str(described.get("description") or described.get("summary") or ""),
        f"{proof} {f'Send {_link(asked)}.' if asked else ''}",
        build_table(["Status", "Means", "Answer"], _list_answers(described["responses"])),
    )


def _list_answers(responses: Mapping[str, Any]) -> Iterator[list[str]]:
    for status, response in responses.items():
        name = _schema_of(response)
        yield [code(status), str(response.get("description", "")), _link(name) if name else ""]


def _schema_of(holder: Mapping[str, Any]) -> str | None:
    for media in holder.get("content", {}).values():
        reference = media.get("schema", {}).get("$ref")
        if reference:
            return str(reference).rpartition("/")[2]
    return None


def _build_schema(name: str, schema: Mapping[str, Any]) -> str:
    required = set(schema.get("required", ()))
    rows = (
        [code(field), _type_of(described), "" if field in required else _default_of(described)]
        for field, described in schema.get("properties", {}).items()
    )
    return join(
        f"### {name}",
        _clean(str(schema.get("description", ""))),
        build_table(["Field", "Type", "Default"], rows),
    )


def _clean(text: str) -> str:
    """Return the first paragraph of a docstring, and its attributes as a list."""
    summary, _, rest = text.partition("\n\n")
    items: list[str] = []
    for line in rest.partition("Attributes:")[2].splitlines():
        name, colon, told = line.strip().partition(": ")
        if colon and all(part.isidentifier() for part in name.split(", ")):
            items.append(f"- {', '.join(code(part) for part in name.split(', '))}: {told}")
        elif items and line.strip():
            items[-1] += f" {line.strip()}"
    return join(" ".join(summary.split()), "\n".join(items))


def _type_of(described: Mapping[str, Any]) -> str:
    if "$ref" in described:
        return _link(str(described["$ref"]).rpartition("/")[2])
    if "anyOf" in described:
        return " or ".join(dict.fromkeys(_type_of(one) for one in described["anyOf"]))
    if described.get("type") == "array":
        return f"list of {_type_of(described.get('items', {}))}"
    return str(described.get("type", "any value"))


def _default_of(described: Mapping[str, Any]) -> str:
    return code(described["default"]) if described.get("default") is not None else "none"


def _link(name: str) -> str:
    return f"[{name}](#{name.lower()})"
