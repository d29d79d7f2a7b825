"""The next page by what the last answer says to send."""

from __future__ import annotations

from typing import cast

from pydantic import JsonValue

from airflow_provider_integry.connectors.draft import Draft, scalar_text
from airflow_provider_integry.connectors.pages import (
    Cursor,
    Page,
    is_cursor,
    place_value,
    read_more,
    read_number,
    with_size,
)
from airflow_provider_integry.connectors.paging import CursorPaging
from airflow_provider_integry.connectors.schemas import type_name
from airflow_provider_integry.connectors.select import evaluate
from airflow_provider_integry.errors import PagingError


class CursorPager:
    """Pages by what the last answer says to send."""

    def __init__(self, activity: str, paging: CursorPaging) -> None:
        self.cursor: Cursor | None = paging.initial
        self._activity = activity
        self._paging = paging
        self._seen: set[str] = set()
        self._received = 0

    def first(self, draft: Draft) -> Draft:
        """Return the draft with the size, and the first cursor where one is declared."""
        draft = with_size(draft, self._paging)
        if self._paging.initial is None:
            return draft
        return self._send(draft, self._paging.initial)

    def next(self, draft: Draft, page: Page) -> Draft | None:
        """Return the draft with the answer's cursor."""
        self._received += len(page.records)
        cursor = self._find(page)
        more = read_more(self._activity, self._paging.more, page.answer)
        total = read_number(self._activity, "total", self._paging.total, page.answer)
        if is_cursor(cursor):
            self.cursor = cast("Cursor", cursor)
        if more is False or (total is not None and self._received >= total):
            return None
        if cursor is None or cursor is False or cursor == "":
            if more:
                raise self._error("more", "says that there is another page, but the answer has no cursor")
            return None
        if isinstance(cursor, bool) or not isinstance(cursor, (str, int, float)):
            raise self._error("cursor", f"selects {type_name(cursor)}; a cursor is a text or a number")
        return self._send(draft, cursor)

    def _find(self, page: Page) -> JsonValue:
        if self._paging.cursor is None:
            return page.response.header(self._paging.cursor_header or "")
        return evaluate(self._activity, "paging.cursor", self._paging.cursor, page.answer)

    def _send(self, draft: Draft, cursor: Cursor) -> Draft:
        text = scalar_text(cursor)
        if text in self._seen:
            raise self._error("cursor", "gave the same cursor twice: the pages would repeat without end")
        self._seen.add(text)
        return place_value(self._activity, draft, self._paging, cursor)

    def _error(self, key: str, problem: str) -> PagingError:
        key = "cursor_header" if key == "cursor" and self._paging.cursor is None else key
        return PagingError(self._activity, f"'paging.{key}: {getattr(self._paging, key)}' {problem}")
