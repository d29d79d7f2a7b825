"""The store inside Airflow: its engine, its connections, its audit log. For processes with the database."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets as random_secrets
from functools import cache
from typing import TYPE_CHECKING

from airflow_provider_integry import config
from airflow_provider_integry.authorizations.build_settings import build_settings
from airflow_provider_integry.authorizations.consent import Consents
from airflow_provider_integry.authorizations.consents import ConsentStore
from airflow_provider_integry.authorizations.crypto import check_key
from airflow_provider_integry.authorizations.events import AirflowEvents
from airflow_provider_integry.authorizations.held_grants import HeldGrants
from airflow_provider_integry.authorizations.journal import Journal
from airflow_provider_integry.authorizations.permit_store import PermitStore
from airflow_provider_integry.authorizations.poll_store import PollStore
from airflow_provider_integry.authorizations.proof import INSTALLATION_CONN_ID
from airflow_provider_integry.authorizations.refresh import Refresher
from airflow_provider_integry.authorizations.rotate_triggers import rotate_triggers
from airflow_provider_integry.authorizations.store import AuthorizationStore
from airflow_provider_integry.authorizations.webhook_store import WebhookStore
from airflow_provider_integry.errors import StoreNotReadyError, StoreUnavailableError
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.settings import ConnectionSettings, RawConnection, read_connection

if TYPE_CHECKING:
    from sqlalchemy import Engine

log = logging.getLogger(__name__)
_DESCRIPTION = (
    "Made by airflow-provider-integry: tasks prove with it that they belong to this Airflow. If it is deleted, a new"
    " one is made."
)


@cache
def local_store() -> AuthorizationStore:
    """Return this process's store."""
    return AuthorizationStore(local_engine)


@cache
def local_permits() -> PermitStore:
    """Return this process's permits."""
    return PermitStore(local_engine)


@cache
def local_journal() -> Journal:
    """Return this process's journal."""
    return Journal(config.journal_folder())


@cache
def local_refresher() -> Refresher:
    """Return this process's refresher."""
    return Refresher(local_store(), local_journal(), AirflowEvents())


@cache
def local_consents() -> Consents:
    """Return what begins and ends authorizations in this process."""
    return Consents(local_store(), ConsentStore(local_engine), local_journal(), AirflowEvents(), read_settings, team_of)


@cache
def local_held_grants() -> HeldGrants:
    """Return what keeps, or gives back, what end users have given and nobody has fetched yet."""
    held = ConsentStore(local_engine)
    return HeldGrants(local_store(), held, local_journal(), AirflowEvents(), local_consents().subject_of)


@cache
def local_webhooks() -> WebhookStore:
    """Return this process's webhooks."""
    return WebhookStore(local_engine)


@cache
def local_polls() -> PollStore:
    """Return this process's polls."""
    return PollStore(local_engine)


def rotate_local_triggers() -> tuple[int, list[str]]:
    """Encrypt what polls and webhooks keep anew; see `rotate_triggers`."""
    return rotate_triggers(local_engine)


def read_settings(conn_id: str) -> ConnectionSettings | None:
    """Return a connection as this process's secrets backends and database have it; None where there is none.

    It may have no account of its own: whoever needs that asks `ConnectionSettings.check_filled`.

    Raises:
        ConnectionConfigError: A field of it is missing or wrong.
    """
    raw = read_raw(conn_id)
    return build_settings(raw, allow_unfilled=True) if raw else None


def read_raw(conn_id: str) -> RawConnection | None:
    """Return a connection's columns, unchecked; None where there is none."""
    # Lazy for start-up cost: the models are needed by processes with the database alone.
    from airflow.models.connection import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        team = team_of(conn_id)
        found = (
            Connection.get_connection_from_secrets(conn_id, team_name=team)
            if team
            else Connection.get_connection_from_secrets(conn_id)
        )
    except AirflowNotFoundException:
        return None
    return read_connection(found)


def team_of(conn_id: str) -> str | None:
    """Return the team that a connection of the database belongs to; None outside of multi-team deployments."""
    if not config.multi_team():
        return None
    # Lazy for start-up cost, as above.
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    with create_session(scoped=False) as session:
        return Connection.get_team_name(conn_id, session=session)


def ensure_installation_secret() -> Secret:
    """Return this installation's secret; it is made, once, where there is none.

    Raises:
        StoreNotReadyError: It is there and cannot be decrypted, or Airflow has no Fernet key.
        StoreUnavailableError: It cannot be read.
    """
    # Lazy for start-up cost, as above.
    from airflow.models.connection import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException
    from airflow.utils.session import create_session
    from sqlalchemy.exc import IntegrityError

    check_key()
    for _ in range(2):
        try:
            password = Connection.get_connection_from_secrets(INSTALLATION_CONN_ID).password
        except AirflowNotFoundException:
            made = Connection(
                conn_id=INSTALLATION_CONN_ID,
                conn_type="generic",
                description=_DESCRIPTION,
                password=random_secrets.token_hex(32),
            )
            try:
                with create_session(scoped=False) as session:
                    session.add(made)
            except IntegrityError:
                log.debug("Another API server has just made the installation's secret.")
            continue
        if not password:
            raise StoreNotReadyError(
                f"Connection '{INSTALLATION_CONN_ID}' has no password. Delete it: a new one is made."
            )
        return Secret(password)
    raise StoreUnavailableError(f"Connection '{INSTALLATION_CONN_ID}' cannot be read just after it was made.")


def blank_refresh_token(conn_id: str, seed_digest: str) -> bool:
    """Empty the pasted refresh token of a connection in the database; return whether it was there.

    Args:
        conn_id: The connection.
        seed_digest: SHA-256, in hex, of the token: a newer one is left alone.
    """
    # Lazy for start-up cost, as above.
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session(scoped=False) as session:
        row = session.scalar(select(Connection).where(Connection.conn_id == conn_id).with_for_update())
        if row is None:
            return False
        try:
            extra = json.loads(row.extra or "{}")
        except ValueError:
            return False
        pasted = extra.get("refresh_token") if isinstance(extra, dict) else None
        if not isinstance(pasted, str):
            return False
        if hashlib.sha256(pasted.strip().encode("utf-8", "surrogatepass")).hexdigest() != seed_digest:
            return False
        row.extra = json.dumps({**extra, "refresh_token": ""})
        return True


_engines: dict[tuple[int, int], Engine] = {}


def local_engine() -> Engine:
    """Return an engine on Airflow's database with a pool of its own, set up as Airflow's is.

    Airflow's pool is small and can be exhausted for half a minute; a task that waits for a token must not
    wait for that. Ours never has more connections than there are `DATABASE_THREADS`.
    """
    # Lazy for start-up cost, and asked each time: Airflow makes a new engine after a fork.
    from airflow import settings
    from sqlalchemy import create_engine

    engine: Engine | None = settings.engine
    if engine is None:
        raise StoreUnavailableError("Airflow has not opened its database in this process.")
    key = (os.getpid(), id(engine))
    if key not in _engines:
        # With Airflow's way to connect, its options and its listeners.
        _engines[key] = create_engine(engine.url, pool=engine.pool.recreate())
    return _engines[key]
