"""Which way this process gets tokens: from the database, from the broker, or from the endpoint itself."""

from __future__ import annotations

import logging
import time

from airflow_provider_integry import config
from airflow_provider_integry.auth.source import CredentialSource
from airflow_provider_integry.authorizations.client import BrokerClient
from airflow_provider_integry.authorizations.entered_source import EnteredSupply, name_connection
from airflow_provider_integry.authorizations.grant import AuthorizationKey
from airflow_provider_integry.authorizations.links import authorize_link
from airflow_provider_integry.authorizations.messages import Status
from airflow_provider_integry.authorizations.subject import (
    build_subject,
    check_names,
    is_brokered,
    is_kept,
    is_served,
)
from airflow_provider_integry.authorizations.supply import EndpointSupplier, Supplied, Supplier
from airflow_provider_integry.authorizations.tokens import remember, source_for
from airflow_provider_integry.errors import BrokerError, NotAuthorizedError, RefreshInProgressError, StoreError
from airflow_provider_integry.settings import ConnectionSettings

log = logging.getLogger(__name__)
# After the broker could not be asked, the endpoint is asked for this long before another try.
DETOUR_S = 60.0


def entered_supply_for(settings: ConnectionSettings, end_user: str | None, account: str | None) -> EnteredSupply | None:
    """Return the process's supply of what was entered for an authorization; None where nobody enters it.

    Raises:
        NotAuthorizedError: An end user or account was given, and the connection has none.
    """
    check_end_user(settings, end_user, account)
    if not settings.takes_entered(end_user, account):
        return None
    name = AuthorizationKey(settings.conn_id, None, end_user, account).digest
    return remember(
        f"{name_connection(settings)} {name}",
        lambda: EnteredSupply(settings, end_user, _build_supplier(settings, end_user, account)),
    )


def kept_source_for(
    settings: ConnectionSettings, end_user: str | None = None, account: str | None = None
) -> CredentialSource:
    """Return the process's source of credentials for one authorization, but for those that are entered.

    Tokens from a token or login endpoint are kept for all processes together; keys, passwords and JWTs that
    are signed here need no keeping.

    Raises:
        NotAuthorizedError: An end user or account was given, and the connection has none.
    """
    check_end_user(settings, end_user, account)
    if not is_brokered(settings):
        return source_for(settings)
    name = AuthorizationKey(settings.conn_id, None, end_user, account).digest
    # A caller waits for the one who asks, who waits for the broker.
    return source_for(
        settings, lambda: _build_supplier(settings, end_user, account), name=name, wait_s=config.wait_s() + 30.0
    )


def check_end_user(settings: ConnectionSettings, end_user: str | None, account: str | None) -> None:
    """Refuse an end user or account of a connection that has none.

    Raises:
        NotAuthorizedError: The connection acts for its own account alone.
    """
    if end_user is None and account is None:
        return
    check_names(AuthorizationKey(settings.conn_id, None, end_user, account))
    if not is_served(settings, end_user, account):
        reason = f"a connection of type '{settings.conn_type}' has one account; leave end_user and account empty."
        raise NotAuthorizedError(settings.conn_id, end_user, reason)
    build_subject(settings, AuthorizationKey(settings.conn_id, None, end_user, account))


def find_link(settings: ConnectionSettings, end_user: str | None, account: str | None) -> str | None:
    """Return where an authorization can be given (again); None where nobody is asked for consent."""
    if not is_served(settings, end_user, account):
        return None
    subject = build_subject(settings, AuthorizationKey(settings.conn_id, None, end_user, account))
    return authorize_link(settings.conn_id, end_user, account) if subject.has_consent else None


def read_status(settings: ConnectionSettings, end_user: str | None, account: str | None) -> Status | None:
    """Return where a kept authorization stands; None where nobody tells."""
    if config.has_database():
        # Lazy for start-up cost: tasks have no database.
        from airflow_provider_integry.authorizations.direct import read_direct_status

        return read_direct_status(settings, end_user, account)
    return BrokerClient(settings, end_user, account).status()


async def aread_status(settings: ConnectionSettings, end_user: str | None, account: str | None) -> Status | None:
    """Do what `read_status` does, without blocking the event loop."""
    if config.has_database():
        # Lazy for start-up cost, as above.
        from airflow_provider_integry.authorizations.direct import read_direct_status
        from airflow_provider_integry.authorizations.steps import run_in_thread

        return await run_in_thread(lambda: read_direct_status(settings, end_user, account))
    return await BrokerClient(settings, end_user, account).astatus()


def _build_supplier(settings: ConnectionSettings, end_user: str | None, account: str | None) -> Supplier:
    kept: Supplier
    if config.has_database():
        # Lazy for start-up cost, as above.
        from airflow_provider_integry.authorizations.direct import DirectSupplier

        kept = DirectSupplier(settings, end_user, account)
    else:
        kept = BrokerClient(settings, end_user, account)
    if is_kept(settings, end_user, account):
        return kept
    assert is_brokered(settings)
    own = EndpointSupplier(settings.conn_id, settings.auth, settings.transport)  # type: ignore[arg-type]
    return DetourSupplier(settings.conn_id, kept, own)


class DetourSupplier:
    """Asks for tokens that can be obtained again at any time: without the broker, the endpoint itself is asked.

    Args:
        conn_id: The connection, for the log.
        kept: The usual way.
        own: The detour.
    """

    def __init__(self, conn_id: str, kept: Supplier, own: Supplier) -> None:
        self._conn_id = conn_id
        self._kept = kept
        self._own = own
        self._detour_until = 0.0

    def supply(self, rejected: str | None) -> Supplied:
        """Return a token; see `Supplier.supply`."""
        if not self._is_detouring():
            try:
                return self._kept.supply(rejected)
            except (BrokerError, StoreError) as error:
                self._take_detour(error)
        return self._own.supply(rejected)

    async def asupply(self, rejected: str | None) -> Supplied:
        """Return a token; see `Supplier.asupply`."""
        if not self._is_detouring():
            try:
                return await self._kept.asupply(rejected)
            except (BrokerError, StoreError) as error:
                self._take_detour(error)
        return await self._own.asupply(rejected)

    def _is_detouring(self) -> bool:
        return time.monotonic() < self._detour_until

    def _take_detour(self, error: BrokerError | StoreError) -> None:
        if isinstance(error, RefreshInProgressError):
            raise error
        if not self._detour_until:
            log.warning(
                "Connection '%s': this process fetches its own tokens, because kept ones cannot be used: %s",
                self._conn_id,
                error,
            )
        self._detour_until = time.monotonic() + DETOUR_S
