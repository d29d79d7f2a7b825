"""Brokers for tests that ask them by hand."""

from __future__ import annotations

import pytest
from servers.live import LiveServer
from servers.oauth2 import Client, OAuth2Api

from broker.proofs import Installation


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    """One broker with connections `acme` and `globex`, whose authorization server replaces refresh tokens."""
    api = OAuth2Api(Client("client-1", "secret-1"), rotation="strict")
    with LiveServer(api.build()) as service:
        found = Installation(tmp_path_factory.mktemp("broker"), service, api)
        found.connect("acme")
        found.connect("globex")
        found.rig.migrate()
        found.start()
        try:
            yield found
        finally:
            found.rig.stop()
