"""Running activities with a hook: the synchronous and the asynchronous pump of `connectors.run`."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from airflow_provider_integry.authorizations.echoes import EchoFilter
from airflow_provider_integry.errors import (
    CredentialsRejectedError,
    HttpStatusError,
    TokenExpiredError,
    TransportError,
)
from airflow_provider_integry.settings import ConnectionSettings

if TYPE_CHECKING:
    import requests

    from airflow_provider_integry.auth.wire import HttpRequest, HttpResponse
    from airflow_provider_integry.authorizations.permits import PermitGate
    from airflow_provider_integry.connectors import Connector
    from airflow_provider_integry.connectors.answer_rules import ErrorRules
    from airflow_provider_integry.connectors.inputs import Input
    from airflow_provider_integry.connectors.polling import PollCall, Progress
    from airflow_provider_integry.connectors.run import ActivityCall
    from airflow_provider_integry.hooks.sending import Patience, Sending
    from airflow_provider_integry.transport.aio import IntegryAsyncSession
    from airflow_provider_integry.transport.manner import Manner
    from airflow_provider_integry.transport.sync import IntegrySession


class RunsActivities:
    """What a hook can do with the activities of its connector; mixed into `IntegryHook`."""

    integry_conn_id: str
    end_user: str | None
    account: str | None
    _echoes: EchoFilter

    @cached_property
    def _sendings(self) -> WeakKeyDictionary[ActivityCall, Sending]:
        return WeakKeyDictionary()

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

        def _base_url(self, usable: ConnectionSettings | None = None) -> str: ...

    def run(self, activity: str, inputs: Mapping[str, Any] | None = None, *, idempotency_key: str | None = None) -> Any:
        """Run one activity.

        Args:
            activity: Name of an activity of the connector.
            inputs: Its inputs.
            idempotency_key: What the API is to recognise this action by when it is run again; only where the
                connector declares a header for it.
        Returns:
            Action: the output. Query: list of all records of all pages.
        Raises:
            InvalidInputError: An input is wrong; nothing was sent.
            CredentialsRejectedError: The API refuses the credential.
            ActivityError: The activity failed.
            OutcomeUnknownError: A write was sent, and nothing tells what became of it.
            TransportError: A request did not complete.
        """
        call = self.start(activity, inputs, idempotency_key=idempotency_key)
        if not call.is_query:
            return next(self.pages(call))
        return [record for page in self.pages(call) for record in page]

    def start(
        self,
        activity: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        task_key: str | None = None,
        patience: Patience | None = None,
        **options: Any,
    ) -> ActivityCall:
        """Check an activity and its inputs and return the call, with nothing sent yet.

        Args:
            activity: Name of an activity of the connector.
            inputs: Its inputs.
            idempotency_key: As for `run`.
            task_key: The same, for where nobody has chosen one and the connector declares a header.
            patience: How long the call waits for the API's limits; None for as long as one request may take.
            options: Further arguments of `connectors.run.ActivityCall`: limits, and how records are given.
        """
        # Lazy for start-up cost: pydantic models and jsonschema are not needed to parse a DAG file.
        from airflow_provider_integry.connectors.run import ActivityCall
        from airflow_provider_integry.hooks.sending import Sending

        given = self._with_files(activity, inputs or {})
        call = ActivityCall(self.connector, activity, given, base_url=self._base_url(), **options)
        self._sendings[call] = Sending(
            call, key=idempotency_key, task_key=task_key, patience=patience, gate=self._gate_of(call)
        )
        return call

    def sending_of(self, call: ActivityCall) -> Sending:
        """Return how the requests of a call are sent."""
        # Lazy for start-up cost, as above.
        from airflow_provider_integry.hooks.sending import Sending

        found = self._sendings.get(call)
        if found is None:
            found = self._sendings[call] = Sending(call, gate=self._gate_of(call))
        return found

    def _gate_of(self, call: ActivityCall) -> PermitGate | None:
        # Lazy for start-up cost, as above.
        from airflow_provider_integry.hooks.sending import build_gate

        return build_gate(call, self.settings, self.end_user, self.account)

    def _with_files(self, activity: str, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the inputs with the bytes of the files that they name."""
        specs: Mapping[str, Input] = getattr(self.connector.activities.get(activity), "inputs", {})
        if not any(spec.file for spec in specs.values()):
            return inputs
        # Lazy for start-up cost: Airflow's object storage is needed by few activities.
        from airflow_provider_integry.hooks.files import read_files

        return read_files(activity, specs, inputs)

    def start_poll(self, activity: str, inputs: Mapping[str, Any], progress: Progress | None) -> PollCall:
        """Check a poll and its inputs and return the call, with nothing sent yet.

        Args:
            activity: Name of a poll of the connector.
            inputs: Its inputs, without the one that is given the cursor.
            progress: How far the poll has come; None for the first look.
        """
        # Lazy for start-up cost, as above.
        from airflow_provider_integry.connectors.polling import PollCall

        return PollCall(self.connector, activity, inputs, base_url=self._base_url(), progress=progress)

    def pages(self, call: ActivityCall) -> Generator[Any, None, None]:
        """Run a call and give what each answer holds: a page of records, or the one output."""
        try:
            while (request := call.request) is not None:
                yield self._receive(call, self._send(request, call))
        finally:
            self.sending_of(call).close()

    async def apages(self, call: ActivityCall) -> AsyncGenerator[Any, None]:
        """Do what `pages` does, without blocking the event loop."""
        async with self.get_async_conn() as session:
            try:
                while (request := call.request) is not None:
                    yield self._receive(call, await self._asend(session, request, call))
            finally:
                await self.sending_of(call).aclose()

    def _send(
        self, request: HttpRequest, call: ActivityCall | None = None, manner: Manner | None = None
    ) -> HttpResponse:
        """Send one request and read its answer; of a call in the manner of that call."""
        from airflow_provider_integry.transport.sync import sending, to_response

        own = self.sending_of(call) if call is not None else None
        if own is not None:
            request, manner = own.mark(request), own.manner
        headers = dict(request.headers)
        try:
            with sending(manner) if manner else nullcontext():
                response = self.get_conn().request(request.method, request.url, headers=headers, data=request.body)
            return self._echoes.blank(to_response(response))
        except TransportError as error:
            failed = own.explain(error, request) if own else error
        raise failed

    async def _asend(self, session: IntegryAsyncSession, request: HttpRequest, call: ActivityCall) -> HttpResponse:
        """Do what `_send` does, without blocking the event loop."""
        from airflow_provider_integry.transport.aio import read_response

        own = self.sending_of(call)
        request = own.mark(request)
        headers = dict(request.headers)
        try:
            response = await session.request(
                request.method, request.url, headers=headers, data=request.body, manner=own.manner
            )
            return self._echoes.blank(await read_response(response))
        except TransportError as error:
            failed = own.explain(error, request)
        raise failed

    def open_answer(self, call: ActivityCall) -> requests.Response:
        """Send the request of a call, and return its answer unread.

        Raises:
            ActivityError: It is a failure.
        """
        from airflow_provider_integry.transport.sync import sending, to_response

        request = call.request
        assert request is not None, "the call is complete"
        own = self.sending_of(call)
        request = own.mark(request)
        headers = dict(request.headers)
        try:
            with sending(own.manner):
                response = self.get_conn().request(
                    request.method, request.url, headers=headers, data=request.body, stream=True
                )
        except TransportError as error:
            raise own.explain(error, request) from None
        if not response.ok:
            self._receive(call, self._echoes.blank(to_response(response)))
        return response

    def _receive(self, call: ActivityCall, response: HttpResponse) -> Any:
        own, request = self.sending_of(call), call.request
        with self._refusals():
            try:
                return call.receive(response, time.time(), retry_after_s=own.manner.declined_wait_s)
            except HttpStatusError as error:
                failed = own.explain(error, request) if request is not None else error
            raise failed

    @contextmanager
    def _refusals(self) -> Generator[None, None, None]:
        """Turn a 401, or what is declared to mean the same, into the error that names the connection."""
        try:
            yield
        except HttpStatusError as error:
            if error.status == 401 or isinstance(error, TokenExpiredError):
                # Lazy for start-up cost, as above.
                from airflow_provider_integry.authorizations.choose import find_link

                link = find_link(self.settings, self.end_user, self.account)
                raise CredentialsRejectedError(self.integry_conn_id, error.status, error.detail, link) from None
            raise


def judged(errors: ErrorRules | None) -> Manner:
    """Return how a request beside an activity is sent, whose answer may mean an expired token with any status."""
    # Lazy for start-up cost: not needed to parse a DAG file.
    from airflow_provider_integry.connectors.judgement import Judge
    from airflow_provider_integry.transport.manner import Manner

    return Manner(judge=Judge(errors, None) if errors else None)
