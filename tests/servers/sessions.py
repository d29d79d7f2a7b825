"""Logins with more to them than one token: a session cookie, or a first token that is traded for a second."""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import jwt
from flask import Flask, Response, jsonify, request

from servers.api import build_api


def _same(left: str | None, right: str) -> bool:
    return hmac.compare_digest((left or "").encode(), right.encode())


@dataclass
class CookieApi:
    """An API whose login sets a cookie, as ERP systems have it.

    Attributes:
        accounts: Passwords by user name.
        name: Name of the cookie.
        max_age_s: Its `Max-Age`; None leaves it out.
        sessions: User by cookie value, of the sessions that are alive.
    """

    accounts: dict[str, str]
    name: str = "B1SESSION"
    max_age_s: int | None = None
    sessions: dict[str, str] = field(default_factory=dict)

    def build(self) -> Flask:
        """Build the application: ``/Login`` and, behind its cookie, the API."""
        app = build_api("Cookie", self._verify, open_paths=frozenset({"/Login"}))

        @app.post("/Login")
        def login() -> Response | tuple[Response, int]:
            given = request.get_json(silent=True) or {}
            user = str(given.get("UserName"))
            if not _same(given.get("Password"), self.accounts.get(user, secrets.token_hex())):
                return jsonify(error={"code": 301, "message": "Invalid login"}), 401
            made = secrets.token_urlsafe(18)
            self.sessions[made] = user
            answer = jsonify(SessionTimeout=30)
            answer.set_cookie("ROUTEID", ".node1")
            answer.set_cookie(self.name, made, max_age=self.max_age_s, httponly=True, path="/")
            return answer

        @app.after_request
        def set_another(answer: Response) -> Response:
            # Load balancers set cookies of their own with every answer.
            answer.set_cookie("LB", secrets.token_hex(4))
            return answer

        return app

    def _verify(self) -> str | None:
        values = request.cookies.getlist(self.name)
        return self.sessions.get(values[0]) if len(values) == 1 else None


@dataclass
class TwoStepApi:
    """An API whose login gives a token that is good for one thing: fetching the token to work with.

    Attributes:
        username, password: What logs in.
        account: What the second step has to name.
        is_bearer_enough: Whether the second step reads the token from the Authorization header; else from the body.
        first_key, second_key: Shared secrets that sign the two tokens.
        life_s: Life of the second token.
    """

    username: str
    password: str
    account: int = 7
    is_bearer_enough: bool = True
    life_s: float = 300.0
    first_key: str = field(default_factory=lambda: secrets.token_hex(32))
    second_key: str = field(default_factory=lambda: secrets.token_hex(32))

    def build(self) -> Flask:
        """Build the application: ``/login``, ``/session`` and, behind the second token, the API."""
        app = build_api("Bearer", self._verify, open_paths=frozenset({"/login", "/session"}))

        @app.post("/login")
        def login() -> Response | tuple[Response, int]:
            given = request.get_json(silent=True) or {}
            if not (_same(given.get("username"), self.username) and _same(given.get("password"), self.password)):
                return jsonify(message="Wrong user name or password."), 401
            return jsonify(token=self._sign("login", 60, self.first_key))

        @app.post("/session")
        def session() -> Response | tuple[Response, int]:
            given = request.get_json(silent=True) or {}
            header = request.headers.get("Authorization", "").removeprefix("Bearer ")
            text = header if self.is_bearer_enough else str(given.get("session"))
            if self._read(text, self.first_key) != "login" or given.get("account") != self.account:
                return jsonify(message="The first step is not done."), 403
            return jsonify(data={"workToken": self._sign("work", self.life_s, self.second_key)}, token=None)

        return app

    def _sign(self, purpose: str, life_s: float, key: str) -> str:
        return jwt.encode({"sub": purpose, "jti": secrets.token_hex(8), "exp": time.time() + life_s}, key, "HS256")

    def _read(self, text: str, key: str) -> str | None:
        try:
            return str(jwt.decode(text, key, ["HS256"])["sub"])
        except jwt.PyJWTError:
            return None

    def _verify(self) -> str | None:
        header = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return "ada" if self._read(header, self.second_key) == "work" else None


@dataclass
class SignedApi:
    """An API that verifies JWTs by `kid`, with PyJWT and with joserfc, and counts how many it has seen.

    Attributes:
        keys: By `kid`: algorithm, public PEM, and joserfc's kind of it.
        audience: What `aud` has to be.
        seen: Every JWT that was accepted.
    """

    keys: dict[str, tuple[str, str, str]]
    audience: str = "appstoreconnect-v1"
    seen: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def build(self) -> Flask:
        """Build the application."""
        return build_api("Bearer", self._verify)

    def _verify(self) -> str | None:
        text = request.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            algorithm, public, kind = self.keys[jwt.get_unverified_header(text)["kid"]]
            options: Any = {"require": ["exp", "iat", "aud", "iss"]}
            claims = jwt.decode(text, public, algorithms=[algorithm], audience=self.audience, options=options)
        except (jwt.PyJWTError, KeyError):
            return None
        # PyJWT made it as well: a second implementation has to agree.
        from joserfc import jwk
        from joserfc import jwt as other

        key: Any = jwk.import_key(public.encode(), kind)  # type: ignore[call-overload]
        if other.decode(text, key, algorithms=[algorithm]).claims != claims:
            return None
        with self.lock:
            self.seen.append(text)
        return str(claims["sub"])
