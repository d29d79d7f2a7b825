"""Options of section [integry], read when they are asked for.

They are declared, with defaults and descriptions, in `OPTIONS`; `get_provider_info.py` hands these
to Airflow, so that ``airflow config list`` knows them. An option ``x`` is also the environment
variable ``AIRFLOW__INTEGRY__X``.
"""

from __future__ import annotations

from pathlib import Path

from airflow.sdk.configuration import conf

SECTION = "integry"


def connectors_folder() -> str | None:
    """Return the folder with connector files; None when the option is empty."""
    folder = conf.get(SECTION, "connectors_folder", fallback="")
    return str(Path(folder).expanduser()) if folder else None


def max_xcom_bytes() -> int:
    """Return the most bytes, as JSON, that an activity returns through XCom."""
    return int(conf.getint(SECTION, "max_xcom_bytes", fallback=1_048_576))


def default_deferrable() -> bool:
    """Return Airflow's own option [operators] default_deferrable."""
    return bool(conf.getboolean("operators", "default_deferrable", fallback=False))
