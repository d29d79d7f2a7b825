"""A host application in one file: it signs its users in, and lets them connect accounts in its own page.

Run it with INTEGRY_URL, INTEGRY_APP_KEY and INTEGRY_APP_SECRET in the environment: ``python app.py 8000``.
Its login asks for no password: put your own in its place.
"""

from __future__ import annotations

import html
import json
import os
import secrets
import sys
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

# [START client]
from airflow_provider_integry.errors import EventSignatureError, HostApiError
from airflow_provider_integry.host import HostClient

INTEGRY_URL = os.environ["INTEGRY_URL"]
client = HostClient(
    INTEGRY_URL,
    os.environ["INTEGRY_APP_KEY"],
    os.environ["INTEGRY_APP_SECRET"],
    allow_http=INTEGRY_URL.startswith("http://127.0.0.1"),
)
# [END client]

# Users of this application, and the keys of its own API that they have; `bob` has none.
USERS = {"ada": "key-of-ada", "bob": None}
SESSIONS: dict[str, str] = {}
EVENTS: list[dict[str, str]] = []
HERE = Path(__file__).parent
FORM = '<h1>Log in</h1><form method="post" action="/login">{hidden}{buttons}</form>'


class HostApp(BaseHTTPRequestHandler):
    """Answers browsers, Airflow's events, and calls of the application's own API."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        match parts.path:
            case "/":
                self.show_home()
            case "/app.js":
                self.send("text/javascript", (HERE / "app.js").read_text(encoding="utf-8"))
            case "/login":
                self.show_login(query)
            case "/connected":
                self.take_back(query)
            case "/api/me":
                self.answer_api()
            case _:
                self.send("text/plain", "Not found", 404)

    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), 65536))
        if urlsplit(self.path).path == "/events":
            self.take_event(body)
        elif urlsplit(self.path).path == "/login":
            self.log_in({name: values[0] for name, values in parse_qs(body.decode()).items()})
        else:
            self.send("text/plain", "Not found", 404)

    # [START page]
    def show_home(self) -> None:
        """Show the page that embeds the script, with the hash of the signed-in user and of nobody else."""
        user = self.user()
        if user is None:
            self.redirect("/login")
            return
        options = {"url": INTEGRY_URL, "appKey": os.environ["INTEGRY_APP_KEY"], "userId": user}
        options["hash"] = client.user_hash(user)
        if USERS[user]:
            # The user's key for this application's own API: Airflow gets it without asking anybody.
            options["xIntegryConfig"] = {"appAuth": {"apiKey": USERS[user]}}
        page = (HERE / "page.html").read_text(encoding="utf-8")
        values = {"USER": user, "URL": INTEGRY_URL, "OPTIONS": json.dumps(options)}
        for name, value in values.items():
            page = page.replace(f"[[{name}]]", html.escape(value))
        self.send("text/html", page)

    # [END page]

    # [START login]
    def show_login(self, query: dict[str, str]) -> None:
        """Sign a user in; a visitor of Airflow's pages comes with `return_to` and goes back with a token."""
        if self.user() is not None and "return_to" in query:
            self.redirect(self.find_way_back(query, str(self.user())))
            return
        kept = {name: query[name] for name in ("return_to", "state") if name in query}
        hidden = "".join(f'<input type="hidden" name="{one}" value="{html.escape(kept[one])}">' for one in kept)
        buttons = "".join(f'<button name="user" value="{one}">I am {one}</button> ' for one in USERS)
        self.send("text/html", FORM.format(hidden=hidden, buttons=buttons))

    def log_in(self, form: dict[str, str]) -> None:
        user = form.get("user", "")
        if user not in USERS:
            self.redirect("/login")
            return
        session = secrets.token_urlsafe(32)
        SESSIONS[session] = user
        self.redirect(self.find_way_back(form, user), f"session={session}; HttpOnly; SameSite=Lax; Path=/")

    def find_way_back(self, given: dict[str, str], user: str) -> str:
        if "return_to" not in given:
            return "/"
        try:
            key = USERS[user]
            return client.sign_on_url(given["return_to"], given.get("state"), user, name=user.title(), api_key=key)
        except HostApiError:
            # Somebody else would get a token of this user.
            return "/"

    # [END login]

    # [START return]
    def take_back(self, query: dict[str, str]) -> None:
        """Take a browser back after a connect link; fetch what it holds for the user of this session."""
        user = self.user()
        if "code" in query and user is not None:
            try:
                client.redeem(query["code"], user)
            except HostApiError as error:
                self.send("text/plain", str(error), 400)
                return
        self.redirect("/")

    # [END return]

    # [START events]
    def take_event(self, body: bytes) -> None:
        """Take an event; whoever cannot sign it is not believed."""
        try:
            event = client.verify_event(self.headers, body)
        except EventSignatureError as error:
            self.send("text/plain", str(error), 400)
            return
        EVENTS.append({"type": event.type, "end_user": event.end_user, "conn_id": event.conn_id})
        self.send("text/plain", "Thank you")

    # [END events]

    def answer_api(self) -> None:
        """Say whose key a call carries: what the host connection's `user_info_url` asks."""
        key = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        user = next((name for name, own in USERS.items() if own and secrets.compare_digest(own, key)), None)
        answer = {"id": user, "name": user.title()} if user else {"error": "unknown key"}
        self.send("application/json", json.dumps(answer), 200 if user else 401)

    def user(self) -> str | None:
        cookie = SimpleCookie(self.headers.get("Cookie", "")).get("session")
        return SESSIONS.get(cookie.value) if cookie else None

    def redirect(self, where: str, cookie: str | None = None) -> None:
        self.send_response(303)
        self.send_header("Location", where)
        if cookie:
            self.send_header("Set-Cookie", cookie)
        self.end_headers()

    def send(self, kind: str, text: str, status: int = 200) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        # Queries hold tokens and codes.
        sys.stderr.write(f"{self.command} {urlsplit(self.path).path} {code}\n")


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), HostApp).serve_forever()
