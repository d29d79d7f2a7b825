"""What all kinds of paging share: the page that came, and how a draft is changed for the next one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast

import msgspec
from pydantic import JsonValue

from airflow_provider_integry.auth.wire import HttpResponse
from airflow_provider_integry.connectors.draft import Draft, scalar_text
from airflow_provider_integry.connectors.model import header_value_problem
from airflow_provider_integry.connectors.paging import AnyPaged, PlacedPaging
from airflow_provider_integry.connectors.schemas import type_name
from airflow_provider_integry.connectors.select import evaluate
from airflow_provider_integry.errors import PagingError

Place = Literal["query", "body", "header"]
Cursor = str | int | float


@dataclass(frozen=True, slots=True)
class Page:
    """One page that was received.

    Attributes:
        answer: The decoded answer, or what of it paging may ask for.
        records: The records selected from it, or their bytes.
        response: The response itself, for kinds that read headers.
    """

    answer: JsonValue
    records: Sequence[Any]
    response: HttpResponse

    @property
    def last_record(self) -> JsonValue:
        """The last record, decoded; there must be one."""
        last = self.records[-1]
        # Not msgspec, which refuses the number 1e400.
        return cast("JsonValue", json.loads(bytes(last)) if isinstance(last, msgspec.Raw) else last)


class Pager(Protocol):
    """What every kind of paging does."""

    @property
    def cursor(self) -> Cursor | None:
        """Where the next page starts, as the last answer or record that said so says; None for kinds without."""

    def first(self, draft: Draft) -> Draft:
        """Return the draft with what the first page needs."""

    def next(self, draft: Draft, page: Page) -> Draft | None:
        """Return the draft of the page after `page`; None after the last.

        Raises:
            PagingError: The answer says something about paging that makes no sense.
            ResponseFormatError: An expression does not fit the answer.
        """


def place_value(activity: str, draft: Draft, paging: PlacedPaging, value: Cursor) -> Draft:
    """Return the draft with a number, a position or a cursor where the paging wants it.

    Raises:
        PagingError: A header cannot carry it.
    """
    text = scalar_text(value)
    if paging.place == "header" and (sentence := header_value_problem(text)):
        raise PagingError(activity, f"what is to be sent as header '{paging.param}' {sentence}")
    return _put(draft, paging.place, paging.param, value)


def with_size(draft: Draft, paging: AnyPaged) -> Draft:
    """Return the draft with the page size, where one is declared."""
    if paging.size_param is None or paging.size is None:
        return draft
    is_body = isinstance(paging, PlacedPaging) and paging.place == "body"
    return _put(draft, "body" if is_body else "query", paging.size_param, paging.size)


def read_number(activity: str, key: str, expression: str | None, answer: JsonValue) -> int | None:
    """Return a count that the answer tells; None when it tells none.

    Raises:
        PagingError: It is no number.
    """
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


def read_more(activity: str, expression: str | None, answer: JsonValue) -> bool | None:
    """Return whether the answer says that there is another page; None when it does not say.

    Raises:
        PagingError: It is no boolean.
    """
    if expression is None:
        return None
    more = evaluate(activity, "paging.more", expression, answer)
    if more is not None and not isinstance(more, bool):
        raise PagingError(activity, f"'paging.more: {expression}' selects {type_name(more)}; it must select a boolean")
    return more


def is_cursor(value: object) -> bool:
    """Whether this can be sent to go on: a text that is not empty, or a number."""
    return value != "" and isinstance(value, (str, int, float)) and not isinstance(value, bool)


def _put(draft: Draft, place: Place, name: str, value: Cursor) -> Draft:
    if place == "body":
        return draft.with_body(name, value)
    if place == "header":
        return draft.with_header(name, scalar_text(value))
    return draft.with_query(name, scalar_text(value))
