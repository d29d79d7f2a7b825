"""The next page, from the last one: one class per kind of paging.

A pager changes drafts and nothing else; `run.ActivityCall` sends, decodes and watches for loops. A
further kind is one more class and one line in `build_pager`.
"""

from __future__ import annotations

from airflow_provider_integry.connectors.auto_pager import AutoPager
from airflow_provider_integry.connectors.cursor_pager import CursorPager
from airflow_provider_integry.connectors.draft import Draft
from airflow_provider_integry.connectors.keyset_pager import KeysetPager
from airflow_provider_integry.connectors.pages import (
    Cursor,
    Page,
    Pager,
    place_value,
    read_more,
    read_number,
    with_size,
)
from airflow_provider_integry.connectors.paging import (
    AutoPaging,
    CursorPaging,
    KeysetPaging,
    OffsetPaging,
    PagePaging,
    Paging,
    UrlPaging,
)
from airflow_provider_integry.connectors.url_pager import UrlPager
from airflow_provider_integry.errors import PagingError


def build_pager(activity: str, paging: Paging, start: Cursor | None = None) -> Pager:
    """Return a new pager for one run of a query.

    Args:
        activity: Its name, for errors.
        paging: What the connector declares.
        start: Cursor or value of the first page, in place of the connector's `initial`.
    Raises:
        PagingError: This kind cannot start at a cursor.
    """
    if start is not None:
        if not isinstance(paging, CursorPaging | KeysetPaging):
            raise PagingError(
                activity,
                f"its paging of kind '{paging.kind}' cannot start at a cursor; those of kind cursor and keyset can",
            )
        paging = paging.model_copy(update={"initial": start})
    if isinstance(paging, PagePaging):
        return PagePager(activity, paging)
    if isinstance(paging, OffsetPaging):
        return OffsetPager(activity, paging)
    return _build_following(activity, paging)


def _build_following(activity: str, paging: Paging) -> Pager:
    if isinstance(paging, CursorPaging):
        return CursorPager(activity, paging)
    if isinstance(paging, KeysetPaging):
        return KeysetPager(activity, paging)
    if isinstance(paging, UrlPaging):
        return UrlPager(activity, paging)
    return AutoPager(activity, paging) if isinstance(paging, AutoPaging) else SinglePager()


def asked_of_answers(paging: Paging) -> list[str]:
    """Return the JMESPath expressions that a pager applies to answers."""
    if isinstance(paging, AutoPaging):
        return AutoPager.expressions()
    names = ("total", "total_pages", "cursor", "more", "url")
    return [text for name in names if (text := getattr(paging, name, None)) is not None]


class SinglePager:
    """No paging: the first page is the last."""

    cursor: Cursor | None = None

    def first(self, draft: Draft) -> Draft:
        """Return the draft as it is."""
        return draft

    def next(self, draft: Draft, page: Page) -> Draft | None:
        """Return None."""
        return None


class PagePager:
    """Pages by number."""

    cursor: Cursor | None = None

    def __init__(self, activity: str, paging: PagePaging) -> None:
        self._activity = activity
        self._paging = paging
        self._number = paging.start
        self._received = 0

    def first(self, draft: Draft) -> Draft:
        """Return the draft with the first page's number and the size."""
        return place_value(self._activity, with_size(draft, self._paging), self._paging, self._number)

    def next(self, draft: Draft, page: Page) -> Draft | None:
        """Return the draft with the next number."""
        self._received += len(page.records)
        if self._is_last(page):
            return None
        self._number += 1
        return place_value(self._activity, draft, self._paging, self._number)

    def _is_last(self, page: Page) -> bool:
        paging, count = self._paging, len(page.records)
        if count == 0:
            return True
        total = read_number(self._activity, "total", paging.total, page.answer)
        pages = read_number(self._activity, "total_pages", paging.total_pages, page.answer)
        more = read_more(self._activity, paging.more, page.answer)
        if total is None and pages is None and more is None:
            return paging.size is not None and count < paging.size
        done = self._number - paging.start + 1
        is_all = (total is not None and self._received >= total) or (pages is not None and done >= pages)
        return is_all or more is False


class OffsetPager:
    """Pages by the position of their first record."""

    cursor: Cursor | None = None

    def __init__(self, activity: str, paging: OffsetPaging) -> None:
        self._activity = activity
        self._paging = paging
        self._received = 0

    def first(self, draft: Draft) -> Draft:
        """Return the draft with the first position and the size."""
        return place_value(self._activity, with_size(draft, self._paging), self._paging, self._paging.start)

    def next(self, draft: Draft, page: Page) -> Draft | None:
        """Return the draft with the position after the records received so far."""
        self._received += len(page.records)
        if self._is_last(page):
            return None
        position = self._paging.start + self._received
        return place_value(self._activity, draft, self._paging, position)

    def _is_last(self, page: Page) -> bool:
        count = len(page.records)
        total = read_number(self._activity, "total", self._paging.total, page.answer)
        more = read_more(self._activity, self._paging.more, page.answer)
        if count == 0:
            return True
        if total is not None or more is not None:
            # Who counts from 1 has skipped nobody.
            skipped = max(self._paging.start - 1, 0)
            return more is False or (total is not None and skipped + self._received >= total)
        return self._paging.size is not None and count < self._paging.size
