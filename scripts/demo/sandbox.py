"""The folder in which the demo's Airflow lives, with settings of its own and nobody else's."""

from __future__ import annotations

import configparser
import fcntl
import json
import os
import secrets
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cryptography.fernet import Fernet

from scripts.demo.console import DemoError

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "example_dags"
USER = "admin"


@dataclass(frozen=True)
class Ports:
    """Where everything listens.

    Attributes:
        airflow: API server and pages.
        worker_logs, trigger_logs: Airflow's two log servers.
        acme: The made-up service.
    """

    airflow: int
    worker_logs: int
    trigger_logs: int
    acme: int


@dataclass(frozen=True)
class Sandbox:
    """One run's folder.

    Attributes:
        folder: Everything is in here.
        ports: Where everything listens.
        password: Password of Airflow's user ``admin``.
    """

    folder: Path
    ports: Ports
    password: str

    @property
    def airflow_home(self) -> Path:
        """Airflow's own folder."""
        return self.folder / "airflow"

    @property
    def logs(self) -> Path:
        """Output of the processes that the demo starts."""
        return self.folder / "logs"

    @property
    def files(self) -> Path:
        """Where DAGs write to."""
        return self.folder / "files"

    @property
    def airflow_url(self) -> str:
        """Address of the pages."""
        return f"http://127.0.0.1:{self.ports.airflow}"

    @property
    def acme_url(self) -> str:
        """Address of the made-up service."""
        return f"http://127.0.0.1:{self.ports.acme}"

    def environment(self) -> dict[str, str]:
        """Return the environment of every process: the user's, without their Airflow settings."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "PYTEST_"))}
        kept["AIRFLOW_HOME"] = str(self.airflow_home)
        # `airflow standalone` finds `airflow` by the path.
        kept["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
        kept["NO_COLOR"] = "1"
        # Everything is on this machine; a proxy of the user's would not find it.
        kept["NO_PROXY"] = kept["no_proxy"] = "127.0.0.1,localhost"
        return kept


def find_airflow() -> str:
    """Return the path of the ``airflow`` command beside this Python.

    Raises:
        DemoError: Airflow is not installed here.
    """
    path = Path(sys.executable).parent / "airflow"
    if not path.is_file():
        raise DemoError(f"There is no 'airflow' beside {sys.executable}. Use 'make demo', which installs it.")
    return str(path)


def lock(folder: Path) -> IO[str]:
    """Take the folder for this run; released when the process ends.

    Raises:
        DemoError: Another demo runs in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = (folder / ".lock").open("a+", encoding="utf-8")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.seek(0)
        owner = handle.read().strip() or "unknown"
        raise DemoError(f"A demo is running in {folder} (process {owner}). Stop it with Ctrl-C first.") from None
    handle.truncate(0)
    handle.write(str(os.getpid()))
    handle.flush()
    return handle


def make_sandbox(folder: Path, ports: Ports, *, more_dags: Path | None, log_level: str) -> Sandbox:
    """Empty the folder and write Airflow's configuration into it.

    Args:
        folder: Taken by `lock`; what an earlier run left is removed.
        ports: Where everything will listen.
        more_dags: Another folder of DAGs beside the examples.
        log_level: Airflow's logging level.
    """
    box = Sandbox(folder, ports, secrets.token_urlsafe(12))
    for path in (box.airflow_home, box.logs, box.files):
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
    config = configparser.RawConfigParser()
    config.read_dict(_settings(box, log_level))
    config["dag_processor"]["dag_bundle_config_list"] = _bundles({"examples": EXAMPLES, "more": more_dags})
    with private_file(box.airflow_home / "airflow.cfg") as handle:
        config.write(handle)
    with private_file(_password_file(box)) as handle:
        handle.write(f'{{"{USER}": "{box.password}"}}\n')
    return box


def _settings(box: Sandbox, log_level: str) -> dict[str, dict[str, str]]:
    return {
        "core": {
            "executor": "LocalExecutor",
            "parallelism": "4",
            "load_examples": "False",
            "fernet_key": Fernet.generate_key().decode(),
            "execution_api_server_url": f"{box.airflow_url}/execution/",
            "simple_auth_manager_users": f"{USER}:admin",
            "simple_auth_manager_passwords_file": str(_password_file(box)),
            "test_connection": "Enabled",
        },
        "database": {"sql_alchemy_conn": f"sqlite:///{box.airflow_home / 'airflow.db'}"},
        "api": {
            "host": "127.0.0.1",
            "port": str(box.ports.airflow),
            "base_url": box.airflow_url,
            "workers": "1",
            "secret_key": secrets.token_urlsafe(32),
        },
        "api_auth": {"jwt_secret": secrets.token_urlsafe(48)},
        "logging": {
            "logging_level": log_level,
            "worker_log_server_port": str(box.ports.worker_logs),
            "trigger_log_server_port": str(box.ports.trigger_logs),
        },
        # Made for short waits on a small machine.
        "scheduler": {"scheduler_idle_sleep_time": "0.3", "scheduler_heartbeat_sec": "1"},
        "dag_processor": {"refresh_interval": "30", "parsing_processes": "2"},
        "integry": {"connectors_folder": str(EXAMPLES / "connectors")},
    }


def _bundles(folders: Mapping[str, Path | None]) -> str:
    local = "airflow.dag_processing.bundles.local.LocalDagBundle"
    return json.dumps(
        [
            {"name": name, "classpath": local, "kwargs": {"path": str(folder)}}
            for name, folder in folders.items()
            if folder is not None
        ]
    )


def _password_file(box: Sandbox) -> Path:
    return box.airflow_home / "passwords.json"


def private_file(path: Path) -> IO[str]:
    """Open a new file that only its owner may read, to write into it."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8")
