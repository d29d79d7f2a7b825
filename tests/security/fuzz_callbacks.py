"""Our application, asked as browsers and strangers ask it, without a server in between: one request takes little."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from airflow import settings as airflow_settings
from integration.desk import AIRFLOW, Desk
from security.fuzz_inputs import make_callback
from sqlalchemy import func, select

from airflow_provider_integry.authorizations.consent import Begun, cookie_name
from airflow_provider_integry.authorizations.tables import authorization, consent
from airflow_provider_integry.web.app import build_app

MARKUP = (b"<script>", b"{{7*7}}</")
# Asked for 405 and 404, and what a refusal answers with.
ALLOWED = {303, 400, 404, 405, 414}


class CallbackTarget:
    """One authorization that was begun, and callbacks that are none of its answers.

    Args:
        desk: A connection to a server that asks for consent.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._app = build_app()
        self._loop = asyncio.new_event_loop()
        self._begun: Begun | None = None
        self._exchanges = 0
        self._begin()

    def make(self, random: Random) -> tuple[str, str, bytes, bool]:
        """Return a callback; see `fuzz_inputs.make_callback`."""
        # Half of what begins well would end an authorization: a state of another one stands for it.
        state = self._state if random.randrange(3) else "x" * 43
        return make_callback(random, state, self._desk.server.url)

    def check(self, made: tuple[str, str, bytes, bool]) -> str:
        """Send a callback: it is refused, or ends the authorization, without a request to anybody or a grant."""
        method, context, query, has_cookie = made
        cookie = f"{self._cookie[0]}={self._cookie[1]}" if has_cookie else ""
        status, body = self._loop.run_until_complete(self._ask(method, context, query, cookie))
        assert status in ALLOWED, (status, body[:300])
        assert not any(word in body for word in MARKUP)
        self._check_exchanges(query, is_complete=has_cookie and not context and method == "GET")
        if status == 303 and method == "GET":
            self._check_ended()
            self._begin()
        return str(status)

    def close(self) -> None:
        """End the event loop."""
        self._loop.close()

    def count_grants(self) -> int:
        """Return how many grants are kept."""
        with airflow_settings.engine.connect() as database:
            return int(database.scalar(select(func.count()).select_from(authorization)) or 0)

    def _check_exchanges(self, query: bytes, *, is_complete: bool) -> None:
        """See that nobody was asked for a token, unless the callback lacks nothing but a good code."""
        asked = self._desk.api.token_requests["authorization_code"] - self._exchanges
        self._exchanges += asked
        if asked:
            found = parse_qs(query.decode("ascii"), keep_blank_values=True, errors="strict")
            expected = {"state": [self._state], "iss": [self._desk.server.url]}
            assert is_complete, query
            assert {name: found[name] for name in expected} == expected, query
            assert len(found["code"]) == asked == 1, query
            assert "error" not in found, query

    def _check_ended(self) -> None:
        assert self._begun is not None
        row = self._desk.outcome(self._begun)
        assert row.outcome in ("failed", "denied"), row.outcome
        assert row.message is None or (len(row.message) < 700 and row.message.isprintable())
        assert "unexpected" not in (row.message or ""), row.message

    def _begin(self) -> None:
        with airflow_settings.engine.begin() as database:
            database.execute(consent.delete())
        self._begun = self._desk.begin()
        self._cookie = (cookie_name(self._begun.consent_id), self._begun.browser_key.reveal())
        self._path, self._state = _answer_of(self._begun.url)

    async def _ask(self, method: str, context: str, query: bytes, cookie: str) -> tuple[int, bytes]:
        body = query if method == "POST" else b""
        path = self._path + context
        scope: dict[str, Any] = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": path, "raw_path": path.encode("utf-8", "surrogatepass"), "root_path": "",
            "query_string": b"" if method == "POST" else query, "server": ("127.0.0.1", 8080), "client": ("1.2.3.4", 5),
            "headers": [(b"host", b"127.0.0.1:8080"), (b"cookie", cookie.encode()),
                        (b"content-type", b"application/x-www-form-urlencoded")],
            "state": {},
        }  # fmt: skip
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


def _answer_of(url: str) -> tuple[str, str]:
    """Return the path of an authorization's callback below our prefix, and its state."""
    found = dict(parse_qsl(urlsplit(url).query))
    redirect = urlsplit(found["redirect_uri"])
    assert f"{redirect.scheme}://{redirect.netloc}" == AIRFLOW
    return redirect.path.removeprefix("/integry"), found["state"]
