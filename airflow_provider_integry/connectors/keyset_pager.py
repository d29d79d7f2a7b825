"""The next page by a field of the last record."""

from __future__ import annotations

from airflow_provider_integry.connectors.draft import Draft, scalar_text
from airflow_provider_integry.connectors.pages import (
    Cursor,
    Page,
    place_value,
    read_more,
    read_number,
    with_size,
)
from airflow_provider_integry.connectors.paging import KeysetPaging
from airflow_provider_integry.connectors.schemas import type_name
from airflow_provider_integry.connectors.select import evaluate
from airflow_provider_integry.errors import PagingError


class KeysetPager:
    """Pages that start after a value of the last record."""

    def __init__(self, activity: str, paging: KeysetPaging) -> None:
        self.cursor: Cursor | None = paging.initial
        self._activity = activity
        self._paging = paging
        self._received = 0
        self._texts: set[str] = set()
        self._number: int | float | None = None
        self._is_rising: bool | None = None

    def first(self, draft: Draft) -> Draft:
        """Return the draft with the size, and the first value where one is declared."""
        draft = with_size(draft, self._paging)
        if self._paging.initial is None:
            return draft
        return place_value(self._activity, draft, self._paging, self._paging.initial)

    def next(self, draft: Draft, page: Page) -> Draft | None:
        """Return the draft with the value of the page's last record."""
        self._received += len(page.records)
        if not page.records:
            if read_more(self._activity, self._paging.more, page.answer):
                raise self._error("says that there is another page, but this one has no record to go on from", "more")
            return None
        value = self._read(page)
        self._check(value)
        self.cursor = value
        return None if self._is_last(page) else place_value(self._activity, draft, self._paging, value)

    def _is_last(self, page: Page) -> bool:
        more = read_more(self._activity, self._paging.more, page.answer)
        total = read_number(self._activity, "total", self._paging.total, page.answer)
        if more is not None or total is not None:
            return more is False or (total is not None and self._received >= total)
        return self._paging.size is not None and len(page.records) < self._paging.size

    def _read(self, page: Page) -> Cursor:
        value = evaluate(self._activity, "paging.field", self._paging.field, page.last_record)
        if value == "" or isinstance(value, bool) or not isinstance(value, (str, int, float)):
            found = "an empty text" if value == "" else type_name(value)
            raise self._error(f"selects {found} in the last record; it must be a text or a number")
        return value

    def _check(self, value: Cursor) -> None:
        """Refuse a value that does not lead on: the pages would repeat."""
        if isinstance(value, str):
            if value in self._texts:
                raise self._error(f"has '{_shorten(value)}' in the last records of two pages; {_ADVICE}")
            self._texts.add(value)
            return
        before, self._number = self._number, value
        if before is None:
            return
        is_rising = value > before
        if value == before or self._is_rising not in (None, is_rising):
            raise self._error(f"goes from {scalar_text(before)} to {scalar_text(value)}; {_ADVICE}")
        self._is_rising = is_rising

    def _error(self, problem: str, key: str = "field") -> PagingError:
        return PagingError(self._activity, f"'paging.{key}: {getattr(self._paging, key)}' {problem}")


_ADVICE = (
    "it has to move on with every page: the API seems to ignore the paging parameter, or not to sort by this field"
)


def _shorten(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"
