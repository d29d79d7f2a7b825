"""Token endpoints that deviate from RFC 6749 in one declared way each, and the API that their tokens open."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, Response, jsonify, request

from servers.api import build_api

Params = dict[str, str]
Accepts = Callable[[Params], bool]
Renders = Callable[[str], Any]


@dataclass
class ShapedApi:
    """State of such an endpoint.

    Attributes:
        accepts: Whether a request with these parameters gets a token.
        renders: The answer that carries a token: JSON-able, or a text.
        method: POST or GET; the other is refused.
        body: "form" or "json"; the other is refused.
        path: Path of the endpoint.
        life_s: Seconds that the API accepts a token.
        prefix: Text before the token on the API.
        issued: Tokens with the time of their end.
    """

    accepts: Accepts
    renders: Renders = lambda token: {"access_token": token, "token_type": "Bearer", "expires_in": 3600}
    method: str = "POST"
    body: str = "form"
    path: str = "/token"
    life_s: float = 3600.0
    prefix: str = "Bearer "
    issued: dict[str, float] = field(default_factory=dict)

    def build(self) -> Flask:
        """Build the application: the endpoint and, behind its tokens, the API."""
        app = build_api("Bearer", self._verify, open_paths=frozenset({self.path}))

        @app.route(self.path, methods=[self.method])
        def token() -> Response | tuple[Response, int]:
            params = self._read()
            if params is None or not self.accepts(params):
                return jsonify(error="invalid_client", error_description="No such client."), 401
            made = secrets.token_urlsafe(24)
            self.issued[made] = time.time() + self.life_s
            answer = self.renders(made)
            return Response(answer, content_type="text/plain") if isinstance(answer, str) else jsonify(answer)

        return app

    def _read(self) -> Params | None:
        """Return the parameters where this endpoint takes them; None where they are doubled or elsewhere."""
        if self.method == "GET":
            return request.args.to_dict() if not request.get_data() else None
        if request.args:
            return None
        if self.body == "json":
            return request.get_json(silent=True) if request.is_json else None
        return request.form.to_dict() if len(request.form) == len(list(request.form.values())) else None

    def _verify(self) -> str | None:
        text = request.headers.get("Authorization", "")
        ends_at = self.issued.get(text.removeprefix(self.prefix)) if text.startswith(self.prefix) else None
        return "ada" if ends_at and time.time() < ends_at else None
