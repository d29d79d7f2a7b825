"""What is on its way into the database, on the disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from airflow.models.crypto import get_fernet
from cryptography.fernet import Fernet
from servers.oauth2 import OAuth2Api

from airflow_provider_integry.authorizations.store import AuthorizationStore
from airflow_provider_integry.errors import (
    ReauthorizationNeededError,
    StoreNotReadyError,
    StoreUnavailableError,
    UnreadableGrantError,
)
from broker.inside import Inside
from broker.quick import WatchedServer, token_service


class World(NamedTuple):
    api: OAuth2Api
    server: WatchedServer
    inside: Inside


@pytest.fixture
def world(tmp_path: Path, fernet_key: None) -> Iterator[World]:
    with token_service("strict") as (api, server):
        yield World(api, server, Inside(tmp_path, server.url, api.authorize()))


class Crash(BaseException):
    """Ends a refresh where nothing may catch it."""


def crash_before_commit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave an entry in the journal, and a lease, as a crash does."""

    def crash(*args: Any, **named: Any) -> bool:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(AuthorizationStore, "change", crash)
        with pytest.raises(Crash):
            world.inside.ask()
    assert len(world.inside.journal) == 1


def test_an_entry_is_readable_by_its_owner_alone_and_holds_nothing_in_clear(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    crash_before_commit(world, monkeypatch)
    (name,) = world.inside.journal
    path = world.inside.journal_folder / name
    assert path.stat().st_mode & 0o777 == 0o600
    assert world.inside.journal_folder.stat().st_mode & 0o777 == 0o700
    text = path.read_text()
    assert not any(
        secret in text for grant in world.api.grants for secret in (grant.access_token, grant.refresh_token) if secret
    )


def test_an_entry_is_stored_after_the_lease_has_ended_and_is_removed(world: World, monkeypatch: pytest.MonkeyPatch):
    crash_before_commit(world, monkeypatch)
    world.inside.pass_time(50)
    assert world.inside.ask().secrets.access_token
    assert (world.server.arrived(), world.inside.journal) == (1, [])
    assert world.inside.heard.words == ["imported", "recovered"]


def test_an_entry_of_a_deleted_row_is_not_stored_into_its_successor(world: World, monkeypatch: pytest.MonkeyPatch):
    crash_before_commit(world, monkeypatch)
    world.inside.store.delete(world.inside.row)
    world.inside.fields["refresh_token"] = world.api.authorize("another person")
    found = world.inside.ask()
    grant = next(one for one in world.api.grants if one.access_token == found.secrets.access_token.reveal())
    assert grant.user == "another person"
    assert world.inside.journal == []


def test_what_a_crash_has_left_is_removed_after_the_next_refresh(world: World):
    world.inside.ask()
    digest = world.inside.row.digest
    for name in (f"{digest}-0.grant", f"{digest}-0.17.tmp"):
        (world.inside.journal_folder / name).write_text("{}")
    other = world.inside.journal_folder / f"{'0' * 64}-0.grant"
    other.write_text("{}")
    world.inside.pass_time(3700)
    world.inside.ask()
    assert world.inside.journal == [other.name]


def test_a_grant_is_stored_where_the_journal_cannot_be_written(world: World, caplog: pytest.LogCaptureFixture):
    world.inside.journal_folder.write_text("a file in the folder's place")
    assert world.inside.ask().secrets.access_token
    world.inside.pass_time(3700)
    assert world.inside.ask().secrets.access_token
    assert world.api.family_revocations == 0
    assert "[integry] journal_folder" in caplog.text


def test_a_damaged_entry_is_put_aside(world: World, monkeypatch: pytest.MonkeyPatch):
    crash_before_commit(world, monkeypatch)
    (name,) = world.inside.journal
    (world.inside.journal_folder / name).write_bytes(os.urandom(100))
    world.inside.pass_time(50)
    # The old refresh token is all that is left, and this server has seen it.
    with pytest.raises(ReauthorizationNeededError) as caught:
        world.inside.ask()
    assert caught.value.cause == "refresh_outcome_unknown"
    assert world.inside.journal == [name.replace(".grant", ".damaged")]


def test_an_entry_of_another_key_is_kept_until_the_key_is_back(world: World, monkeypatch: pytest.MonkeyPatch):
    crash_before_commit(world, monkeypatch)
    world.inside.pass_time(50)
    with monkeypatch.context() as patch:
        patch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())
        get_fernet.cache_clear()
        for _ in range(2):
            with pytest.raises(UnreadableGrantError):
                world.inside.ask(wait_s=0.1)
    get_fernet.cache_clear()
    assert world.inside.ask().secrets.access_token
    assert (world.server.arrived(), world.inside.journal) == (1, [])


@pytest.mark.parametrize(
    ("orig", "expected"),
    [
        ("connection to server at 127.0.0.1, port 51146 failed", StoreUnavailableError),
        ("port 10540 refused", StoreUnavailableError),
        ("no such table: integry_authorization", StoreNotReadyError),
    ],
)
def test_a_port_in_a_message_is_not_taken_for_missing_tables(orig: str, expected: type[Exception]):
    # Lazy: only this test makes up what a driver says.
    from sqlalchemy.exc import OperationalError

    from airflow_provider_integry.authorizations.database_errors import database_errors

    with pytest.raises(expected), database_errors():
        raise OperationalError("SELECT 1", {}, Exception(orig))
