"""One list of records, told page by page in the conventions of other people's APIs.

Each route follows what its project's public documentation says about paging, names and corner cases included:

=============  ============================================================================================
``/github``    GitHub REST: ``page`` and ``per_page``, a bare list, the ``Link`` header
``/drf``       Django REST framework, PageNumberPagination: ``count``, ``next``, ``previous``, ``results``
``/drf-limit`` the same, LimitOffsetPagination: ``limit`` and ``offset``
``/stripe``    Stripe: ``starting_after`` the id of the last object, ``has_more``
``/slack``     Slack: ``response_metadata.next_cursor``, an empty text at the end
``/hubspot``   HubSpot CRM v3: ``paging.next.after``, no ``paging`` at the end
``/odata``     OData 4: ``@odata.nextLink`` with an opaque ``$skiptoken``
``/jsonapi``   JSON:API: ``page[number]``, ``links.next`` that is null at the end
``/elastic``   Elasticsearch: POST with ``from`` and ``size``, ``hits.total.value``
``/kube``      Kubernetes: ``limit`` and ``continue``, ``metadata.continue``, an empty text at the end
``/cosmos``    Azure Cosmos DB: header ``x-ms-continuation`` in answer and request
``/zendesk``   Zendesk: ``page[size]``, ``links.next``, which is there on the last page too, ``meta.has_more``
``/spring``    Spring Data: ``page`` from 0, ``totalPages``, ``content``
=============  ============================================================================================
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, jsonify, request

RECORDS: list[dict[str, Any]] = [{"id": number, "name": f"Customer {number} \u2603"} for number in range(1, 26)]
SIZE = 10


def build_paged_apis() -> Flask:
    """Build the application."""
    app = Flask("paged")
    for name, answer in _ANSWERS.items():
        app.add_url_rule(f"/{name}", name, answer, methods=["GET", "POST"])
    return app


def _slice(start: int, size: int) -> tuple[list[dict[str, Any]], bool]:
    """Return records, and whether there are more behind them."""
    return RECORDS[start : start + size], start + size < len(RECORDS)


def _number(name: str, default: int) -> int:
    return request.args.get(name, default, type=int)


def _url(**changed: object) -> str:
    query = {**request.args.to_dict(), **{name.replace("__", "$"): value for name, value in changed.items()}}
    return f"{request.base_url}?{urlencode(query)}"


def _seal(position: int) -> str:
    return urlsafe_b64encode(f"position:{position}".encode()).decode()


def _unseal(text: str | None) -> int:
    return int(urlsafe_b64decode(text).decode().removeprefix("position:")) if text else 0


def github() -> Response:
    page, size = _number("page", 1), _number("per_page", 30)
    records, more = _slice((page - 1) * size, size)
    links = [f'<{_url(page=page - 1)}>; rel="prev"'] if page > 1 else []
    if more:
        links += [f'<{_url(page=page + 1)}>; rel="next"', f'<{_url(page=-(-len(RECORDS) // size))}>; rel="last"']
    answer = jsonify(records)
    if links:
        answer.headers["Link"] = ", ".join(links)
    return answer


def drf() -> Response | tuple[Response, int]:
    page = _number("page", 1)
    records, more = _slice((page - 1) * SIZE, SIZE)
    if not records:
        return jsonify(detail="Invalid page."), 404
    before = _url(page=page - 1) if page > 1 else None
    return jsonify(count=len(RECORDS), next=_url(page=page + 1) if more else None, previous=before, results=records)


def drf_limit() -> Response:
    start, size = _number("offset", 0), _number("limit", SIZE)
    records, more = _slice(start, size)
    following = _url(offset=start + size, limit=size) if more else None
    return jsonify(count=len(RECORDS), next=following, previous=None, results=records)


def stripe() -> Response | tuple[Response, int]:
    after = request.args.get("starting_after", type=int)
    known = [record["id"] for record in RECORDS]
    if after is not None and after not in known:
        return jsonify(error={"type": "invalid_request_error", "message": f"No such customer: '{after}'"}), 400
    records, more = _slice(0 if after is None else known.index(after) + 1, _number("limit", 10))
    return jsonify(object="list", url="/v1/customers", has_more=more, data=records)


def slack() -> Response:
    start, size = _unseal(request.args.get("cursor")), _number("limit", SIZE)
    records, more = _slice(start, size)
    return jsonify(ok=True, members=records, response_metadata={"next_cursor": _seal(start + size) if more else ""})


def hubspot() -> Response:
    start, size = _number("after", 0), _number("limit", 10)
    records, more = _slice(start, size)
    after = {"paging": {"next": {"after": str(start + size), "link": _url(after=start + size)}}} if more else {}
    return jsonify(results=records, **after)


def odata() -> Response:
    start = _unseal(request.args.get("$skiptoken"))
    records, more = _slice(start, SIZE)
    following = {"@odata.nextLink": _url(__skiptoken=_seal(start + SIZE))} if more else {}
    return jsonify({"@odata.context": f"{request.host_url}$metadata#Customers", "value": records, **following})


def jsonapi() -> Response:
    page, size = _number("page[number]", 1), _number("page[size]", SIZE)
    records, more = _slice((page - 1) * size, size)
    following = _url(**{"page[number]": page + 1, "page[size]": size}) if more else None
    return jsonify(data=records, links={"self": request.url, "next": following, "prev": None})


def elastic() -> Response:
    search = request.get_json()
    records, _ = _slice(search.get("from", 0), search.get("size", 10))
    hits = [{"_id": str(record["id"]), "_source": record} for record in records]
    return jsonify(took=3, timed_out=False, hits={"total": {"value": len(RECORDS), "relation": "eq"}, "hits": hits})


def kube() -> Response:
    start, size = _unseal(request.args.get("continue")), _number("limit", 500)
    records, more = _slice(start, size)
    left = {"remainingItemCount": len(RECORDS) - start - size} if more else {}
    return jsonify(kind="List", metadata={"continue": _seal(start + size) if more else "", **left}, items=records)


def cosmos() -> Response:
    start, size = _unseal(request.headers.get("x-ms-continuation")), int(request.headers.get("x-ms-max-item-count", 10))
    records, more = _slice(start, size)
    answer = jsonify(_rid="d9RzAJRFKgw=", Documents=records, _count=len(records))
    if more:
        answer.headers["x-ms-continuation"] = _seal(start + size)
    return answer


def zendesk() -> Response:
    start, size = _unseal(request.args.get("page[after]")), _number("page[size]", SIZE)
    records, more = _slice(start, size)
    following = _url(**{"page[after]": _seal(start + size), "page[size]": size})
    return jsonify(
        users=records, meta={"has_more": more, "after_cursor": _seal(start + size)}, links={"next": following}
    )


def spring() -> Response:
    page, size = _number("page", 0), _number("size", 20)
    records, more = _slice(page * size, size)
    pages = -(-len(RECORDS) // size)
    return jsonify(content=records, number=page, size=size, totalPages=pages, totalElements=len(RECORDS), last=not more)


_ANSWERS = {
    "github": github,
    "drf": drf,
    "drf-limit": drf_limit,
    "stripe": stripe,
    "slack": slack,
    "hubspot": hubspot,
    "odata": odata,
    "jsonapi": jsonapi,
    "elastic": elastic,
    "kube": kube,
    "cosmos": cosmos,
    "zendesk": zendesk,
    "spring": spring,
}
