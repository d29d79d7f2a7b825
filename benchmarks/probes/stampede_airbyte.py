"""Processes that share a configuration, with the Airbyte CDK's authenticator for single-use refresh tokens.

``stampede_airbyte.py URL FAMILY COUNT FOLDER``
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import requests
from airbyte_cdk.sources.streams.http.requests_native_auth import SingleUseRefreshTokenOauth2Authenticator
from crowd import run_at_once


def main():
    """Let each begin with the same configuration, whose token has expired, and call the API."""
    url, family, count = sys.argv[1:4]
    logging.disable(logging.CRITICAL)

    def work():
        # What is printed is the new configuration, for the platform to keep.
        sys.stdout = Path("/dev/null").open("w")  # noqa: SIM115
        config = {
            "credentials": {
                "client_id": "bench",
                "client_secret": "bench-secret",
                "refresh_token": f"family-{family}.0",
                "access_token": "expired",
                "token_expiry_date": "2020-01-01T00:00:00+00:00",
            }
        }
        authenticator = SingleUseRefreshTokenOauth2Authenticator(config, token_refresh_endpoint=f"{url}/token")
        requests.get(f"{url}/me", headers=authenticator.get_auth_header(), timeout=30).raise_for_status()

    print(json.dumps(run_at_once(int(count), work)))


if __name__ == "__main__":
    main()
