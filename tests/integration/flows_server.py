"""The connector, the connections and the server behind `dags/flows.py`."""

from __future__ import annotations

import threading
from pathlib import Path

from integration.loopback import Answer, Raw, Received, Server, connection, to_json

from airflow_provider_integry.settings import RawConnection

# Hard for a masker: a space, a quote, a sign that forms encode, and nothing that looks like a token.
KEY = 'canary key+1 "7f3a'
ITEMS = {"1": [{"id": 1}, {"id": 2}], "2": [{"id": 3}, {"id": 4}], "3": [{"id": 5}, {"id": 6}]}
CONNECTOR = """\
name: shop
title: Shop
activities:
  list_items: &items
    kind: query
    path: /items
    result: items
    paging: {kind: cursor, param: page, cursor: next_page}
  list_many: {kind: query, path: /many, result: items, paging: {kind: cursor, param: page, cursor: next_page}}
  list_flaky: {kind: query, path: /flaky, result: items, paging: {kind: cursor, param: page, cursor: next_page}}
  list_broken: {kind: query, path: /broken, result: items, paging: {kind: cursor, param: page, cursor: next_page}}
  list_busy: {kind: query, path: /busy, result: items, paging: {kind: cursor, param: page, cursor: next_page}}
  list_closed: {kind: query, path: /closed, result: items, paging: {kind: cursor, param: page, cursor: next_page}}
  charge:
    kind: action
    path: /charge
    idempotency: {header: Charge-Key}
    inputs: {amount: {in: body, type: integer, required: true}}
  charge_blindly:
    kind: action
    path: /charge_blindly
    inputs: {amount: {in: body, type: integer, required: true}}
  create:
    kind: action
    path: /create
    inputs: {name: {in: body, type: string, required: true}}
"""


def CONNECTIONS(url: str, folder: Path) -> list[RawConnection]:  # noqa: N802 - read as a table
    """Build the connections that the DAG's tasks name."""
    connector = str(folder / "shop.yaml")
    late = [
        connection(url, password=KEY, conn_id=conn_id, user_info_url=f"/me/{conn_id}", max_retries=0)
        for conn_id in ("late_poke", "late_reschedule", "late_defer", "gone_defer", "gone_soft")
    ]
    return [
        connection(url, password=KEY, connector=connector, max_retries=0),
        connection(url, password=KEY, connector=connector, conn_id="second"),
        connection(url, password="another key", connector=connector, conn_id="refused"),
        connection(url, password=KEY, conn_id="wrong", timeout_s="soon"),
        connection(url, "integry_basic", password=KEY, conn_id="pending"),
        *late,
    ]


class FlowsServer(Server):
    """An API with one key; what is late is there at the second request, and the first answer to a charge is lost."""

    def __init__(self) -> None:
        super().__init__(self._serve)
        # Amounts that were charged, by what the service knows each charge by.
        self.charges: dict[str, bytes] = {}
        self._turns: dict[str, int] = {}
        self._turns_lock = threading.Lock()

    def _serve(self, request: Received) -> Answer | Raw:
        if request.headers["Authorization"] != f"Bearer {KEY}":
            # Echoes what it was sent, as a careless server does.
            return to_json({"message": f"no access with {request.headers['Authorization']}"}, 401)
        turn = self._turn(f"{request.path}?{request.query.get('page', ['1'])[0]}")
        if request.path.startswith("/me/"):
            later = to_json({}, 404) if "gone" in request.path else to_json({"id": "u1", "name": "Ada"})
            return to_json({"message": f"down; sent {KEY}"}, 503) if turn == 1 else later
        if request.path.startswith("/charge"):
            self.charges.setdefault(request.headers["Charge-Key"] or f"{request.path} {turn}", request.body)
            return Raw(()) if turn == 1 else to_json({"charges": len(self.charges)})
        if request.path in ("/busy", "/closed") and turn == 1:
            return to_json({"message": "busy"}, 429, **{"Retry-After": "2"})
        if request.path == "/create":
            return to_json({"created": request.body.decode()})
        return self._list(request, turn)

    def _list(self, request: Received, turn: int) -> Answer:
        page = request.query.get("page", ["1"])[0]
        if page == "2" and (request.path == "/broken" or (request.path == "/flaky" and turn == 1)):
            return to_json({"message": "down"}, 404 if request.path == "/broken" else 503)
        if request.path == "/many":
            return to_json({"items": [{"text": "x" * 400}] * 2, "next_page": str(int(page) + 1)})
        following = str(int(page) + 1) if int(page) < len(ITEMS) else None
        return to_json({"items": ITEMS[page], "next_page": following})

    def _turn(self, what: str) -> int:
        with self._turns_lock:
            self._turns[what] = self._turns.get(what, 0) + 1
            return self._turns[what]
