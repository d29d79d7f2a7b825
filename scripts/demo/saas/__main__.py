"""Serve the made-up service: ``python -m scripts.demo.saas --port N < accounts.json``, or with ``--alone``."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from pathlib import Path

from typing_extensions import override
from werkzeug.serving import WSGIRequestHandler, make_server

from scripts.demo.saas.accounts import Accounts, generate_accounts
from scripts.demo.saas.app import build_app


class Handler(WSGIRequestHandler):
    """Writes the access log without queries: some clients put a key there."""

    @override
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        path, _, query = self.path.partition("?")
        self.log("info", '"%s %s%s" %s', self.command, path, "?…" if query else "", code)


def show_calendar(accounts: Accounts, url: str) -> None:
    """Print what a person types into the connection to the calendar."""
    print("Acme is up. Ctrl-C stops it. Its calendar:")
    for name, value in (
        ("Base URL", f"{url}/calendar"),
        ("Client id", accounts.calendar_client_id),
        ("Client secret", accounts.calendar_client_secret),
        ("Consent page", f"{url}/oauth/authorize"),
        ("Token endpoint", f"{url}/oauth/token"),
        ("Scopes", "calendar.read"),
    ):
        print(f"  {name:<16}{value}")
    sys.stdout.flush()


def main() -> int:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m scripts.demo.saas", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    parser.add_argument("--lifetime", type=int, default=20, metavar="SECONDS", help="life of an access token")
    parser.add_argument("--ledger", type=Path, help="file to note every token in; for tests that look for leaks")
    parser.add_argument("--alone", action="store_true", help="make new accounts, and print what the tutorial needs")
    options = parser.parse_args()
    # Authlib refuses http unless told; all of this stays on loopback.
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    accounts = generate_accounts() if options.alone else Accounts(**json.load(sys.stdin))
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    app = build_app(accounts, options.lifetime, options.ledger)
    server = make_server("127.0.0.1", options.port, app, threaded=True, request_handler=Handler)
    if options.alone:
        show_calendar(accounts, f"http://127.0.0.1:{options.port}")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
