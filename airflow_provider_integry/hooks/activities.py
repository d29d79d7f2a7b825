"""Running activities with a hook: the synchronous and the asynchronous pump of `connectors.run`."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_integry.authorizations.echoes import EchoFilter
from airflow_provider_integry.errors import CredentialsRejectedError, HttpStatusError
from airflow_provider_integry.settings import ConnectionSettings

if TYPE_CHECKING:
    import requests

    from airflow_provider_integry.auth.wire import HttpRequest, HttpResponse
    from airflow_provider_integry.connectors import Connector
    from airflow_provider_integry.connectors.inputs import Input
    from airflow_provider_integry.connectors.run import ActivityCall
    from airflow_provider_integry.transport.aio import IntegryAsyncSession
    from airflow_provider_integry.transport.sync import IntegrySession


class RunsActivities:
    """What a hook can do with the activities of its connector; mixed into `IntegryHook`."""

    integry_conn_id: str
    end_user: str | None
    account: str | None
    _echoes: EchoFilter

    if TYPE_CHECKING:

        @property
        def settings(self) -> ConnectionSettings:
            """The checked connection."""

        @property
        def connector(self) -> Connector:
            """The connector that describes the API."""

        def get_conn(self) -> IntegrySession:
            """Return the signed session."""

        def get_async_conn(self) -> AbstractAsyncContextManager[IntegryAsyncSession]:
            """Open the signed asynchronous session."""

        def _base_url(self) -> str: ...

    def run(self, activity: str, inputs: Mapping[str, Any] | None = None) -> Any:
        """Run one activity.

        Args:
            activity: Name of an activity of the connector.
            inputs: Its inputs.
        Returns:
            Action: the output. Query: list of all records of all pages.
        Raises:
            InvalidInputError: An input is wrong; nothing was sent.
            CredentialsRejectedError: The API refuses the credential.
            ActivityError: The activity failed.
            TransportError: A request did not complete.
        """
        call = self.start(activity, inputs)
        if not call.is_query:
            return next(self.pages(call))
        return [record for page in self.pages(call) for record in page]

    def start(self, activity: str, inputs: Mapping[str, Any] | None = None) -> ActivityCall:
        """Check an activity and its inputs and return the call, with nothing sent yet."""
        # Lazy for start-up cost: pydantic models and jsonschema are not needed to parse a DAG file.
        from airflow_provider_integry.connectors.run import ActivityCall

        given = self._with_files(activity, inputs or {})
        return ActivityCall(self.connector, activity, given, base_url=self._base_url())

    def _with_files(self, activity: str, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the inputs with the bytes of the files that they name."""
        specs: Mapping[str, Input] = getattr(self.connector.activities.get(activity), "inputs", {})
        if not any(spec.file for spec in specs.values()):
            return inputs
        # Lazy for start-up cost: Airflow's object storage is needed by few activities.
        from airflow_provider_integry.hooks.files import read_files

        return read_files(activity, specs, inputs)

    def pages(self, call: ActivityCall) -> Generator[Any, None, None]:
        """Run a call and give what each answer holds: a page of records, or the one output."""
        while (request := call.request) is not None:
            yield self._receive(call, self._send(request))

    async def apages(self, call: ActivityCall) -> AsyncGenerator[Any, None]:
        """Do what `pages` does, without blocking the event loop."""
        # Lazy for start-up cost: aiohttp is needed by async code alone.
        from airflow_provider_integry.transport.aio import read_response

        async with self.get_async_conn() as session:
            while (request := call.request) is not None:
                response = await session.request(
                    request.method, request.url, headers=dict(request.headers), data=request.body
                )
                yield self._receive(call, self._echoes.blank(await read_response(response)))

    def _send(self, request: HttpRequest) -> HttpResponse:
        from airflow_provider_integry.transport.sync import to_response

        headers = dict(request.headers)
        response = self.get_conn().request(request.method, request.url, headers=headers, data=request.body)
        return self._echoes.blank(to_response(response))

    def open_answer(self, call: ActivityCall) -> requests.Response:
        """Send the request of a call, and return its answer unread.

        Raises:
            ActivityError: It is a failure.
        """
        from airflow_provider_integry.transport.sync import to_response

        request = call.request
        assert request is not None, "the call is complete"
        headers = dict(request.headers)
        response = self.get_conn().request(request.method, request.url, headers=headers, data=request.body, stream=True)
        if not response.ok:
            self._receive(call, self._echoes.blank(to_response(response)))
        return response

    def _receive(self, call: ActivityCall, response: HttpResponse) -> Any:
        with self._refusals():
            return call.receive(response, time.time())

    @contextmanager
    def _refusals(self) -> Generator[None, None, None]:
        """Turn a 401 into the error that names the connection."""
        try:
            yield
        except HttpStatusError as error:
            if error.status == 401:
                # Lazy for start-up cost, as above.
                from airflow_provider_integry.authorizations.choose import find_link

                link = find_link(self.settings, self.end_user, self.account)
                raise CredentialsRejectedError(self.integry_conn_id, 401, error.detail, link) from None
            raise
