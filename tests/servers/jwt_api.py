"""An API that wants a JWT, verified by PyJWT, with a login endpoint that hands them out."""

from __future__ import annotations

import hmac
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import jwt
from flask import Flask, Response, jsonify, request

from servers.api import build_api

LOGIN_PATHS = frozenset({"/login", "/login/form", "/login/basic"})


@dataclass
class JwtApi:
    """State of such an API.

    Attributes:
        key: Key that verifies: shared secret or public key.
        algorithms: Accepted algorithms.
        audience, issuer: Checked when set.
        header, prefix: Where the JWT is expected.
        signing_key: Key of the login endpoints; HS256 unless `login_algorithm` says otherwise.
        username, password: What logs in.
        lifetime_s: Seconds that a JWT from the login lives.
        answer: Shape of the login's answer; see `_answer_login`.
    """

    key: Any
    algorithms: list[str] = field(default_factory=lambda: ["HS256"])
    audience: str | None = None
    issuer: str | None = None
    header: str = "Authorization"
    prefix: str = "Bearer "
    signing_key: Any = None
    login_algorithm: str = "HS256"
    username: str = "ada"
    password: str = "pässwörd ☃"
    lifetime_s: float = 300.0
    answer: str = "plain"

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._revoked_before = 0
        self._issued = 0

    def revoke_issued(self) -> None:
        """Refuse every JWT that the login endpoints handed out so far."""
        with self._lock:
            self._revoked_before = self._issued

    def build(self) -> Flask:
        """Build the application."""
        app = build_api("Bearer", self._verify, open_paths=LOGIN_PATHS)

        @app.post("/login")
        def login() -> Response | tuple[Response, int]:
            given = request.get_json(silent=True) or {}
            return self._log_in(given.get("username"), given.get("password"))

        @app.post("/login/form")
        def login_form() -> Response | tuple[Response, int]:
            return self._log_in(request.form.get("username"), request.form.get("password"))

        @app.post("/login/basic")
        def login_basic() -> Response | tuple[Response, int]:
            given = request.authorization
            return self._log_in(given.username, given.password) if given else self._log_in(None, None)

        return app

    def _verify(self) -> str | None:
        text = request.headers.get(self.header, "")
        if not text.startswith(self.prefix):
            return None
        try:
            claims = jwt.decode(
                text.removeprefix(self.prefix),
                self.key,
                algorithms=self.algorithms,
                audience=self.audience,
                issuer=self.issuer,
                options={"require": ["exp", "iat"]},
            )
        except jwt.PyJWTError:
            return None
        with self._lock:
            if int(claims.get("n", self._revoked_before + 1)) <= self._revoked_before:
                return None
        return str(claims.get("sub", "nobody"))

    def _log_in(self, username: str | None, password: str | None) -> Response | tuple[Response, int]:
        matches = hmac.compare_digest((username or "").encode(), self.username.encode())
        if not hmac.compare_digest((password or "").encode(), self.password.encode()) or not matches:
            return jsonify(error="invalid_grant", error_description="Wrong user name or password."), 401
        with self._lock:
            self._issued += 1
            number = self._issued
        now = time.time()
        claims = {"sub": username, "iat": int(now), "exp": now + self.lifetime_s, "n": number}
        if self.audience:
            claims["aud"] = self.audience
        if self.issuer:
            claims["iss"] = self.issuer
        return self._answer_login(jwt.encode(claims, self.signing_key or self.key, self.login_algorithm), now)

    def _answer_login(self, token: str, now: float) -> Response:
        if self.answer == "text":
            return Response(token, 200, {"Content-Type": "text/plain"})
        shapes: dict[str, Any] = {
            "plain": {"token": token},
            "oauth": {"access_token": token, "token_type": "Bearer", "expires_in": str(self.lifetime_s)},
            "nested": {"data": {"session": {"jwt": token, "until": int((now + self.lifetime_s) * 1000)}}},
        }
        return jsonify(shapes[self.answer])
