"""How the answers of an operation come in pages: guessed from names that are usual.

A guess looks at both sides, the parameters and the answer, and is marked as one in the connector.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from airflow_provider_integry.connectors.openapi.operations import Operation, Parameter
from airflow_provider_integry.connectors.openapi.refs import as_mapping
from airflow_provider_integry.connectors.openapi.results import Field, find_records, is_plain, list_fields, plain_name
from airflow_provider_integry.connectors.openapi.schemas import Schemas

MAX_SIZE = 1000
USUAL_SIZE = 100
_SIZES = frozenset({
    "limit", "perpage", "pagesize", "size", "count", "maxresults", "pagelimit", "take", "top", "itemsperpage",
    "resultsperpage", "maxitems", "pagecount", "max", "first",
})  # fmt: skip
_PAGES = frozenset({"page", "pagenumber", "pageno", "pagenum", "pageindex", "pageid", "currentpage"})
_OFFSETS = frozenset({"offset", "start", "startat", "skip", "startindex", "startposition", "from", "pageoffset"})
_CURSORS = frozenset({
    "cursor", "pagetoken", "after", "nexttoken", "continuationtoken", "continue", "marker", "nextcursor", "pagecursor",
    "nextpagetoken", "startcursor", "pageafter", "paginationtoken", "startingtoken", "bookmark", "startingafter",
    "offset",
})  # fmt: skip
_NEXT_CURSORS = frozenset({
    "nextcursor", "cursor", "nextpagetoken", "nexttoken", "continuationtoken", "nextmarker", "endcursor", "continue",
    "nextpagecursor", "bookmark", "nextoffset",
})  # fmt: skip
_UNDER_NEXT = frozenset({"cursor", "token", "offset", "after", "pagetoken"})
_NEXT_URLS = frozenset({
    "nexturl", "nextlink", "nextpageurl", "nextpageuri", "nexturi", "odatanextlink", "nextpagelink", "nexthref",
})  # fmt: skip
_TOTALS = frozenset({
    "total", "totalcount", "totalitems", "totalresults", "totalrecords", "totalentries", "totalhits", "totalsetsize",
    "totalelements",
})  # fmt: skip
_TOTAL_PAGES = frozenset({"totalpages", "pagecount", "lastpage", "numpages", "pages"})
# A parameter that takes a field of the last record, and that field: "since_id" takes "id".
_KEYSET = re.compile(r"(?:since|after|last|from|start|startafter|startingafter)(id|uuid|guid|gid|sid|key)")
_LAST_OF_ALL = "startingafter"
_MORE = frozenset({"hasmore", "more", "hasnext", "hasnextpage", "ismore", "moreresults"})


@dataclass(frozen=True)
class Guess:
    """A guess.

    Attributes:
        paging: The key `paging` of a query.
        parameters: Names of the parameters that it takes the place of.
        reason: What it was guessed from.
    """

    paging: dict[str, Any]
    parameters: frozenset[str]
    reason: str


def guess_paging(operation: Operation, schemas: Schemas) -> Guess | None:
    """Return how the records of an operation come in pages; None when nothing hints at pages."""
    return _Guesser(operation, schemas).guess()


class _Guesser:
    def __init__(self, operation: Operation, schemas: Schemas) -> None:
        self._schemas = schemas
        self._operation = operation
        self._fields = list_fields(schemas, operation.answer)
        self._is_body = operation.method == "POST"
        given = self._body_fields() if self._is_body else [one for one in operation.parameters if one.place == "query"]
        self._query = {plain_name(one.name): one for one in given}
        self._size = self._first(_SIZES)

    def guess(self) -> Guess | None:
        if self._is_body:
            # A URL of the next page would have to be asked for with the body again.
            return self._cursor() or self._page() or self._offset() or self._keyset()
        by_answer = self._cursor() or self._next_url() or self._link()
        return by_answer or self._page() or self._offset() or self._keyset()

    def _body_fields(self) -> list[Parameter]:
        body = self._operation.body
        properties = self._schemas.merged(body.schema).get("properties") if body is not None else None
        found = as_mapping(properties).items()
        return [Parameter(str(name), "body", schema) for name, schema in found if "." not in str(name)]

    def _cursor(self) -> Guess | None:
        field = next((one for one in self._fields if _is_next_cursor(one)), None)
        param = self._first(_CURSORS, besides={"offset"} if field is None or "offset" not in field.name else set())
        if field is None or param is None:
            return None
        paging: dict[str, Any] = {"kind": "cursor", "param": param.name, "cursor": field.expression}
        if more := self._answer(_MORE, "boolean"):
            paging["more"] = more.expression
        return self._done(paging, param, f"'{field.expression}' in the answer")

    def _next_url(self) -> Guess | None:
        field = next((one for one in self._fields if _is_next_url(one)), None)
        if field is None:
            return None
        taken = self._first(_CURSORS | _PAGES | _OFFSETS)
        return self._done({"kind": "next_url", "url": field.expression}, taken, f"'{field.expression}' in the answer")

    def _link(self) -> Guess | None:
        if "link" not in self._operation.answer_headers:
            return None
        return self._done({"kind": "link"}, self._first(_PAGES | _CURSORS), "header 'Link' of the answer")

    def _page(self) -> Guess | None:
        param = self._first(_PAGES)
        if param is None or not self._is_number(param):
            return None
        schema = self._schemas.given(param.schema)
        paging: dict[str, Any] = {"kind": "page", "param": param.name}
        first = schema.get("minimum", schema.get("default"))
        if first == 0:
            paging["start"] = 0
        self._add_totals(paging, with_pages=True)
        return self._done(paging, param)

    def _offset(self) -> Guess | None:
        param = self._first(_OFFSETS)
        # An offset that is text is a cursor, of which the answer says nothing.
        if param is None or self._size is None or self._type(param) not in ("integer", "number"):
            return None
        paging: dict[str, Any] = {"kind": "offset", "param": param.name}
        schema = self._schemas.given(param.schema)
        if schema.get("minimum") == 1 or schema.get("default") == 1:
            paging["start"] = 1
        self._add_totals(paging, with_pages=False)
        return self._done(paging, param)

    def _keyset(self) -> Guess | None:
        """Guess that the next page begins after a field of the last record: last, as it shows in one name alone."""
        fields = {plain_name(name): (name, schema) for name, schema in self._record().items()}
        for plain, param in self._query.items():
            match = _KEYSET.fullmatch(plain)
            wanted = match[1] if match else "id" if plain == _LAST_OF_ALL else None
            if wanted is None or wanted not in fields:
                continue
            name, schema = fields[wanted]
            if not is_plain(name) or self._schemas.given(schema).get("type") not in ("integer", "string"):
                continue
            paging: dict[str, Any] = {"kind": "keyset", "param": param.name, "field": name}
            if more := self._answer(_MORE, "boolean"):
                paging["more"] = more.expression
            return self._done(paging, param, f"field '{name}' of a record, by which records have to be sorted")
        return None

    def _record(self) -> dict[str, Any]:
        """Return the properties of one record."""
        operation = self._operation
        place = find_records(self._schemas, operation.answer, operation.path)
        if place is None:
            return {}
        listed = next((one.schema for one in self._fields if one.expression == place), None)
        whole = self._schemas.merged(operation.answer) if place == "" else self._schemas.merged(listed or {})
        return as_mapping(self._schemas.merged(whole.get("items") or {}).get("properties"))

    def _add_totals(self, paging: dict[str, Any], *, with_pages: bool) -> None:
        if total := self._answer(_TOTALS, "integer", "number"):
            paging["total"] = total.expression
        elif with_pages and (pages := self._answer(_TOTAL_PAGES, "integer", "number")):
            paging["total_pages"] = pages.expression

    def _done(self, paging: dict[str, Any], param: Parameter | None, reason: str = "") -> Guess:
        names = [param.name] if param is not None else []
        if self._is_body:
            paging = {**paging, "in": "body"}
        if self._size is not None and self._is_number(self._size):
            paging = {**paging, "size_param": self._size.name, "size": self._page_size(self._size)}
            names.append(self._size.name)
        shown = " and ".join(f"'{name}'" for name in names)
        parts = [f"parameter{'s' if len(names) > 1 else ''} {shown}" if names else "", reason]
        return Guess(paging, frozenset(names), " and ".join(filter(None, parts)))

    def _page_size(self, size: Parameter) -> int:
        """Return the largest page that the document allows, within reason; else the usual one."""
        schema = self._schemas.given(size.schema)
        largest, usual = schema.get("maximum"), schema.get("default")
        if isinstance(largest, (int, float)) and largest >= 1:
            return min(int(largest), MAX_SIZE)
        return int(usual) if isinstance(usual, (int, float)) and 1 <= usual <= MAX_SIZE else USUAL_SIZE

    def _first(self, names: frozenset[str], besides: set[str] | None = None) -> Parameter | None:
        wanted = names - (besides or set())
        return next((one for name, one in self._query.items() if name in wanted), None)

    def _answer(self, names: frozenset[str], *types: str) -> Field | None:
        return next((one for one in self._fields if one.name in names and one.schema.get("type") in types), None)

    def _is_number(self, one: Parameter) -> bool:
        return self._type(one) in ("integer", "number", "string", None)

    def _type(self, one: Parameter) -> object:
        return self._schemas.given(one.schema).get("type")


def _is_next_cursor(one: Field) -> bool:
    parent = plain_name(one.path[-2]) if len(one.path) > 1 else ""
    if one.schema.get("type") in ("object", "array") or "properties" in one.schema:
        return False
    if one.name in _UNDER_NEXT and parent in ("next", "nextpage", "cursors"):
        return True
    return one.name in _NEXT_CURSORS


def _is_next_url(one: Field) -> bool:
    parent = plain_name(one.path[-2]) if len(one.path) > 1 else ""
    if one.schema.get("type") in ("object", "array", "integer", "boolean") or "properties" in one.schema:
        return False
    if one.name in _NEXT_URLS:
        return True
    if one.name in ("href", "url", "uri"):
        return parent in ("next", "nextpage")
    is_url = one.schema.get("format") in ("uri", "url") or parent in ("links", "paging", "pagination", "pages")
    # Without more to say, 'next' at the top beside a page of results is usually a URL.
    return one.name == "next" and (is_url or len(one.path) == 1)
