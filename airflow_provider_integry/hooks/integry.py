"""The hook: one connection, as a signed session, a token, an auth object or a run activity."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

from airflow_provider_integry.auth.credentials import ApiKey, BearerToken, DPoPToken, OAuth1, main_of
from airflow_provider_integry.auth.oauth1_consent import OAuth1Consent
from airflow_provider_integry.authorizations.build_settings import build_settings, needs_files
from airflow_provider_integry.authorizations.echoes import EchoFilter
from airflow_provider_integry.errors import (
    AuthorizationError,
    ConnectionConfigError,
    MissingFieldError,
)
from airflow_provider_integry.hooks.masking import TaskMasker
from airflow_provider_integry.hooks.readiness import TellsReadiness
from airflow_provider_integry.hooks.watched import WatchedSource
from airflow_provider_integry.settings import ConnectionSettings, read_connection

if TYPE_CHECKING:
    from requests.auth import AuthBase

    from airflow_provider_integry.auth.source import CredentialSource
    from airflow_provider_integry.authorizations.entered_source import EnteredSupply
    from airflow_provider_integry.connectors import Connector
    from airflow_provider_integry.transport.aio import IntegryAsyncSession
    from airflow_provider_integry.transport.guard import HostGuard
    from airflow_provider_integry.transport.sync import IntegrySession


class IntegryHook(TellsReadiness, BaseHook):
    """Use one connection of this provider, of whichever type.

    The connection is looked up once per hook, and one session is made: two calls of `get_conn`
    return the same one.

    Args:
        integry_conn_id: The Airflow connection.
        end_user: End user of the host application whose authorization is used; None for the
            connection's own account.
        account: Which of several accounts of that end user; None for the default one.
        connector: Name or path of the connector; None for the connection's own. A mapping describes one
            request, as `connectors.one_off` makes it.
    """

    conn_name_attr = "integry_conn_id"
    default_conn_name = "integry_default"
    conn_type = "integry"
    hook_name = "Integry"

    def __init__(
        self,
        integry_conn_id: str = default_conn_name,
        end_user: str | None = None,
        account: str | None = None,
        connector: str | Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.integry_conn_id = integry_conn_id
        self.end_user = end_user
        self.account = account
        self._connector_name = connector
        self._connector: Connector | None = None
        self._settings: ConnectionSettings | None = None
        self._session: IntegrySession | None = None
        # The Test button tries a connection under a made-up name: nothing of it is to be kept.
        self._is_trial = False
        self._is_for_anyone = False
        self._masker = TaskMasker()
        self._echoes = EchoFilter()

    # -- what the connection says ------------------------------------------------------------------

    @property
    def settings(self) -> ConnectionSettings:
        """The checked connection, looked up at the first use.

        Raises:
            ConnectionConfigError: A field is missing or wrong; the error names it.
            NotAuthorizedError: An end user was given who has no authorization.
        """
        if self._settings is None:
            self._settings = self._accept(self.get_connection(self.integry_conn_id))
        return self._settings

    async def asettings(self) -> ConnectionSettings:
        """Return the checked connection without blocking the event loop."""
        if self._settings is None:
            connection = await self.aget_connection(self.integry_conn_id)
            # A connector is a file: reading it would block the loop.
            is_slow = needs_files(read_connection(connection))
            self._settings = await asyncio.to_thread(self._accept, connection) if is_slow else self._accept(connection)
        return self._settings

    @property
    def connector(self) -> Connector:
        """The connector that describes the API.

        Raises:
            MissingFieldError: Neither the hook nor the connection names one.
            ConnectorNotFoundError: There is none of that name.
            ConnectorFormatError: Its description is wrong.
        """
        if self._connector is None:
            self._connector = self._load_connector()
        return self._connector

    # -- sessions ----------------------------------------------------------------------------------

    def get_conn(self) -> IntegrySession:
        """Return a `requests.Session` that signs, retries, and takes URLs relative to the base URL."""
        if self._session is None:
            # Lazy for start-up cost: requests is not needed to parse a DAG file.
            from airflow_provider_integry.transport.sync import IntegrySession

            usable = self._usable()
            base_url = self._base_url(usable)
            self._session = IntegrySession(
                self._source(usable), self._guard(usable, base_url), base_url, usable.transport, dict(usable.headers)
            )
        return self._session

    @asynccontextmanager
    async def get_async_conn(self) -> AsyncGenerator[IntegryAsyncSession, None]:
        """Open an aiohttp-based session with the same behaviour; use it in ``async with``."""
        # Lazy for start-up cost: aiohttp is needed by async code alone.
        from airflow_provider_integry.transport.aio import IntegryAsyncSession

        usable = await self._ausable()
        # A connector is a file: reading it would block the loop.
        base_url = await asyncio.to_thread(self._base_url, usable)
        async with IntegryAsyncSession(
            self._source(usable), self._guard(usable, base_url), base_url, usable.transport, dict(usable.headers)
        ) as session:
            yield session

    @property
    def auth(self) -> AuthBase:
        """An auth object for `requests`: ``requests.get(url, auth=hook.auth)``.

        It refuses hosts that may not have the credential. For OAuth 1.0a it is a
        `requests_oauthlib.OAuth1`, as vendors' SDKs want it.
        """
        # Lazy for start-up cost: requests is not needed to parse a DAG file.
        from airflow_provider_integry.transport.sync import SignedAuth

        usable = self._usable()
        guard = self._guard(usable, self._base_url(usable))
        auth: object = usable.auth
        if isinstance(auth, OAuth1Consent):
            # Read once: this token is never renewed.
            auth = main_of(self._source(usable).get().credentials)
        if isinstance(auth, OAuth1) and not usable.secret_headers:
            # Lazy for start-up cost: one connection type of eight needs requests-oauthlib.
            from airflow_provider_integry.transport.oauth1_auth import GuardedOAuth1

            return GuardedOAuth1(auth, guard)
        return SignedAuth(self._source(usable), guard)

    def get_token(self) -> str:
        """Return a token that is good now, for a vendor's SDK; a key where the type is an API key.

        Raises:
            AuthorizationError: The mechanism has no single token (OAuth 1.0a, Basic, key and secret).
        """
        credentials = main_of(self._source().get().credentials)
        if isinstance(credentials, BearerToken | DPoPToken):
            return credentials.token.reveal()
        if isinstance(credentials, ApiKey):
            return credentials.key.reveal()
        raise AuthorizationError(
            f"Connection '{self.integry_conn_id}' of type '{self.settings.conn_type}' has no single token;"
            " use hook.get_conn() or hook.auth."
        )

    @property
    def kept_values(self) -> dict[str, str]:
        """What was kept of the service's answers when somebody authorized; see field 'kept_values'.

        Raises:
            AuthorizationError: There is no grant.
        """
        return dict(self._source().get().kept)

    def for_anyone(self) -> IntegryHook:
        """Take a connection that has no account of its own too, as `for_user` is for, and return the hook."""
        self._is_for_anyone = True
        return self

    def for_user(self, end_user: str | None, account: str | None) -> IntegryHook:
        """Return a hook of the same connection, as it was looked up here, for another authorization."""
        hook = type(self)(self.integry_conn_id, end_user, account, self._connector_name)
        hook._settings, hook._connector = self.settings, self._connector  # noqa: SLF001 - of the same class
        hook._echoes.add(self.settings.secrets)  # noqa: SLF001 - of the same class
        return hook

    def with_settings(self, settings: ConnectionSettings) -> IntegryHook:
        """Take a connection that was looked up already, as commands do, and return the hook."""
        self._settings = settings
        self._masker.mask(settings.secrets)
        self._echoes.add(settings.secrets)
        return self

    def with_connector(self, connector: Connector) -> IntegryHook:
        """Take a connector that was loaded already, as tests do, and return the hook."""
        self._connector, self._connector_name = connector, connector.name
        return self

    # -- inside ------------------------------------------------------------------------------------

    def _accept(self, connection: Any) -> ConnectionSettings:
        settings = build_settings(read_connection(connection), allow_unfilled=True)
        if self.end_user is None and self.account is None and not self._is_for_anyone:
            settings.check_filled()
        own = type(self).conn_type
        if own not in (IntegryHook.conn_type, settings.conn_type):
            problem = f"is '{settings.conn_type}', but this hook is for '{own}'; use IntegryHook for any type"
            raise ConnectionConfigError(settings.conn_id, "conn_type", problem)
        self._masker.mask(settings.secrets)
        self._echoes.add(settings.secrets)
        return settings

    def _load_connector(self) -> Connector:
        # Lazy for start-up cost: not needed to parse a DAG file.
        from airflow_provider_integry.authorizations.api_target import load_connector_of

        if isinstance(self._connector_name, Mapping):
            return self._load_one_off(self._connector_name)
        name = self._connector_name or self.settings.connector
        if not name:
            problem = "is empty, and needed to run activities; give a connector's name or path"
            raise MissingFieldError(self.settings.conn_id, "connector", problem)
        return load_connector_of(self.settings, name)

    def _load_one_off(self, request: Mapping[str, Any]) -> Connector:
        # Lazy for start-up cost, as above.
        from airflow_provider_integry.authorizations.api_target import load_connector_of
        from airflow_provider_integry.connectors.one_off import build_connector

        name = request.get("connector") or self.settings.connector
        base = load_connector_of(self.settings, name) if name else None
        return build_connector(base, request["activity"], tuple(self.settings.allowed_hosts))

    def _has_connector(self) -> bool:
        return bool(self._connector_name or self.settings.connector)

    def _usable(self) -> ConnectionSettings:
        """Return the connection with the credentials of its end user in it, where they enter their own."""
        supply = self._entered_supply()
        return self._watch(supply.fill()) if supply else self.settings

    async def _ausable(self) -> ConnectionSettings:
        """Do what `_usable` does, without blocking the event loop."""
        await self.asettings()
        supply = self._entered_supply()
        return self._watch(await supply.afill()) if supply else self.settings

    def _entered_supply(self) -> EnteredSupply | None:
        # Lazy for start-up cost: oauthlib and PyJWT are not needed to parse a DAG file.
        from airflow_provider_integry.authorizations.choose import entered_supply_for

        return None if self._is_trial else entered_supply_for(self.settings, self.end_user, self.account)

    def _watch(self, usable: ConnectionSettings) -> ConnectionSettings:
        self._masker.mask(usable.secrets)
        self._echoes.add(usable.secrets)
        return usable

    def _base_url(self, usable: ConnectionSettings | None = None) -> str:
        # Lazy for start-up cost, as above.
        from airflow_provider_integry.authorizations.api_target import base_url_of

        usable = usable or self._usable()
        base_url = base_url_of(usable, self.connector if self._has_connector() else None)
        if base_url is None:
            problem = "is empty, and there is no connector that knows it; fill in 'Base URL', https://api.example.com"
            raise MissingFieldError(self.settings.conn_id, "host", problem)
        return base_url

    def _guard(self, usable: ConnectionSettings, base_url: str) -> HostGuard:
        # Lazy for start-up cost, as above.
        from airflow_provider_integry.authorizations.api_target import guard_of

        return guard_of(usable, self.connector if self._has_connector() else None, base_url)

    def _source(self, usable: ConnectionSettings | None = None) -> CredentialSource:
        # Lazy for start-up cost: oauthlib and PyJWT are not needed to parse a DAG file.
        from airflow_provider_integry.authorizations.choose import kept_source_for
        from airflow_provider_integry.authorizations.tokens import source_for

        if self._is_trial:
            inner = source_for(self.settings)
        elif supply := self._entered_supply():
            inner = supply.source((usable or self._usable()).base_url)
        else:
            inner = kept_source_for(self.settings, self.end_user, self.account)
        return WatchedSource(inner, self._masker, self._echoes)
