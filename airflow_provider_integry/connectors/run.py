"""One call of an activity as a machine: it says what to send, and is told what came back.

It holds no socket and no clock. A synchronous and an asynchronous pump drive it alike::

    call = ActivityCall(connector, "list_contacts", {}, base_url=None)
    while (request := call.request) is not None:
        records = call.receive(send(request))
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pydantic import JsonValue

from airflow_provider_integry.auth.wire import HttpRequest, HttpResponse
from airflow_provider_integry.connectors.answer_rules import ErrorRules, check_answer, check_records
from airflow_provider_integry.connectors.answers import decode
from airflow_provider_integry.connectors.auto_pager import AutoPager
from airflow_provider_integry.connectors.draft import Draft
from airflow_provider_integry.connectors.failures import refuse_failure
from airflow_provider_integry.connectors.idempotency import Idempotency, can_carry, carry_key
from airflow_provider_integry.connectors.keyset_pager import KeysetPager
from airflow_provider_integry.connectors.pages import Cursor, Page
from airflow_provider_integry.connectors.paginate import asked_of_answers, build_pager
from airflow_provider_integry.connectors.paging import NoPaging
from airflow_provider_integry.connectors.rate_limits import Limits
from airflow_provider_integry.connectors.raw import RawReader, build_reader
from airflow_provider_integry.connectors.render import build_draft
from airflow_provider_integry.connectors.select import select_output, select_records
from airflow_provider_integry.connectors.spec import Action, Connector, Query
from airflow_provider_integry.connectors.values import find_activity
from airflow_provider_integry.errors import PagingError, ResponseFormatError


class ActivityCall:
    """One call of one activity.

    Args:
        connector: Description of the API.
        activity_name: One of its activities.
        inputs: Values by input key; all are checked here, before anything can be sent.
        base_url: The connection's base URL; it wins over the connector's.
        page_limit: Pages after which a query ends without error; None for all.
        record_limit: Records after which it does; those of the last page beyond it are left out.
        cursor: Where the first page starts, for paging of kind cursor or keyset: an earlier call's `cursor`.
        raw: Whether a query's records may be `RawRecords`: bytes that were not decoded.
    Raises:
        UnknownActivityError: No such activity.
        InvalidInputError: An input is missing, unknown, ill-typed, or cannot be put on the wire.
        UrlNotAllowedError: No base URL, or one that may not be called.
        PagingError: A cursor was given, and the activity cannot start at one.
    """

    def __init__(
        self,
        connector: Connector,
        activity_name: str,
        inputs: Mapping[str, object],
        *,
        base_url: str | None,
        page_limit: int | None = None,
        record_limit: int | None = None,
        cursor: Cursor | None = None,
        raw: bool = False,
    ) -> None:
        self._name = activity_name
        self._connector_name = connector.name
        self._activity = find_activity(connector, activity_name)
        _check_limits(page_limit=page_limit, record_limit=record_limit)
        self._page_limit = page_limit
        self._records_left = record_limit
        self._pages = 0
        self._seen: dict[tuple[int, int], int] = {}
        self._records = 0
        self._errors = self._activity.errors or connector.errors
        self._limits = self._activity.limits or connector.limits
        draft = build_draft(connector, activity_name, inputs, base_url=base_url)
        self._idempotency = self._choose_idempotency(connector, draft)
        paging = self._activity.paging if isinstance(self._activity, Query) else NoPaging()
        self._pager = build_pager(activity_name, paging, cursor)
        self._max_pages = 1 if isinstance(paging, NoPaging) else paging.max_pages
        self._reader = self._build_reader() if raw else None
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
    def name(self) -> str:
        """The activity's name."""
        return self._name

    @property
    def connector_name(self) -> str:
        """The connector's name."""
        return self._connector_name

    @property
    def is_file(self) -> bool:
        """Whether the answer is to be written to a file as it comes."""
        return self._activity.answer == "file"

    @property
    def errors(self) -> ErrorRules | None:
        """What the API's errors say, for this activity."""
        return self._errors

    @property
    def limits(self) -> Limits | None:
        """What may be asked of the API, for this activity."""
        return self._limits

    @property
    def has_own_limits(self) -> bool:
        """Whether these limits are counted apart from the connector's."""
        return self._activity.limits is not None

    @property
    def idempotency(self) -> Idempotency | None:
        """How the API recognises a repeated request; None for queries, and where nothing is declared."""
        return self._idempotency

    def carry_key(self, key: str) -> str | None:
        """Send the request with a key, by which the API knows it again; call it before anything is sent.

        Args:
            key: The key; one that the inputs have put in its place stays.
        Returns:
            The key that is sent; None where the API takes none.
        """
        spec = self._idempotency
        if spec is None or not spec.takes_key or self._request is None:
            return None
        self._draft, sent = carry_key(spec, self._draft, key)
        self._request = self._draft.build()
        return sent

    @property
    def pages(self) -> int:
        """Pages received so far."""
        return self._pages

    @property
    def cursor(self) -> Cursor | None:
        """Where a later call may go on so that nothing is missed; None where the paging has no such thing.

        It is what the answers said last. After a page that `record_limit` cut, it leads to that page
        again (kind cursor), or to what was cut (kind keyset).
        """
        return self._pager.cursor

    @property
    def paging_found(self) -> str | None:
        """What paging of kind auto has found, in words; None for other kinds, and before the first page."""
        return self._pager.chosen if isinstance(self._pager, AutoPager) else None

    def receive(
        self, response: HttpResponse, now: float | None = None, *, retry_after_s: float | None = None
    ) -> object:
        """Take the answer to `request`, and move on to the next request.

        An HttpStatusError leaves the call as it was: the same request can be sent again, with a new
        credential or later.

        Args:
            response: The answer, read to its end.
            now: Current time, UTC epoch seconds; only for a Retry-After that is a date.
            retry_after_s: Seconds to wait before another try where that is known already.
        Returns:
            Action: the selected output. Query: list of records, one page; `RawRecords` where `raw` was
            given and the connector allows for it.
        Raises:
            HttpStatusError: Not 2xx, or a failure as the connector declares it; 401 comes here too. The
                class says which; see the tree of `errors`.
            ResponseFormatError: The answer is not what the connector describes.
            SchemaMismatchError: It does not fit the declared schema.
            PagingError: Pages repeat, do not end, or make no sense.
        """
        if self._request is None:
            raise RuntimeError(f"The call of '{self._name}' is complete; no request is waiting for an answer.")
        refuse_failure(self._name, response, now, self.errors, retry_after_s=retry_after_s)
        if isinstance(self._activity, Query):
            return self._receive_page(response, self._activity)
        answer = decode(self._name, self._activity, response, may_be_empty=True)
        check_answer(self._name, self._activity.answer_schema, answer)
        output = select_output(self._name, self._activity.result, answer)
        self._request = None
        return output

    def _receive_page(self, response: HttpResponse, query: Query) -> list[Any]:
        records, answer = self._read(response, query)
        self._check_new(response.body, has_records=bool(records))
        self._records += len(records)
        kept = self._cut(records)
        following = self._following(Page(answer, kept, response), is_cut=len(kept) < len(records))
        self._pages += 1
        self._request = None if following is None else following.build()
        self._draft = following or self._draft
        return kept

    def _choose_idempotency(self, connector: Connector, draft: Draft) -> Idempotency | None:
        """Return what is declared for this request; a key in the body is not for those that have none."""
        found = (self._activity.idempotency or connector.idempotency) if isinstance(self._activity, Action) else None
        return found if found is None or found.repeatable or can_carry(found, draft) else None

    def _cut(self, records: list[Any]) -> list[Any]:
        """Return the records up to the caller's limit."""
        if self._records_left is None:
            return records
        kept = records if len(records) <= self._records_left else type(records)(records[: self._records_left])
        self._records_left -= len(kept)
        return kept

    def _read(self, response: HttpResponse, query: Query) -> tuple[list[Any], JsonValue]:
        """Return the records, and what of the answer paging may ask for."""
        found = self._reader.read(response.body) if self._reader else None
        if found is not None:
            return found
        answer = decode(self._name, query, response)
        check_answer(self._name, query.answer_schema, answer)
        records = select_records(self._name, query.result, answer)
        check_records(self._name, query.record_schema, records, self._records + 1)
        return records, answer

    def _build_reader(self) -> RawReader | None:
        query = self._activity
        # What is held against a schema has to be decoded.
        if not isinstance(query, Query) or query.answer_schema is not None or query.record_schema is not None:
            return None
        if query.answer != "json":
            return None
        return build_reader(query.result, asked_of_answers(query.paging))

    def _check_new(self, body: bytes, *, has_records: bool) -> None:
        """Refuse a page that came before: as long, and of the same hash."""
        if not has_records:
            return
        number = self._pages + 1
        earlier = self._seen.setdefault((len(body), hash(body)), number)
        if earlier != number:
            raise PagingError(
                self._name,
                f"page {number} is the same as page {earlier}, byte for byte: the API seems to ignore the paging"
                " parameters; correct 'paging' in the connector",
            )

    def _following(self, page: Page, *, is_cut: bool) -> Draft | None:
        """Return what to send after this page; None at the end or at the caller's limit."""
        received = self._pages + 1
        if received == self._page_limit or self._records_left == 0:
            if not is_cut or isinstance(self._pager, KeysetPager):
                # For the cursor alone: what is wrong with a page that nobody wants does no harm.
                with suppress(PagingError, ResponseFormatError):
                    self._pager.next(self._draft, page)
            return None
        following = self._pager.next(self._draft, page)
        if following is not None and received >= self._max_pages:
            raise PagingError(
                self._name,
                f"there are more than {self._max_pages} pages; narrow the inputs, or raise 'paging.max_pages'"
                " in the connector",
            )
        return following


def _check_limits(**limits: int | None) -> None:
    for name, limit in limits.items():
        if limit is not None and limit < 1:
            raise ValueError(f"{name} must be at least 1, is {limit}")
