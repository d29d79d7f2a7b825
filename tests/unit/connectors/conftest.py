"""A small CRM connector, and answers of its server played by hand."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from airflow_provider_integry.auth.wire import HttpResponse
from airflow_provider_integry.connectors.load import parse_connector
from airflow_provider_integry.connectors.spec import Connector

CRM = """\
name: crm
title: CRM
base_url: https://api.crm.example/v1
hosts: [files.crm.example]
headers: {X-Api-Version: "2026-01-01"}
user_info: {path: /me, id: id, name: profile.name}
activities:
  get_contact:
    kind: action
    method: GET
    path: /contacts/{contact_id}
    inputs:
      contact_id: {in: path, required: true, type: [string, integer]}
      fields: {in: query, type: array, items: {type: string}, style: comma}
      tags: {in: query, name: tag, type: array, items: {type: string}}
      trace: {in: header, name: X-Trace, type: string}
      deep: {in: query, type: boolean, default: false}
    result: contact
  create_contact:
    kind: action
    path: /contacts
    headers: {X-Api-Version: "2026-06-01"}
    inputs:
      email: {in: body, name: contact.email, type: string, format: email, required: true}
      age: {in: body, name: contact.age, type: integer, minimum: 0, maximum: 150}
      note: {in: body, type: [string, "null"]}
      score: {in: body, type: number}
  put_raw:
    kind: action
    method: PUT
    path: /raw
    inputs:
      document:
        in: body
        whole: true
        required: true
        schema:
          type: object
          required: [id]
          properties: {id: {type: integer}, kind: {enum: [a, b]}}
          additionalProperties: false
  sign_in:
    kind: action
    path: /sign-in
    body_format: form
    inputs:
      user: {in: body, type: string, required: true}
      scopes: {in: body, name: scope, type: array}
  download:
    kind: action
    method: GET
    path: https://files.crm.example/x?alt=media
  list_contacts:
    kind: query
    path: /contacts
    result: items
"""


@pytest.fixture(scope="session")
def crm() -> Connector:
    """Return the CRM connector."""
    return parse_connector(CRM, "crm.yaml")


@pytest.fixture(scope="session")
def query() -> Callable[..., Connector]:
    """Return a function that builds a connector with one query `list`, out of lines of YAML."""

    def build(paging: str, *, more: str = "result: items") -> Connector:
        text = (
            "name: q\ntitle: Q\nbase_url: https://q.example\nactivities:\n"
            f"  list:\n    kind: query\n    path: /items\n    paging: {paging}\n    {more}\n"
        )
        return parse_connector(text, "q.yaml")

    return build


@pytest.fixture(scope="session")
def answer() -> Callable[..., HttpResponse]:
    """Return a function that builds a JSON response."""

    def build(body: object, status: int = 200, **headers: str) -> HttpResponse:
        pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        content_type = ("Content-Type", "application/json")
        return HttpResponse(status, (content_type, *pairs), json.dumps(body).encode(), "https://q.example/items")

    return build
