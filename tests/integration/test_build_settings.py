"""Connections and the connectors that they name: found in files, remembered, and missed where they are not there."""

from __future__ import annotations

import json

import pytest

from airflow_provider_integry.authorizations.build_settings import build_settings, find_connector, needs_files
from airflow_provider_integry.errors import ConnectionConfigError, MissingFieldError
from airflow_provider_integry.settings import RawConnection

CONNECTOR = """name: crm
title: CRM
base_url: https://api.crm.example
auth:
  integry_api_key: {{key_name: {key_name}}}
activities:
  list_things: {{kind: query, path: /things}}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__INTEGRY__CONNECTORS_FOLDER", str(tmp_path))
    return tmp_path


def connection(connector="crm", conn_type="integry_api_key", **more):
    return RawConnection("c1", conn_type, password="k", extra=json.dumps({"connector": connector, **more}))


def test_a_connector_is_read_once_and_again_when_its_file_changes(folder):
    (folder / "crm.yaml").write_text(CONNECTOR.format(key_name="X-First"))
    first = find_connector("crm")
    assert find_connector("crm") is first
    assert build_settings(connection()).auth.name == "X-First"

    (folder / "crm.yaml").write_text(CONNECTOR.format(key_name="X-Second-Key"))

    assert build_settings(connection()).auth.name == "X-Second-Key"


def test_a_path_is_a_connector_too(tmp_path):
    file = tmp_path / "elsewhere.yaml"
    file.write_text(CONNECTOR.format(key_name="X-Path"))

    assert build_settings(connection(str(file))).auth.name == "X-Path"


def test_a_connection_that_says_all_itself_needs_no_connector_here(folder):
    settings = build_settings(connection("bundled_with_dags", key_name="X-Own"))

    assert (settings.connector, settings.auth.name) == ("bundled_with_dags", "X-Own")


@pytest.mark.parametrize("text", [None, "name: crm\ntitle: [\n"], ids=["missing", "wrong"])
def test_what_is_missing_is_told_with_why_the_connector_could_not_say_it(folder, text):
    if text:
        (folder / "crm.yaml").write_text(text)

    with pytest.raises(MissingFieldError, match="The connector, which may know it, was not read") as caught:
        build_settings(connection(conn_type="integry_oauth2", client_id="ci", client_secret="cs-1"))

    assert caught.value.field == "exchange_url"
    assert "cs-1" not in str(caught.value)


def test_a_wrong_field_is_told_as_it_is_where_the_connector_is_there(folder):
    (folder / "crm.yaml").write_text(CONNECTOR.format(key_name="X-First"))

    with pytest.raises(ConnectionConfigError) as caught:
        build_settings(connection(key_location="cellar"))

    assert "was not read" not in str(caught.value)


def test_files_are_read_for_connections_with_a_connector_alone():
    assert needs_files(connection())
    assert not needs_files(RawConnection("c1", "integry_api_key", extra='{"key_name": "X"}'))
    assert not needs_files(RawConnection("c1", "integry_api_key"))
