"""An API that can be busy, loses answers after it has acted, and has a list that grows."""

from __future__ import annotations

import secrets
import threading
import time
from collections import defaultdict
from typing import Any

from flask import Flask, Response, jsonify, request

PAGES, PER_PAGE = 5, 20
# A gate that nobody opens ends a request at last.
GATE_S = 120.0


class Ledger:
    """What the API has been asked, and has done.

    Attributes:
        key: What it wants to be shown.
        retry_after_s: Seconds that it tells to wait, by the name of a list, for as long as that is busy.
        busy: When each refusal was made, by name; monotonic seconds.
        free: When each list was given at last.
        charges: What was done for each account: one key or token for each time.
        arrived: Whether somebody stands at the gate; `gate` lets them through.
        paused: Whether a second page is held back; `resume` gives it.
    """

    def __init__(self, retry_after_s: dict[str, int]) -> None:
        self.key = f"key+/={secrets.token_urlsafe(24)}"
        self.retry_after_s = retry_after_s
        self.busy: dict[str, list[float]] = defaultdict(list)
        self.free: dict[str, float] = {}
        self.charges: dict[str, list[str]] = defaultdict(list)
        self.arrived, self.gate = threading.Event(), threading.Event()
        self.paused, self.resume = threading.Event(), threading.Event()
        self._records: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def add(self, count: int) -> None:
        """Add records to the list that grows; three at a time have one moment."""
        with self._lock:
            for number in range(len(self._records), len(self._records) + count):
                self._records.append({"id": number, "made_at": f"2026-01-01T00:00:{number // 3:02d}Z"})

    def build(self) -> Flask:
        """Build the application."""
        app = Flask("ledger")
        app.before_request(self._check_key)
        app.add_url_rule("/busy/<name>", "busy", self._busy)
        app.add_url_rule("/gate", "gate", self._gate)
        app.add_url_rule("/charge/<account>", "charge", self._charge, methods=["POST"])
        app.add_url_rule("/pages", "pages", self._pages)
        app.add_url_rule("/records", "records", self._list_records)
        return app

    def _check_key(self) -> tuple[Response, int] | None:
        if request.headers.get("Authorization") == f"Bearer {self.key}":
            return None
        return jsonify(message="no access"), 401

    def _busy(self, name: str) -> Response | tuple[Response, int, dict[str, str]]:
        with self._lock:
            if not self.busy[name]:
                self.busy[name].append(time.monotonic())
                after = {"Retry-After": str(self.retry_after_s[name])}
                return jsonify(message="slow down"), 429, after
            self.free[name] = time.monotonic()
        return jsonify(items=[{"id": 1}, {"id": 2}])

    def _gate(self) -> Response:
        self.arrived.set()
        self.gate.wait(GATE_S)
        return jsonify(busy={name: len(found) for name, found in self.busy.items()}, free=sorted(self.free))

    def _charge(self, account: str) -> Response:
        with self._lock:
            done = self.charges[account]
            key = request.headers.get("Charge-Key") or f"without a key: {len(done)}"
            if key not in done:
                done.append(key)
            return jsonify(done=len(done))

    def _pages(self) -> Response | tuple[Response, int, dict[str, str]]:
        page = request.args.get("page", 1, type=int)
        if page == 2 and not self.paused.is_set():
            self.paused.set()
            self.resume.wait(GATE_S)
            return jsonify(message="slow down"), 429, {"Retry-After": "1"}
        first = (page - 1) * PER_PAGE
        items = [{"id": number} for number in range(first, first + PER_PAGE)]
        return jsonify(items=items, next=page + 1 if page < PAGES else None)

    def _list_records(self) -> Response:
        since = request.args.get("since", "")
        with self._lock:
            return jsonify(items=[one for one in self._records if one["made_at"] >= since])
