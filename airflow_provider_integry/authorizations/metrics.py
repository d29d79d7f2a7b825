"""Metrics through Airflow's own stats; names begin with ``integry.``."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Any, Literal, NamedTuple

log = logging.getLogger(__name__)


class Metric(NamedTuple):
    """One metric, for the documentation and for whoever looks for its name.

    Attributes:
        kind: "counter" or "timer".
        meaning: What it counts or measures; capitals in the name stand for one word of several.
    """

    kind: Literal["counter", "timer"]
    meaning: str


# Every name that is sent, without the prefix.
METRICS: Mapping[str, Metric] = {
    "refresh.success": Metric("counter", "tokens that were renewed"),
    "refresh.duration": Metric("timer", "from taking the lease to the stored token"),
    "refresh.age": Metric("timer", "time since the same authorization was renewed before"),
    "refresh.failure.CLASS": Metric(
        "counter", "refreshes that failed, by error class, such as `refresh.failure.InvalidClientError`"
    ),
    "refresh.recovered": Metric("counter", "grants that were found in the journal after a crash"),
    "grant.imported": Metric("counter", "refresh tokens that became a grant"),
    "grant.authorized": Metric("counter", "consents that became a grant"),
    "grant.revoked": Metric("counter", "grants that were revoked here"),
    "grant.lost.CAUSE": Metric(
        "counter", "grants that are lost: `invalid_grant`, `refresh_outcome_unknown` or `no_refresh_token`"
    ),
    "broker.read": Metric("counter", "tokens that were handed out at once"),
    "broker.wait": Metric("timer", "how long a request waited for a refresh"),
    "broker.refused.REASON": Metric(
        "counter", "proofs that were refused: `signature`, `claims`, `expired` or `replayed`"
    ),
    "webhook.OUTCOME": Metric("counter", "deliveries that were taken, by what came of them"),
    "webhook.replayed": Metric("counter", "deliveries that had been taken before"),
    "webhook.refused.REASON": Metric("counter", "deliveries that were refused, by the check that failed"),
}


def count(name: str, number: int = 1) -> None:
    """Add to a counter."""
    stats().incr(f"integry.{name}", number)


def timing(name: str, seconds: float) -> None:
    """Record a duration; StatsD gets milliseconds."""
    stats().timing(f"integry.{name}", timedelta(seconds=seconds))


@cache
def stats() -> Any:
    """Return Airflow's stats, started in this process where Airflow has not done so.

    Airflow 3.2 starts none in its API server and no version does on the command line.
    """
    # Lazy for start-up cost: nothing is counted while a DAG file is parsed.
    from airflow._shared.observability.metrics.stats import Stats
    from airflow.configuration import conf

    if any(
        conf.getboolean("metrics", name, fallback=False) for name in ("statsd_on", "otel_on", "statsd_datadog_enabled")
    ):
        try:
            if not _is_started(Stats):
                _start(Stats)
        except Exception:
            log.exception("Airflow's metrics could not be started; this provider's are not sent.")
    return Stats


def _is_started(stats_class: Any) -> bool:
    """Return whether Airflow has started its stats here: a second start would make a second exporter."""
    # Lazy for start-up cost, as above.
    from airflow._shared.observability.metrics import stats as module
    from airflow._shared.observability.metrics.base_stats_logger import NoStatsLogger

    # The module keeps it in Airflow 3.3, the class in 3.2.
    factory = getattr(module, "_factory", None) or getattr(stats_class, "factory", None)
    return factory not in (None, NoStatsLogger)


def _start(stats_class: Any) -> None:
    # Lazy for start-up cost, as above.
    import inspect

    from airflow.configuration import conf
    from airflow.observability.metrics import stats_utils as utils

    stats_utils: Any = utils

    if inspect.signature(stats_utils.get_stats_factory).parameters:
        # Airflow 3.2
        stats_class.initialize(factory=stats_utils.get_stats_factory(stats_class))
        return
    legacy = conf.getboolean("metrics", "legacy_names_on", fallback=True)
    stats_class.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=legacy)
