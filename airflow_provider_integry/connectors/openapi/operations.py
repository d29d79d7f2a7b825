"""The operations of a document, in one shape for all versions.

Source: OpenAPI 3.0.4 and 3.1.1 section 4 ("Operation Object", "Parameter Object" …).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_integry.connectors.openapi.refs import References, UnresolvedError, as_list, as_mapping, as_texts
from airflow_provider_integry.connectors.openapi.swagger2 import convert_operation

METHODS = ("get", "head", "post", "put", "patch", "delete")
JSON_TYPES = ("application/json", "text/json", "application/vnd.api+json")


@dataclass(frozen=True)
class Parameter:
    """One parameter.

    Attributes:
        name: As on the wire.
        place: `path`, `query`, `header` or `cookie`.
        schema: Its schema, references not followed.
        style: As OpenAPI 3 names it (`form`, `deepObject`, `pipeDelimited` …).
        is_exploded: Whether each item of a list is a pair of its own.
        is_json: Whether the value is JSON text.
    """

    name: str
    place: str
    schema: Any
    is_required: bool = False
    description: str = ""
    style: str = ""
    is_exploded: bool = True
    is_json: bool = False


@dataclass(frozen=True)
class Body:
    """What an operation takes as its body.

    Attributes:
        media_type: The media type chosen out of those declared.
        schema: Its schema, references not followed.
    """

    media_type: str
    schema: Any
    is_required: bool = False
    description: str = ""


@dataclass(frozen=True)
class Operation:
    """One operation.

    Attributes:
        path: As in the document.
        answer: Schema of the first successful JSON answer; None when there is none.
        answer_types: Media types of successful answers.
        answer_headers: Names of headers declared for them, in lower case.
        security: Names of schemes, each list an alternative; None where the document's apply.
        scopes: Scopes that it needs, each with the name of its scheme.
        servers: Servers of this operation alone; empty where the document's apply.
    """

    method: str
    path: str
    id: str
    tags: tuple[str, ...] = ()
    summary: str = ""
    description: str = ""
    is_deprecated: bool = False
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    answer: Any = None
    answer_types: tuple[str, ...] = ()
    answer_headers: frozenset[str] = frozenset()
    security: tuple[tuple[str, ...], ...] | None = None
    scopes: tuple[tuple[str, str], ...] = ()
    servers: tuple[dict[str, Any], ...] = field(default=(), hash=False)

    @property
    def title(self) -> str:
        """Return the operation as errors name it: ``GET /contacts``."""
        return f"{self.method} {self.path}"


def list_operations(refs: References) -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """Give path, method, raw path item and raw operation of everything in the document."""
    for path, item in refs.document["paths"].items():
        try:
            found = refs.mapping(item)
        except UnresolvedError:
            continue
        for method in METHODS:
            if isinstance(found.get(method), dict):
                yield str(path), method, found, found[method]


def read_operation(refs: References, path: str, method: str, item: dict[str, Any], raw: dict[str, Any]) -> Operation:
    """Read one operation.

    Raises:
        UnresolvedError: A part of it that is needed is not in the document.
    """
    given = [*as_list(raw.get("parameters"))]
    own = {_identity(refs.mapping(one)) for one in given}
    shared = [one for one in as_list(item.get("parameters")) if _identity(refs.mapping(one)) not in own]
    parameters = [refs.mapping(one) for one in (*shared, *given)]
    whole = {**raw, "parameters": parameters, "responses": _successes(refs, raw)}
    if "swagger" in refs.document:
        whole = convert_operation(refs.document, whole)
    answers = whole["responses"]
    contents = [as_mapping(answer.get("content")) for answer in answers]
    return Operation(
        method=method.upper(),
        path=path,
        id=str(raw.get("operationId") or ""),
        tags=tuple(as_texts(raw.get("tags"))),
        summary=str(raw.get("summary") or ""),
        description=str(raw.get("description") or ""),
        is_deprecated=raw.get("deprecated") is True,
        parameters=tuple(_parameter(one) for one in whole["parameters"] if one.get("name") and one.get("in")),
        body=_body(refs.mapping(whole.get("requestBody"))) if whole.get("requestBody") else None,
        answer=next((schema for content in contents if (schema := _json_schema(content)) is not None), None),
        answer_types=tuple(str(kind) for content in contents for kind in content),
        answer_headers=frozenset(str(name).lower() for answer in answers for name in as_mapping(answer.get("headers"))),
        security=_security(raw.get("security")),
        scopes=read_scopes(raw.get("security")),
        servers=tuple(one for one in as_list(raw.get("servers") or item.get("servers")) if _has_url(one)),
    )


def _successes(refs: References, raw: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the successful answers; `default` is an error where there are others."""
    answers = as_mapping(raw.get("responses"))
    good = [answer for status, answer in answers.items() if str(status).startswith("2")]
    return [refs.mapping(answer) for answer in good or [answers.get("default")]]


def _has_url(server: object) -> bool:
    return isinstance(server, dict) and isinstance(server.get("url"), str)


def _identity(parameter: dict[str, Any]) -> tuple[str, str]:
    return str(parameter.get("name")), str(parameter.get("in"))


def _parameter(raw: dict[str, Any]) -> Parameter:
    place = str(raw["in"])
    style = str(raw.get("style") or ("form" if place in ("query", "cookie") else "simple"))
    content = as_mapping(raw.get("content"))
    explode = raw.get("explode")
    return Parameter(
        name=str(raw["name"]),
        place=place,
        schema=next((as_mapping(one).get("schema") for one in content.values()), raw.get("schema", {})),
        is_required=raw.get("required") is True or place == "path",
        description=str(raw.get("description") or ""),
        style=style,
        is_exploded=explode is True if isinstance(explode, bool) else style == "form",
        is_json=bool(content),
    )


def _body(raw: dict[str, Any]) -> Body | None:
    content = as_mapping(raw.get("content"))
    if not content:
        return None
    kind = min(content, key=_preference)
    return Body(
        media_type=kind.split(";")[0].strip().lower(),
        schema=as_mapping(content[kind]).get("schema", {}),
        is_required=raw.get("required") is True,
        description=str(raw.get("description") or ""),
    )


def _preference(media_type: str) -> int:
    kind = media_type.split(";", maxsplit=1)[0].strip().lower()
    if kind in JSON_TYPES or kind in ("*/*", "application/*"):
        return 0
    if kind.endswith("+json"):
        return 1
    return {"application/x-www-form-urlencoded": 2, "multipart/form-data": 3, "text/plain": 4}.get(kind, 5)


def _json_schema(content: dict[str, Any]) -> Any:
    kinds = [kind for kind in content if _preference(kind) <= 1]
    return as_mapping(content[min(kinds, key=_preference)]).get("schema") if kinds else None


def _security(raw: object) -> tuple[tuple[str, ...], ...] | None:
    if not isinstance(raw, list):
        return None
    return tuple(tuple(map(str, one)) for one in raw if isinstance(one, dict))


def read_scopes(raw: object) -> tuple[tuple[str, str], ...]:
    """Return the scopes that a list of security requirements names, each with the name of its scheme."""
    return tuple(
        (str(name), scope)
        for one in as_list(raw)
        for name, scopes in as_mapping(one).items()
        for scope in as_texts(scopes)
    )
