"""A DAG that keeps grants alive: it renews what nobody uses, and warns before the ends that nothing can move.

A file with three lines in the DAGs folder is all there is to it::

    from airflow_provider_integry.keep_alive import build_keep_alive_dag

    dag = build_keep_alive_dag()
"""

from __future__ import annotations

import logging
import math
import time
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.sdk import DAG, Asset, task

log = logging.getLogger(__name__)
DAG_ID = "integry_keep_alive"
# The shortest idle limit that is known is 24 hours. A grant is renewed at the latest after `IDLE` and one
# interval: 15 hours, so that an outage of nine hours is survived.
SCHEDULE = "0 */3 * * *"
IDLE = timedelta(hours=12)
WARN = timedelta(days=14)
LEAST_IDLE = timedelta(hours=1)
_DAY_S = 86_400.0
_DAYS_LEFT = "days_left"

GRANTS_ENDING = Asset("integry-grants-ending")


def build_keep_alive_dag(
    dag_id: str = DAG_ID,
    *,
    schedule: Any = SCHEDULE,
    idle: timedelta = IDLE,
    warn: timedelta = WARN,
    **dag_arguments: Any,
) -> DAG:
    """Build the DAG.

    `renew_idle_grants` asks the API server to renew every grant that was not renewed for `idle`. What fails in
    a passing way is tried again by the next run. Lost grants are named in the log; no retry brings them back.

    `announce_ends` is skipped unless grants end for good within `warn`. Then it emits an event of asset
    `integry-grants-ending`, once a day for each grant, whose extra is `{"grants": [{"authorization_id": 7,
    "conn_id": "acme", "ends_at": "2027-01-31T00:00:00+00:00"}]}`.

    `demand_action` fails where grants will not be renewed until somebody acts, such as where a client secret
    is refused; and is green otherwise.

    Args:
        dag_id: Id of the DAG.
        schedule: When it runs. `idle` and one interval together must be shorter than the shortest time for
            which one of the services lets a grant lie idle.
        idle: Time without a renewal after which a grant is renewed; at least an hour.
        warn: How long before its end a grant is announced.
        dag_arguments: Further arguments of the DAG.
    Raises:
        ValueError: An argument is wrong.
    """
    if idle < LEAST_IDLE:
        raise ValueError(f"idle is {idle}; give at least {LEAST_IDLE}, or every grant is renewed all the time.")
    if warn < timedelta(0):
        raise ValueError(f"warn is {warn}; give a time that is not negative.")
    defaults: dict[str, Any] = {
        "start_date": datetime(2026, 1, 1, tzinfo=timezone.utc),
        "catchup": False,
        "max_active_runs": 1,
        "tags": ["integry"],
        "doc_md": build_keep_alive_dag.__doc__,
    }
    with DAG(dag_id, schedule=schedule, **{**defaults, **dag_arguments}) as dag:
        report: Any = renew_idle_grants(idle.total_seconds(), warn.total_seconds())
        announce_ends(report)
        demand_action(report)
    return dag


@task(retries=2, retry_delay=timedelta(minutes=5), execution_timeout=timedelta(hours=1))
def renew_idle_grants(idle_s: float, warn_s: float) -> dict[str, Any]:
    """Renew grants, and return what came of it, by ids."""
    # Lazy for start-up cost: this file is parsed again and again.
    from dataclasses import asdict

    import msgspec
    from airflow.sdk.exceptions import AirflowFailException

    from airflow_provider_integry.authorizations.keep_alive_client import keep_alive
    from airflow_provider_integry.errors import IntegryError

    try:
        report = keep_alive(idle_s, warn_s)
    except IntegryError as error:
        if error.retryable:
            raise
        raise AirflowFailException(str(error)) from None
    found: dict[str, Any] = msgspec.to_builtins(asdict(report))
    log.info("%d grants were renewed.", report.renewed)
    for what in ("failed", "lost", "skipped"):
        for grant in found[what]:
            log.warning("Connection '%s': authorization %s: %s (%s).", *_words_of(grant), what, grant["reason"])
    return found


@task(outlets=[GRANTS_ENDING], retries=2)
def announce_ends(report: dict[str, Any], *, ti: Any = None, outlet_events: Any = None) -> None:
    """Emit an asset event for grants that end soon; be skipped where there are none to announce."""
    # Lazy for start-up cost, as above.
    from airflow.sdk.exceptions import AirflowSkipException

    days = count_days(report["ending"], time.time())
    # Without a map index it would be a list of all that ever was.
    days_before = ti.xcom_pull(ti.task_id, key=_DAYS_LEFT, include_prior_dates=True, map_indexes=-1) or {}
    ti.xcom_push(_DAYS_LEFT, days)
    grants = choose_announced(report["ending"], days, days_before)
    if not grants:
        raise AirflowSkipException("No grant ends soon that was not announced today.")
    for grant in grants:
        log.warning(
            "Connection '%(conn_id)s': the grant of authorization %(authorization_id)s ends at %(ends_at)s, whatever is"
            " done. Somebody has to authorize again before.",
            grant,
        )
    outlet_events[GRANTS_ENDING].extra = {"grants": grants}


@task
def demand_action(report: dict[str, Any]) -> None:
    """Fail where grants will not be renewed until somebody acts."""
    # Lazy for start-up cost, as above.
    from airflow.sdk.exceptions import AirflowFailException

    if problem := find_lasting_problem(report["failed"]):
        raise AirflowFailException(problem)


def find_lasting_problem(failed: list[dict[str, Any]]) -> str | None:
    """Return what somebody has to mend; None where the next run may do."""
    lasting = [grant for grant in failed if not grant["is_passing"]]
    if not lasting:
        return None
    reasons = ", ".join(sorted({f"{grant['conn_id']} ({grant['reason']})" for grant in lasting}))
    return (
        f"Number of grants that will not be renewed until somebody acts: {len(lasting)}. Connections: {reasons}."
        " 'airflow integry status' says what is wrong with each."
    )


def count_days(ending: list[dict[str, Any]], now: float) -> dict[str, int]:
    """Return the whole days that are left of each grant, by its id as text.

    Args:
        ending: Grants that end soon, `ends_at` in UTC epoch seconds.
        now: Current time, UTC epoch seconds.
    """
    return {str(grant["authorization_id"]): math.floor((grant["ends_at"] - now) / _DAY_S) for grant in ending}


def choose_announced(
    ending: list[dict[str, Any]], days: dict[str, int], days_before: dict[str, int]
) -> list[dict[str, Any]]:
    """Return the grants to announce: at first sight, and each time that a day less is left.

    Args:
        ending: Grants that end soon, `ends_at` in UTC epoch seconds.
        days: What `count_days` says of them.
        days_before: What it said when they were looked at before.
    Returns:
        The same grants with `ends_at` as ISO 8601 text.
    """
    return [
        {**grant, "ends_at": datetime.fromtimestamp(grant["ends_at"], timezone.utc).isoformat(timespec="seconds")}
        for grant in ending
        if days[name := str(grant["authorization_id"])] != days_before.get(name)
    ]


def _words_of(grant: dict[str, Any]) -> tuple[Any, Any]:
    return grant["conn_id"], grant["authorization_id"]


__all__ = ["GRANTS_ENDING", "build_keep_alive_dag"]
