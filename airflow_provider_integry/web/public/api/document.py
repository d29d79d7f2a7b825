"""The OpenAPI document of the API for host applications, made from the table of operations and its structures."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

import msgspec

from airflow_provider_integry import __version__
from airflow_provider_integry.end_users.messages import APP_KEY, PROBLEM_TYPE, TITLES, URN, USER_HASH, USER_ID, Problem
from airflow_provider_integry.web.public.api.limits import WINDOW_S
from airflow_provider_integry.web.public.api.operations import EXAMPLES, OPERATIONS, Operation, Who

_REF = "#/components/schemas/"
_INTRODUCTION = """\
What a host application asks about its users' accounts. A server shows who it is with the app secret; a page, for its
signed-in user, with a hash or token that the server has made. What somebody may not see does not exist for them.
Requests are limited per address, per host application and per user; headers `RateLimit` tell how far."""
# What any operation may answer, by status.
_COMMON: dict[int, tuple[str, ...]] = {
    400: ("bad-request",),
    401: ("identity",),
    403: ("origin", "secret-in-browser"),
    429: ("rate-limit",),
    500: ("failed",),
    503: ("unavailable",),
}
_MEANINGS = {
    "bad-request": "It cannot be read, or something in it is missing or wrong; `field` names it.",
    "identity": "App key, user and signature do not fit together, or have expired. It is always the same answer.",
    "origin": "The page that asks is not one of the workspace's allowed origins.",
    "secret-in-browser": "A browser has sent the app secret, or a token that is for no user. Change the secret.",
    "wrong-principal": "The operation is for others than the one who asks.",
    "not-found": "There is no such thing, or not for the one who asks. Both look the same.",
    "too-large": "The body has too many bytes.",
    "implicit-authorization": "The credentials are not taken, and nothing was stored; `reason` says why.",
    "link-request": "The link cannot be made like this; `field` names what is wrong.",
    "connect-link": "The link cannot be used any more; `reason` says why.",
    "account-move": "The account cannot take that place.",
    "not-connected": "The account is not connected any more.",
    "rate-limit": "Too many requests; `Retry-After` says how long to wait.",
    "failed": "A failure that nobody has thought of; Airflow's log says more.",
    "service": "The service behind the account does not answer.",
    "unavailable": "Airflow cannot do it now; its log says why.",
}
_SCHEMES = {
    "appSecret": {
        "type": "http",
        "scheme": "basic",
        "description": "For servers: app key and app secret of the workspace, as user name and password in UTF-8.",
    },
    "token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": (
            "A JWT (HS256, signed with the app secret) with claims app_key, exp (at most ten minutes ahead), jti, and"
            " user_id where it is for an end user. It is good for one request. Or a session of an end user."
        ),
    },
    "appKey": {"type": "apiKey", "in": "header", "name": APP_KEY, "description": "The app key, percent-encoded."},
    "userId": {"type": "apiKey", "in": "header", "name": USER_ID, "description": "The user's id, percent-encoded."},
    "userHash": {
        "type": "apiKey",
        "in": "header",
        "name": USER_HASH,
        "description": "HMAC-SHA256 of the user's id (UTF-8) with the app secret, in hex.",
    },
}
_BY_HASH: dict[str, list[str]] = {"appKey": [], "userId": [], "userHash": []}
_SECURITY: dict[Who, list[dict[str, list[str]]]] = {
    "anybody": [{"appSecret": []}, {"token": []}, _BY_HASH],
    "host": [{"appSecret": []}, {"token": []}],
    "end_user": [{"token": []}, _BY_HASH],
}


def build_document() -> dict[str, Any]:
    """Return the document."""
    bodies = {kind for one in OPERATIONS for kind in (one.request, one.answer) if kind is not None}
    ordered = sorted(bodies, key=lambda kind: kind.__name__)
    _, schemas = msgspec.json.schema_components([*ordered, Problem], ref_template=f"{_REF}{{name}}")
    paths: dict[str, dict[str, Any]] = {}
    for one in OPERATIONS:
        paths.setdefault(one.path, {})[one.method.lower()] = _describe(one)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Integry for Airflow: host applications",
            "version": __version__,
            "description": _INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        # Relative to the document, so that it holds behind any proxy.
        "servers": [{"url": "../v1", "description": "Where this document is."}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": _SCHEMES,
            "headers": _build_headers(),
        },
    }


def _describe(one: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": one.name,
        "summary": one.summary,
        "description": one.description,
        "security": _SECURITY[one.who],
        "responses": {str(status): answered for status, answered in sorted(_answers(one).items())},
    }
    parameters = [*_path_parameters(one), *_query_parameters(one)]
    if parameters:
        described["parameters"] = parameters
    if one.request is not None:
        content = {"schema": {"$ref": f"{_REF}{one.request.__name__}"}, "example": one.example}
        described["requestBody"] = {"required": bool(one.example), "content": {"application/json": content}}
    return described


def _answers(one: Operation) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {one.status: _success(one)}
    named = dict(_COMMON)
    if one.request is not None:
        named[413] = ("too-large",)
    if one.who != "anybody":
        named[403] = (*_COMMON[403], "wrong-principal")
    for status, names in one.problems.items():
        named[status] = tuple(dict.fromkeys((*named.get(status, ()), *names)))
    return {**found, **{status: _problem(status, names) for status, names in named.items()}}


def _success(one: Operation) -> dict[str, Any]:
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in ("RateLimit", "RateLimit-Policy")}
    if one.answer is None:
        return {"description": "Done; there is nothing to read.", "headers": headers}
    content = {"application/json": {"schema": {"$ref": f"{_REF}{one.answer.__name__}"}}}
    return {"description": (one.answer.__doc__ or "").splitlines()[0], "headers": headers, "content": content}


def _problem(status: int, names: tuple[str, ...]) -> dict[str, Any]:
    meaning = " ".join(f"`{name}`: {_MEANINGS[name]}" for name in names)
    examples = {
        name: {
            "summary": TITLES[name],
            "value": {"type": f"{URN}{name}", "title": TITLES[name], "status": status, "detail": _MEANINGS[name]},
        }
        for name in names
    }
    found: dict[str, Any] = {
        "description": f"{HTTPStatus(status).phrase}. {meaning}",
        "content": {PROBLEM_TYPE: {"schema": {"$ref": f"{_REF}{Problem.__name__}"}, "examples": examples}},
    }
    if status in (429, 503):
        found["headers"] = {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}
    return found


def _path_parameters(one: Operation) -> list[dict[str, Any]]:
    found = []
    for name in re.findall(r"{(\w+)}", one.path):
        root = next(root for root in EXAMPLES[name] if one.path.startswith(root))
        schema = {"type": "string", "minLength": 1}
        found.append({"name": name, "in": "path", "required": True, "schema": schema, "example": EXAMPLES[name][root]})
    return found


def _query_parameters(one: Operation) -> list[dict[str, Any]]:
    return [
        {"name": item.name, "in": "query", "required": False, "schema": item.schema, "description": item.description}
        for item in one.query
    ]


def _build_headers() -> dict[str, Any]:
    text: dict[str, Any] = {"type": "string"}
    return {
        "RateLimit": {
            "description": "What the narrowest limit still takes, and its seconds.",
            "schema": text,
        },
        "RateLimit-Policy": {"description": f"All limits, for {WINDOW_S:.0f} seconds each.", "schema": text},
        "Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 0}},
    }
