"""The hook: one connection, as a signed session, a token, an auth object or a run activity."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

from airflow_provider_integry.auth.credentials import ApiKey, BearerToken, DPoPToken, OAuth1, main_of
from airflow_provider_integry.auth.oauth1_consent import OAuth1Consent
from airflow_provider_integry.auth.oauth2 import GIVEN_GRANTS, OAuth2Settings
from airflow_provider_integry.auth.readiness import Readiness
from airflow_provider_integry.authorizations.build_settings import build_settings, needs_files
from airflow_provider_integry.authorizations.echoes import EchoFilter
from airflow_provider_integry.errors import (
    AuthorizationError,
    ConnectionConfigError,
    IntegryError,
    MissingFieldError,
)
from airflow_provider_integry.hooks.activities import RunsActivities, judged
from airflow_provider_integry.hooks.masking import TaskMasker
from airflow_provider_integry.hooks.probe import Findings, find_readiness
from airflow_provider_integry.hooks.watched import WatchedSource
from airflow_provider_integry.settings import ConnectionSettings, read_connection

if TYPE_CHECKING:
    from requests.auth import AuthBase

    from airflow_provider_integry.auth.source import CredentialSource
    from airflow_provider_integry.authorizations.messages import Status
    from airflow_provider_integry.connectors import Connector
    from airflow_provider_integry.connectors.judgement import Judge
    from airflow_provider_integry.connectors.user_info import Account, UserInfoCall
    from airflow_provider_integry.transport.aio import IntegryAsyncSession
    from airflow_provider_integry.transport.guard import HostGuard
    from airflow_provider_integry.transport.sync import IntegrySession


class IntegryHook(RunsActivities, BaseHook):
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

            base_url = self._base_url()
            settings = self.settings
            self._session = IntegrySession(
                self._source(),
                self._guard(base_url),
                base_url,
                settings.transport,
                dict(settings.headers),
                self._judge(),
            )
        return self._session

    @asynccontextmanager
    async def get_async_conn(self) -> AsyncGenerator[IntegryAsyncSession, None]:
        """Open an aiohttp-based session with the same behaviour; use it in ``async with``."""
        # Lazy for start-up cost: aiohttp is needed by async code alone.
        from airflow_provider_integry.transport.aio import IntegryAsyncSession

        settings = await self.asettings()
        # A connector is a file: reading it would block the loop.
        base_url = await asyncio.to_thread(self._base_url)
        guard, headers = self._guard(base_url), dict(settings.headers)
        async with IntegryAsyncSession(
            self._source(), guard, base_url, settings.transport, headers, self._judge()
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

        guard = self._guard(self._base_url())
        auth: object = self.settings.auth
        if isinstance(auth, OAuth1Consent):
            # Read once: this token is never renewed.
            auth = main_of(self._source().get().credentials)
        if isinstance(auth, OAuth1) and not self.settings.secret_headers:
            # Lazy for start-up cost: one connection type of eight needs requests-oauthlib.
            from airflow_provider_integry.transport.oauth1_auth import GuardedOAuth1

            return GuardedOAuth1(auth, guard)
        return SignedAuth(self._source(), guard)

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

    # -- readiness ---------------------------------------------------------------------------------

    def readiness(self, *, verify: bool = False) -> Readiness:
        """Tell where this authorization stands.

        Args:
            verify: Whether to ask the API: a token is fetched where one is needed, and the
                user-information endpoint called where one is known.
        Raises:
            ConnectionConfigError: A field is wrong, rather than empty.
        """
        return self.find(verify=verify).readiness

    def find(self, *, verify: bool = False) -> Findings:
        """Return readiness with its reason, and the account where it was asked for."""
        return find_readiness(self._look_up, self._who_am_i if verify else None, self._status_reader())

    async def afind(self, *, verify: bool = False, is_granted: bool = False) -> Findings:
        """Return readiness with its reason, without blocking the event loop.

        Args:
            verify: Whether to ask the API.
            is_granted: Whether it is known already that what is kept of the grant is ready.
        """
        try:
            await self.asettings()
        except IntegryError as error:
            return find_readiness(_raiser(error), None)
        # Read first, and without blocking the loop; what it says is told by `find_readiness` again.
        reader = None if is_granted else await self._aread_status()
        if not verify:
            # A connector is a file: reading it would block the loop.
            return await asyncio.to_thread(find_readiness, self._look_up, None, reader)
        try:
            account = await self._awho_am_i()
        except IntegryError as error:
            return find_readiness(self._look_up, _raiser(error), reader)
        return find_readiness(self._look_up, lambda: account, reader)

    async def acheck(self) -> ConnectionSettings:
        """Check everything that can be checked without the API and the broker, without blocking the event loop.

        Raises:
            MissingFieldError: A field is empty: waiting may mend it.
            ConfigurationError: A field is wrong.
        """
        settings = await self.asettings()
        # A connector is a file: reading it would block the loop.
        await asyncio.to_thread(self._look_up)
        return settings

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

    def test_connection(self) -> tuple[bool, str]:
        """Call the user-information endpoint: what the Test button of the connection form shows.

        The connection's name is left out of the message: the form tests under a made-up one. A pasted
        refresh token is not spent: the service may accept it only once, and what it gives in return
        would be lost with this process.
        """
        self._is_trial = True
        try:
            auth = self.settings.auth
            if isinstance(auth, OAuth1Consent) or (
                isinstance(auth, OAuth2Settings) and auth.grant_type in GIVEN_GRANTS
            ):
                return self._describe_untried()
            findings = self.find(verify=True)
        except IntegryError as error:
            return False, self._without_name(str(error))
        return findings.readiness is Readiness.READY, self._without_name(findings.describe())

    # -- inside ------------------------------------------------------------------------------------

    def _accept(self, connection: Any) -> ConnectionSettings:
        settings = build_settings(read_connection(connection))
        own = type(self).conn_type
        if own not in (IntegryHook.conn_type, settings.conn_type):
            problem = f"is '{settings.conn_type}', but this hook is for '{own}'; use IntegryHook for any type"
            raise ConnectionConfigError(settings.conn_id, "conn_type", problem)
        self._masker.mask(settings.secrets)
        self._echoes.add(settings.secrets)
        return settings

    def _describe_untried(self) -> tuple[bool, str]:
        auth = self.settings.auth
        if isinstance(auth, OAuth1Consent) or (
            isinstance(auth, OAuth2Settings) and auth.grant_type == "authorization_code"
        ):
            # The form tests under a made-up name, of which nothing is kept.
            self._look_up()
            return True, "The settings are complete. Authorize it, and test it, on Airflow's page 'Authorizations'."
        findings = self.find()
        if findings.readiness is not Readiness.READY:
            return False, self._without_name(findings.describe())
        if not isinstance(self.settings.auth, OAuth2Settings) or self.settings.auth.refresh_token is None:
            kept = "There is no refresh token in them: the kept grant is used, and 'airflow integry status' shows it."
            return True, f"The settings are complete. {kept}"
        return True, "The settings are complete. The refresh token was not tried, as it may be good for one use only."

    def _without_name(self, message: str) -> str:
        rest = message.removeprefix(f"Connection '{self.integry_conn_id}'").lstrip(",: ")
        return rest if rest.startswith("http") else rest[:1].upper() + rest[1:]

    def _look_up(self) -> None:
        """Check everything that can be checked without the API."""
        self._base_url()
        self._user_info_call()

    def _status_reader(self) -> Callable[[], Status | None] | None:
        """Return what tells about the kept grant; None for connections that need none."""
        # Lazy for start-up cost: oauthlib and PyJWT are not needed to parse a DAG file.
        from airflow_provider_integry.authorizations.choose import check_end_user, is_kept, read_status

        try:
            settings = self.settings
        except MissingFieldError:
            # The look-up that comes first says so.
            return None
        check_end_user(settings, self.end_user, self.account)
        if self._is_trial or not is_kept(settings):
            return None
        return lambda: read_status(settings, self.end_user, self.account)

    async def _aread_status(self) -> Callable[[], Status | None] | None:
        """Read about the kept grant without blocking the loop, and return what tells it."""
        # Lazy for start-up cost, as above.
        from airflow_provider_integry.authorizations.choose import aread_status

        if self._status_reader() is None:
            return None
        status = await aread_status(await self.asettings(), self.end_user, self.account)
        return lambda: status

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

    def _base_url(self) -> str:
        # Lazy for start-up cost, as above.
        from airflow_provider_integry.authorizations.api_target import base_url_of

        base_url = base_url_of(self.settings, self.connector if self._has_connector() else None)
        if base_url is None:
            problem = "is empty, and there is no connector that knows it; fill in 'Base URL', https://api.example.com"
            raise MissingFieldError(self.settings.conn_id, "host", problem)
        return base_url

    def _judge(self) -> Judge | None:
        """Return what says what answers mean, as the connector declares it; None where it declares nothing."""
        # Lazy for start-up cost, as above.
        from airflow_provider_integry.connectors.judgement import Judge

        found = self.connector if self._has_connector() else None
        if found is None or (found.errors is None and found.limits is None):
            return None
        return Judge(found.errors, found.limits)

    def _guard(self, base_url: str) -> HostGuard:
        # Lazy for start-up cost, as above.
        from airflow_provider_integry.authorizations.api_target import guard_of

        return guard_of(self.settings, self.connector if self._has_connector() else None, base_url)

    def _source(self) -> CredentialSource:
        # Lazy for start-up cost: oauthlib and PyJWT are not needed to parse a DAG file.
        from airflow_provider_integry.authorizations.choose import kept_source_for
        from airflow_provider_integry.authorizations.tokens import source_for

        if self._is_trial:
            inner = source_for(self.settings)
        else:
            inner = kept_source_for(self.settings, self.end_user, self.account)
        return WatchedSource(inner, self._masker, self._echoes)

    def _user_info_call(self, kept: Mapping[str, str] | None = None) -> UserInfoCall | None:
        # Lazy for start-up cost: pydantic models are not needed to parse a DAG file.
        from airflow_provider_integry.authorizations.api_target import fill_kept
        from airflow_provider_integry.connectors.user_info import build_user_info_call

        own = self.settings.user_info
        path = own.url if own.url is None or kept is None else fill_kept(self.settings, own.url, kept)
        return build_user_info_call(
            self.connector if self._has_connector() else None,
            base_url=self._base_url(),
            path=path,
            id_path=own.id_path,
            name_path=own.name_path,
        )

    def _who_am_i(self) -> Account | None:
        """Ask the API for the account; None when nothing says how, after a token was obtained."""
        # Lazy for start-up cost, as above.
        from airflow_provider_integry.connectors.user_info import parse_user_info

        # A token first: what is kept with it may say where to ask.
        call = self._user_info_call(self._source().get().kept)
        if call is None:
            return None
        response = self._send(call.request, manner=judged(call.errors))
        with self._refusals():
            return parse_user_info(call, response, time.time())

    async def _awho_am_i(self) -> Account | None:
        # Lazy for start-up cost, as above.
        from airflow_provider_integry.connectors.user_info import parse_user_info
        from airflow_provider_integry.transport.aio import read_response

        issued = await self._source().aget()
        # A connector is a file: reading it would block the loop.
        call = await asyncio.to_thread(self._user_info_call, issued.kept)
        if call is None:
            return None
        request = call.request
        async with self.get_async_conn() as session:
            headers = dict(request.headers)
            answer = await session.request(request.method, request.url, headers=headers, manner=judged(call.errors))
            response = self._echoes.blank(await read_response(answer))
        with self._refusals():
            return parse_user_info(call, response, time.time())


def _raiser(error: IntegryError) -> Any:
    def fail() -> None:
        raise error

    return fail
