"""No secret in logs (debug level too), XCom, rendered fields, exceptions, files or the database."""

from __future__ import annotations

import base64
import sqlite3
from urllib.parse import quote

import pytest
from leaks import find_leaks

pytestmark = [pytest.mark.system, pytest.mark.timeout(700)]


def test_refused_credentials_fail_the_tasks(evidence):
    assert evidence.wrong_state == "failed"
    assert "accepted" not in evidence.wrong_outcomes.values()
    assert len(evidence.wrong_outcomes) == 12


def test_no_secret_is_in_any_file_that_was_written(evidence):
    leaks = find_leaks(evidence.written_files, evidence.secrets)
    assert not leaks, "\n".join(leaks[:20])


def test_no_secret_is_printed_but_the_password_to_log_in_with(evidence):
    secrets = {name: secret for name, secret in evidence.secrets.items() if name != "airflow_password"}
    assert find_leaks([evidence.output_file], secrets) == []


def test_the_search_would_have_found_them(evidence, tmp_path):
    """Plant each secret in each form: a search that finds nothing proves nothing."""
    for number, secret in enumerate(evidence.secrets.values()):
        basic = base64.b64encode(f"user:{secret}:".encode()).decode()
        (tmp_path / f"{number}").write_text(f"{secret} ", encoding="utf-8")
        (tmp_path / f"{number}.url").write_text(f"?key={quote(secret, safe='')}&", encoding="utf-8")
        (tmp_path / f"{number}.basic").write_text(f"Authorization: Basic {basic}", encoding="utf-8")
    leaks = find_leaks(tmp_path.iterdir(), evidence.secrets)
    found = {(name, line.split(":")[0].rsplit(".")[-1]) for line in leaks for name in [line.split(" in ")[0]]}
    assert len(evidence.secrets) * 3 == len(found)


def test_what_was_searched_is_what_could_have_leaked(evidence):
    """The logs are there, at debug level; the tables have rows."""
    logs = [path for path in evidence.written_files if path.suffix == ".log"]
    assert any("wrong_credentials" in str(path) for path in logs)
    assert any('"level":"debug"' in path.read_text(encoding="utf-8", errors="replace") for path in logs)
    database = next(path for path in evidence.written_files if path.name == "airflow.db")
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        for table in ("xcom", "rendered_task_instance_fields", "connection"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] > 0
    connection.close()
