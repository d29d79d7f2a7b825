"""The table of connection types keeps its promises to Airflow: masking, forms, URIs and JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from airflow._shared.secrets_masker import should_hide_value_for_key as should_core_hide
from airflow.models import Connection as CoreConnection
from airflow.sdk import Connection as SdkConnection
from airflow.sdk._shared.secrets_masker import redact
from airflow.sdk._shared.secrets_masker import should_hide_value_for_key as should_sdk_hide

from airflow_provider_integry.connection_types import (
    ALL_CONNECTION_TYPES,
    CONNECTION_TYPES,
    CONNECTION_TYPES_BY_NAME,
    ConnectionType,
)
from airflow_provider_integry.get_provider_info import get_provider_info
from airflow_provider_integry.settings import ConnectionSettings, parse_connection, read_connection

# Airflow 3.2 with SQLAlchemy 2.1 warns about itself when its first model object is made.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")

CANARY = "canary-5f0c9e1b77-"
BOTH = [SdkConnection, CoreConnection]
ALL_TYPES = pytest.mark.parametrize("item", CONNECTION_TYPES, ids=lambda one: one.name)
EXTRAS = [
    pytest.param(field, id=f"{item.name}.{field.name}")
    for item in ALL_CONNECTION_TYPES
    for field in item.fields
    if not field.column
]
# Values that differ from every default, so that a lost one is noticed.
TYPED: dict[str, Any] = {
    "connector": "crm",
    "user_info_url": "/me?x=1&y=%20z",
    "account_id_path": "data.id",
    "account_name_path": 'data."the name"',
    "headers": {"Accept-Language": "en, de;q=0.5"},
    "allowed_hosts": "files.example.com other.example.com:8443",
    "allow_http": True,
    "timeout_s": 2.5,
    "deadline_s": 60,
    "max_retries": 7,
    "user_agent": "tests/1.0 (+https://example.com)",
    "proxy_url": "http://u:p%40ss@proxy.example.com:3128",
    "ca_file": "/etc/ca file.pem",
    "client_cert_file": "/etc/c.pem",
    "client_key_file": "/etc/k.pem",
    "workspace": "acme_workspace",
    "listing": "listed",
    "accounts_per_user": "several",
    "app_name": "CRM, the new one",
    "app_description": "Contacts & deals.",
    "app_logo": "https://static.example.com/crm.png?v=2",
}


@pytest.mark.parametrize("field", EXTRAS)
@pytest.mark.parametrize("should_hide", [should_sdk_hide, should_core_hide], ids=["sdk", "core"])
def test_airflow_masks_a_field_exactly_when_it_is_secret(field, should_hide):
    assert should_hide(field.name) is field.is_secret


@ALL_TYPES
def test_airflow_shows_an_extra_without_its_secrets(item):
    extra = {field.name: CANARY + field.name for field in item.fields if not field.column}

    shown = redact(extra)

    assert {name for name, value in shown.items() if value == "***"} == {
        field.name for field in item.fields if field.is_secret and not field.column
    }
    assert {name: value for name, value in shown.items() if value != "***"} == {
        field.name: extra[field.name] for field in item.fields if not field.is_secret and not field.column
    }


@ALL_TYPES
def test_secrets_in_columns_are_in_the_one_that_airflow_encrypts(item):
    for field in item.fields:
        if field.column:
            assert field.name == field.column
            assert field.is_secret == (field.column == "password")


@ALL_TYPES
def test_forms_use_a_password_field_for_exactly_the_secrets(item):
    info = next(one for one in get_provider_info()["connection-types"] if one["connection-type"] == item.name)

    assert {name for name, one in info["conn-fields"].items() if one["schema"].get("format") == "password"} == {
        field.name for field in item.fields if field.is_secret and not field.column
    }


@ALL_TYPES
def test_forms_store_objects_as_text_which_airflow_does_not_look_into(item):
    names = [field.name for field in item.fields if field.kind == "object"]
    info = next(one for one in get_provider_info()["connection-types"] if one["connection-type"] == item.name)
    text = json.dumps({"user": "{username}", "password": "{password}", "token": {"secret": "x"}})

    assert redact(dict.fromkeys(names, text)) == dict.fromkeys(names, text)
    for name in names:
        schema = info["conn-fields"][name]["schema"]
        assert (schema["type"][0], schema["format"]) == ("string", "multiline")
        assert "object" not in schema["type"]


@ALL_TYPES
def test_objects_of_a_form_say_that_they_are_shown(item):
    for field in item.fields:
        if field.kind == "object":
            assert re.search(r"\b(this field is|They are) shown\b", field.description, re.IGNORECASE), field.name


@ALL_TYPES
def test_every_field_is_described_once_in_words(item):
    names = [field.name for field in item.fields]
    labels = [field.label for field in item.fields]

    assert len(set(names)) == len(names)
    assert len(set(labels)) == len(labels)
    for field in item.fields:
        assert field.label.strip() == field.label != ""
        assert len(field.description) > 10
        assert field.description.rstrip().endswith(".")
    assert item.summary.endswith(".")
    assert item.label.startswith("Integry ")


@ALL_TYPES
def test_conditions_name_a_choice_of_another_field_of_the_form(item):
    for field in item.fields:
        if field.required_when:
            other, value = field.required_when
            assert value in item.fields_by_name[other].choices


@ALL_TYPES
def test_defaults_are_choices_and_numbers_of_their_field(item):
    for field in item.fields:
        assert not field.choices or field.default in field.choices
        assert (field.kind == "choice") == bool(field.choices)
        assert field.default is None or field.minimum is None or field.default >= field.minimum
        assert not field.is_secret or field.default is None


def build_full(item: ConnectionType) -> dict[str, Any]:
    """Return the example of a type with every common field set."""
    example = dict(item.example)
    return {**example, "extra": {**example.get("extra", {}), **TYPED}}


def to_texts(extra: dict[str, Any]) -> dict[str, str]:
    """Return an extra as a URI carries it: nothing but text."""
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in extra.items()}


def settings_of(connection: Any) -> ConnectionSettings:
    return parse_connection(read_connection(connection))


def expected_settings(item: ConnectionType) -> ConnectionSettings:
    full = build_full(item)
    return settings_of(SdkConnection(conn_id="c1", **{**full, "extra": json.dumps(full["extra"])}))


def as_typed(make: type, full: dict[str, Any]) -> Any:
    return make(conn_id="c1", **{**full, "extra": json.dumps(full["extra"])})


def as_texts(make: type, full: dict[str, Any]) -> Any:
    return make(conn_id="c1", **{**full, "extra": json.dumps(to_texts(full["extra"]))})


def as_json(make: type, full: dict[str, Any]) -> Any:
    return make.from_json(json.dumps(full), conn_id="c1")  # type: ignore[attr-defined]


def as_json_with_extra_as_text(make: type, full: dict[str, Any]) -> Any:
    return make.from_json(json.dumps({**full, "extra": json.dumps(full["extra"])}), conn_id="c1")  # type: ignore[attr-defined]


def as_uri_by_hand(make: type, full: dict[str, Any]) -> Any:
    login, password = (quote(full.get(name) or "", safe="") for name in ("login", "password"))
    uri = f"{full['conn_type'].replace('_', '-')}://{login}:{password}@{quote(full['host'], safe='')}/?" + urlencode(
        to_texts(full["extra"])
    )
    return make(conn_id="c1", uri=uri)


def as_uri_of_airflow(make: type, full: dict[str, Any]) -> Any:
    return make(conn_id="c1", uri=as_typed(make, full).get_uri())


def as_uri_of_airflow_with_texts(make: type, full: dict[str, Any]) -> Any:
    return make(conn_id="c1", uri=as_texts(make, full).get_uri())


WRITTEN: list[Callable[[type, dict[str, Any]], Any]] = [
    as_typed,
    as_texts,
    as_json,
    as_json_with_extra_as_text,
    as_uri_by_hand,
    as_uri_of_airflow,
    as_uri_of_airflow_with_texts,
]


@ALL_TYPES
@pytest.mark.parametrize("make", BOTH, ids=["sdk", "core"])
@pytest.mark.parametrize("write", WRITTEN)
def test_a_connection_means_the_same_however_it_is_written(item, make, write):
    assert settings_of(write(make, build_full(item))) == expected_settings(item)


@ALL_TYPES
def test_the_common_fields_all_differ_from_their_defaults(item):
    bare = parse_connection(read_connection(SdkConnection(conn_id="c1", **_example_of(item))))
    full = expected_settings(item)

    assert full.transport != bare.transport
    assert (full.connector, full.allow_http, full.transport.max_retries) == ("crm", True, 7)
    assert full.headers == (("Accept-Language", "en, de;q=0.5"),)
    assert full.allowed_hosts == ("files.example.com", "other.example.com:8443")


def _example_of(item: ConnectionType) -> dict[str, Any]:
    example = dict(item.example)
    return {**example, "extra": json.dumps(example.get("extra", {}))}


@pytest.mark.parametrize("make", BOTH, ids=["sdk", "core"])
@pytest.mark.parametrize(
    ("uri", "base_url"),
    [
        ("integry-basic://ada:pw@api.example.com", "https://api.example.com"),
        ("integry-basic://ada:pw@api.example.com/v1", "https://api.example.com/v1"),
        ("integry-basic://ada:pw@api.example.com:8443/v1", "https://api.example.com:8443/v1"),
        ("integry-basic://ada:pw@api.example.com/v1%2Fx", "https://api.example.com/v1/x"),
        ("integry-basic://ada:pw@api.example.com/https", "https://api.example.com"),
        ("integry-basic://ada:pw@localhost:8080/http?allow_http=true", "http://localhost:8080"),
        ("integry-basic://http://ada:pw@localhost:8080/?allow_http=true", "http://localhost:8080"),
        ("integry-basic://https://ada:pw@api.example.com:8443/v1", "https://api.example.com:8443/v1"),
        ("integry-basic://ada:pw@https%3A%2F%2Fapi.example.com%2Fv1", "https://api.example.com/v1"),
        ("integry-basic://ada:pw@[::1]:8443/v1", "https://[::1]:8443/v1"),
        ("integry-basic://ada:pw@/?connector=crm", None),
    ],
)
def test_the_base_url_of_a_uri_is_what_it_looks_like(make, uri, base_url):
    assert settings_of(make(conn_id="c1", uri=uri)).base_url == base_url


@ALL_TYPES
@pytest.mark.parametrize("make", BOTH, ids=["sdk", "core"])
def test_a_form_that_was_filled_in_and_parsed_shows_no_secret(item, make):
    secrets = [field for field in item.fields if field.is_secret]
    padding = "-of-at-least-thirty-two-bytes"
    columns = {field.column: CANARY + field.name for field in secrets if field.column}
    extra = {field.name: CANARY + field.name + padding for field in secrets if not field.column}
    extra["proxy_url"] = f"http://u:{CANARY}proxy@proxy.example.com"
    extra["secret_headers"] = f'{{"X-App-Key": "{CANARY}header"}}'
    full = build_full(item)
    connection = as_typed(make, {**full, **columns, "extra": {**full["extra"], **extra}})

    settings = settings_of(connection)

    assert CANARY not in f"{settings!r} {settings} {read_connection(connection)!r}"
    extra["secret_headers"] = f"{CANARY}header"
    assert {one.reveal() for one in settings.secrets} == {*columns.values(), *extra.values()}


def test_every_type_can_be_found_by_its_name():
    assert list(CONNECTION_TYPES_BY_NAME.values()) == list(CONNECTION_TYPES)
