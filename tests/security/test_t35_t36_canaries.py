"""Forty canaries through everything that a task can do wrong; then every place where something is kept is searched.

What Airflow keeps is made by Airflow itself: one run of `dags/careless.py`, with debug logging, in a home of its own.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import sqlite3
import subprocess
import sys
import traceback
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow import __version__ as airflow_version
from integration.loopback import Received, Server, to_json, to_variable
from integration.test_secrets_stay_secret import describe
from packaging.version import Version
from security.canaries import CONNECTIONS, canaries_of, encodings, find_canaries
from security.test_t22_t25_urls import raw_connection

from airflow_provider_integry.authorizations.tokens import source_for
from airflow_provider_integry.hooks.integry import IntegryHook
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.sensors.activity import IntegryRecordSensor
from airflow_provider_integry.sensors.authorization import IntegryAuthorizationSensor

HERE = Path(__file__).parent


def careless(request: Received):
    """Refuse with all that arrived; what a service answers with success is data, which tasks may keep."""
    access, refresh = canaries_of("issued")
    if request.path == "/token":
        return to_json({"access_token": access, "refresh_token": refresh, "expires_in": 60})
    if "refuse" in request.target:
        return to_json({"message": f"you sent {request.text}"}, 400)
    return to_json({"items": [{"id": 1}]})


@pytest.fixture(scope="module")
def server():
    with Server(careless) as found:
        yield found


def connections(url):
    """Return every connection of `canaries.CONNECTIONS`, for one server."""
    return [
        raw_connection({name: text.replace("{url}", url) for name, text in fields.items()}, host=url, conn_id=conn_id)
        for conn_id, fields in CONNECTIONS.items()
    ]


@pytest.fixture(scope="module")
def careless_run(tmp_path_factory, server):
    """What Airflow has kept, written and printed after a run of `dags/careless.py`."""
    if Version(airflow_version) < Version("3.3"):
        pytest.skip("dag.test() of Airflow 3.2 fails with any DAG: its API inside the process finds no registry")
    folder = tmp_path_factory.mktemp("careless")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    done = subprocess.run(
        [sys.executable, HERE / "run_careless.py", folder / "results.json"],
        env={
            **kept,
            **dict(to_variable(raw) for raw in connections(server.url)),
            "AIRFLOW_HOME": str(folder / "home"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(HERE / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
            "PYTHONPATH": os.pathsep.join((str(HERE.parent.parent), str(HERE.parent))),
        },
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return SimpleNamespace(
        states=json.loads((folder / "results.json").read_text()), folder=folder, output=done.stdout + done.stderr
    )


def dump_of(path):
    """Return a SQLite database as text, without what Airflow itself encrypts or holds of connections."""
    connected = sqlite3.connect(path)
    try:
        return "\n".join(connected.iterdump())
    finally:
        connected.close()


def places_of(run):
    """Return every place where something was kept, as text by its name."""
    database = run.folder / "home" / "airflow.db"
    (run.folder / "printed").write_text(run.output)
    files = [path for path in run.folder.rglob("*") if path.is_file() and path.name not in ("airflow.db", "printed")]
    places = {str(path.relative_to(run.folder)): path.read_bytes().decode("utf-8", "replace") for path in files}
    # Airflow shows, at debug level, what it is told to mask; on a worker these messages are not logged.
    printed = "\n".join(line for line in run.output.splitlines() if "msg=MaskSecret(" not in line)
    return {**places, "database": dump_of(database), "printed": printed}


def test_t35_forty_canaries_leave_no_trace(careless_run):
    canaries = canaries_of()
    assert len(canaries) == len(set(canaries)) >= 40
    places = places_of(careless_run)

    assert {name: find_canaries(text, canaries) for name, text in places.items() if find_canaries(text, canaries)} == {}


def test_t35_the_search_would_have_found_them(careless_run, server):
    """The tasks ran, said what they were told to say, and the credentials were used."""
    places = places_of(careless_run)
    assert "success" in careless_run.states.values()
    assert "failed" in careless_run.states.values()
    assert {"xcom", "rendered_task_instance_fields", "log"} <= set(_tables(places["database"]))
    assert "an ordinary line of a careless task" in "\n".join(places.values())
    assert find_canaries(server.text, canaries_of())
    for canary in canaries_of():
        for form in encodings(canary):
            assert find_canaries(f"before {form} after", [canary]), form


def _tables(dump):
    return {line.split('"')[1] for line in dump.splitlines() if line.startswith("INSERT INTO")}


# -- one process ------------------------------------------------------------------------------------

CARELESS = {
    "repr": repr,
    "str": str,
    "format": "{}".format,
    "vars": lambda value: str(getattr(value, "__dict__", "")),
    "asdict": lambda value: str(dataclasses.asdict(value)) if dataclasses.is_dataclass(value) else "",
    "json": lambda value: json.dumps(value, default=repr),
    "pickle": pickle.dumps,
    "an exception": lambda value: "".join(traceback.format_exception(ValueError(value, {"value": value}))),
}


# The user name of Basic is plain text, where it is a key too; only its owner takes such a value apart.
KNOWN = {("two_basic", "asdict"): ["k2-7f3a"]}


def shown_by(how, value):
    """Return what comes out, or everything that a refusal says."""
    try:
        found = CARELESS[how](value)
    except Exception as error:  # noqa: BLE001 - whatever it says is searched
        return describe(error)
    return found.decode("latin-1") if isinstance(found, bytes) else str(found)


@pytest.mark.parametrize("how", CARELESS)
@pytest.mark.parametrize("conn_id", CONNECTIONS)
def test_t35_nothing_that_a_careless_task_does_shows_a_secret(monkeypatch, server, conn_id, how):
    for raw in connections(server.url):
        monkeypatch.setenv(*to_variable(raw))
    hook = IntegryHook(conn_id)
    session = hook.get_conn()
    issued = source_for(hook.settings).get()
    objects = [hook, session, hook.settings, hook.settings.auth, hook.auth, issued, issued.credentials]

    text = "\n".join(shown_by(how, value) for value in [*objects, Secret(canaries_of()[0])])

    assert find_canaries(text, canaries_of()) == KNOWN.get((conn_id, how), [])


@pytest.mark.parametrize("conn_id", CONNECTIONS)
def test_t36_no_trigger_stores_a_secret(monkeypatch, server, tmp_path, conn_id):
    connector = str(tmp_path / "shop.yaml")
    activity = "  new: {kind: trigger, type: poll, path: /items, result: items, id: id}\n"
    Path(connector).write_text(f"name: shop\ntitle: Shop\nactivities:\n{activity}")
    for raw in connections(server.url):
        monkeypatch.setenv(*to_variable(raw))
    sensors = [
        IntegryAuthorizationSensor(task_id="a", integry_conn_id=conn_id, verify=True),
        IntegryRecordSensor(task_id="b", integry_conn_id=conn_id, activity="new", connector=connector),
    ]

    stored = [str(sensor.__dict__) for sensor in sensors]

    assert find_canaries("\n".join(stored), canaries_of()) == []
