"""The service of end users inside Airflow: with its database, its connections and its options.

Whoever imports this module sees to it that host applications are told of what happens in this process.
"""

from __future__ import annotations

from functools import cache

from airflow_provider_integry import config
from airflow_provider_integry.authorizations import events
from airflow_provider_integry.authorizations.airflow_store import (
    ensure_installation_secret,
    local_engine,
    local_held_grants,
    local_journal,
    local_refresher,
    local_store,
)
from airflow_provider_integry.authorizations.events import AirflowEvents
from airflow_provider_integry.end_users.link_store import LinkStore
from airflow_provider_integry.end_users.links import Links
from airflow_provider_integry.end_users.outbox import Outbox
from airflow_provider_integry.end_users.principals import Identities
from airflow_provider_integry.end_users.service import EndUsers, Parts
from airflow_provider_integry.end_users.sessions import Sessions
from airflow_provider_integry.end_users.workspaces import Directory


@cache
def local_directory() -> Directory:
    """Return what knows this installation's workspaces."""
    return Directory()


@cache
def local_link_store() -> LinkStore:
    """Return this process's links and used tokens."""
    return LinkStore(local_engine)


@cache
def local_links() -> Links:
    """Return what makes connect links and follows them."""
    return Links(local_link_store(), local_directory(), config.public_url)


@cache
def local_identities() -> Identities:
    """Return what checks who asks."""
    return Identities(local_directory(), local_link_store())


@cache
def local_sessions() -> Sessions:
    """Return what makes and reads sessions of end users."""
    return Sessions(ensure_installation_secret, local_directory().find)


@cache
def local_outbox() -> Outbox:
    """Return the events that host applications are to be told."""
    return Outbox(local_engine, local_directory())


@cache
def local_end_users() -> EndUsers:
    """Return the service."""
    return EndUsers(
        Parts(
            store=local_store(),
            journal=local_journal(),
            events=AirflowEvents(),
            refresher=local_refresher(),
            directory=local_directory(),
            links=local_links(),
            held=local_held_grants(),
            outbox=local_outbox(),
        )
    )


def watch_grants() -> None:
    """Tell host applications of what happens to grants in this process; does nothing the second time."""
    watcher = local_outbox().watch
    if watcher not in events.watchers:
        events.watchers.append(watcher)


watch_grants()
