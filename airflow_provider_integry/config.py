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


def api_url() -> str | None:
    """Return the API server's URL as tasks reach it; None when the option is empty."""
    return (conf.get(SECTION, "api_url", fallback="") or "").rstrip("/") or None


def execution_api_server_url() -> str | None:
    """Return Airflow's own option [core] execution_api_server_url; None when it is empty."""
    return conf.get("core", "execution_api_server_url", fallback="") or None


def base_url() -> str | None:
    """Return Airflow's own option [api] base_url; None when it is empty."""
    return conf.get("api", "base_url", fallback="") or None


def wait_s() -> float:
    """Return the seconds that a task waits for a token that somebody else is renewing."""
    return float(conf.getfloat(SECTION, "wait_s", fallback=60.0))


def defer_wait_s() -> float:
    """Return the seconds of a wait for an API's limits above which a deferrable task gives its worker slot back."""
    return float(conf.getfloat(SECTION, "defer_wait_s", fallback=30.0))


def journal_folder() -> Path:
    """Return the folder for grants that are on their way into the database."""
    folder = conf.get(SECTION, "journal_folder", fallback="")
    if folder:
        return Path(folder).expanduser()
    # Lazy for start-up cost: only processes with the database write a journal.
    from airflow.configuration import AIRFLOW_HOME

    return Path(AIRFLOW_HOME) / "integry_journal"


def has_database() -> bool:
    """Return whether this process may use Airflow's database.

    Airflow takes it away from tasks, triggers and DAG parsing by this option.
    """
    return not (conf.get("database", "sql_alchemy_conn", fallback="") or "").startswith("airflow-db-not-allowed")


def multi_team() -> bool:
    """Return Airflow's own option [core] multi_team."""
    return bool(conf.getboolean("core", "multi_team", fallback=False))


def default_deferrable() -> bool:
    """Return Airflow's own option [operators] default_deferrable."""
    return bool(conf.getboolean("operators", "default_deferrable", fallback=False))


def public_url() -> str | None:
    """Return where services reach what lies below ``/integry/public``; None when Airflow does not know its address."""
    url = conf.get(SECTION, "public_url", fallback="") or base_url() or ""
    return url.rstrip("/") if url.startswith(("http://", "https://")) else None


def workspaces() -> tuple[str, ...]:
    """Return the ids of workspace connections that no listing finds."""
    return tuple((conf.get(SECTION, "workspaces", fallback="") or "").replace(",", " ").split())


def max_webhook_bytes() -> int:
    """Return the most bytes that a webhook's delivery may have."""
    return int(conf.getint(SECTION, "max_webhook_bytes", fallback=1_048_576))


def webhook_event_bytes() -> int:
    """Return the most bytes of a payload that goes into an asset event; larger ones are fetched by the task."""
    return int(conf.getint(SECTION, "webhook_event_bytes", fallback=16_384))


def webhook_days() -> int:
    """Return for how many days deliveries are kept, and replays known."""
    return int(conf.getint(SECTION, "webhook_days", fallback=30))


def api_requests_per_minute() -> int:
    """Return how many requests of one host application an API server takes in a minute; 0 for no limit."""
    return int(conf.getint(SECTION, "api_requests_per_minute", fallback=3000))


def api_user_requests_per_minute() -> int:
    """Return how many requests of one end user an API server takes in a minute; 0 for no limit."""
    return int(conf.getint(SECTION, "api_user_requests_per_minute", fallback=120))


def api_address_requests_per_minute() -> int:
    """Return how many requests from one address an API server takes in a minute; 0 for no limit."""
    return int(conf.getint(SECTION, "api_address_requests_per_minute", fallback=6000))


def adds_login() -> bool:
    """Return whether Airflow adds a login of its own to every request, as its last header Authorization.

    That is so where everybody is an administrator ([core] simple_auth_manager_all_admins).
    """
    manager = conf.get("core", "auth_manager", fallback="") or ""
    is_on = conf.getboolean("core", "simple_auth_manager_all_admins", fallback=False)
    return bool(is_on) and manager.endswith("SimpleAuthManager")
