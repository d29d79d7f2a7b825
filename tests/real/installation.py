"""One Airflow of our own: a folder, a database, and every process of it started by name."""

from __future__ import annotations

import configparser
import json
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import requests
from cryptography.fernet import Fernet
from sqlalchemy import create_engine, inspect, text

from scripts.demo.airflow_api import send
from scripts.demo.ports import find_free_ports
from scripts.demo.processes import Processes, describe
from scripts.demo.sandbox import USER, Ports, Sandbox, find_airflow, make_sandbox, private_file

HERE = Path(__file__).parent
START_S = 150
STOP_S = 15
_ENDED = ("success", "failed")


class Installation:
    """Starts, asks and stops an Airflow.

    Args:
        folder: An empty folder.
        database: URL of an empty database; None for SQLite in the folder.
        api_servers: How many API server processes.
        settings: Options beside those of the demo, by section and name.
        dags: Folder with the DAGs.
    """

    def __init__(
        self,
        folder: Path,
        *,
        database: str | None = None,
        api_servers: int = 1,
        settings: Mapping[str, Mapping[str, str]] | None = None,
        dags: Path = HERE / "dags",
    ) -> None:
        self._dags = dags
        ports = find_free_ports(4 + api_servers)
        folder.mkdir(parents=True, exist_ok=True)
        self.box: Sandbox = make_sandbox(folder, Ports(*ports[:4]), more_dags=None, log_level="DEBUG")
        self.urls = [self.box.airflow_url, *(f"http://127.0.0.1:{port}" for port in ports[4 : 3 + api_servers])]
        self.database = database or f"sqlite:///{self.box.airflow_home / 'airflow.db'}"
        self._config = self._configure(settings or {})
        self._processes = Processes()
        self._names: list[str] = []
        self._runs = 0
        self._children: list[subprocess.Popen[bytes]] = []
        self._airflow = find_airflow()
        self._env = self.box.environment()
        self._session = requests.Session()
        self._session.trust_env = False
        self.secrets: dict[str, str] = {"airflow_password": self.box.password}

    def _configure(self, settings: Mapping[str, Mapping[str, str]]) -> configparser.RawConfigParser:
        path = self.box.airflow_home / "airflow.cfg"
        config = configparser.RawConfigParser()
        config.read(path, encoding="utf-8")
        local = "airflow.dag_processing.bundles.local.LocalDagBundle"
        bundle = {"name": "real", "classpath": local, "kwargs": {"path": str(self._dags)}}
        own: dict[str, dict[str, str]] = {
            "core": {"parallelism": "48", "max_active_tasks_per_dag": "64"},
            # With Airflow's own size, forty tasks that end at one moment can lock its API server up for thirty
            # seconds: all forty threads wait for a connection, and who has one waits for a thread.
            "database": {"sql_alchemy_conn": self.database, "sql_alchemy_pool_size": "60"},
            "scheduler": {"max_tis_per_query": "64"},
            "dag_processor": {"dag_bundle_config_list": json.dumps([bundle])},
            "integry": {"connectors_folder": str(HERE / "connectors")},
        }
        for section, options in [*own.items(), *settings.items()]:
            if not config.has_section(section):
                config.add_section(section)
            for name, value in options.items():
                config.set(section, name, value)
        with private_file(path) as handle:
            config.write(handle)
        return config

    # -- processes ---------------------------------------------------------------------------------

    def migrate(self) -> None:
        """Make the tables, this provider's too."""
        self._processes.run(
            "migrate", [self._airflow, "db", "migrate"], env=self._env, cwd=self.box.folder, log=self.log("migrate")
        )

    def run(self, *arguments: str) -> str:
        """Run one command of Airflow to its end; return what it printed."""
        self._runs += 1
        name = f"{arguments[0]}-{self._runs}"
        command = [self._airflow, *arguments]
        return self._processes.run(name, command, env=self._env, cwd=self.box.folder, log=self.log(name))

    def start(self, name: str, *arguments: str, **env: str) -> None:
        """Start one process of Airflow: ``start("worker", "celery", "worker")``."""
        command = [self._airflow, *arguments]
        env = {**self._env, **env}
        child = self._processes.start(name, command, env=env, cwd=self.box.folder, log=self.log(name))
        self._names.append(name)
        self._children.append(child)

    def start_servers(self) -> None:
        """Start the API servers and the parts that every Airflow has once."""
        for number, url in enumerate(self.urls):
            self.start(f"api-server-{number}", "api-server", "--port", url.rpartition(":")[2])
        for part in ("scheduler", "dag-processor", "triggerer"):
            self.start(part, part)

    def prefer(self, name: str) -> None:
        """Give a process and its children the processor before others, where that is allowed.

        What else runs on the machine then does not look like slowness of its own.
        """
        child = self._children[self._names.index(name)]
        for process in [psutil.Process(child.pid), *psutil.Process(child.pid).children(recursive=True)]:
            with suppress(psutil.Error):
                process.nice(-15)

    def log(self, name: str) -> Path:
        """Return where a process's output goes."""
        return self.box.logs / f"{name}.log"

    def wait_until_healthy(self) -> None:
        """Wait for all parts, and log in."""
        deadline = time.monotonic() + START_S
        while not all(self._is_healthy(url) for url in self.urls):
            assert time.monotonic() < deadline, f"Airflow is not up; its output is in {self.box.logs}"
            time.sleep(0.3)
        token = self.call("POST", "/auth/token", {"username": USER, "password": self.box.password})["access_token"]
        self._session.headers["Authorization"] = f"Bearer {token}"
        self.secrets["jwt_of_these_tests"] = token

    def _is_healthy(self, url: str) -> bool:
        try:
            parts = self._session.get(f"{url}/api/v2/monitor/health", timeout=10).json()
            # So that the first tasks do not wait for it.
            self._session.get(f"{url}/execution/health", timeout=30)
        except (requests.RequestException, ValueError):
            return False
        return all(part.get("status") == "healthy" for part in parts.values())

    def stop(self) -> list[str]:
        """Stop everything and return what had to be ended by force."""
        self._session.close()
        self._processes.look()
        # Whoever makes work first, whoever is asked last.
        for name in sorted(self._names, key=lambda name: name.startswith("api-server")):
            self._processes.stop(name, signal.SIGINT, STOP_S)
        self._processes.end(self._processes.find_left(grace_s=1))
        for child in self._children:
            child.wait(timeout=STOP_S)
        return [describe(process) for process in self._processes.find_left(grace_s=5)]

    # -- Airflow's own API -------------------------------------------------------------------------

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call Airflow."""
        with send(self._session, method, f"{self.urls[0]}{path}", body) as answer:
            assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
            return answer.json() if answer.content else None

    def look(self, path: str) -> tuple[int, str]:
        """Open a page; return its status and text."""
        with self._session.get(f"{self.urls[0]}{path}", timeout=60) as answer:
            return answer.status_code, answer.text

    def save_connection(self, conn_id: str, host: str, extra: Mapping[str, Any], *, is_new: bool = True) -> None:
        """Make or change a connection, as the form does."""
        body = {
            "connection_id": conn_id,
            "conn_type": "integry_oauth2",
            "host": host,
            "extra": json.dumps({"allow_http": True, "connector": "identity", **extra}),
        }
        path = "/api/v2/connections"
        self.call("POST" if is_new else "PATCH", path if is_new else f"{path}/{conn_id}", body)

    def begin_run(self, dag_id: str, conf: Mapping[str, Any]) -> str:
        """Start a run of a DAG and return its path in the API."""
        deadline = time.monotonic() + 90
        while dag_id not in {dag["dag_id"] for dag in self.call("GET", "/api/v2/dags")["dags"]}:
            errors = self.call("GET", "/api/v2/importErrors")["import_errors"]
            assert not errors, errors
            assert time.monotonic() < deadline, f"DAG {dag_id} was not read; see {self.log('dag-processor')}"
            time.sleep(0.3)
        self.call("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})
        run = self.call("POST", f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": dict(conf)})
        return f"/api/v2/dags/{dag_id}/dagRuns/{run['dag_run_id']}"

    def states(self, run: str) -> dict[str, str]:
        """Return the states of the task instances of a run; mapped ones as ``task[3]``."""
        found = self.call("GET", f"{run}/taskInstances?limit=100")["task_instances"]
        return {
            one["task_id"] + (f"[{one['map_index']}]" if one["map_index"] >= 0 else ""): str(one["state"])
            for one in found
        }

    def wait_for_state(self, run: str, task: str, state: str, timeout_s: float = 90) -> None:
        """Wait until a task instance is in a state."""
        deadline = time.monotonic() + timeout_s
        while (found := self.states(run)).get(task) != state:
            assert time.monotonic() < deadline, f"{task} is not {state} after {timeout_s} s: {found}"
            time.sleep(0.3)

    def finish_run(self, run: str, timeout_s: float = 240) -> str:
        """Wait until a run ends and return its state."""
        deadline = time.monotonic() + timeout_s
        while (state := self.call("GET", run)["state"]) not in _ENDED:
            assert time.monotonic() < deadline, f"{run} has not ended after {timeout_s} s: {self.states(run)}"
            time.sleep(0.5)
        return str(state)

    def xcom(self, run: str, task: str, map_index: int = -1) -> Any:
        """Return what a task instance returned."""
        path = f"{run}/taskInstances/{task}/xcomEntries/return_value?map_index={map_index}&deserialize=true"
        return self.call("GET", path)["value"]

    # -- what is in the database -------------------------------------------------------------------

    def decrypt(self, sealed: str) -> str:
        """Decrypt a column as Airflow does."""
        return Fernet(self._config.get("core", "fernet_key").encode()).decrypt(sealed.encode()).decode()

    def query(self, statement: str) -> list[dict[str, Any]]:
        """Return rows."""
        engine = create_engine(self.database)
        try:
            with engine.connect() as connection:
                return [dict(row) for row in connection.execute(text(statement)).mappings()]
        finally:
            engine.dispose()

    def dump(self, path: Path) -> int:
        """Write every row of every table into a file, for a search; return how many there are."""
        engine = create_engine(self.database)
        count = 0
        with path.open("w", encoding="utf-8") as output:
            for table in inspect(engine).get_table_names():
                for row in self.query(f'SELECT * FROM "{table}"'):
                    values = {name: bytes(v) if isinstance(v, memoryview) else v for name, v in row.items()}
                    output.write(f"{table}: {values}\n")
                    count += 1
        engine.dispose()
        return count

    @property
    def written_files(self) -> list[Path]:
        """Every file that was written, but those whose business it is to hold a secret."""
        own = {"airflow.cfg", "passwords.json"}
        return [path for path in self.box.folder.rglob("*") if path.is_file() and path.name not in own]
