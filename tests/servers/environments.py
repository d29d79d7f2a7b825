"""Environments of their own for programs that the tests talk to: pinned packages, installed once, never committed."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from servers.packages import CACHE

INSTALL_S = 540


def make_environment(name: str, *packages: str, shares: bool = False) -> Path:
    """Return the interpreter of an environment with these packages.

    Skips the test where the registry cannot be reached, except in CI.

    Args:
        name: What it is for.
        packages: What pip is to install, with versions.
        shares: Whether what this environment has is there too.
    """
    wanted = "\n".join([sys.version, *packages, *([sys.prefix, *_installed()] if shares else [])])
    folder = CACHE / f"{name}-{hashlib.sha256(wanted.encode()).hexdigest()[:12]}"
    python = folder / "bin" / "python"
    CACHE.mkdir(parents=True, exist_ok=True)
    # Several workers may want it at once.
    with (CACHE / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists() and (problem := _make(folder, python, packages, shares=shares)):
            shutil.rmtree(folder, ignore_errors=True)
            told = f"the environment '{name}' cannot be made: {problem}"
            pytest.fail(told) if os.environ.get("CI") else pytest.skip(told)
    return python


def _installed() -> list[str]:
    """Return what this environment has, so that another one is made when that changes."""
    return sorted(path.name for path in Path(sysconfig.get_path("purelib")).glob("*.dist-info"))


def _make(folder: Path, python: Path, packages: tuple[str, ...], *, shares: bool) -> str | None:
    """Install everything; return what is wrong."""
    shutil.rmtree(folder, ignore_errors=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-compile"]
    for command in ([sys.executable, "-m", "venv", str(folder)], [*pip, *packages]):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{type(error).__name__} of {command[0]}"
        if done.returncode:
            return (done.stdout + done.stderr).strip()[-400:]
        if shares:
            # Read by the new interpreter as if it were its own.
            site = folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
            (site / "base.pth").write_text(f"{sysconfig.get_path('purelib')}\n", "utf-8")
    (folder / "complete").touch()
    return None
