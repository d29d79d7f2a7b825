"""The connection of the fuzzed callbacks: a fixture for both runs, the short and the long one."""

from __future__ import annotations

import pytest
from airflow import settings as airflow_settings
from integration.desk import CLIENT, Desk
from security.fuzz_callbacks import CallbackTarget
from servers.oauth2_consent import ConsentApi, ConsentClient

from airflow_provider_integry.authorizations.tables import consent


@pytest.fixture
def callback_target(serve, set_connection):
    """Callbacks of an authorization at a server that tells who it is, and takes pushed parameters from nobody."""
    api = ConsentApi(ConsentClient(*CLIENT), rotation="strict", latency_s=0.0)
    api.unoffered = frozenset({"pushed_authorization_request_endpoint"})
    target = CallbackTarget(Desk(api, serve(api.build()), set_connection))
    yield target
    target.close()
    with airflow_settings.engine.begin() as database:
        database.execute(consent.delete())
