"""What happens to grants, told to Airflow: metrics, its audit log, asset events, and the log.

Every change of a grant is an audit entry; a routine refresh is a metric. Entries hold ids only.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_provider_integry.authorizations import metrics
from airflow_provider_integry.authorizations.asset_events import announce_lost, announce_ready
from airflow_provider_integry.errors import IntegryError

if TYPE_CHECKING:
    from airflow_provider_integry.authorizations.grant import Authorization
    from airflow_provider_integry.authorizations.subject import Subject

log = logging.getLogger(__name__)
# Each is told of every entry about a grant: its event, and the row. For what is above this module.
Watcher = Callable[[str, "Authorization"], None]
watchers: list[Watcher] = []


class AirflowEvents:
    """Tells Airflow; a failure to do so never fails the refresh."""

    def refreshed(self, row: Authorization, seconds: float) -> None:
        """A token was renewed."""
        log.info("Connection '%s': the token of authorization %s was renewed in %.2f s.", row.conn_id, row.id, seconds)
        metrics.count("refresh.success")
        metrics.timing("refresh.duration", seconds)
        if row.refreshed_at is not None:
            metrics.timing("refresh.age", max(0.0, row.now - row.refreshed_at))

    def recovered(self, row: Authorization) -> None:
        """A grant that had arrived before a crash was found in the journal."""
        log.warning("Connection '%s': a grant was recovered from the journal (authorization %s).", row.conn_id, row.id)
        metrics.count("refresh.recovered")
        record("recovered", row)

    def failed(self, row: Authorization, error: Exception) -> None:
        """A token could not be renewed now."""
        said = str(error) if isinstance(error, IntegryError) else type(error).__name__
        log.warning("Connection '%s': authorization %s was not renewed: %s", row.conn_id, row.id, said)
        metrics.count(f"refresh.failure.{type(error).__name__}")

    def lost(self, row: Authorization, cause: str) -> None:
        """A grant cannot be renewed any more."""
        log.error("Connection '%s': authorization %s is lost (%s).", row.conn_id, row.id, cause)
        metrics.count(f"grant.lost.{cause}")
        record("lost", row, cause=cause)
        announce_lost(row, cause)

    def imported(self, row: Authorization, subject: Subject) -> None:
        """A pasted refresh token became a grant."""
        # Lazy: the store of connections is above this module's other users.
        from airflow_provider_integry.authorizations.airflow_store import blank_refresh_token

        log.info("Connection '%s': its refresh token is kept as authorization %s from now on.", row.conn_id, row.id)
        metrics.count("grant.imported")
        record("imported", row)
        announce_ready(row, imported=True)
        try:
            was_blanked = blank_refresh_token(row.conn_id, subject.seed_digest or "")
        except Exception:
            log.exception("Connection '%s': its refresh token was imported and could not be emptied.", row.conn_id)
            return
        if not was_blanked:
            log.info(
                "Connection '%s' is not in the database, so its refresh token stays where it is; it is no longer"
                " used. Remove it there.",
                row.conn_id,
            )

    def authorized(self, row: Authorization, owner: str) -> None:
        """Somebody gave consent, and the grant is stored."""
        log.info("Connection '%s': authorization %s was given.", row.conn_id, row.id)
        metrics.count("grant.authorized")
        record("authorized", row, owner=owner)
        announce_ready(row)


def record(event: str, row: Authorization, *, owner: str = "integry", **details: str) -> None:
    """Write an entry into Airflow's audit log.

    Args:
        event: What happened to the grant, in one word.
        row: The authorization; its id and its connection's are written, nothing else of it.
        owner: Who did it.
        details: Further words; never anything about a person.
    """
    # Lazy for start-up cost: the models are needed by processes with the database alone.
    from airflow.models.log import Log
    from airflow.utils.session import create_session

    extra = json.dumps({"conn_id": row.conn_id, "authorization_id": row.id, **details})
    try:
        with create_session(scoped=False) as session:
            session.add(Log(event=f"integry.authorization.{event}", owner=owner, owner_display_name=owner, extra=extra))
    except Exception:
        log.exception("An audit entry of authorization %s (%s) could not be written.", row.id, event)
    for watcher in watchers:
        _tell(watcher, event, row)


def _tell(watcher: Watcher, event: str, row: Authorization) -> None:
    try:
        watcher(event, row)
    except Exception:
        log.exception("Authorization %s (%s): somebody could not be told.", row.id, event)
