"""A host application: a login that signs tokens as its developers would, and pages that people come back to."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import jwt
from flask import Flask, Response, redirect, request

APP_KEY = "acme-app"
APP_SECRET = "an-app-secret-of-32-characters-or-more"


class HostApplication:
    """State of the application.

    Attributes:
        user: Who is logged in there.
        more: Further claims of the tokens that its login signs.
        logins: Queries with which its login page was asked for, oldest first.
        returns: Queries with which people came back.
    """

    def __init__(self, app_key: str = APP_KEY, app_secret: str = APP_SECRET) -> None:
        self.app_key, self.app_secret = app_key, app_secret
        self.user = "user-1"
        self.more: dict[str, Any] = {"name": "Ada Lovelace"}
        self.logins: list[dict[str, str]] = []
        self.returns: list[dict[str, str]] = []

    def user_hash(self, user: str) -> str:
        """Return what goes with a user's id."""
        return hmac.new(self.app_secret.encode(), user.encode(), hashlib.sha256).hexdigest()

    def sign(self, user: str | None = None, **claims: Any) -> str:
        """Sign a token for a user; the one who is logged in by default."""
        user = self.user if user is None else user
        now = int(time.time())
        told = {"app_key": self.app_key, "user_id": user, "hash": self.user_hash(user)}
        times = {"iat": now, "exp": now + 300, "jti": uuid4().hex}
        return jwt.encode({**told, **times, **self.more, **claims}, self.app_secret, algorithm="HS256")

    def build(self) -> Flask:
        """Build the application."""
        app = Flask("host")

        @app.get("/login")
        def login() -> Response:
            self.logins.append(request.args.to_dict())
            back = {"token": self.sign(), "state": request.args["state"]}
            return redirect(f"{request.args['return_to']}?{urlencode(back)}")  # type: ignore[return-value]

        @app.get("/back")
        def back() -> str:
            self.returns.append(request.args.to_dict())
            return "<!doctype html><title>Acme</title><h1>Welcome back</h1>"

        return app
