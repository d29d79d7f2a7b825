"""Helpers for the tests of connectors: run activities without Airflow, against answers of your own or a local server.

With pytest, ``connector_tester`` is a fixture: put ``pytest_plugins = ["airflow_provider_integry.testing"]``
into the ``conftest.py`` at the root of your tests. Without pytest, make a `ConnectorTester`.
"""

from __future__ import annotations

import json as json_module
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from airflow_provider_integry.auth.wire import HttpRequest, HttpResponse
from airflow_provider_integry.connectors import Connector, load_connector
from airflow_provider_integry.connectors.run import ActivityCall
from airflow_provider_integry.settings import RawConnection, parse_connection

try:
    import pytest
except ImportError:  # it is there wherever tests run with it
    pytest = None  # type: ignore[assignment]

BASE_URL = "https://api.test"


@dataclass(frozen=True)
class Sent:
    """A request as an activity would send it, without its credential.

    Attributes:
        method: HTTP method.
        url: The whole URL.
        headers: Headers, names in lower case.
        body: Bytes, empty where there are none.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The path of the URL."""
        return urlsplit(self.url).path

    @property
    def query(self) -> dict[str, str | list[str]]:
        """The query by name; a list where a name stands more than once."""
        found: dict[str, Any] = {}
        for name, value in parse_qsl(urlsplit(self.url).query, keep_blank_values=True):
            found[name] = [*_listed(found[name]), value] if name in found else value
        return found

    @property
    def json(self) -> Any:
        """The body read as JSON; None where there is none."""
        return json_module.loads(self.body) if self.body else None

    @property
    def form(self) -> dict[str, str]:
        """The body read as a form."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass(frozen=True)
class Reply:
    """What the API answers.

    Attributes:
        json: JSON value; with `body` left out.
        status: HTTP status.
        headers: Headers.
        body: Bytes in the place of JSON.
    """

    json: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None

    @classmethod
    def from_file(cls, path: str | Path, status: int = 200, **headers: str) -> Reply:
        """Return a recorded answer: the file's bytes, with the type that its name says."""
        kinds = {".json": "application/json", ".csv": "text/csv", ".xml": "application/xml", ".txt": "text/plain"}
        kind = kinds.get(Path(path).suffix, "application/octet-stream")
        return cls(status=status, headers={"Content-Type": kind, **headers}, body=Path(path).read_bytes())

    def build(self, url: str) -> HttpResponse:
        """Return it as an answer of this URL."""
        if self.body is not None:
            return HttpResponse(self.status, tuple(self.headers.items()), self.body, url)
        headers = {"Content-Type": "application/json", **self.headers}
        return HttpResponse(self.status, tuple(headers.items()), json_module.dumps(self.json).encode(), url)


Answers = Reply | Callable[[Sent], Any] | Any


class ConnectorTester:
    """Runs the activities of one connector.

    Args:
        connector: A connector, its name, or its path.
        base_url: Base URL of the made-up connection, for connectors that have none of their own.
        folder: Folder of connector files, for a name.
    Attributes:
        sent: Requests of the last run, in order.
    """

    def __init__(
        self, connector: Connector | str | Path, *, base_url: str | None = None, folder: str | Path | None = None
    ) -> None:
        found = connector if isinstance(connector, Connector) else load_connector(str(connector), folder=folder)
        self.connector = found
        self.base_url = base_url or (None if found.base_url else BASE_URL)
        self.sent: list[Sent] = []

    def run(self, activity: str, inputs: Mapping[str, Any] | None = None, *, answers: Answers) -> Any:
        """Run an activity against answers; nothing goes over a network.

        Args:
            activity: Name of the activity.
            inputs: Its inputs.
            answers: Answers in order, as a list or one by itself: a `Reply`, or a JSON value for one of
                status 200. Or a function that is given what was sent and returns one.
        Returns:
            Action: the output. Query: list of all records.
        Raises:
            IntegryError: What the activity would raise in a task.
            AssertionError: More was sent than there are answers, or fewer answers were asked for.
        """
        give = answers if callable(answers) else _Script(answers)
        call = ActivityCall(self.connector, activity, inputs or {}, base_url=self.base_url)
        self.sent = []
        found = list(self._pages(call, give))
        if isinstance(give, _Script):
            give.check_used(activity)
        if not call.is_query:
            return found[0]
        return [record for page in found for record in page]

    def request(self, activity: str, inputs: Mapping[str, Any] | None = None) -> Sent:
        """Return what an activity would send first."""
        call = ActivityCall(self.connector, activity, inputs or {}, base_url=self.base_url)
        assert call.request is not None
        return _sent(call.request)

    def run_live(
        self,
        activity: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        url: str,
        conn_type: str = "integry_api_key",
        max_pages: int | None = None,
        **fields: Any,
    ) -> Any:
        """Run an activity against a server, with a credential, as a task would.

        Args:
            activity: Name of the activity.
            inputs: Its inputs.
            url: Base URL of the server; plain http is allowed.
            conn_type: Connection type.
            max_pages: Pages after which a query ends.
            fields: Fields of the connection: `login`, `password`, and those of its type.
        Returns:
            As for `run`.
        Raises:
            IntegryError: What the activity would raise in a task.
        """
        # Lazy for start-up cost: tests without a server need neither Airflow's SDK nor requests.
        from airflow_provider_integry.hooks.integry import IntegryHook

        login, password = fields.pop("login", None), fields.pop("password", "test-key")
        extra = {"allow_http": True, "max_retries": 0, **fields}
        raw = RawConnection("connector_test", conn_type, host=url, login=login, password=password, extra=extra)
        hook = IntegryHook("connector_test").with_settings(parse_connection(raw)).with_connector(self.connector)
        call = ActivityCall(self.connector, activity, inputs or {}, base_url=url, page_limit=max_pages)
        if not call.is_query:
            return next(hook.pages(call))
        return [record for page in hook.pages(call) for record in page]

    def _pages(self, call: ActivityCall, give: Callable[[Sent], Any]) -> Iterator[Any]:
        while (request := call.request) is not None:
            sent = _sent(request)
            self.sent.append(sent)
            given = give(sent)
            reply = given if isinstance(given, Reply) else Reply(given)
            yield call.receive(reply.build(request.url))


class _Script:
    def __init__(self, answers: Any) -> None:
        self._answers = list(answers) if isinstance(answers, list) else [answers]
        self._used = 0

    def __call__(self, sent: Sent) -> Any:
        count = len(self._answers)
        assert self._used < count, f"only {count} answers are given, and more was sent: {sent.method} {sent.url}"
        self._used += 1
        return self._answers[self._used - 1]

    def check_used(self, activity: str) -> None:
        count = len(self._answers)
        assert self._used == count, f"activity '{activity}' asked for {self._used} of {count} answers"


def _sent(request: HttpRequest) -> Sent:
    headers = {name.lower(): value for name, value in request.headers}
    return Sent(request.method, request.url, headers, request.body or b"")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


if pytest is not None:

    @pytest.fixture
    def connector_tester() -> type[ConnectorTester]:
        """Return what makes testers: ``connector_tester("path/to/crm.yaml").run(...)``."""
        return ConnectorTester
