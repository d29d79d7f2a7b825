"""Filling in, saving, editing and saving again each form in a real browser."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any

import pytest
from packaging.version import Version

from airflow_provider_integry.connection_types import CONNECTION_TYPES, CONNECTION_TYPES_BY_NAME, ConnectionType
from airflow_provider_integry.settings import RawConnection, parse_connection
from browser.connection_form import ConnectionForm
from browser.values import build_values

pytestmark = [pytest.mark.system, pytest.mark.timeout(150)]
TYPES = pytest.mark.parametrize("conn_type", CONNECTION_TYPES, ids=lambda item: item.name)
REQUIRED_EXTRAS = [
    pytest.param(conn_type, field.name, id=f"{conn_type.name}.{field.name}")
    for conn_type in CONNECTION_TYPES
    for field in conn_type.fields
    if field.required and not field.column
]
# Before 3.3 Airflow's form takes no notice of `format: password`: it shows *** in its place, but what is typed as well.
HAS_PASSWORD_EXTRAS = Version(version("apache-airflow-core")) >= Version("3.3")
# ... and "[object Object]" for a field of text that holds a real object.
SHOWS_OBJECTS = HAS_PASSWORD_EXTRAS
COLUMNS = ("host", "login", "password", "extra")
DESCRIPTION = 'Filled in by "a browser" <b>'


def split(conn_type: ConnectionType, values: dict[str, Any]) -> dict[str, Any]:
    """Return values as Airflow's columns, among them `extra`."""
    columns = {field.column: values[field.name] for field in conn_type.fields if field.column}
    extra = {field.name: values[field.name] for field in conn_type.fields if not field.column}
    return {**dict.fromkeys(COLUMNS), **columns, "extra": extra}


def settings_of(conn_type: ConnectionType, columns: dict[str, Any]):
    """Return the settings that the provider reads from columns."""
    return parse_connection(RawConnection("filled", conn_type.name, **{name: columns[name] for name in COLUMNS}))


@TYPES
def test_what_is_typed_is_stored_and_editing_keeps_every_secret(conn_type, page, site, screenshots):
    values = build_values(conn_type)
    conn_id = f"filled_{conn_type.name}"
    form = ConnectionForm(page, conn_type)
    form.open_new(conn_id)
    form.describe(DESCRIPTION)
    form.fill(values)
    if screenshots:
        form.take_pictures(screenshots, f"{conn_type.name}-add")
    form.save()

    stored = site.read_connection(conn_id)
    expected = split(conn_type, values)
    assert expected == {name: stored[name] or None for name in expected}
    assert (stored["conn_type"], stored["description"]) == (conn_type.name, DESCRIPTION)
    assert (stored["schema"] or None, stored["port"]) == (None, None)
    assert settings_of(conn_type, expected) == settings_of(conn_type, stored)

    form.open_edit(conn_id)
    shown = form.read()
    secrets = {field.name for field in conn_type.fields if field.is_secret}
    plain = values.keys() - secrets
    assert {name: values[name] for name in plain} == {name: shown[name] for name in plain}
    assert {shown[name] for name in secrets} <= {"", "***"}
    hidden = secrets if HAS_PASSWORD_EXTRAS else secrets & {"password"}
    assert hidden == {name for name in values if form.is_hidden(name)}
    form.fill({"user_agent": "edited/2"})
    if screenshots:
        form.take_pictures(screenshots, f"{conn_type.name}-edit")
    form.save()

    stored = site.read_connection(conn_id)
    edited = split(conn_type, {**values, "user_agent": "edited/2"})
    assert edited == {name: stored[name] or None for name in edited}
    assert (stored["conn_type"], stored["description"]) == (conn_type.name, DESCRIPTION)
    assert settings_of(conn_type, edited) == settings_of(conn_type, stored)


@pytest.mark.parametrize(("conn_type", "name"), REQUIRED_EXTRAS)
def test_a_form_is_saved_only_with_its_required_fields_and_the_rest_has_defaults(conn_type, name, page, site):
    example = {**conn_type.example, **conn_type.example["extra"]}
    values = {key: value for key, value in example.items() if key in conn_type.fields_by_name}
    conn_id = f"without_{name}"
    form = ConnectionForm(page, conn_type)
    form.open_new(conn_id)
    form.fill({key: value for key, value in values.items() if key != name})
    form.wait_until(can_be_saved=False)
    form.fill({name: values[name]})
    form.wait_until(can_be_saved=True)
    form.fill({name: ""})
    form.wait_until(can_be_saved=False)

    form.fill({name: values[name]})
    form.save()

    direct = {**dict.fromkeys(COLUMNS), **conn_type.example}
    assert settings_of(conn_type, direct) == settings_of(conn_type, site.read_connection(conn_id))


def test_a_form_keeps_the_objects_of_an_imported_connection(page, site):
    body = {"email": "{username}", "password": "{password}"}
    extra = {"connector": "crm", "jwt_source": "login", "login_url": "/in", "login_body": body, "headers": {"X-A": "1"}}
    site.add_connection("imported", {"conn_type": "integry_jwt", "login": "ada", "password": "pw", "extra": extra})
    form = ConnectionForm(page, CONNECTION_TYPES_BY_NAME["integry_jwt"])
    page.goto("/connections")
    form.open_edit("imported")

    shown = [form.read_field(name) for name in ("login_body", "headers")]
    if SHOWS_OBJECTS:
        # Inside a real object Airflow masks keys that sound secret, and keeps what they hold when saving.
        assert [json.loads(text) for text in shown] == [{**body, "password": "***"}, {"X-A": "1"}]
    form.fill({"connector": "erp"})
    form.save()

    assert site.read_connection("imported")["extra"] == {**extra, "connector": "erp"}
