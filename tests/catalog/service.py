"""A service on loopback that does what its table says, and refuses everything that is not documented."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any
from urllib.parse import parse_qsl, urlencode

import jwt
from catalog.authorization import DECISION, CatalogAuthorization, basic_header
from catalog.paging import BadRequestError, answer_page
from catalog.shapes import as_text, fill, fill_text
from catalog.table import Failure, Route, Table, documented_path
from flask import Flask, Response, request
from servers.oauth1_consent import OAuth1Service

_KEY = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


class CatalogService:
    """State of a service.

    Attributes:
        refusals: What was not as documented, in words; a test that ends with one has failed.
        authorization: Its authorization server, where it has one for this connection type.
        oauth1: The same for OAuth 1.0a.
        tokens: Tokens of logins that are good, newest last.
        is_closed: Whether nobody can log in any more.
        failure: Answers the next requests for its activity.
        served: How often each activity was answered as documented.
    """

    def __init__(self, table: Table, conn_type: str, form: Mapping[str, Any], public_pem: str = "") -> None:
        self.table, self.auth, self.form = table, table.auth[conn_type], form
        self.refusals: list[str] = []
        self.tokens: list[str] = []
        self.is_closed = False
        self.failure: Failure | None = None
        self.served: Counter[str | None] = Counter()
        self._public_pem = public_pem
        self.authorization = CatalogAuthorization(self.auth, form) if "token" in self.auth else None
        self.oauth1 = OAuth1Service(
            consumer=form.get("consumer_key", ""), consumer_secret=form.get("consumer_secret", "")
        )

    def build(self) -> Flask:
        """Build the application."""
        app = Flask(__name__)
        if "oauth1" in self.auth:
            self.oauth1.build()
            app.add_url_rule("/authorize", "question", self.oauth1._show, methods=["GET"])
            app.add_url_rule("/authorize", "answer", self.oauth1._answer, methods=["POST"])
        elif self.authorization:
            app.add_url_rule(DECISION, "decide", self.authorization.decide, methods=["POST"])
        app.add_url_rule("/", "root", self._answer, defaults={"path": ""}, methods=_METHODS)
        app.add_url_rule("/<path:path>", "any", self._answer, methods=_METHODS)
        return app

    @property
    def refreshes(self) -> int:
        """How often a token was asked for with a refresh token."""
        return self.authorization.inner.token_requests["refresh_token"] if self.authorization else 0

    def forget_tokens(self) -> None:
        """Let every access token end."""
        self.tokens.clear()
        if self.authorization:
            self.authorization.inner.expire_access_tokens()

    def close(self) -> None:
        """Take everything back: tokens, grants and whatever gets new ones."""
        self.forget_tokens()
        self.is_closed = True
        self.oauth1.tokens.clear()
        if self.authorization:
            self.authorization.close()

    # -- requests ----------------------------------------------------------------------------------

    def _answer(self, path: str) -> Response:
        target = request.environ.get("REQUEST_URI", request.full_path).partition("?")[0]
        try:
            return self._endpoint(target) or self._resource(target)
        except BadRequestError as error:
            self.refusals.append(f"{request.method} {target}?{request.query_string.decode()}: {error}")
            return _json({"error": str(error)}, 400)

    def _endpoint(self, target: str) -> Response | None:
        """Answer for the authorization server; None for the API."""
        oauth1 = self.auth.get("oauth1", {})
        for key, view in (
            ("request_url", self.oauth1._initiate),
            ("authorize_url", self._show_oauth1),
            ("access_url", self.oauth1._token),
        ):
            if key in oauth1 and documented_path(oauth1[key]) == target:
                return view()
        if "login" in self.auth and documented_path(self.auth["login"]["url"]) == target:
            return self._login(self.auth["login"])
        for key in ("authorize", "token"):
            if self.authorization and key in self.auth and documented_path(self.auth[key]["url"]) == target:
                return self.authorization.show() if key == "authorize" else self.authorization.give()
        return None

    def _resource(self, target: str) -> Response:
        self._check_headers(self.table.headers)
        if not self._is_signed():
            refused = self.table.refused
            return _json(refused["body"], refused["status"], refused.get("headers", {}))
        place = target.removeprefix(self.auth.get("prefix", ""))
        found: list[tuple[Route, str]] = []
        for route in self.table.routes:
            path, is_paged = documented_path(route.url), bool(route.paging and route.paging.get("in") == "path")
            if route.method == request.method and (path == place or (is_paged and place.startswith(f"{path}/"))):
                found.append((route, place.removeprefix(path).removeprefix("/")))
        if not found:
            raise BadRequestError("is not documented")
        # The request for the account may be one that is documented for more, with another query.
        route, rest = found[-1] if len(found) > 1 and set(request.args) <= set(found[-1][0].optional) else found[0]
        if self.failure and self.failure.activity == route.activity:
            return _json(self.failure.body, self.failure.status, self.failure.headers_at(datetime.now(timezone.utc)))
        return self._serve(route, target, rest)

    def _serve(self, route: Route, target: str, rest: str) -> Response:
        self._check_headers(route.headers)
        query = dict(parse_qsl(request.query_string.decode(), keep_blank_values=True))
        for name in self.auth.get("query", {}):
            query.pop(name, None)
        body = self._read_body(route)
        answer, headers, paged = route.answer, {}, set()
        in_body, in_path = ((route.paging or {}).get("in") == place for place in ("body", "path"))
        if route.records is not None:
            host = request.host_url.rstrip("/")

            def build_url(changes: dict[str, str]) -> str:
                if in_path:
                    return f"{host}{documented_path(route.url)}/{next(iter(changes.values()), '')}"
                return f"{host}{target}?{urlencode({**query, **changes})}"

            sent = {route.paging["param"]: rest} if in_path and rest else query
            answer, headers, paged = answer_page(route, sent, body or {}, build_url)
        if not rest:
            self._check_query(route, {k: v for k, v in query.items() if in_body or k not in paged})
        self._check_body(route, body, paged if in_body else set())
        self.served[route.activity] += 1
        return _json(answer, route.status, {**headers, **route.answer_headers})

    def _check_query(self, route: Route, query: Mapping[str, str]) -> None:
        wanted = {name: as_text(value) for name, value in route.query.items()}
        found = {name: value for name, value in query.items() if name in wanted or name not in route.optional}
        if found != wanted:
            raise BadRequestError(f"query is {found}, documented is {wanted}")

    def _check_body(self, route: Route, body: Any, paged: set[str]) -> None:
        if isinstance(body, dict) and paged:
            body = {name: value for name, value in body.items() if name not in paged}
        wanted = {name: as_text(value) for name, value in route.body.items()} if route.form else route.body
        body = _hide_key(body, wanted)
        if body != (({} if paged else None) if wanted is None else wanted):
            raise BadRequestError(f"body is {body}, documented is {wanted}")

    def _read_body(self, route: Route) -> Any:
        raw = request.get_data()
        if not raw:
            return None
        kind = (request.content_type or "").partition(";")[0]
        if kind != ("application/x-www-form-urlencoded" if route.form else route.content_type):
            raise BadRequestError(f"content type is {kind}")
        return dict(parse_qsl(raw.decode(), keep_blank_values=True)) if route.form else json.loads(raw)

    def _check_headers(self, headers: Mapping[str, str]) -> None:
        for name, value in headers.items():
            if request.headers.get(name) != value:
                raise BadRequestError(f"header {name} is {request.headers.get(name)}, documented is {value}")

    # -- credentials -------------------------------------------------------------------------------

    def _is_signed(self) -> bool:
        auth = self.auth
        if "oauth1" in auth:
            return self.oauth1._verify() is not None
        if "jwt" in auth:
            return self._is_jwt(auth["jwt"])
        if self.authorization:
            return any(self._carries({"token": token}) for token in self.authorization.access_tokens)
        good = [{"token": token} for token in self.tokens[-1:]] if "login" in auth else [dict(self.form)]
        return any(self._carries(values) for values in good)

    def _carries(self, values: Mapping[str, Any]) -> bool:
        for name, template in self.auth.get("headers", {}).items():
            if request.headers.get(name) != fill_text(template, values):
                return False
        for name, template in self.auth.get("query", {}).items():
            if request.args.get(name) != fill_text(template, values):
                return False
        if (pair := self.auth.get("basic")) is not None:
            return request.headers.get("Authorization") == basic_header(fill_text(pair, values))
        return True

    def _is_jwt(self, wanted: Mapping[str, Any]) -> bool:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer":
            return False
        try:
            claims = jwt.decode(
                token,
                self._public_pem,
                algorithms=[wanted["alg"]],
                audience=wanted.get("aud"),
                options={"require": wanted["require"]},
            )
        except jwt.PyJWTError:
            return False
        if claims["exp"] - claims["iat"] > wanted["most_s"]:
            raise BadRequestError("the JWT lives too long")
        found = {name: claims.get(name) for name in wanted["claims"]}
        head = {name: jwt.get_unverified_header(token).get(name) for name in wanted["header"]}
        return all(
            values == {name: fill_text(text, self.form) for name, text in table.items()}
            for values, table in ((found, wanted["claims"]), (head, wanted["header"]))
        )

    # -- logins, OAuth 1.0a ------------------------------------------------------------------------

    def _login(self, wanted: Mapping[str, Any]) -> Response:
        if self.is_closed:
            return _json({"errors": {"password": "did not match stored password"}}, 401)
        body = request.get_json(silent=True)
        if body != fill(wanted["body"], self.form):
            raise BadRequestError(f"the login got {body}")
        self.tokens.append(f"session-{len(self.tokens) + 1}")
        return _json(fill(wanted["answer"], {"access": self.tokens[-1]}), wanted.get("status", 200))

    def _show_oauth1(self) -> Response:
        params = self.auth["oauth1"].get("params", {})
        found = {name: request.args.get(name) for name in params}
        if found != params:
            raise BadRequestError(f"the consent page got {found}, documented is {params}")
        shown = self.oauth1._show()
        return Response(*shown) if isinstance(shown, tuple) else shown


def _hide_key(body: Any, wanted: Any) -> Any:
    """Return a body in which ``{key}`` stands for the idempotency key that is documented there."""
    if not isinstance(body, dict) or not isinstance(wanted, dict):
        return body
    if "{key}" in wanted.values():
        name = next(name for name, value in wanted.items() if value == "{key}")
        return {
            **body,
            name: "{key}" if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", str(body.get(name))) else None,
        }
    return {name: _hide_key(value, wanted.get(name)) for name, value in body.items()}


def _json(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    if body is None:
        return Response(b"", status, dict(headers or {}))
    if isinstance(body, str):
        return Response(body, status, dict(headers or {}), content_type="text/plain")
    return Response(json.dumps(body), status, dict(headers or {}), content_type="application/json")
