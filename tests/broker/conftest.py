"""Installations that the tests of the broker share: one on SQLite, one on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from servers.live import LiveServer
from servers.oauth2 import Client, OAuth2Api

from broker.proofs import Installation
from broker.quick import QuickRig


@pytest.fixture(scope="session")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuickRig]:
    """An installation on SQLite."""
    with QuickRig(tmp_path_factory.mktemp("sqlite")) as rig:
        rig.migrate()
        yield rig


@pytest.fixture(scope="session")
def on_postgres(tmp_path_factory: pytest.TempPathFactory, postgres: Any) -> Iterator[QuickRig]:
    """An installation on PostgreSQL."""
    with QuickRig(tmp_path_factory.mktemp("postgres"), postgres.create_database("broker")) as rig:
        rig.migrate()
        yield rig


@pytest.fixture(params=["sqlite", "postgresql"])
def rig(request: pytest.FixtureRequest) -> Iterator[QuickRig]:
    """Each of the two; servers that a test leaves behind are ended after it."""
    found: QuickRig = request.getfixturevalue("on_sqlite" if request.param == "sqlite" else "on_postgres")
    yield found
    found.kill_servers()


@pytest.fixture
def sqlite_rig(on_sqlite: QuickRig) -> Iterator[QuickRig]:
    """The one on SQLite, for what does not depend on the database."""
    yield on_sqlite
    on_sqlite.kill_servers()


@pytest.fixture
def postgres_rig(on_postgres: QuickRig) -> Iterator[QuickRig]:
    """The one on PostgreSQL."""
    yield on_postgres
    on_postgres.kill_servers()


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
