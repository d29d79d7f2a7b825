"""The files that set-up is made from."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONSTRAINTS = sorted(ROOT.glob("constraints-*.txt"))
PIN = re.compile(r'[a-z0-9-]+==[0-9][a-z0-9.+]*(; python_version (<|>=) "3\.\d+"( and python_version < "3\.\d+")?)?')


def test_there_is_one_constraints_file_per_airflow_minor():
    assert [path.name for path in CONSTRAINTS] == ["constraints-3.2.txt", "constraints-3.3.txt"]


@pytest.mark.parametrize("path", CONSTRAINTS, ids=lambda path: path.stem)
def test_constraints_are_pins_and_nothing_else(path):
    first, *lines = path.read_text(encoding="utf-8").splitlines()
    assert first.startswith("# Made by scripts/make_constraints.py")
    assert [line for line in lines if not PIN.fullmatch(line)] == []
    minor = path.stem.removeprefix("constraints-")
    assert any(line.startswith(f"apache-airflow=={minor}.") for line in lines)


def test_pins_that_differ_between_pythons_get_markers(tmp_path):
    freezes = {"3.10": "One==1\nTwo==1\ntomli==2", "3.11": "one==1\ntwo==2", "3.13": "one==1\ntwo==3\nThree_x==1"}
    for python, text in freezes.items():
        (tmp_path / python).write_text(f"{text}\n-e /somewhere\nlocal @ file:///x\n", encoding="utf-8")
    command = [sys.executable, "scripts/make_constraints.py", *(f"{python}={tmp_path / python}" for python in freezes)]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()[1:]
    assert printed == [
        "one==1",
        'three-x==1; python_version >= "3.13"',
        'tomli==2; python_version < "3.11"',
        'two==1; python_version < "3.11"',
        'two==2; python_version >= "3.11" and python_version < "3.13"',
        'two==3; python_version >= "3.13"',
    ]


def test_an_unsupported_airflow_is_told_with_those_that_are():
    command = [sys.executable, "scripts/environment.py", "--airflow", "2.9"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 1
    assert "AIRFLOW=2.9 is not supported; use one of: 3.2, 3.3." in result.stdout


def test_a_python_that_is_too_old_is_told_with_what_to_do(tmp_path):
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.8.1 || exit 1\n', encoding="utf-8")
    old.chmod(0o755)
    result = subprocess.run(
        ["sh", "scripts/find_python.sh", str(old)], cwd=ROOT, capture_output=True, text=True, env=dict(os.environ)
    )
    assert result.returncode == 1
    assert f"{old} is Python 3.8.1" in result.stderr
    assert "make PYTHON=" in result.stderr
