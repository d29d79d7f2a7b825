"""What an import brings along, seen from a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "airflow_provider_integry"
NO_IO = ("airflow", "requests", "aiohttp", "httpx", "urllib3", "fastapi", "starlette", "sqlalchemy")
# What costs time while a DAG file is parsed, or has no business there.
HEAVY = (
    "requests",
    "urllib3",
    "aiohttp",
    "httpx",
    "yaml",
    "jmespath",
    "jsonschema",
    "oauthlib",
    "requests_oauthlib",
    "jwt",
    "cryptography",
    "pydantic",
    "pydantic_core",
    "fastapi",
    "starlette",
    "sqlalchemy",
    f"{PACKAGE}.connectors.spec",
    f"{PACKAGE}.connectors.model",
    f"{PACKAGE}.connectors.load",
    f"{PACKAGE}.transport.sync",
    f"{PACKAGE}.transport.aio",
    f"{PACKAGE}.authorizations.tokens",
)


def run(code: str, home: str) -> dict[str, list[str]]:
    """Run code that fills `result` in an interpreter of its own and return it."""
    script = f"import json, sys\nresult = {{}}\n{code}\nprint('RESULT' + json.dumps(result))"
    environment = {**os.environ, "AIRFLOW_HOME": home, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.rpartition("RESULT")[2])


def modules_of(*folders: str) -> list[str]:
    """Return the modules of this package in these files and folders."""
    names = []
    for folder in folders:
        path = ROOT / PACKAGE / folder
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        names += [".".join(one.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for one in files]
    return names


FLOORS_0_TO_2 = modules_of(
    "__init__.py",
    "errors.py",
    "secret.py",
    "urls.py",
    "auth",
    "connectors",
    "connection_fields.py",
    "connection_types.py",
    "field_values.py",
    "auth_settings.py",
    "settings.py",
)


def test_the_list_of_lower_floors_is_the_one_that_import_linter_checks():
    tomllib = pytest.importorskip("tomllib", reason="Python 3.10 has no TOML reader")
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    floors = next(one for one in contracts if one["name"].startswith("Floors 0-2"))["source_modules"]

    listed = {name for name in FLOORS_0_TO_2 if any(f"{name}.".startswith(f"{floor}.") for floor in floors)}

    assert listed | {PACKAGE} == set(FLOORS_0_TO_2)


def test_no_module_of_the_lower_floors_brings_airflow_or_an_http_client(airflow_home):
    code = f"""
from importlib import import_module
for name in {FLOORS_0_TO_2!r}:
    import_module(name)
    result[name] = [one for one in {NO_IO!r} if one in sys.modules]
"""

    found = run(code, airflow_home)

    assert {name: loaded for name, loaded in found.items() if loaded} == {}
    assert set(found) == set(FLOORS_0_TO_2)


@pytest.mark.parametrize(
    "name", ["", ".secret", ".errors", ".urls", ".connection_types", ".settings", ".get_provider_info"]
)
def test_what_airflow_imports_in_every_process_brings_nothing_heavy(airflow_home, name):
    code = f"""
import {PACKAGE}{name}
result["heavy"] = [one for one in {HEAVY!r} + ("airflow",) if one in sys.modules]
"""

    heavy = run(code, airflow_home)["heavy"]

    # Settings know the kinds of credentials; a JWT among them has PyJWT behind it.
    assert [one for one in heavy if one not in ("jwt", "cryptography") or name != ".settings"] == []


PARSED = modules_of("operators", "sensors", "keep_alive.py", "assets.py", "links.py")


@pytest.mark.parametrize("names", [*([one] for one in PARSED), PARSED], ids=lambda names: "+".join(names)[-60:])
def test_parsing_a_dag_file_loads_nothing_heavy_beyond_what_airflow_did(airflow_home, names):
    code = f"""
from importlib import import_module
import airflow.sdk
from airflow.sdk import DAG, BaseHook, BaseOperator, BaseSensorOperator, task
before = set(sys.modules)
for name in {names!r}:
    import_module(name)
added = set(sys.modules) - before
result["heavy"] = sorted(one for one in added if one in {HEAVY!r})
result["added"] = sorted(one for one in added if not one.startswith(("airflow.", {PACKAGE!r})))
"""

    found = run(code, airflow_home)

    assert found["heavy"] == []
    # A few modules of the standard library may come along, but no new distribution.
    assert [one for one in found["added"] if one.partition(".")[0] not in sys.stdlib_module_names] == []


def test_building_tasks_loads_nothing_heavy_either(airflow_home):
    code = f"""
import airflow.sdk
from airflow.sdk import DAG, BaseHook, BaseOperator, BaseSensorOperator, task
import airflow.sdk.definitions.mappedoperator
before = set(sys.modules)
from {PACKAGE}.operators.activity import IntegryActivityOperator
from {PACKAGE}.sensors.authorization import IntegryAuthorizationSensor
from {PACKAGE}.assets import any_authorization_asset, authorization_asset, authorization_lost_asset
lost = authorization_lost_asset("x") | any_authorization_asset("x")
with DAG("d", schedule=authorization_asset("x", "user 1") | lost) as dag:
    ready = IntegryAuthorizationSensor(task_id="ready", integry_conn_id="x")
    one = IntegryActivityOperator(task_id="one", integry_conn_id="x", activity="a", inputs={{"b": "{{{{ ds }}}}"}})
    many = IntegryActivityOperator.partial(task_id="many", integry_conn_id="x", activity="a").expand(inputs=[{{}}])
    ready >> one >> many
added = set(sys.modules) - before
result["heavy"] = sorted(one for one in added if one in {HEAVY!r})
"""

    assert run(code, airflow_home)["heavy"] == []


def test_importing_a_hook_module_loads_no_http_client(airflow_home):
    code = f"""
import airflow.sdk
from airflow.sdk import BaseHook
before = set(sys.modules)
import {PACKAGE}.hooks.integry
added = set(sys.modules) - before
result["heavy"] = sorted(one for one in added if one in ("requests", "aiohttp", "yaml", "jsonschema", "oauthlib"))
"""

    assert run(code, airflow_home)["heavy"] == []
