"""One Airflow for all system tests: it is started, used in every way, and stopped once."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from running_demo import DAGS, PLAIN, RunningDemo, find_processes, read_output, start_demo
from wrong_connections import build_wrong_connections

from airflow_provider_integry.connection_types import ALL_CONNECTION_TYPES, ConnectionType


@dataclass
class Evidence:
    """What was seen of one run of the demo, from its start to after its end.

    Attributes:
        folder: Where it worked.
        report: What it reported about its flows.
        output: What it printed.
        exit_code: After Ctrl-C.
        left: Processes of it that were still there afterwards.
        forms: What Airflow's pages know about connection types.
        shown: Connections with every field filled in, as Airflow shows them, by type.
        wrong_state: State of the run with refused credentials.
        wrong_outcomes: What came of each refused connection.
        secrets: Every secret that was in play, by name.
    """

    folder: Path
    report: dict[str, Any]
    output: str = ""
    exit_code: int | None = None
    left: list[str] = field(default_factory=list)
    forms: list[dict[str, Any]] = field(default_factory=list)
    shown: dict[str, dict[str, Any]] = field(default_factory=dict)
    wrong_state: str = ""
    wrong_outcomes: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)

    @property
    def written_files(self) -> list[Path]:
        """Every file that the demo left, but those whose business it is to hold a secret."""
        own = {"airflow.cfg", "passwords.json"}
        return [path for path in (self.folder / "demo").rglob("*") if path.is_file() and path.name not in own]

    @property
    def output_file(self) -> Path:
        """What the demo printed."""
        return self.folder / "output.txt"


@pytest.fixture(scope="session")
def evidence(tmp_path_factory):
    """Run the demo once, with flows that succeed and flows that are refused, and stop it."""
    folder = tmp_path_factory.mktemp("system")
    report = folder / "report.json"
    options = ("--report", str(report), "--secrets", str(folder / "secrets"), "--dags", str(DAGS))
    demo = RunningDemo(folder, start_demo(folder, "up", "--log-level", "DEBUG", *options))
    try:
        demo.wait_until_up(report, timeout_s=400)
        seen = Evidence(folder, demo.report, forms=demo.call("GET", "/ui/connections/hook_meta"))
        _fill_forms(demo, seen)
        _use_wrong_credentials(demo, seen)
    finally:
        code = demo.stop()
    seen.exit_code = code
    seen.output = read_output(folder)
    seen.left = find_processes(folder)
    seen.secrets.update(demo.secrets)
    tokens = (folder / "secrets" / "tokens.txt").read_text(encoding="utf-8").split()
    seen.secrets.update({f"issued token {number}": token for number, token in enumerate(tokens)})
    return seen


def _fill_forms(demo, seen):
    for conn_type in ALL_CONNECTION_TYPES:
        conn_id = f"filled_{conn_type.name}"
        body = {"connection_id": conn_id, "conn_type": conn_type.name, "extra": json.dumps(_fill(conn_type))}
        seen.shown[conn_type.name] = demo.call("POST", "/api/v2/connections", body)


def _fill(conn_type: ConnectionType) -> dict[str, Any]:
    return {item.name: PLAIN for item in conn_type.fields if item.column is None}


def _use_wrong_credentials(demo, seen):
    acme_url = demo.report["acme_url"]
    connections, secrets = build_wrong_connections(acme_url, demo.report["url"])
    for connection in connections:
        demo.call("POST", "/api/v2/connections", {**connection, "extra": json.dumps(connection["extra"])})
    seen.secrets.update(secrets)
    seen.wrong_state = demo.run_dag("wrong_credentials", timeout_s=150)
    seen.wrong_outcomes = demo.read_xcom("wrong_credentials", "try_all")
