"""Entries of Airflow's audit log about links; ids alone."""

from __future__ import annotations

import json
import logging

from airflow_provider_integry.end_users.link_store import Link

log = logging.getLogger(__name__)


def record_link(event: str, link: Link) -> None:
    """Write an entry about a link; a failure to do so is logged."""
    # Lazy for start-up cost: the models are needed by processes with the database alone.
    from airflow.models.log import Log
    from airflow.utils.session import create_session

    owner = link.created_by
    extra = json.dumps({"conn_id": link.conn_id, "link_id": link.id, "binding": link.binding})
    try:
        with create_session(scoped=False) as session:
            session.add(Log(event=f"integry.authorization.{event}", owner=owner, owner_display_name=owner, extra=extra))
    except Exception:
        log.exception("An audit entry of link %s (%s) could not be written.", link.id, event)
