"""Processes that share a token in a file, as people write it with requests-oauthlib.

``stampede_oauthlib.py URL FAMILY COUNT FOLDER``
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"

from crowd import run_at_once
from requests_oauthlib import OAuth2Session


def main():
    """Let them read an expired token, and call the API."""
    url, family, count, folder = sys.argv[1:5]
    file = Path(folder) / f"token-{family}.json"

    def save(token):
        file.write_text(json.dumps(token), "utf-8")

    save(
        {
            "access_token": "expired",
            "token_type": "Bearer",
            "expires_in": -30,
            "expires_at": 1.0,
            "refresh_token": f"family-{family}.0",
        }
    )

    def work():
        session = OAuth2Session(
            "bench",
            token=json.loads(file.read_text("utf-8")),
            auto_refresh_url=f"{url}/token",
            auto_refresh_kwargs={"client_id": "bench", "client_secret": "bench-secret"},
            token_updater=save,
        )
        session.get(f"{url}/me", timeout=30).raise_for_status()

    print(json.dumps(run_at_once(int(count), work)))


if __name__ == "__main__":
    main()
