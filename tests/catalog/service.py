"""A service on loopback that does what its table says, and refuses everything that is not documented."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import jwt
from catalog.paging import BadRequestError, answer_page
from catalog.table import Failure, Route, Table, documented_path
from flask import Flask, Response, redirect, request
from servers.oauth1_consent import OAuth1Service

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


class CatalogService:
    """State of a service.

    Attributes:
        refusals: What was not as documented, in words; a test that ends with one has failed.
        tokens: Access tokens that are good, newest last.
        refreshes: How often a token was refreshed.
        is_closed: Whether nobody gets a token any more.
        failure: Answers the next requests for its activity.
        served: How often each activity was answered as documented.
    """

    def __init__(self, table: Table, conn_type: str, form: Mapping[str, Any], public_pem: str = "") -> None:
        self.table, self.auth, self.form = table, table.auth[conn_type], form
        self.refusals: list[str] = []
        self.tokens: list[str] = []
        self.refresh_tokens: list[str] = []
        self.refreshes = 0
        self.is_closed = False
        self.failure: Failure | None = None
        self.served: Counter[str | None] = Counter()
        self._codes: dict[str, dict[str, str]] = {}
        self._public_pem = public_pem
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
        app.add_url_rule("/", "root", self._answer, defaults={"path": ""}, methods=_METHODS)
        app.add_url_rule("/<path:path>", "any", self._answer, methods=_METHODS)
        return app

    def forget_tokens(self) -> None:
        """Let every access token end."""
        self.tokens.clear()

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
        for key, answer in (("authorize", self._authorize), ("token", self._token), ("login", self._login)):
            if key in self.auth and documented_path(self.auth[key]["url"]) == target:
                return answer(self.auth[key])
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
            return _json(self.failure.body, self.failure.status, self.failure.headers)
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
        wanted = {name: _text(value) for name, value in route.query.items()}
        found = {name: value for name, value in query.items() if name in wanted or name not in route.optional}
        if found != wanted:
            raise BadRequestError(f"query is {found}, documented is {wanted}")

    def _check_body(self, route: Route, body: Any, paged: set[str]) -> None:
        if isinstance(body, dict) and paged:
            body = {name: value for name, value in body.items() if name not in paged}
        wanted = {name: _text(value) for name, value in route.body.items()} if route.form else route.body
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
        good = [{"token": token} for token in self.tokens[-1:]] if self._has_tokens() else [dict(self.form)]
        return any(self._carries(values) for values in good)

    def _has_tokens(self) -> bool:
        return "token" in self.auth or "login" in self.auth

    def _carries(self, values: Mapping[str, Any]) -> bool:
        for name, template in self.auth.get("headers", {}).items():
            if request.headers.get(name) != _sub(template, values):
                return False
        for name, template in self.auth.get("query", {}).items():
            if request.args.get(name) != _sub(template, values):
                return False
        if (pair := self.auth.get("basic")) is not None:
            text = base64.b64encode(_sub(pair, values).encode()).decode()
            return request.headers.get("Authorization") == f"Basic {text}"
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
            values == {name: _sub(text, self.form) for name, text in table.items()}
            for values, table in ((found, wanted["claims"]), (head, wanted["header"]))
        )

    # -- OAuth 2.0, logins, OAuth 1.0a ---------------------------------------------------------------

    def _authorize(self, wanted: Mapping[str, Any]) -> Response:
        """Answer the browser; somebody says yes at once."""
        sent = request.args.to_dict()
        challenge, method = sent.pop("code_challenge", None), sent.pop("code_challenge_method", None)
        pkce = wanted.get("pkce", "allowed")
        if (pkce == "required" and method != "S256") or (pkce == "unknown" and challenge):
            raise BadRequestError(f"PKCE is {pkce}, and the method is {method}")
        uri, state = sent.pop("redirect_uri", ""), sent.pop("state", "")
        documented = {"response_type": "code", wanted.get("client_id", "client_id"): self.form["client_id"]}
        documented |= {name: _text(value) for name, value in wanted.get("params", {}).items()}
        if sent != documented or not uri or not state:
            raise BadRequestError(f"the consent page got {sent}, documented is {documented}")
        code = f"code-{len(self._codes) + 1}"
        self._codes[code] = {"redirect_uri": uri, "challenge": challenge or ""}
        pairs = {"code": code, "state": state, **wanted.get("callback", {})}
        if "signs" in wanted:
            text = "&".join(f"{name}={pairs[name]}" for name in sorted(pairs))
            secret = self.form["client_secret"].encode()
            pairs[wanted["signs"]] = hmac.new(secret, text.encode(), "sha256").hexdigest()
        return redirect(f"{uri}{'&' if '?' in uri else '?'}{urlencode(pairs)}")

    def _token(self, wanted: Mapping[str, Any]) -> Response:
        if self.is_closed:
            return _json({"error": "invalid_client", "error_description": "Client authentication failed"}, 401)
        sent = self._read_token_request(wanted)
        documented = {name: _text(value) for name, value in wanted.get("params", {}).items()}
        grant = sent.pop("grant_type", None)
        if grant == "refresh_token" and wanted.get("refreshes", False):
            return self._refresh(wanted, sent, documented)
        if grant != wanted.get("grant_type", "authorization_code"):
            raise BadRequestError(f"the grant type is {grant}")
        if grant == "authorization_code":
            self._check_code(sent)
        if sent != documented:
            raise BadRequestError(f"the token endpoint got {sent}, documented is {documented}")
        return self._give(wanted)

    def _refresh(self, wanted: Mapping[str, Any], sent: dict[str, str], documented: dict[str, str]) -> Response:
        token = sent.pop("refresh_token", None)
        if sent != {**documented, **wanted.get("refresh_params", {})}:
            raise BadRequestError(f"a refresh has {sent}")
        if not self.refresh_tokens or token != self.refresh_tokens[-1]:
            return _json({"error": "invalid_grant"}, 400)
        self.refreshes += 1
        return self._give(wanted)

    def _give(self, wanted: Mapping[str, Any]) -> Response:
        number = len(self.tokens) + self.refreshes + 1
        self.tokens.append(f"access-{number}")
        if not self.refresh_tokens or wanted.get("rotates"):
            self.refresh_tokens.append(f"refresh-{number}")
        values = {"access": self.tokens[-1], "refresh": self.refresh_tokens[-1]}
        return _json(_sub_all(wanted["answer"], values), wanted.get("status", 200))

    def _read_token_request(self, wanted: Mapping[str, Any]) -> dict[str, str]:
        if wanted.get("format", "form") == "json":
            sent = dict(request.get_json())
        elif request.method != wanted.get("method", "POST"):
            raise BadRequestError(f"the token endpoint takes {wanted.get('method', 'POST')}")
        else:
            sent = (request.args if request.method == "GET" else request.form).to_dict()
        self._check_headers(wanted.get("headers", {}))
        pair = f"{self.form['client_id']}:{self.form['client_secret']}"
        if wanted["client"] == "basic":
            text = base64.b64encode(pair.encode()).decode()
            is_right = request.headers.get("Authorization") == f"Basic {text}"
        else:
            is_right = f"{sent.get('client_id')}:{sent.pop('client_secret', '')}" == pair
            is_right = is_right and "Authorization" not in request.headers
        if sent.pop("client_id", self.form["client_id"]) != self.form["client_id"] or not is_right:
            raise BadRequestError(f"the client is not told as documented ({wanted['client']})")
        return sent

    def _check_code(self, sent: dict[str, str]) -> None:
        kept = self._codes.pop(sent.pop("code", ""), None)
        verifier = sent.pop("code_verifier", "")
        if kept is None or sent.pop("redirect_uri", None) != kept["redirect_uri"]:
            raise BadRequestError("the code or its redirect URI is wrong")
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        if kept["challenge"] and digest != kept["challenge"]:
            raise BadRequestError("the code verifier is wrong")

    def _login(self, wanted: Mapping[str, Any]) -> Response:
        if self.is_closed:
            return _json({"errors": {"password": "did not match stored password"}}, 401)
        body = request.get_json(silent=True)
        if body != _sub_all(wanted["body"], self.form):
            raise BadRequestError(f"the login got {body}")
        return self._give(wanted)

    def _show_oauth1(self) -> Response:
        params = self.auth["oauth1"].get("params", {})
        found = {name: request.args.get(name) for name in params}
        if found != params:
            raise BadRequestError(f"the consent page got {found}, documented is {params}")
        shown = self.oauth1._show()
        return Response(*shown) if isinstance(shown, tuple) else shown


def _json(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    if body is None:
        return Response(b"", status, dict(headers or {}))
    if isinstance(body, str):
        return Response(body, status, dict(headers or {}), content_type="text/plain")
    return Response(json.dumps(body), status, dict(headers or {}), content_type="application/json")


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _sub(template: str, values: Mapping[str, Any]) -> str:
    for name, value in values.items():
        template = template.replace(f"{{{name}}}", str(value))
    return template


def _sub_all(value: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        return _sub(value, values)
    if isinstance(value, list):
        return [_sub_all(item, values) for item in value]
    return {name: _sub_all(item, values) for name, item in value.items()} if isinstance(value, dict) else value


def escape_path(text: str) -> str:
    """Return a text as it stands in one part of a path."""
    return quote(text, safe="")
