"""What Airflow is told about this provider is valid by both of its schemas, and true."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import airflow
import jsonschema
import pytest

from airflow_provider_integry import __version__, config
from airflow_provider_integry.connection_types import ALL_CONNECTION_TYPES, STANDARD_FIELDS
from airflow_provider_integry.get_provider_info import OPTIONS, get_provider_info

INFO: dict[str, Any] = get_provider_info()
CONNECTIONS: dict[str, Any] = {one["connection-type"]: one for one in INFO["connection-types"]}
FIELDS = [
    pytest.param(kind, name, field, id=f"{kind}.{name}")
    for kind, one in CONNECTIONS.items()
    for name, field in one["conn-fields"].items()
]


def load_schema(name: str) -> dict[str, Any]:
    return json.loads((Path(airflow.__file__).parent / name).read_text(encoding="utf-8"))


def test_it_is_valid_by_the_strict_schema_that_providers_are_built_with():
    schema = load_schema("provider.yaml.schema.json")

    # The schema forbids keys that it does not know, so that a misspelt one cannot pass.
    assert schema["additionalProperties"] is False
    jsonschema.validate(INFO, schema)


def test_it_is_valid_by_the_schema_that_airflow_checks_at_run_time():
    jsonschema.validate(INFO, load_schema("provider_info.schema.json"))


def test_it_is_json_and_the_same_every_time():
    assert json.loads(json.dumps(INFO)) == INFO == get_provider_info()


def test_it_names_this_package_and_version():
    assert INFO["package-name"] == "airflow-provider-integry"
    assert INFO["versions"][0] == __version__


def test_the_connection_types_are_there_in_the_tables_order():
    assert list(CONNECTIONS) == [item.name for item in ALL_CONNECTION_TYPES]
    assert set(CONNECTIONS) >= {
        "integry_oauth1",
        "integry_oauth2",
        "integry_api_key",
        "integry_api_key_secret",
        "integry_api_key_url",
        "integry_jwt",
        "integry_basic",
        "integry_basic_url",
        "integry_workspace",
    }


@pytest.mark.parametrize("one", CONNECTIONS.values(), ids=CONNECTIONS)
def test_each_connection_type_has_a_hook_class_of_its_own_that_agrees(one):
    module, _, name = one["hook-class-name"].rpartition(".")
    hook = getattr(import_module(module), name)

    assert (hook.conn_type, hook.hook_name) == (one["connection-type"], one["hook-name"])
    assert hook.conn_name_attr == "integry_conn_id"
    assert hook(integry_conn_id="x").integry_conn_id == "x"
    # Airflow 3.2 and later take forms from here; these methods would win, with a warning.
    ours = {name for cls in hook.__mro__ if cls.__module__.startswith("airflow_provider_integry") for name in vars(cls)}
    assert not ours & {"get_connection_form_widgets", "get_ui_field_behaviour"}


def test_no_two_types_share_a_hook_class_or_a_name():
    assert len({one["hook-class-name"] for one in CONNECTIONS.values()}) == len(CONNECTIONS)
    assert len({one["hook-name"] for one in CONNECTIONS.values()}) == len(CONNECTIONS)


@pytest.mark.parametrize("one", CONNECTIONS.values(), ids=CONNECTIONS)
def test_standard_fields_are_hidden_or_have_a_label_of_their_own(one):
    behaviour = one["ui-field-behaviour"]
    shown = set(STANDARD_FIELDS) - set(behaviour["hidden-fields"])

    assert set(behaviour["relabeling"]) == shown
    assert all(behaviour["relabeling"].values())
    assert set(behaviour["placeholders"]) <= shown | set(one["conn-fields"])


@pytest.mark.parametrize(("kind", "name", "field"), FIELDS)
def test_each_extra_field_is_a_json_schema_with_words_for_people(kind, name, field):
    schema = field["schema"]

    jsonschema.Draft202012Validator.check_schema(schema)
    assert field["label"]
    assert field["label"][0].isupper() or field["label"].startswith("http")
    assert field["description"].rstrip().endswith((".", ")")) or " Example: " in field["description"]
    # Airflow's form would save it as if it had been typed, over what a connector knows.
    assert "default" not in schema


@pytest.mark.parametrize(("kind", "name", "field"), FIELDS)
def test_a_field_that_may_stay_empty_accepts_null(kind, name, field):
    item = next(one for one in ALL_CONNECTION_TYPES if one.name == kind).fields_by_name[name]
    types = field["schema"]["type"]

    # Airflow's form takes a field for required when its type is not a list with "null".
    assert (isinstance(types, list) and "null" in types) is not item.required


@pytest.mark.parametrize("kind", ["hooks", "operators", "sensors", "triggers", "task-decorators", "plugins"])
def test_each_module_that_is_named_can_be_imported(kind):
    for entry in INFO.get(kind, []):
        for name in entry.get("python-modules", []):
            import_module(name)
        if "class-name" in entry:
            module, _, attribute = entry["class-name"].rpartition(".")
            assert hasattr(import_module(module), attribute)


def test_the_options_have_words_and_defaults_that_the_code_reads():
    assert INFO["config"]["integry"]["options"] == OPTIONS
    for name, option in OPTIONS.items():
        assert option["description"].endswith(".")
        assert isinstance(option["default"], str)
        assert callable(getattr(config, name))


def test_the_options_can_be_set_and_have_their_defaults(monkeypatch):
    assert config.connectors_folder() is None
    assert config.max_xcom_bytes() == int(OPTIONS["max_xcom_bytes"]["default"])

    monkeypatch.setenv("AIRFLOW__INTEGRY__CONNECTORS_FOLDER", "/opt/x")
    monkeypatch.setenv("AIRFLOW__INTEGRY__MAX_XCOM_BYTES", "7")

    assert (config.connectors_folder(), config.max_xcom_bytes()) == ("/opt/x", 7)
