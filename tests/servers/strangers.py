"""Servers that other people wrote, run in an environment of their own: what they answer is nobody's idea here."""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from servers.environments import make_environment

FOLDER = Path(__file__).parent / "foreign"
PACKAGES = (
    "Django==5.2.19",
    "djangorestframework==3.18.3",
    "djangorestframework-jsonapi==8.1.0",
    "datasette==0.65.5",
    "fastapi==0.165.0",
    "fastapi-pagination==0.16.1",
    "localstripe==1.15.10",
    # Not its extra `server`, which brings much that none of this needs.
    "moto==5.2.5",
    "Flask",
    "flask-cors",
    "scim2-server==0.8.3",
    # What some of them need for cursors, and what serves others.
    "cryptography",
    "SQLAlchemy>=2.0",
    "sqlakeyset>=2.0",
    "uvicorn",
)
START_S = 90
# Every one takes it, and one wants it to look like this.
KEY = "sk_test_12345"
RECORDS: list[dict[str, Any]] = [
    {"id": number, "name": f"customer-{number:03d}", "note": f"No. {number} \u2603 <&>"} for number in range(1, 58)
]


@contextmanager
def serve_stranger(name: str, folder: Path) -> Iterator[str]:
    """Serve the records with one of the programs in `foreign`; give its URL.

    Args:
        name: Module in that folder.
        folder: Where it may write.
    """
    python = make_environment("strangers", *PACKAGES)
    source = folder / "records.json"
    source.write_text(json.dumps(RECORDS), encoding="utf-8")
    log = (folder / f"{name}.log").open("wb")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW", "PYTHON", "PYTEST"))}
    process = subprocess.Popen(
        [str(python), "-u", str(FOLDER / f"{name}.py"), str(source)],
        cwd=folder,
        env={**kept, "NO_PROXY": "127.0.0.1"},
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    try:
        yield _read_url(process, folder / f"{name}.log")
    finally:
        process.kill()
        process.communicate()
        log.close()


def _read_url(process: subprocess.Popen[str], log: Path) -> str:
    """Return the URL that the program prints when it serves."""
    deadline = time.monotonic() + START_S
    assert process.stdout is not None
    while True:
        ready, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        line = process.stdout.readline() if ready else ""
        if line.startswith("SERVING "):
            return line.split()[1]
        assert line, f"it does not serve:\n{log.read_text('utf-8', 'replace')[-3000:]}"
