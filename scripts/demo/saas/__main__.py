"""Serve the made-up service: ``python -m scripts.demo.saas --port N < accounts.json``."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys

from werkzeug.serving import make_server

from scripts.demo.saas.accounts import Accounts
from scripts.demo.saas.app import build_app


def main() -> int:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m scripts.demo.saas", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    parser.add_argument("--lifetime", type=int, default=20, metavar="SECONDS", help="life of an access token")
    options = parser.parse_args()
    # Authlib refuses http unless told; all of this stays on loopback.
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    accounts = Accounts(**json.load(sys.stdin))
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    server = make_server("127.0.0.1", options.port, build_app(accounts, options.lifetime), threaded=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
