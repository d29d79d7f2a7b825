"""The OpenAPI document of the broker, made from the very structures that are read and written."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI

from airflow_provider_integry.authorizations import end_user_messages, trigger_messages
from airflow_provider_integry.authorizations.messages import (
    PROBLEM_TYPE,
    CredentialsAnswer,
    CredentialsRequest,
    KeepAliveAnswer,
    KeepAliveRequest,
    PermitAnswer,
    PermitRequest,
    Problem,
    StatusAnswer,
    StatusRequest,
)

_BODIES = (
    CredentialsRequest,
    CredentialsAnswer,
    StatusRequest,
    StatusAnswer,
    KeepAliveRequest,
    KeepAliveAnswer,
    PermitRequest,
    PermitAnswer,
    trigger_messages.PayloadRequest,
    trigger_messages.PayloadAnswer,
    trigger_messages.PollOpenRequest,
    trigger_messages.PollPlanRequest,
    trigger_messages.PollSettleRequest,
    trigger_messages.PollAnswer,
    end_user_messages.EndUsersRequest,
    end_user_messages.EndUsersAnswer,
    Problem,
)
_REF = "#/components/schemas/"
_SCHEME = "proof"
_SCHEMES = {
    _SCHEME: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": (
            "A JWT (HS256) that is good for 60 seconds and for one request, signed with a key that is derived from this"
            " installation's secret and the connection's secret fields."
        ),
    }
}
_PROBLEMS = {
    400: "The request cannot be read, or asks for too much; no value of it is repeated.",
    401: "The proof has expired, begins later, or was used before: make a new one, by the time in header Date.",
    404: "There is no such authorization, or the proof does not fit. Both look the same.",
    409: "There is no usable credential until somebody does something; the problem says what.",
    413: "The request is too large.",
    500: "A failure that nobody has thought of; the API server's log says more.",
    503: "Not now: a token is being renewed, or somebody does not answer. Header Retry-After says when to ask again.",
}
_SUMMARIES = {
    "credentials": "Hand out a token",
    "status": "Tell where authorizations stand",
    "permits": "Grant a permit to send requests",
    "keep_alive": "Renew grants that nobody uses",
    "webhook_payload": "Hand out what a webhook has delivered",
    "poll_open": "Begin to look for new records",
    "poll_plan": "Keep new records before anybody is told of them",
    "end_users": "List a connection's end users",
    "poll_settle": "Tell which events of new records were accepted",
}


def describe_operation(name: str, request: type, answer: type, *, has_proof: bool = True) -> dict[str, Any]:
    """Return what FastAPI is to say of a route that reads and writes its bodies itself.

    Args:
        name: The operation.
        request: Structure of the request's body.
        answer: Structure of the answer's body.
        has_proof: Whether the header holds a proof; the body does otherwise.
    """
    extra: dict[str, Any] = {
        "requestBody": {"required": True, "content": _json(request)},
        "responses": {
            "200": {"description": "The answer.", "content": _json(answer)},
            **{str(status): _problem(status, text) for status, text in _PROBLEMS.items()},
        },
        "security": [{_SCHEME: []}] if has_proof else [],
    }
    return {"summary": _SUMMARIES[name], "operation_id": name, "openapi_extra": extra}


def complete_document(app: FastAPI) -> None:
    """Let an application's OpenAPI document hold the structures and the way to prove oneself."""
    build = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = build()
            components = document.setdefault("components", {})
            _, schemas = msgspec.json.schema_components(_BODIES, ref_template=f"{_REF}{{name}}")
            components.setdefault("schemas", {}).update(schemas)
            components["securitySchemes"] = _SCHEMES
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _json(body: type) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"{_REF}{body.__name__}"}}}


def _problem(status: int, description: str) -> dict[str, Any]:
    schema = {"$ref": f"{_REF}{Problem.__name__}"}
    found: dict[str, Any] = {
        "description": f"{HTTPStatus(status).phrase}. {description}",
        "content": {PROBLEM_TYPE: {"schema": schema}},
    }
    if status == 503:
        seconds = {"type": "integer", "minimum": 0}
        found["headers"] = {"Retry-After": {"description": "Seconds; where asking again may help.", "schema": seconds}}
    return found
