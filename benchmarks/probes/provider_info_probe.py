"""Load a provider's description as Airflow does at its start: ``provider_info_probe.py PACKAGE_FOLDER``.

Without Airflow, which would have called it already.
"""

from __future__ import annotations

# What Airflow has imported by then.
import dataclasses  # noqa: F401
import importlib
import importlib.util
import inspect  # noqa: F401
import json
import re  # noqa: F401
import sys
import time
import typing
from pathlib import Path


def main() -> None:
    """Measure import and call."""
    folder = sys.argv[1]
    wall, cpu = time.perf_counter(), time.process_time()
    module = importlib.import_module(f"{folder}.get_provider_info") if "/" not in folder else load_alone(folder)
    module.get_provider_info()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert "airflow" not in sys.modules
    print(json.dumps({"wall_ms": wall * 1e3, "cpu_ms": cpu * 1e3}))


def load_alone(folder: str) -> typing.Any:
    """Load the module of a provider inside Airflow's package, but not that package."""
    files = [Path(entry) / folder / "get_provider_info.py" for entry in sys.path]
    file = next(file for file in files if file.is_file())
    spec = importlib.util.spec_from_file_location("get_provider_info", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
