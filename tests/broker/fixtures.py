"""Installations that the tests of the broker share, for `tests/conftest.py` to hand out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from broker.quick import QuickRig


@pytest.fixture(scope="session")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuickRig]:
    """An installation on SQLite."""
    # Lazy, so that tests without servers do not import Flask.
    from broker.quick import QuickRig

    with QuickRig(tmp_path_factory.mktemp("sqlite")) as rig:
        rig.migrate()
        yield rig


@pytest.fixture(scope="session")
def on_postgres(tmp_path_factory: pytest.TempPathFactory, postgres: Any) -> Iterator[QuickRig]:
    """An installation on PostgreSQL."""
    # Lazy, as above.
    from broker.quick import QuickRig

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
    # Lazy, as below.
    from servers.live import LiveServer
    from servers.oauth2 import Client, OAuth2Api

    from broker.proofs import Installation

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


@pytest.fixture
def fernet_key(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Fernet key for this process."""
    # Lazy, so that tests of other processes do not import the models.
    from airflow.models.crypto import get_fernet
    from cryptography.fernet import Fernet

    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())
    get_fernet.cache_clear()
    yield
    get_fernet.cache_clear()
