"""An authorization server that accepts each refresh token once, with an API behind it; prints its port.

``strict_server.py LATENCY_S``. Whoever uses a refresh token again ends the whole family (RFC 9700 section 4.14.2).
Families are made by naming them: ``family-N.0`` is the first refresh token of family N. ``GET /family/N`` tells what
became of it. Standard library only: it is not what is measured.
"""

from __future__ import annotations

import json
import secrets
import sys
import threading
import time
from collections import defaultdict
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs


@dataclass
class Family:
    """What came of one grant.

    Attributes:
        generation: Refresh tokens so far.
        requests: Token requests.
        refused: Those that were refused.
        is_revoked: Whether a refresh token was used twice.
        calls: Calls of the API with a token that is good.
        bad_calls: Those with another one.
    """

    generation: int = 0
    requests: int = 0
    refused: int = 0
    is_revoked: bool = False
    calls: int = 0
    bad_calls: int = 0


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    latency_s = 0.0
    lock = threading.Lock()
    families: ClassVar[dict[str, Family]] = defaultdict(Family)
    access_tokens: ClassVar[dict[str, str]] = {}

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        name, _, generation = form.get("refresh_token", [""])[0].removeprefix("family-").partition(".")
        with self.lock:
            found = self.families[name]
            found.requests += 1
            if found.is_revoked or generation != str(found.generation):
                found.refused += 1
                found.is_revoked = True
                answer = None
            else:
                found.generation += 1
                answer = secrets.token_hex(16)
                self.access_tokens[answer] = name
                following = f"family-{name}.{found.generation}"
        time.sleep(self.latency_s)
        if answer is None:
            self._send(400, {"error": "invalid_grant"})
            return
        token = {"access_token": answer, "token_type": "Bearer", "expires_in": 3600}
        self._send(200, {**token, "refresh_token": following})

    def do_GET(self) -> None:
        if self.path.startswith("/family/"):
            self._send(200, asdict(self.families[self.path.removeprefix("/family/")]))
            return
        name = self.access_tokens.get(self.headers.get("Authorization", "").removeprefix("Bearer "))
        with self.lock:
            is_good = name is not None and not self.families[name].is_revoked
            if name is not None:
                found = self.families[name]
                found.calls += is_good
                found.bad_calls += not is_good
        self._send(200 if is_good else 401, {"name": name})

    def _send(self, status: int, answer: object) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """One that takes many connections at once."""

    request_queue_size = 256
    daemon_threads = True


def main() -> None:
    """Serve until the process is ended."""
    Handler.latency_s = float(sys.argv[1])
    server = Server(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
