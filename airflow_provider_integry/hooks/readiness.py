"""Where the authorization behind a hook stands, and whose account it is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_integry.auth.oauth1_consent import OAuth1Consent
from airflow_provider_integry.auth.oauth2 import GIVEN_GRANTS, OAuth2Settings
from airflow_provider_integry.auth.readiness import Readiness
from airflow_provider_integry.errors import IntegryError, MissingFieldError
from airflow_provider_integry.hooks.activities import RunsActivities, judged
from airflow_provider_integry.hooks.probe import Findings, find_readiness
from airflow_provider_integry.settings import ConnectionSettings

if TYPE_CHECKING:
    from airflow_provider_integry.auth.source import CredentialSource
    from airflow_provider_integry.authorizations.messages import Status
    from airflow_provider_integry.connectors.user_info import Account, UserInfoCall


class TellsReadiness(RunsActivities):
    """What a hook tells about its authorization; part of `IntegryHook`."""

    _is_trial: bool

    if TYPE_CHECKING:

        async def asettings(self) -> ConnectionSettings:
            """Return the checked connection."""

        def _has_connector(self) -> bool: ...

        def _usable(self) -> ConnectionSettings: ...

        async def _ausable(self) -> ConnectionSettings: ...

        def _source(self, usable: ConnectionSettings | None = None) -> CredentialSource: ...

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
        settings = self.settings
        if settings.takes_entered(self.end_user, self.account):
            # What they have entered is looked at when it is used; it may be the base URL.
            return
        settings.check_filled()
        self._user_info_call(settings)

    def _status_reader(self) -> Callable[[], Status | None] | None:
        """Return what tells about the kept grant; None for connections that need none."""
        # Lazy for start-up cost: oauthlib and PyJWT are not needed to parse a DAG file.
        from airflow_provider_integry.authorizations.choose import check_end_user, read_status
        from airflow_provider_integry.authorizations.subject import is_kept

        try:
            settings = self.settings
        except MissingFieldError:
            # The look-up that comes first says so.
            return None
        check_end_user(settings, self.end_user, self.account)
        if self._is_trial or not is_kept(settings, self.end_user, self.account):
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

    def _user_info_call(self, usable: ConnectionSettings, kept: Mapping[str, str] | None = None) -> UserInfoCall | None:
        # Lazy for start-up cost: pydantic models are not needed to parse a DAG file.
        from airflow_provider_integry.authorizations.api_target import fill_kept
        from airflow_provider_integry.connectors.user_info import build_user_info_call

        own = usable.user_info
        path = own.url if own.url is None or kept is None else fill_kept(usable, own.url, kept)
        return build_user_info_call(
            self.connector if self._has_connector() else None,
            base_url=self._base_url(usable),
            path=path,
            id_path=own.id_path,
            name_path=own.name_path,
        )

    def _who_am_i(self) -> Account | None:
        """Ask the API for the account; None when nothing says how, after a token was obtained."""
        # Lazy for start-up cost, as above.
        from airflow_provider_integry.connectors.user_info import parse_user_info

        # A token first: what is kept with it may say where to ask.
        usable = self._usable()
        call = self._user_info_call(usable, self._source(usable).get().kept)
        if call is None:
            return None
        response = self._send(call.request, manner=judged(call.errors))
        with self._refusals():
            return parse_user_info(call, response, time.time())

    async def _awho_am_i(self) -> Account | None:
        # Lazy for start-up cost, as above.
        from airflow_provider_integry.connectors.user_info import parse_user_info
        from airflow_provider_integry.transport.aio import read_response

        usable = await self._ausable()
        issued = await self._source(usable).aget()
        # A connector is a file: reading it would block the loop.
        call = await asyncio.to_thread(self._user_info_call, usable, issued.kept)
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
