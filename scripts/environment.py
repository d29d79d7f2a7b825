"""Set up the virtual environment of one Airflow version: ``python scripts/environment.py --airflow 3.3``.

Runs on the machine's own Python, before anything is installed: standard library only. A stamp in
the environment says from what it was made, so that the next call is done at once.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GROUPS = ("test", "lint", "docs")
# Dependency groups (PEP 735) can be installed from this pip on.
FALLBACK_PIP = "pip>=25.1"
STAMP = ".made-from.json"
SIGN_OF_LIFE_S = 15


class SetUpError(Exception):
    """What went wrong, and what to do."""


def constraints_file(airflow: str) -> Path:
    """Return the file with the tested versions for one Airflow minor.

    Raises:
        SetUpError: There is none.
    """
    path = ROOT / f"constraints-{airflow}.txt"
    if path.is_file():
        return path
    known = ", ".join(sorted(other.stem.removeprefix("constraints-") for other in ROOT.glob("constraints-*.txt")))
    raise SetUpError(f"AIRFLOW={airflow} is not supported; use one of: {known}.")


def fingerprint(constraints: Path, groups: Sequence[str] = GROUPS) -> str:
    """Return what the environment is made from, as one short text."""
    # The folder too: an environment cannot be moved.
    digest = hashlib.sha256(" ".join((str(ROOT), *groups)).encode())
    for path in (ROOT / "pyproject.toml", constraints, Path(__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def set_up(airflow: str, folder: Path, *, any_python: bool, groups: Sequence[str] = GROUPS) -> None:
    """Make or renew the environment, unless it is as it should be.

    Args:
        airflow: Airflow minor version.
        folder: Where it goes.
        any_python: Whether one that was made with another Python is good enough.
        groups: Dependency groups to install.
    Raises:
        SetUpError: It could not be made.
    """
    constraints = constraints_file(airflow)
    made_from = fingerprint(constraints, groups)
    if _is_good(folder, made_from, None if any_python else sys.version):
        return
    started = time.monotonic()
    _say(f"Making {folder.name}: Airflow {airflow} on Python {sys.version.split()[0]} (minutes the first time)")
    shutil.rmtree(folder, ignore_errors=True)
    if not (_uv() and _install_by_uv(folder, _wanted(constraints, groups))):
        _install_by_pip(folder, constraints, _wanted(constraints, groups))
    stamp = {"made_from": made_from, "python": sys.version}
    (folder / STAMP).write_text(json.dumps(stamp), encoding="utf-8")
    _say(f"Done in {time.monotonic() - started:.0f} s")


def _is_good(folder: Path, made_from: str, python: str | None) -> bool:
    try:
        stamp = json.loads((folder / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    same_python = python in (None, stamp.get("python"))
    return stamp.get("made_from") == made_from and same_python and python_of(folder).exists()


def python_of(folder: Path) -> Path:
    """Return the interpreter of an environment."""
    return folder / "bin" / "python"


def _install_by_uv(folder: Path, wanted: list[str]) -> bool:
    """Install with uv; tell whether it went well. An old uv, or one that is set up otherwise, is no obstacle."""
    uv = str(_uv())
    make = [uv, "venv", "--quiet", "--python", sys.executable, str(folder)]
    install = [uv, "pip", "install", "--python", str(python_of(folder)), *wanted]
    try:
        _run(make, "Making the environment with uv")
        _run(install, "Installing with uv")
    except SetUpError as error:
        _say(f"{error}\nuv did not succeed; trying pip. (USE_UV=0 leaves uv out.)")
        shutil.rmtree(folder, ignore_errors=True)
        return False
    return True


def _install_by_pip(folder: Path, constraints: Path, wanted: list[str]) -> None:
    _make_venv(folder)
    pip = [str(python_of(folder)), "-m", "pip", "--disable-pip-version-check", "install", "--progress-bar", "off"]
    _run([*pip, "--upgrade", _pinned_pip(constraints)], "Renewing pip")
    _run([*pip, *wanted], "Installing with pip")


def _make_venv(folder: Path) -> None:
    result = subprocess.run([sys.executable, "-m", "venv", str(folder)], capture_output=True, text=True, check=False)
    if result.returncode == 0:
        return
    shutil.rmtree(folder, ignore_errors=True)
    hint = (
        "This Python has no 'ensurepip'. On Debian and Ubuntu: apt-get install python3-venv"
        if "ensurepip" in result.stdout + result.stderr
        else "Name another Python: make PYTHON=/path/to/python3.12 ..."
    )
    raise SetUpError(f"'{sys.executable} -m venv' failed.\n{(result.stdout + result.stderr).strip()}\n{hint}")


def _wanted(constraints: Path, groups: Sequence[str]) -> list[str]:
    options = [part for group in groups for part in ("--group", group)]
    return ["--constraint", str(constraints), "--editable", ".", *options]


def _pinned_pip(constraints: Path) -> str:
    found = re.search(r"^pip==\S+", constraints.read_text(encoding="utf-8"), re.MULTILINE)
    return found[0] if found else FALLBACK_PIP


def _uv() -> str | None:
    return shutil.which("uv") if os.environ.get("USE_UV", "1") != "0" else None


def _run(command: list[str], what: str) -> None:
    """Run a command quietly, with a sign of life now and then; show what it said when it fails."""
    _say(what)
    began = time.monotonic()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        try:
            child = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
        except OSError as error:
            raise SetUpError(f"{command[0]} cannot be run: {error.strerror}") from None
        while True:
            try:
                code = child.wait(timeout=SIGN_OF_LIFE_S)
                break
            except subprocess.TimeoutExpired:
                _say(f"{what}: {time.monotonic() - began:.0f} s so far")
        if code != 0:
            output.seek(0)
            tail = "".join(output.readlines()[-30:])
            raise SetUpError(f"{what} failed (exit code {code}):\n{tail}The command was: {' '.join(command)}")


def _say(text: str) -> None:
    print(f"[set-up] {text}", flush=True)


def main() -> int:
    """Set up, and say in one line what is wrong when it cannot be done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--airflow", required=True, help="Airflow minor version, for example 3.3")
    parser.add_argument("--folder", type=Path, help="where (default: .venv-MINOR)")
    parser.add_argument("--group", action="append", default=[], help="a further dependency group; may be given again")
    parser.add_argument("--any-python", action="store_true", help="keep one that was made with another Python")
    options = parser.parse_args()
    try:
        folder = ROOT / (options.folder or f".venv-{options.airflow}")
        set_up(options.airflow, folder, any_python=options.any_python, groups=(*GROUPS, *options.group))
    except SetUpError as error:
        _say(f"Stopped: {error}")
        return 1
    except KeyboardInterrupt:
        _say("Interrupted; the next call starts again.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
