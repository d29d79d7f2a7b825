"""Results in ``s3://``: written by Airflow's provider for Amazon to a server that speaks S3, in tasks and triggers.

Both are in an environment of their own, which has all that this one has too.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from servers.environments import make_environment

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tests" / "servers" / "foreign" / "s3_outputs.py"
PACKAGES = ("apache-airflow-providers-amazon==9.39.0", "s3fs==2026.9.0", "boto3", "moto[s3]==5.2.5", "flask-cors")
RECORDS = 12_000

# The environment is made first.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("storage")
    python = make_environment("storage", *PACKAGES, shares=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AWS", "PYTEST"))}
    own = {"PYTHONPATH": str(ROOT), "AIRFLOW_HOME": str(folder / "home"), "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        [str(python), str(SCRIPT), str(folder)], env={**kept, **own}, capture_output=True, text=True, timeout=240
    )
    assert "RESULT" in done.stdout, done.stdout[-2000:] + done.stderr[-4000:]
    return json.loads(done.stdout.rpartition("RESULT")[2])


@pytest.mark.parametrize("kind", ["task", "trigger"])
def test_records_are_there_whole_and_once_and_nothing_beside_them(written, kind):
    assert written[kind] == [RECORDS, True, True, ["items.jsonl"]]


def test_records_are_compressed_on_the_way(written):
    assert written["packed"] == [True, ["items.jsonl.gz"]]


def test_an_answer_that_is_a_file_is_stored_as_it_came(written):
    assert written["picture"] == ["image/png", True, ["a.png"]]


def test_a_query_that_breaks_off_leaves_nothing(written):
    name, told, left = written["broken"]
    assert (name, left) == ("AirflowFailException", [])
    assert "404" in told


@pytest.mark.parametrize("case", ["left", "left by a triggerer"])
def test_what_a_killed_try_has_left_is_removed_and_nothing_else(written, case):
    found, wanted = written[case]
    assert found == wanted
