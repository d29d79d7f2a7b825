"""One call of an activity as a machine: it says what to send, and is told what came back.

It holds no socket and no clock. A synchronous and an asynchronous pump drive it alike::

    call = ActivityCall(connector, "list_contacts", {}, base_url=None)
    while (request := call.request) is not None:
        records = call.receive(send(request))
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from airflow_provider_integry.auth.wire import HttpRequest, HttpResponse
from airflow_provider_integry.connectors.answers import decode
from airflow_provider_integry.connectors.draft import Draft
from airflow_provider_integry.connectors.failures import build_status_error
from airflow_provider_integry.connectors.paginate import Page, Pager, SinglePager, build_pager
from airflow_provider_integry.connectors.paging import NoPaging
from airflow_provider_integry.connectors.render import build_draft
from airflow_provider_integry.connectors.select import select_output, select_records
from airflow_provider_integry.connectors.spec import Connector, Query
from airflow_provider_integry.connectors.values import find_activity
from airflow_provider_integry.errors import PagingError


class ActivityCall:
    """One call of one activity.

    Args:
        connector: Description of the API.
        activity_name: One of its activities.
        inputs: Values by input key; all are checked here, before anything can be sent.
        base_url: The connection's base URL; it wins over the connector's.
        page_limit: Pages after which a query ends without error; None for all.
    Raises:
        UnknownActivityError: No such activity.
        InvalidInputError: An input is missing, unknown, ill-typed, or cannot be put on the wire.
        UrlNotAllowedError: No base URL, or one that may not be called.
    """

    def __init__(
        self,
        connector: Connector,
        activity_name: str,
        inputs: Mapping[str, object],
        *,
        base_url: str | None,
        page_limit: int | None = None,
    ) -> None:
        self._name = activity_name
        self._activity = find_activity(connector, activity_name)
        if page_limit is not None and page_limit < 1:
            raise ValueError(f"page_limit must be at least 1, is {page_limit}")
        self._page_limit = page_limit
        self._pages = 0
        self._last_body = b""
        draft = build_draft(connector, activity_name, inputs, base_url=base_url)
        self._pager: Pager = SinglePager()
        self._max_pages = 1
        if isinstance(self._activity, Query):
            self._pager = build_pager(activity_name, self._activity.paging)
            if not isinstance(self._activity.paging, NoPaging):
                self._max_pages = self._activity.paging.max_pages
        self._draft = self._pager.first(draft)
        self._request: HttpRequest | None = self._draft.build()

    @property
    def request(self) -> HttpRequest | None:
        """The request to send next, without credentials; None when the call is complete."""
        return self._request

    @property
    def is_query(self) -> bool:
        """Whether `receive` returns a page of records rather than an output."""
        return isinstance(self._activity, Query)

    @property
    def is_file(self) -> bool:
        """Whether the answer is to be written to a file as it comes."""
        return self._activity.answer == "file"

    @property
    def pages(self) -> int:
        """Pages received so far."""
        return self._pages

    def receive(self, response: HttpResponse, now: float | None = None) -> object:
        """Take the answer to `request`, and move on to the next request.

        An HttpStatusError leaves the call as it was: the same request can be sent again, with a new
        credential or later.

        Args:
            response: The answer, read to its end.
            now: Current time, UTC epoch seconds; only for a Retry-After that is a date.
        Returns:
            Action: the selected output. Query: list of records, one page.
        Raises:
            HttpStatusError: Not 2xx; 401 comes here too (ThrottledError for 429, ServerError for 5xx).
            ResponseFormatError: The answer is not what the connector describes.
            PagingError: Pages repeat, do not end, or make no sense.
        """
        if self._request is None:
            raise RuntimeError(f"The call of '{self._name}' is complete; no request is waiting for an answer.")
        if not response.is_success:
            raise build_status_error(self._name, response, now)
        if isinstance(self._activity, Query):
            return self._receive_page(response)
        answer = decode(self._name, self._activity, response, may_be_empty=True)
        output = select_output(self._name, self._activity.result, answer)
        self._request = None
        return output

    def _receive_page(self, response: HttpResponse) -> list[JsonValue]:
        answer = decode(self._name, self._activity, response)
        records = select_records(self._name, self._activity.result, answer)
        if self._pages and records and response.body == self._last_body:
            raise PagingError(
                self._name,
                f"page {self._pages + 1} is the same as the one before, byte for byte: the API seems to ignore"
                " the paging parameters; correct 'paging' in the connector",
            )
        following = self._following(Page(answer, records, response))
        self._pages += 1
        self._last_body = response.body
        self._request = None if following is None else following.build()
        self._draft = following or self._draft
        return records

    def _following(self, page: Page) -> Draft | None:
        """Return what to send after this page; None at the end or at the caller's limit."""
        received = self._pages + 1
        if received == self._page_limit:
            return None
        following = self._pager.next(self._draft, page)
        if following is not None and received >= self._max_pages:
            raise PagingError(
                self._name,
                f"there are more than {self._max_pages} pages; narrow the inputs, or raise 'paging.max_pages'"
                " in the connector",
            )
        return following
