"""The next page by the URL that the last answer names."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import urljoin

from airflow_provider_integry.auth.wire import HttpResponse
from airflow_provider_integry.connectors.draft import Draft
from airflow_provider_integry.connectors.pages import Cursor, Page, read_number, with_size
from airflow_provider_integry.connectors.paging import LinkPaging, UrlPaging
from airflow_provider_integry.connectors.schemas import type_name
from airflow_provider_integry.connectors.select import evaluate
from airflow_provider_integry.errors import PagingError, UrlNotAllowedError
from airflow_provider_integry.urls import check_url, origin_of

_LINK = re.compile(r'<([^>]*)>((?:\s*;\s*[^\s=;,"]+(?:\s*=\s*(?:"[^"]*"|[^\s;,"]*))?)*)')
_LINK_PARAMETER = re.compile(r';\s*([^\s=;,"]+)\s*=\s*("[^"]*"|[^\s;,"]*)')


class UrlPager:
    """Pages by the URL that the last answer names, in its Link header or its body."""

    cursor: Cursor | None = None

    def __init__(self, activity: str, paging: UrlPaging) -> None:
        self._activity = activity
        self._paging = paging
        self._seen: set[str] = set()
        self._received = 0

    def first(self, draft: Draft) -> Draft:
        """Return the draft with the size."""
        draft = with_size(draft, self._paging)
        self._seen.add(draft.build().url)
        return draft

    def next(self, draft: Draft, page: Page) -> Draft | None:
        """Return the draft with the answer's URL in place of its own and its query."""
        self._received += len(page.records)
        found = self._find(page)
        if found is None or self._is_complete(page):
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

    def _is_complete(self, page: Page) -> bool:
        if isinstance(self._paging, LinkPaging):
            return False
        total = read_number(self._activity, "total", self._paging.total, page.answer)
        return total is not None and self._received >= total

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
