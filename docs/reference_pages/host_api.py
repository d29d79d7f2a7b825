"""The page of the API for host applications, from the table that its routes are made from."""

from __future__ import annotations

import json
from typing import Any

from airflow_provider_integry.end_users.messages import PREFIX
from airflow_provider_integry.web.public.api.document import build_document
from airflow_provider_integry.web.public.api.embedded import build_element
from reference_pages.markdown import build_block, build_table, code, join

_PREFIX = f"/integry{PREFIX}"


def build_page() -> str:
    """Build the page."""
    document = build_document()
    operations = [
        _build_operation(document, method, path, one)
        for path, methods in document["paths"].items()
        for method, one in methods.items()
    ]
    return join(
        "# API for host applications",
        f"All paths are below `{_PREFIX}`.\n"
        f"The same as an OpenAPI document: `{_PREFIX}/openapi.json` of your Airflow.\n"
        "Requests and answers are JSON, and times are RFC 3339 in UTC.\n"
        "[Embed it in your application](../how-to/embed.md) shows how it is used.",
        "## Who asks",
        build_table(["Way", "What it is"], [[code(name), one["description"]] for name, one in _schemes(document)]),
        "A request uses one of these ways; more than one is refused.\n"
        "`appKey`, `userId` and `userHash` go together, and are the headers "
        f"{', '.join(code(one['name']) for _, one in _schemes(document) if 'name' in one)}.\n"
        "From a browser, only ways that are for an end user are taken, and only from the workspace's allowed origins.",
        "## The script",
        "The element for this version; a page that has it loads no other text in its place.\n"
        "Take it over anew when Airflow's provider is upgraded, or leave `integrity` and `?v=` out.",
        build_block("html", build_element("https://airflow.example.com")),
        "## Operations",
        *operations,
        "## Structures",
        *(
            _build_structure(name, schema)
            for name, schema in sorted(document["components"]["schemas"].items())
            if schema.get("properties")
        ),
        "## Problems",
        "An error is a structure `Problem` (RFC 9457), of type `application/problem+json`.",
        build_table(["Type", "Status", "What it means"], _problems(document)),
    )


def _schemes(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return list(document["components"]["securitySchemes"].items())


def _build_operation(document: dict[str, Any], method: str, path: str, one: dict[str, Any]) -> str:
    status = next(status for status in one["responses"] if status.startswith("2"))
    content = one["responses"][status].get("content", {}).get("application/json")
    facts = [["Answer", f"{code(status)}{f', {_link(content)}' if content else ', without a body'}"]]
    body = one.get("requestBody", {}).get("content", {}).get("application/json")
    if body and body["example"]:
        facts.insert(0, ["Body", _link(body)])
    if one.get("parameters"):
        queries = [code(item["name"]) for item in one["parameters"] if item["in"] == "query"]
        facts += [["Query", ", ".join(queries)]] if queries else []
    example = [build_block("json", json.dumps(body["example"], indent=2))] if body and body["example"] else []
    return join(
        f"### {method.upper()} {path}",
        f"{one['summary']}. {one['description']}",
        build_table(["", ""], facts),
        *example,
    )


def _link(content: dict[str, Any]) -> str:
    name = content["schema"]["$ref"].rpartition("/")[2]
    return f"[{name}](#{name.lower()})"


def _build_structure(name: str, schema: dict[str, Any]) -> str:
    text = schema.get("description", "")
    required = set(schema.get("required", ()))
    rows = [
        [code(field), _type_of(one), "yes" if field in required else "", one.get("description", "")]
        for field, one in schema["properties"].items()
    ]
    summary, _, rest = text.partition("\n\n")
    return join(
        f"### {name}", summary.replace("\n", " "), build_table(["Field", "Type", "Required", ""], rows), _list(rest)
    )


def _list(attributes: str) -> str:
    """Return the entries of section `Attributes` of a docstring as a list."""
    lines = [line.strip() for line in attributes.splitlines()[1:] if line.strip()]
    entries: list[str] = []
    for line in lines:
        head, colon, _ = line.partition(": ")
        is_entry = bool(colon) and all(part.isidentifier() for part in head.split(", "))
        if is_entry:
            entries.append(f"- {', '.join(code(part) for part in head.split(', '))}: {line.partition(': ')[2]}")
        elif entries:
            entries[-1] += f" {line}"
    return "\n".join(entries)


def _type_of(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type_of(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(code(one) for one in schema["enum"] if one is not None)
    kind = str(schema.get("type", "any"))
    return f"list of {_type_of(schema['items'])}" if kind == "array" else kind


def _problems(document: dict[str, Any]) -> list[list[str]]:
    found: dict[str, tuple[set[int], str]] = {}
    for methods in document["paths"].values():
        for one in methods.values():
            for status, answered in one["responses"].items():
                for name, example in (
                    answered.get("content", {}).get("application/problem+json", {"examples": {}})["examples"].items()
                ):
                    found.setdefault(name, (set(), example["value"]["detail"]))[0].add(int(status))
    return [
        [code(f"urn:integry:problem:{name}"), ", ".join(map(str, sorted(statuses))), meaning]
        for name, (statuses, meaning) in sorted(found.items(), key=lambda item: min(item[1][0]))
    ]
