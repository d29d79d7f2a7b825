"""The service's web application: six departments, each behind another door."""

from __future__ import annotations

import functools
import hmac
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from authlib.integrations.flask_oauth2 import current_token
from flask import Flask, Response, abort, jsonify, request

from scripts.demo.saas import oauth1, oauth2, records
from scripts.demo.saas.accounts import Accounts

View = Callable[..., Any]


def build_app(accounts: Accounts, lifetime_s: int, ledger: Path | None = None) -> Flask:
    """Build the service.

    Args:
        accounts: Every credential that it accepts.
        lifetime_s: Seconds that an OAuth 2.0 access token lives.
        ledger: File to note every token in that is handed out; for tests that look for leaks.
    """
    app = Flask("acme")
    app.json.sort_keys = False  # type: ignore[attr-defined]  # a setting of the default provider
    grants = oauth2.Grants(accounts, ledger)
    oauth2_guard = oauth2.protect(app, grants, lifetime_s)
    _add_crm(app, oauth2_guard)
    _add_calendar(app, oauth2_guard)
    looks: dict[str, int] = {}
    _add_shop(app, _guard(lambda: _is(request.headers.get("X-Api-Key"), accounts.api_key)), looks)
    _add_billing(app, _guard(lambda: _is_login(accounts)))
    _add_photos(app, oauth1.protect(app, accounts))
    _add_stock(app, _guard(lambda: _is_pair(accounts)))
    app.add_url_rule("/health", view_func=lambda: jsonify(status="up"))
    app.add_url_rule("/stats", view_func=lambda: jsonify(grants.counts), endpoint="stats")
    app.add_url_rule("/looks", view_func=lambda: jsonify(looks), endpoint="looks")
    return app


def _add_crm(app: Flask, guard: Any) -> None:
    contacts = records.build_contacts()
    lock = threading.Lock()

    @app.get("/crm/contacts")
    @guard("contacts.read")
    def list_contacts() -> Any:
        start, size = _number("cursor", 0), _number("limit", 50)
        page = contacts[start : start + size]
        more = start + size < len(contacts)
        return jsonify(contacts=page, next_cursor=str(start + size) if more else None)

    @app.post("/crm/contacts")
    @guard("contacts.write")
    def create_contact() -> Any:
        fields = request.get_json()
        if not fields.get("email"):
            abort(Response('{"error": "email is needed"}', 422, mimetype="application/json"))
        with lock:
            contact = {"id": len(contacts) + 1, **fields}
            contacts.append(contact)
        return jsonify(contact=contact), 201

    @app.get("/crm/me")
    @guard()
    def crm_me() -> Any:
        return jsonify(id="acct-1", name=current_token.get_user())


def _add_calendar(app: Flask, guard: Any) -> None:
    events = records.build_events()

    @app.get("/calendar/events")
    @guard("calendar.read")
    def list_events() -> Any:
        return jsonify(events=events)

    @app.get("/calendar/me")
    @guard("calendar.read")
    def calendar_me() -> Any:
        name = current_token.get_user()
        return jsonify(id=name.lower().replace(" ", "."), name=name)


def _add_shop(app: Flask, guard: Callable[[View], View], looks: dict[str, int]) -> None:
    orders = records.build_orders()
    lock = threading.Lock()

    @app.get("/shop/orders")
    @guard
    def list_orders() -> Any:
        region, after = request.args.get("region"), request.args.get("after", "")
        wanted = [order for order in orders if region in (None, order["region"]) and order["id"] >= after]
        size, page = _number("per_page", 25), _number("page", 1)
        # How often somebody has looked for the orders of a region that are new, as the demo asks.
        kind = f"{region or 'any'} by {size}"
        looks[kind] = looks.get(kind, 0) + 1
        return jsonify(orders=wanted[(page - 1) * size : page * size], total=len(wanted))

    @app.post("/shop/orders")
    @guard
    def create_order() -> Any:
        fields = request.get_json()
        with lock:
            order = {"id": f"A-{len(orders):04}", "currency": "EUR", **fields}
            orders.append(order)
        return jsonify(order=order), 201

    @app.get("/shop/orders/<ident>")
    @guard
    def show_order(ident: str) -> Any:
        found = next((order for order in orders if order["id"] == ident), None)
        return jsonify(order=found) if found else (jsonify(error="no such order"), 404)

    @app.get("/shop/me")
    @guard
    def shop_me() -> Any:
        return jsonify(shop={"id": "shop-7", "title": "Acme shop"})


def _add_billing(app: Flask, guard: Callable[[View], View]) -> None:
    invoices = records.build_invoices()

    @app.get("/billing/invoices")
    @guard
    def list_invoices() -> Any:
        state = request.args.get("state")
        wanted = [invoice for invoice in invoices if state in (None, invoice["state"])]
        start, size = _number("offset", 0), _number("limit", 10)
        return jsonify(items=wanted[start : start + size], count=len(wanted))

    @app.get("/billing/me")
    @guard
    def billing_me() -> Any:
        return jsonify(user={"id": 1, "email": request.authorization and request.authorization.username})


def _add_photos(app: Flask, guard: Any) -> None:
    photos = records.build_photos()

    @app.get("/photos/albums/<album>/photos")
    @guard()
    def list_photos(album: str) -> Any:
        return jsonify([{"album": album, **photo} for photo in photos])

    @app.get("/photos/me")
    @guard()
    def photos_me() -> Any:
        return jsonify(screen_name="acme_photo_wall")


def _add_stock(app: Flask, guard: Callable[[View], View]) -> None:
    stock = records.build_stock()

    @app.get("/stock/articles")
    @guard
    def list_articles() -> Any:
        return jsonify(articles=stock)

    @app.get("/stock/me")
    @guard
    def stock_me() -> Any:
        return jsonify(id="warehouse-2", name="Warehouse Rotterdam")


def _guard(is_allowed: Callable[[], bool]) -> Callable[[View], View]:
    def decorate(view: View) -> View:
        @functools.wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if not is_allowed():
                return jsonify(error="unauthorized"), 401
            return view(*args, **kwargs)

        return guarded

    return decorate


def _is(given: str | None, wanted: str) -> bool:
    return hmac.compare_digest((given or "").encode(), wanted.encode())


def _is_login(accounts: Accounts) -> bool:
    given = request.authorization
    return given is not None and _is(given.username, accounts.login) and _is(given.password, accounts.password)


def _is_pair(accounts: Accounts) -> bool:
    has_key = _is(request.headers.get("X-Api-Key"), accounts.stock_key)
    return has_key and _is(request.headers.get("X-Api-Secret"), accounts.stock_secret)


def _number(name: str, default: int) -> int:
    try:
        return max(0, int(request.args.get(name, default)))
    except ValueError:
        abort(Response(f'{{"error": "{name} is not a number"}}', 400, mimetype="application/json"))
