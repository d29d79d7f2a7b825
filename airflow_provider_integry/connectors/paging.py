"""How a query's answer comes in pages: one model per kind, told apart by `kind`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictInt, StrictStr, model_validator

from airflow_provider_integry.connectors.model import Expression, SpecModel, header_name_problem, problem

MAX_PAGES = 10_000
Name = Annotated[StrictStr, Field(min_length=1)]
Count = Annotated[StrictInt, Field(ge=1)]


class NoPaging(SpecModel):
    """The whole answer comes at once."""

    kind: Literal["none"] = "none"


class _Paged(SpecModel):
    """What all kinds with several pages share.

    Attributes:
        size_param: Name under which the page size is sent; not sent when left out.
        size: Records asked for per page.
        max_pages: Pages after which a query fails instead of going on.
    """

    size_param: Name | None = None
    size: Count | None = None
    max_pages: Count = MAX_PAGES

    @model_validator(mode="after")
    def _check_size(self) -> _Paged:
        if self.size_param is not None and self.size is None:
            raise problem(("size",), "is missing; say which number to send as 'size_param'")
        return self


class PagePaging(_Paged):
    """Pages are numbered.

    Ends on an empty page; at `total` records or `total_pages` pages, or when `more` says false, where these
    are declared and answered; else on a page of fewer records than `size`. A server that silently caps the
    page size makes the last rule end too early: declare one of the others, or leave `size` out.

    Attributes:
        param: Query parameter (or dotted body name) of the page number.
        place: (`in`) Where number and size are sent.
        start: Number of the first page.
        total: JMESPath of the number of records in all.
        total_pages: JMESPath of the number of pages in all.
        more: JMESPath of a boolean that says whether there is another page.
    """

    kind: Literal["page"]
    param: Name
    place: Literal["query", "body"] = Field(default="query", alias="in")
    start: StrictInt = 1
    total: Expression | None = None
    total_pages: Expression | None = None
    more: Expression | None = None


class OffsetPaging(_Paged):
    """Pages start at a record's position; the next position is the number of records received.

    Ends on an empty page; at `total` records, or when `more` says false, where these are declared and
    answered; else on a page of fewer records than `size`.

    Attributes:
        param: Query parameter (or dotted body name) of the position.
        place: (`in`) Where position and size are sent.
        start: Position of the first record.
        total: JMESPath of the number of records in all.
        more: JMESPath of a boolean that says whether there is another page.
    """

    kind: Literal["offset"]
    param: Name
    place: Literal["query", "body"] = Field(default="query", alias="in")
    start: StrictInt = 0
    total: Expression | None = None
    more: Expression | None = None


class CursorPaging(_Paged):
    """Each answer carries what to send for the next page.

    Ends when the cursor is null, empty or false, when `more` says false, or at `total` records. The
    number 0 is a cursor; where 0 means the end, say so in the expression.

    Attributes:
        param: Name under which the cursor is sent.
        place: (`in`) Where it is sent; the size goes to the body with it, else to the query.
        cursor: JMESPath of the next cursor in the answer: a text or a number.
        cursor_header: Header of the answer that holds it instead.
        initial: Cursor of the first page, for servers that want one (often the empty text).
        more: JMESPath of a boolean that says whether there is another page.
        total: JMESPath of the number of records in all.
    """

    kind: Literal["cursor"]
    param: Name
    place: Literal["query", "body", "header"] = Field(default="query", alias="in")
    cursor: Expression | None = None
    cursor_header: Name | None = None
    initial: StrictStr | StrictInt | None = None
    more: Expression | None = None
    total: Expression | None = None

    @model_validator(mode="after")
    def _check_header(self) -> CursorPaging:
        _check_param(self.place, self.param)
        if self.cursor is None and self.cursor_header is None:
            raise problem(
                ("cursor",), "is missing; say where the answer has the next cursor, here or in 'cursor_header'"
            )
        if self.cursor is not None and self.cursor_header is not None:
            raise problem(("cursor_header",), "stands beside 'cursor'; the next cursor has one place")
        return self


class KeysetPaging(_Paged):
    """The next page starts after a field of the last record.

    Ends on an empty page; when `more` says false; at `total` records; else on a page of fewer records
    than `size`. The field must move on with every page: numbers in one direction, texts to one that
    was not there before. Have the server sort by it, by an input with a default where it does not.

    Attributes:
        param: Name under which the last record's value is sent.
        place: (`in`) Where it is sent; the size goes to the body with it, else to the query.
        field: JMESPath of the value in a record: a text or a number.
        initial: Value of the first page, for servers that want one.
        more: JMESPath of a boolean in the answer that says whether there is another page.
        total: JMESPath of the number of records in all.
    """

    kind: Literal["keyset"]
    param: Name
    place: Literal["query", "body", "header"] = Field(default="query", alias="in")
    field: Expression
    initial: StrictStr | StrictInt | None = None
    more: Expression | None = None
    total: Expression | None = None

    @model_validator(mode="after")
    def _check_header(self) -> KeysetPaging:
        _check_param(self.place, self.param)
        return self


def _check_param(place: str, param: str) -> None:
    if place == "header" and (sentence := header_name_problem(param)):
        raise problem(("param",), sentence)


class LinkPaging(_Paged):
    """The Link header of each answer leads to the next page (RFC 8288).

    Ends when there is no such link. The link must lead to the scheme, host and port of the query.

    Attributes:
        rel: Relation of the link to follow.
    """

    kind: Literal["link"]
    rel: Name = "next"


class NextUrlPaging(_Paged):
    """Each answer carries the URL of the next page, absolute or relative.

    Ends when it is null, empty or false, or at `total` records. It must lead to the scheme, host and
    port of the query.

    Attributes:
        url: JMESPath of the URL.
        total: JMESPath of the number of records in all.
    """

    kind: Literal["next_url"]
    url: Expression
    total: Expression | None = None


class AutoPaging(_Paged):
    """The first answer shows how to go on: by its Link header, else by a URL or a cursor under a usual name.

    What was found is used to the end; it is in the log, and in the task's result. Where nothing is found,
    the first page is the only one, unless the answer says that there is more: that is an error. To
    declare the kind is safer.
    """

    kind: Literal["auto"]


Paging = Annotated[
    NoPaging | PagePaging | OffsetPaging | CursorPaging | KeysetPaging | LinkPaging | NextUrlPaging | AutoPaging,
    Field(discriminator="kind"),
]
PlacedPaging = PagePaging | OffsetPaging | CursorPaging | KeysetPaging
UrlPaging = LinkPaging | NextUrlPaging
AnyPaged = PlacedPaging | UrlPaging | AutoPaging
