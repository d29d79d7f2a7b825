"""The next page, from the last one: one class per kind of paging.

A pager changes drafts and nothing else; `run.ActivityCall` sends, decodes and watches for loops. A
further kind (keyset ...) is one more class here and one line in `build_pager`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal, Protocol
from urllib.parse import urljoin

from pydantic import JsonValue

from airflow_provider_integry.auth.wire import HttpResponse
from airflow_provider_integry.connectors.draft import Draft, scalar_text
from airflow_provider_integry.connectors.model import header_value_problem
from airflow_provider_integry.connectors.paging import (
    CursorPaging,
    LinkPaging,
    NextUrlPaging,
    OffsetPaging,
    PagePaging,
    Paging,
)
from airflow_provider_integry.connectors.schemas import type_name
from airflow_provider_integry.connectors.select import evaluate
from airflow_provider_integry.errors import PagingError, UrlNotAllowedError
from airflow_provider_integry.urls import check_url, origin_of

Place = Literal["query", "body", "header"]
Cursor = str | int | float
AnyPaged = PagePaging | OffsetPaging | CursorPaging | LinkPaging | NextUrlPaging
_LINK = re.compile(r'<([^>]*)>((?:\s*;\s*[^\s=;,"]+(?:\s*=\s*(?:"[^"]*"|[^\s;,"]*))?)*)')
_LINK_PARAMETER = re.compile(r';\s*([^\s=;,"]+)\s*=\s*("[^"]*"|[^\s;,"]*)')


@dataclass(frozen=True, slots=True)
class Page:
    """One page that was received.

    Attributes:
        answer: The decoded answer.
        records: The records selected from it.
        response: The response itself, for kinds that read headers.
    """

    answer: JsonValue
    records: list[JsonValue]
    response: HttpResponse


class Pager(Protocol):
    """What every kind of paging does."""

    def first(self, draft: Draft) -> Draft:
        """Return the draft with what the first page needs."""

    def next(self, draft: Draft, page: Page) -> Draft | None:
        """Return the draft of the page after `page`; None after the last.

        Raises:
            PagingError: The answer says something about paging that makes no sense.
            ResponseFormatError: An expression does not fit the answer.
        """


def build_pager(activity: str, paging: Paging) -> Pager:
    """Return a new pager for one run of a query."""
    if isinstance(paging, PagePaging):
        return PagePager(activity, paging)
    if isinstance(paging, OffsetPaging):
        return OffsetPager(activity, paging)
    if isinstance(paging, CursorPaging):
        return CursorPager(activity, paging)
    if isinstance(paging, LinkPaging | NextUrlPaging):
        return UrlPager(activity, paging)
    return SinglePager()


class SinglePager:
    """No paging: the first page is the last."""

    def first(self, draft: Draft) -> Draft:
        """Return the draft as it is."""
        return draft

    def next(self, draft: Draft, page: Page) -> Draft | None:
        """Return None."""
        return None


class PagePager:
    """Pages by number."""

    def __init__(self, activity: str, paging: PagePaging) -> None:
        self._activity = activity
        self._paging = paging
        self._number = paging.start
        self._received = 0

    def first(self, draft: Draft) -> Draft:
        """Return the draft with the first page's number and the size."""
        return _place(_with_size(draft, self._paging), self._paging.place, self._paging.param, self._number)

    def next(self, draft: Draft, page: Page) -> Draft | None:
        """Return the draft with the next number."""
        self._received += len(page.records)
        if self._is_last(page):
            return None
        self._number += 1
        return _place(draft, self._paging.place, self._paging.param, self._number)

    def _is_last(self, page: Page) -> bool:
        paging, count = self._paging, len(page.records)
        if count == 0:
            return True
        total = _number(self._activity, "total", paging.total, page.answer)
        pages = _number(self._activity, "total_pages", paging.total_pages, page.answer)
        if total is None and pages is None:
            return paging.size is not None and count < paging.size
        done = self._number - paging.start + 1
        return (total is not None and self._received >= total) or (pages is not None and done >= pages)


class OffsetPager:
    """Pages by the position of their first record."""

    def __init__(self, activity: str, paging: OffsetPaging) -> None:
        self._activity = activity
        self._paging = paging
        self._received = 0

    def first(self, draft: Draft) -> Draft:
        """Return the draft with the first position and the size."""
        return _place(_with_size(draft, self._paging), self._paging.place, self._paging.param, self._paging.start)

    def next(self, draft: Draft, page: Page) -> Draft | None:
        """Return the draft with the position after the records received so far."""
        self._received += len(page.records)
        if self._is_last(page):
            return None
        position = self._paging.start + self._received
        return _place(draft, self._paging.place, self._paging.param, position)

    def _is_last(self, page: Page) -> bool:
        count = len(page.records)
        total = _number(self._activity, "total", self._paging.total, page.answer)
        if count == 0:
            return True
        if total is not None:
            return self._paging.start + self._received >= total
        return self._paging.size is not None and count < self._paging.size


class CursorPager:
    """Pages by what the last answer says to send."""

    def __init__(self, activity: str, paging: CursorPaging) -> None:
        self._activity = activity
        self._paging = paging
        self._seen: set[str] = set()

    def first(self, draft: Draft) -> Draft:
        """Return the draft with the size, and the first cursor where one is declared."""
        draft = _with_size(draft, self._paging)
        if self._paging.initial is None:
            return draft
        return self._send(draft, self._paging.initial)

    def next(self, draft: Draft, page: Page) -> Draft | None:
        """Return the draft with the answer's cursor."""
        cursor = evaluate(self._activity, "paging.cursor", self._paging.cursor, page.answer)
        more = self._more(page.answer)
        if more is False:
            return None
        if cursor is None or cursor is False or cursor == "":
            if more:
                raise self._error("more", "says that there is another page, but the answer has no cursor")
            return None
        if isinstance(cursor, bool) or not isinstance(cursor, (str, int, float)):
            raise self._error("cursor", f"selects {type_name(cursor)}; a cursor is a text or a number")
        return self._send(draft, cursor)

    def _more(self, answer: JsonValue) -> bool | None:
        if self._paging.more is None:
            return None
        more = evaluate(self._activity, "paging.more", self._paging.more, answer)
        if more is not None and not isinstance(more, bool):
            raise self._error("more", f"selects {type_name(more)}; it must select a boolean")
        return more

    def _send(self, draft: Draft, cursor: Cursor) -> Draft:
        text = scalar_text(cursor)
        if text in self._seen:
            raise self._error("cursor", "gave the same cursor twice: the pages would repeat without end")
        self._seen.add(text)
        if self._paging.place == "header" and (sentence := header_value_problem(text)):
            raise self._error("cursor", sentence)
        return _place(draft, self._paging.place, self._paging.param, cursor)

    def _error(self, key: str, problem: str) -> PagingError:
        return PagingError(self._activity, f"'paging.{key}: {getattr(self._paging, key)}' {problem}")


class UrlPager:
    """Pages by the URL that the last answer names, in its Link header or its body."""

    def __init__(self, activity: str, paging: LinkPaging | NextUrlPaging) -> None:
        self._activity = activity
        self._paging = paging
        self._seen: set[str] = set()

    def first(self, draft: Draft) -> Draft:
        """Return the draft with the size."""
        draft = _with_size(draft, self._paging)
        self._seen.add(draft.build().url)
        return draft

    def next(self, draft: Draft, page: Page) -> Draft | None:
        """Return the draft with the answer's URL in place of its own and its query."""
        found = self._find(page)
        if found is None:
            return None
        url = urljoin(draft.build().url, found)
        self._check(draft.url, url)
        self._seen.add(url)
        return replace(draft, url=url, query=())

    def _find(self, page: Page) -> str | None:
        if isinstance(self._paging, LinkPaging):
            return find_link(page.response, self._paging.rel)
        found = evaluate(self._activity, "paging.url", self._paging.url, page.answer)
        if found is None or found is False or found == "":
            return None
        if not isinstance(found, str):
            raise self._error(f"selects {type_name(found)}; it must select a text")
        return found

    def _check(self, current: str, url: str) -> None:
        try:
            check_url(url, "next URL", allow_http=True)
        except UrlNotAllowedError as error:
            raise self._error(f"gave a next URL that {error.problem}") from None
        if origin_of(url) != origin_of(current):
            raise self._error(
                f"leads to {origin_of(url)}, but the query went to {origin_of(current)}: a credential does not follow a"
                " link elsewhere"
            )
        if url in self._seen:
            raise self._error("gave the same URL twice: the pages would repeat without end")

    def _error(self, problem: str) -> PagingError:
        paging = self._paging
        shown = f"rel: {paging.rel}" if isinstance(paging, LinkPaging) else f"url: {paging.url}"
        return PagingError(self._activity, f"'paging.{shown}' {problem}")


def find_link(response: HttpResponse, rel: str) -> str | None:
    """Return the target of the first link of a relation in the Link headers; None when there is none.

    Source: RFC 8288 section 3.
    """
    wanted = rel.lower()
    for name, value in response.headers:
        if name.lower() != "link":
            continue
        for target, parameters in _LINK.findall(value):
            for key, text in _LINK_PARAMETER.findall(parameters):
                if key.lower() == "rel" and wanted in text.strip('"').lower().split():
                    return str(target).strip()
    return None


def _place(draft: Draft, place: Place, name: str, value: Cursor) -> Draft:
    if place == "body":
        return draft.with_body(name, value)
    if place == "header":
        return draft.with_header(name, scalar_text(value))
    return draft.with_query(name, scalar_text(value))


def _with_size(draft: Draft, paging: AnyPaged) -> Draft:
    if paging.size_param is None or paging.size is None:
        return draft
    is_body = not isinstance(paging, LinkPaging | NextUrlPaging) and paging.place == "body"
    place: Place = "body" if is_body else "query"
    return _place(draft, place, paging.size_param, paging.size)


def _number(activity: str, key: str, expression: str | None, answer: JsonValue) -> int | None:
    """Return a count that the answer tells; None when it tells none."""
    if expression is None:
        return None
    value = evaluate(activity, f"paging.{key}", expression, answer)
    if value is None:
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise PagingError(activity, f"'paging.{key}: {expression}' selects {type_name(value)}; it must be a number")
    return value
