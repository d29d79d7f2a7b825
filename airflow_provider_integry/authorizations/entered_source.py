"""What an end user has entered, as a task uses it: its connection filled in, and the credentials that come of it."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import astuple

from airflow_provider_integry import config
from airflow_provider_integry.auth.source import CredentialSource, Issued
from airflow_provider_integry.authorizations.build_settings import needs_files
from airflow_provider_integry.authorizations.entered import refill
from airflow_provider_integry.authorizations.shared_supply import SharedSupply
from airflow_provider_integry.authorizations.supply import Supplied, Supplier
from airflow_provider_integry.authorizations.tokens import source_for
from airflow_provider_integry.errors import NotAuthorizedError
from airflow_provider_integry.settings import ConnectionSettings


class EnteredSupply:
    """One account's credentials, shared by a process and asked for again after a minute.

    Args:
        settings: The connection, as this process has it.
        end_user: Whose they are; None where the account alone says it.
        supplier: The database, or the broker.
    """

    def __init__(self, settings: ConnectionSettings, end_user: str | None, supplier: Supplier) -> None:
        self._settings = settings
        self._end_user = end_user
        # A caller waits for the one who asks, who waits for the broker.
        self._supply = SharedSupply(settings.conn_id, supplier, wait_s=config.wait_s() + 30.0)
        self._filled: tuple[str, ConnectionSettings] | None = None

    def fill(self) -> ConnectionSettings:
        """Return the connection with the account's credentials in it, as they are now.

        Raises:
            NotAuthorizedError: Nobody has entered them, or they were revoked.
            EnteredFieldError: The connection was changed so that they do not fit any more.
            BrokerError, StoreError: They cannot be had.
        """
        return self._fill(self._supply.obtain())

    async def afill(self) -> ConnectionSettings:
        """Do what `fill` does, without blocking the event loop."""
        supplied = await self._supply.aobtain()
        is_known = self._filled is not None and self._filled[0] == supplied.token.fingerprint
        # A connector is a file: reading it would block the loop.
        raw = self._settings.raw
        is_slow = not is_known and raw is not None and needs_files(raw.reveal())
        return await asyncio.to_thread(self._fill, supplied) if is_slow else self._fill(supplied)

    def _fill(self, supplied: Supplied) -> ConnectionSettings:
        known = self._filled
        if known is None or known[0] != supplied.token.fingerprint:
            known = self._filled = (supplied.token.fingerprint, refill(self._settings, supplied.entered))
        return known[1]

    def source(self, base_url: str | None) -> CredentialSource:
        """Return where a session gets its credentials from that was opened for a base URL."""
        return _EnteredSource(self, base_url, self._settings.conn_id, self._end_user)


class _EnteredSource:
    """Credentials of an account, as long as its base URL is the one that the session was opened for."""

    def __init__(self, supply: EnteredSupply, base_url: str | None, conn_id: str, end_user: str | None) -> None:
        self._supply = supply
        self._base_url = base_url
        self._conn_id = conn_id
        self._end_user = end_user

    def get(self, rejected: str | None = None) -> Issued:
        """Return credentials; see `CredentialSource.get`."""
        return self._inner(self._supply.fill()).get(rejected)

    async def aget(self, rejected: str | None = None) -> Issued:
        """Return credentials; see `CredentialSource.aget`."""
        return await self._inner(await self._supply.afill()).aget(rejected)

    def observe(self, url: str, nonce: str) -> None:
        """Do nothing: these credentials prove nothing."""

    def _inner(self, filled: ConnectionSettings) -> CredentialSource:
        if filled.base_url != self._base_url:
            reason = "another base URL was entered for it meanwhile; run the task again."
            raise NotAuthorizedError(self._conn_id, self._end_user, reason)
        return source_for(filled)


def name_connection(settings: ConnectionSettings) -> str:
    """Name a connection as it was read, without keeping it: what is filled in depends on all of it."""
    assert settings.raw is not None
    text = json.dumps(astuple(settings.raw.reveal()), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
