"""The script that host applications embed, and how their pages name it."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from airflow_provider_integry import __version__

PATH = "/public/static/integry.js"
_FILE = Path(__file__).parents[2] / "static" / "integry.js"


@cache
def read_script() -> bytes:
    """Return the script."""
    return _FILE.read_bytes()


@cache
def integrity() -> str:
    """Return what a page writes into attribute `integrity` of its script element (Subresource Integrity)."""
    return f"sha384-{base64.b64encode(hashlib.sha384(read_script()).digest()).decode()}"


def build_element(url: str) -> str:
    """Return the element with which a page loads this version of the script, and no other text in its place.

    Args:
        url: Address of Airflow, without a slash at its end.
    """
    where = f"{url}/integry{PATH}?v={__version__}"
    return f'<script src="{where}" integrity="{integrity()}" crossorigin="anonymous"></script>'
