"""Paging that nobody declared: what the first answer shows is used to the end."""

from __future__ import annotations

from pydantic import JsonValue

from airflow_provider_integry.connectors.cursor_pager import CursorPager
from airflow_provider_integry.connectors.draft import Draft, NoBody
from airflow_provider_integry.connectors.expressions import search
from airflow_provider_integry.connectors.pages import Cursor, Page, Pager, is_cursor, with_size
from airflow_provider_integry.connectors.paging import AutoPaging, CursorPaging, LinkPaging, NextUrlPaging
from airflow_provider_integry.connectors.url_pager import UrlPager, find_link
from airflow_provider_integry.errors import PagingError

# Where APIs put the URL of the next page, the least ambiguous names first.
_URLS = (
    '"@odata.nextLink"',
    '"odata.nextLink"',
    "_links.next.href",
    "links.next.href",
    "links.next",
    "_links.next",
    "paging.next.link",
    "paging.next",
    "pagination.next_url",
    "pagination.next",
    "meta.next_url",
    "meta.next",
    "meta.pagination.links.next",
    "next_page.uri",
    "next_page_url",
    "nextPageUrl",
    "next_url",
    "nextUrl",
    "next_link",
    "nextLink",
    "nextRecordsUrl",
    "next_page",
    "nextPage",
    "next.href",
    "next",
)
# Where they put a cursor or a number, and the parameter that takes it.
_CURSORS = (
    ("next_cursor", "cursor"),
    ("nextCursor", "cursor"),
    ("meta.next_cursor", "cursor"),
    ("meta.nextCursor", "cursor"),
    ("pagination.next_cursor", "cursor"),
    ("pagination.nextCursor", "cursor"),
    ("paging.next_cursor", "cursor"),
    ("response_metadata.next_cursor", "cursor"),
    ("paging.next.after", "after"),
    ("paging.cursors.after", "after"),
    ("next_page_token", "page_token"),
    ("nextPageToken", "pageToken"),
    ("next_token", "next_token"),
    ("nextToken", "nextToken"),
    ("continuation_token", "continuation_token"),
    ("continuationToken", "continuationToken"),
    ("next_page.offset", "offset"),
    ("bookmark", "bookmark"),
)
_NUMBERS = (
    ("next_page", "page"),
    ("nextPage", "page"),
    ("meta.next_page", "page"),
    ("meta.pagination.next_page", "page"),
    ("pagination.next_page", "page"),
)
# What says that there is more, without saying how to get it.
_SIGNS = (
    "has_more",
    "hasMore",
    "has_next",
    "hasNext",
    "has_next_page",
    "hasNextPage",
    "meta.has_more",
    "meta.has_next",
    "meta.hasNextPage",
    "pagination.has_more",
    "pagination.has_next",
    "pagination.more_items_in_collection",
    "paging.has_more",
    "pageInfo.hasNextPage",
)
_TOTALS = (
    "total",
    "total_count",
    "totalCount",
    "total_results",
    "totalResults",
    "meta.total",
    "meta.total_count",
    "meta.pagination.total",
    "pagination.total",
    "paging.total",
)


class AutoPager:
    """Looks at the first answer, and then pages as it shows.

    Attributes:
        chosen: What was found, in words; None before the first page has come.
    """

    def __init__(self, activity: str, paging: AutoPaging) -> None:
        self.chosen: str | None = None
        self._activity = activity
        self._paging = paging
        self._inner: Pager | None = None

    @staticmethod
    def expressions() -> list[str]:
        """Return the expressions that are applied to answers."""
        return [*_URLS, *_SIGNS, *_TOTALS, *(place for place, _ in (*_CURSORS, *_NUMBERS))]

    @property
    def cursor(self) -> Cursor | None:
        """Where the next page starts, where a cursor was found."""
        return None if self._inner is None else self._inner.cursor

    def first(self, draft: Draft) -> Draft:
        """Return the draft with the size."""
        return with_size(draft, self._paging)

    def next(self, draft: Draft, page: Page) -> Draft | None:
        """Return the draft of the next page, in the way that the first one showed."""
        if self.chosen is None:
            self._inner = self._detect(draft, page)
            if self._inner is None:
                self._check_complete(page)
                self.chosen = "nothing found: one page"
                return None
            self._inner.first(draft)
        return None if self._inner is None else self._inner.next(draft, page)

    def _detect(self, draft: Draft, page: Page) -> Pager | None:
        if find_link(page.response, "next") is not None:
            self.chosen = "link: header 'Link' with rel 'next'"
            return UrlPager(self._activity, LinkPaging(kind="link"))
        for place in _URLS:
            if _is_url(search(place, page.answer)):
                self.chosen = f"next_url: '{place}'"
                return UrlPager(self._activity, NextUrlPaging(kind="next_url", url=place))
        for place, param in _CURSORS:
            if is_cursor(search(place, page.answer)):
                return self._by_cursor(draft, place, param)
        for place, param in _NUMBERS:
            if _is_count(search(place, page.answer)):
                return self._by_cursor(draft, place, param)
        return None

    def _by_cursor(self, draft: Draft, place: str, param: str) -> Pager:
        where = "query" if isinstance(draft.body, NoBody) else "body"
        self.chosen = f"cursor: '{place}', sent in the {where} as '{param}'"
        paging = CursorPaging.model_validate({"kind": "cursor", "in": where, "param": param, "cursor": place})
        return CursorPager(self._activity, paging)

    def _check_complete(self, page: Page) -> None:
        """Refuse to take a first page for everything when the answer says otherwise."""
        for place in _SIGNS:
            if search(place, page.answer) is True:
                raise self._error(f"says '{place}: true'")
        for place in _URLS:
            if is_cursor(search(place, page.answer)):
                raise self._error(f"has a value under '{place}' that is neither a URL nor a page number")
        for place in _TOTALS:
            total = search(place, page.answer)
            if _is_count(total) and isinstance(total, (int, str)) and int(total) > len(page.records):
                raise self._error(f"counts {total} records under '{place}' and holds {len(page.records)}")

    def _error(self, what: str) -> PagingError:
        return PagingError(
            self._activity,
            f"the first answer {what}, but shows no usual way to the next page; declare 'paging' with another kind"
            " than auto",
        )


def _is_url(value: JsonValue) -> bool:
    return isinstance(value, str) and (value.startswith(("http://", "https://", "/", "?")) or "?" in value)


def _is_count(value: JsonValue) -> bool:
    if isinstance(value, str):
        return value.isascii() and value.isdigit() and len(value) < 20
    return isinstance(value, int) and not isinstance(value, bool)
