"""The connection forms, as a running Airflow offers them."""

from __future__ import annotations

import pytest
from running_demo import PLAIN

from airflow_provider_integry.connection_types import ALL_CONNECTION_TYPES, STANDARD_FIELDS

pytestmark = [pytest.mark.system, pytest.mark.timeout(700)]
TYPES = pytest.mark.parametrize("conn_type", ALL_CONNECTION_TYPES, ids=lambda item: item.name)


@pytest.fixture
def form_of(evidence):
    forms = {form["connection_type"]: form for form in evidence.forms}
    return lambda conn_type: forms[conn_type.name]


def test_the_nine_forms_are_there(evidence):
    expected = {item.name for item in ALL_CONNECTION_TYPES}
    assert len(expected) == 9
    assert expected == {form["connection_type"] for form in evidence.forms if "integry" in form["connection_type"]}


@TYPES
def test_a_form_names_its_type_and_its_fields(conn_type, form_of):
    form = form_of(conn_type)
    assert conn_type.label == form["hook_name"]
    assert [item.name for item in conn_type.fields if item.column is None] == list(form["extra_fields"])


@TYPES
def test_exactly_the_secret_fields_are_password_fields(conn_type, form_of):
    fields = form_of(conn_type)["extra_fields"]
    passwords = {name for name, field in fields.items() if field["schema"].get("format") == "password"}
    assert {item.name for item in conn_type.fields if item.is_secret and item.column is None} == passwords


@TYPES
def test_standard_fields_that_a_type_does_not_use_are_hidden(conn_type, form_of):
    standard = form_of(conn_type)["standard_fields"]
    names = {"host": "host", "port": "port", "schema": "url_schema", "login": "login", "password": "password"}
    used = {item.column for item in conn_type.fields if item.column}
    hidden = {column for column, name in names.items() if (standard.get(name) or {}).get("hidden")}
    assert set(STANDARD_FIELDS) - {"extra"} - used == hidden


@TYPES
def test_airflow_shows_every_plain_field_and_masks_every_secret_one(conn_type, evidence):
    import json

    shown = json.loads(evidence.shown[conn_type.name]["extra"])
    expected = {item.name: "***" if item.is_secret else PLAIN for item in conn_type.fields if item.column is None}
    assert expected == shown
