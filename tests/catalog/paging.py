"""How services tell about pages, each convention written from the server's side.

`paging` of a route says: `kind`; `size` (name of the parameter for the page size), `default` and `most` (sizes
that the service documents); and by kind:

- `page`: `param`, `first` (number of the first page), `total`, `pages` (where these counts stand)
- `offset`: `param`, `total`
- `token`: `param`, `in` (query or body), `next` (where the token stands), `end` (what stands there at the end; left
  out means nothing), `more` (where a flag stands), `like` (shape of the token)
- `last`: `param`, `more`: the next page begins after the record of this id
- `link`: `param`: the Link header leads on
- `url`: `param`, `in` (query or path), `next` (where the URL stands), `end`, `relative`

`asked` says how many pages are asked for where that is another number than there are.
Every kind may have `more` or `done` (where a flag stands) and `counts: text` (counts are written as text).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from catalog.table import Route, put

# Pages of every list; the last one has a single record.
PAGES = 3
_COUNTERS = {"page", "offset", "token", "last", "link", "url"}


class BadRequestError(Exception):
    """A request that the service does not document."""


def make_record(route: Route, number: int) -> Any:
    """Return the record of this number, from 1."""
    assert route.records is not None
    return _fill(route.records["like"], number)


def total_of(route: Route) -> int:
    """Return how many records the service has; enough for several pages of the size that is asked for most."""
    paging = route.paging
    if paging is None:
        return 2
    return (PAGES - 1) * int(paging.get("played", paging["most"] if paging.get("size") else paging["default"])) + 1


def answer_page(
    route: Route, query: Mapping[str, str], body: Mapping[str, Any], build_url: Callable[[dict[str, str]], str]
) -> tuple[Any, dict[str, str], set[str]]:
    """Return one page, headers beside it, and the parameters that belong to paging.

    Args:
        route: The route with the records.
        query, body: What arrived.
        build_url: Returns the URL of this request with other parameters.
    Raises:
        BadRequestError: A parameter of paging is not as documented.
    """
    answer = copy.deepcopy(route.answer)
    paging, total = route.paging, total_of(route)
    if paging is None:
        records = [make_record(route, number) for number in range(1, total + 1)]
        return _with_records(route, answer, records), {}, set()
    sent = body if paging.get("in") == "body" else query
    size = _read_size(paging, sent)
    start = _read_start(route, paging, sent, size)
    records = [make_record(route, number + 1) for number in range(start, min(start + size, total))]
    answer = _with_records(route, answer, records)
    names = {name for name in (paging.get("size"), paging.get("param")) if name}
    headers: dict[str, str] = {}
    _tell(route, paging, answer, headers, start, size, total, build_url)
    return answer, headers, names


def _read_size(paging: Mapping[str, Any], sent: Mapping[str, Any]) -> int:
    name = paging.get("size")
    if not name or name not in sent:
        return int(paging["default"])
    size = int(sent[name])
    if not 1 <= size <= paging["most"]:
        raise BadRequestError(f"{name} must be between 1 and {paging['most']}")
    return size


def _read_start(route: Route, paging: Mapping[str, Any], sent: Mapping[str, Any], size: int) -> int:
    kind, text = paging["kind"], sent.get(paging["param"])
    assert kind in _COUNTERS, kind
    if kind == "page" or (kind == "link" and paging.get("numbered", True)):
        first = paging.get("first", 1)
        number = int(first if text is None else text)
        if number < first:
            raise BadRequestError(f"{paging['param']} begins at {first}")
        return (number - first) * size
    if kind == "offset":
        return int(text or 0)
    if text is None or text == "":
        return 0
    for number in range(total_of(route) + 1):
        if str(_token(route, paging, number)) == str(text):
            return number
    raise BadRequestError(f"{paging['param']} is not one that was given out")


def _token(route: Route, paging: Mapping[str, Any], start: int) -> Any:
    """Return what leads to the page that begins at this position."""
    if paging["kind"] == "last":
        found = make_record(route, start) if start else None
        for name in route.records.get("id", "id").split("."):
            found = found and found[name]
        return found
    return _fill(paging.get("like", "tok-{n}=="), start)


def _tell(
    route: Route,
    paging: Mapping[str, Any],
    answer: Any,
    headers: dict[str, str],
    start: int,
    size: int,
    total: int,
    build_url: Callable[[dict[str, str]], str],
) -> None:
    following = start + size
    is_last = following >= total
    for key, value in (("total", total), ("pages", -(-total // size)), ("more", not is_last), ("done", is_last)):
        if key in paging:
            put(answer, paging[key], _as(paging.get("counts"), value))
    if paging["kind"] == "token":
        leads_on = _token(route, paging, following)
    elif paging["kind"] in ("link", "url"):
        leads_on = build_url({paging["param"]: _number(route, paging, following, size)})
    else:
        return
    if paging["kind"] == "link":
        if not is_last:
            headers["Link"] = f'<{build_url({})}>; rel="first", <{leads_on}>; rel="next"'
    elif not is_last:
        put(answer, paging["next"], "/" + leads_on.split("/", 3)[3] if paging.get("relative") else leads_on)
    elif "end" in paging:
        put(answer, paging["next"], paging["end"])


def _number(route: Route, paging: Mapping[str, Any], following: int, size: int) -> str:
    if paging["kind"] == "link" and paging.get("numbered", True):
        return str(following // size + paging.get("first", 1))
    return str(_token(route, paging, following))


def _as(kind: str | None, value: Any) -> Any:
    return str(value) if kind == "text" and not isinstance(value, bool) else value


def _with_records(route: Route, answer: Any, records: list[Any]) -> Any:
    assert route.records is not None
    place = route.records.get("at")
    if not place:
        return records
    answer = {} if answer is None else answer
    put(answer, place, records)
    return answer


def _fill(value: Any, number: int) -> Any:
    if isinstance(value, str):
        return number if value == "{int}" else value.replace("{n}", str(number))
    if isinstance(value, list):
        return [_fill(item, number) for item in value]
    if isinstance(value, dict):
        return {key: _fill(item, number) for key, item in value.items()}
    return value
