"""Fixtures that start the servers; `tests/conftest.py` hands them to every test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

Serve = Callable[[Any], Any]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve Flask applications for the time of one test: ``server = serve(app)``."""
    # Lazy, so that tests without servers do not import Flask.
    from servers.live import LiveServer

    with ExitStack() as stack:
        yield lambda app: stack.enter_context(LiveServer(app))


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A PostgreSQL server for the whole run: ``postgres.create_database("mine")``; see `databases.py`."""
    # Lazy, so that tests without databases do not import SQLAlchemy.
    from servers.databases import PostgresServer

    yield from _run_database(PostgresServer, tmp_path_factory)


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A MariaDB server for the whole run."""
    # Lazy, as above.
    from servers.databases import MariaDbServer

    yield from _run_database(MariaDbServer, tmp_path_factory)


def _run_database(kind: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if reason := kind.missing():
        # There everything is installed first.
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    with kind(tmp_path_factory.mktemp(kind.name)) as server:
        yield server


class KeyPair:
    """A private key and its public half, as PEM."""

    def __init__(self, key: Any) -> None:
        self.private_pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        self.public_pem = (
            key.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )


@pytest.fixture(scope="session")
def rsa_pair() -> KeyPair:
    """An RSA key of 2048 bits."""
    return KeyPair(rsa.generate_private_key(65537, 2048))


@pytest.fixture(scope="session")
def other_rsa_pair() -> KeyPair:
    """Another RSA key: what a PEM becomes when it is not the right one."""
    return KeyPair(rsa.generate_private_key(65537, 2048))


@pytest.fixture(scope="session")
def ec_pair() -> KeyPair:
    """An EC key on P-256."""
    return KeyPair(ec.generate_private_key(ec.SECP256R1()))


@pytest.fixture(scope="session")
def other_ec_pair() -> KeyPair:
    """Another EC key on P-256."""
    return KeyPair(ec.generate_private_key(ec.SECP256R1()))
