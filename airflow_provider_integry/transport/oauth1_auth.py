"""OAuth 1.0a for code that brings its own `requests` session, as the object that such code expects.

Vendors' SDKs for OAuth 1.0a APIs are written for requests-oauthlib: they take its `OAuth1` object and
look into its client. So `hook.auth` is one, with the guard around it. Our own sessions sign with
`auth.oauth1`, which serves aiohttp as well.
"""

from __future__ import annotations

import requests
from requests_oauthlib import OAuth1 as RequestsOAuth1

from airflow_provider_integry.auth.credentials import OAuth1
from airflow_provider_integry.auth.oauth1 import build_client
from airflow_provider_integry.transport.guard import HostGuard
from airflow_provider_integry.transport.sockets import quiet_scope
from airflow_provider_integry.transport.sync import RedirectCheck


class GuardedOAuth1(RequestsOAuth1):
    """A `requests_oauthlib.OAuth1` that signs for allowed hosts only.

    Args:
        credentials: Consumer and token.
        guard: Which hosts may have them.
    """

    def __init__(self, credentials: OAuth1, guard: HostGuard) -> None:
        super().__init__(credentials.consumer_key, force_include_body=credentials.has_body_hash)
        self.client = build_client(credentials)
        self._guard = guard

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign the request in place, and watch where its answer redirects to."""
        self._guard.check(r.url or "")
        # An old signature left in place would become part of the new one.
        r.headers.pop("Authorization", None)
        with quiet_scope():
            signed: requests.PreparedRequest = super().__call__(r)
        signed.register_hook("response", RedirectCheck(self._guard))
        return signed
