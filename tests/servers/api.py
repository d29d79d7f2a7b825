"""The API that every server protects: who am I, a resource, pages, redirects."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, Response, g, jsonify, redirect, request

# Tells whom the credentials of the current Flask request belong to; None refuses them.
Verify = Callable[[], str | None]


def build_api(name: str, verify: Verify, *, open_paths: frozenset[str] = frozenset()) -> Flask:
    """Build an application in which every path but `open_paths` asks `verify` first.

    Paths: ``/me``, ``/resource`` (every method), ``/items?page=`` (three pages of two), ``/echo``
    (what arrived), ``/redirect?to=&status=``.
    """
    app = Flask(name)

    @app.before_request
    def authenticate() -> Response | tuple[Response, int, dict[str, str]] | None:
        if request.path in open_paths:
            return None
        g.account = verify()
        if g.account is None:
            challenge = {"WWW-Authenticate": f'{name} realm="test"'}
            return jsonify(error="unauthorized", message="The credential is not valid."), 401, challenge
        return None

    @app.get("/me")
    def me() -> Response:
        return jsonify(id=f"id-of-{g.account}", name=g.account, email=f"{g.account}@example.com")

    @app.route("/resource", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def resource() -> Response:
        return jsonify(account=g.account, method=request.method)

    @app.get("/items")
    def items() -> Response:
        page = request.args.get("page", 1, type=int)
        records = [{"id": 2 * page - 1}, {"id": 2 * page}] if page <= 3 else []
        return jsonify(items=records, next_page=page + 1 if page < 3 else None)

    @app.route("/echo", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def echo() -> Response:
        return jsonify(
            method=request.method,
            args=request.args.to_dict(flat=False),
            form=request.form.to_dict(flat=False),
            json=request.get_json(silent=True),
            headers=dict(request.headers),
        )

    @app.get("/redirect")
    def go() -> Response:
        return redirect(request.args["to"], int(request.args.get("status", "302")))  # type: ignore[return-value]

    return app
