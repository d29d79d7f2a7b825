"""Servers and sessions that close themselves, and one run of a real DAG."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow import __version__ as airflow_version
from airflow import settings as airflow_settings
from airflow.models.asset import AssetModel
from airflow.models.connection import Connection as CoreConnection
from airflow.models.log import Log
from airflow.sdk._shared.secrets_masker import reset_secrets_masker
from integration.certificates import make_tls_files
from integration.flows_server import CONNECTIONS, CONNECTOR, FlowsServer
from integration.loopback import CLIENTS, Server, TokenServer, connection, open_client, to_variable
from packaging.version import Version
from sqlalchemy.orm import configure_mappers

from airflow_provider_integry.authorizations.end_user_tables import metadata
from airflow_provider_integry.authorizations.tables import authorization, permit
from airflow_provider_integry.authorizations.tokens import forget_sources

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def _new_process():
    """Begin as a new process would: without tokens, and with a log masker that knows no secret.

    Airflow's masker gets slower with each secret; a task knows a few, a test run makes thousands.
    """
    yield
    forget_sources()
    reset_secrets_masker()


@pytest.fixture(scope="session", autouse=True)
def _tables():
    """Make the tables that a process with the database uses; all of Airflow's would take a while."""
    with warnings.catch_warnings():
        # Airflow 3.2 uses what SQLAlchemy 2.1 has deprecated; here its own warnings are no errors.
        warnings.simplefilter("ignore")
        configure_mappers()
    metadata.create_all(airflow_settings.engine)
    tables = [CoreConnection.__table__, Log.__table__, AssetModel.__table__]
    Log.metadata.create_all(airflow_settings.engine, tables=tables)


@pytest.fixture(autouse=True)
def _no_grants(_tables):
    """Begin without kept grants."""
    yield
    with airflow_settings.engine.begin() as database:
        database.execute(authorization.delete())
        database.execute(permit.delete())


@pytest.fixture
def answer_with():
    """Start servers that answer as told: ``answer_with(Answer(503), Answer())``."""
    with ExitStack() as stack:
        yield lambda *script, tls=None: stack.enter_context(Server(*script, tls=tls))


@pytest.fixture
def token_server():
    """A token endpoint with an API that takes its newest token alone."""
    with TokenServer() as server:
        yield server


@contextmanager
def opener(kind):
    with ExitStack() as stack:

        def build(target, *args, **fields):
            raw = connection(target, *args, **fields) if isinstance(target, str | None) else target
            return stack.enter_context(closing(open_client(kind, raw)))

        yield build


@pytest.fixture(params=sorted(CLIENTS))
def open_session(request):
    """Open the sync and the async session: ``open_session(server.url, max_retries=0).request("GET", "/x")``.

    The first argument is a base URL, with the fields of the connection after it, or a whole connection.
    """
    with opener(request.param) as build:
        yield build


@pytest.fixture
def open_sync():
    """Open the sync session as `open_session` does."""
    with opener("sync") as build:
        yield build


@pytest.fixture
def open_async():
    """Open the async session as `open_session` does."""
    with opener("async") as build:
        yield build


@pytest.fixture
def set_connection(monkeypatch):
    """Make a connection known to Airflow, as an environment variable of the worker does."""

    def put(target, *args, **fields):
        raw = connection(target, *args, **fields) if isinstance(target, str | None) else target
        monkeypatch.setenv(*to_variable(raw))
        return raw.conn_id

    return put


@pytest.fixture(scope="session")
def tls_files(tmp_path_factory):
    """Paths of an authority's certificate, and of certificates it has signed."""
    return make_tls_files(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="session")
def airflow_run(tmp_path_factory):
    """What came of one run of `dags/flows.py` in a process of its own, with debug logging on.

    Attributes:
        states, tries, xcoms, rendered: By ``task_id[map_index]``, from Airflow's database.
        server: The server behind all connections, with what arrived.
        folder: Where the tasks write.
        output: All that the process printed and logged.
        database: Path of Airflow's database.
    """
    if Version(airflow_version) < Version("3.3"):
        pytest.skip("dag.test() of Airflow 3.2 fails with any DAG: its API inside the process finds no registry")
    folder = tmp_path_factory.mktemp("flows")
    (folder / "shop.yaml").write_text(CONNECTOR)
    home = folder / "airflow"
    with FlowsServer() as server:
        variables = dict(to_variable(raw) for raw in CONNECTIONS(server.url, folder))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        done = subprocess.run(
            [sys.executable, HERE / "run_dag.py", folder / "results.json"],
            env={
                **environment,
                **variables,
                "AIRFLOW_HOME": str(home),
                "AIRFLOW__CORE__DAGS_FOLDER": str(HERE / "dags"),
                "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
                "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
                "AIRFLOW__INTEGRY__MAX_XCOM_BYTES": "1000",
                "AIRFLOW__INTEGRY__DEFER_WAIT_S": "1",
                "FLOWS_FOLDER": str(folder),
                "PYTHONPATH": str(HERE.parent.parent),
            },
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-3000:]
    results = json.loads((folder / "results.json").read_text())
    return SimpleNamespace(
        **results, server=server, folder=folder, output=done.stdout + done.stderr, database=home / "airflow.db"
    )
