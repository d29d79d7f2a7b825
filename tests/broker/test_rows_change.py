"""Somebody changes or deletes what a refresh is working on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from servers.oauth2 import OAuth2Api

from airflow_provider_integry.authorizations.grant import is_known_seed
from airflow_provider_integry.authorizations.steps import run_steps
from airflow_provider_integry.errors import IntegryError, InvalidClientError, NotAuthorizedError
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


class Asking(threading.Thread):
    """Asks in another thread, so that something can happen meanwhile."""

    def __init__(self, inside: Inside, subject: Any = None) -> None:
        super().__init__()
        self._inside, self._subject = inside, subject or inside.subject
        self.token: str | None = None
        self.error: IntegryError | None = None

    def run(self) -> None:
        try:
            found = run_steps(self._inside.refresher.hand_out(self._subject, wait_s=10.0))
            self.token = found.row.token_fingerprint
        except IntegryError as error:
            self.error = error


def start_slowly(world: World) -> Asking:
    """Begin a refresh, and return once the authorization server has the request."""
    world.api.latency_s = 0.4
    asking = Asking(world.inside)
    before = world.server.arrived()
    asking.start()
    world.server.wait_arrived(before + 1)
    return asking


def test_a_row_that_is_deleted_during_a_refresh_is_not_resurrected(world: World):
    world.inside.ask()
    world.inside.pass_time(3700)
    # As after the import: nothing is pasted, so that nothing may be made of it.
    world.inside.fields["refresh_token"] = None
    asking = start_slowly(world)
    world.inside.store.delete(world.inside.row)
    asking.join(10)
    assert isinstance(asking.error, NotAuthorizedError)
    assert world.inside.store.count() == 0
    assert world.inside.journal == []


def test_a_row_that_was_revoked_during_a_refresh_stays_revoked(world: World):
    world.inside.ask()
    world.inside.pass_time(3700)
    asking = start_slowly(world)
    assert world.inside.store.change(world.inside.row, {"state": "revoked", "sealed": None})
    asking.join(10)
    assert isinstance(asking.error, NotAuthorizedError)
    row = world.inside.row
    assert (row.state, row.sealed) == ("revoked", None)
    assert world.inside.journal == []


def test_a_grant_that_was_pasted_during_a_refresh_stays(world: World):
    world.inside.ask()
    world.inside.pass_time(3700)
    asking = start_slowly(world)
    world.inside.fields["refresh_token"] = world.api.authorize("grace")
    newer = world.inside.ask()
    asking.join(10)
    # The first one, with its older view of the connection, gets a token too; the newer grant is kept.
    assert world.inside.row.generation >= newer.row.generation
    assert is_known_seed(world.inside.row.seed, world.inside.subject.seed_digest or "")
    grants = [grant for grant in world.api.grants if not grant.is_used and grant.access_token]
    assert any(grant.user == "grace" for grant in grants)
    world.inside.pass_time(3700)
    assert world.inside.ask().secrets.access_token
    assert world.api.family_revocations == 0


def test_an_older_view_of_the_connection_does_not_bring_back_a_replaced_token(world: World):
    world.inside.ask()
    older = world.inside.subject
    world.inside.fields["refresh_token"] = world.api.authorize("grace")
    newer = world.inside.ask().row.token_fingerprint
    for _ in range(2):
        # Another server remembers connections for ten seconds.
        assert run_steps(world.inside.refresher.hand_out(older)).row.token_fingerprint == newer
        assert world.inside.ask().row.token_fingerprint == newer
    assert (world.server.arrived(), world.api.family_revocations) == (2, 0)


def test_nobody_renews_what_somebody_else_has_the_lease_of(world: World):
    world.inside.ask()
    now = "((julianday('now') - 2440587.5) * 86400.0)"
    world.inside.set(lease_owner="'another'", lease_until=f"{now} + 5", version="version + 1")
    world.inside.renew_ahead()
    assert (world.server.arrived(), world.inside.row.lease_owner) == (1, "another")
    # A lease that has ended is taken over, and what its holder has asked is unknown.
    world.inside.pass_time(5)
    world.inside.renew_ahead()
    assert (world.server.arrived(), world.inside.row.lease_owner) == (2, None)


def test_a_changed_client_id_is_refused_and_works_again_when_it_is_changed_back(world: World):
    first = world.inside.ask().row.token_fingerprint
    world.inside.fields["client_id"] = "client-2"
    with pytest.raises(NotAuthorizedError, match="client id, endpoints or base URL were changed"):
        world.inside.ask()
    world.inside.pass_time(3700)
    with pytest.raises(NotAuthorizedError, match="Undo the change"):
        world.inside.ask()
    assert world.server.arrived() == 1
    world.inside.fields["client_id"] = "client-1"
    assert world.inside.ask().row.token_fingerprint != first


def test_a_changed_client_secret_is_used_with_the_same_grant(world: World):
    world.inside.ask()
    world.api.client = type(world.api.client)("client-1", "secret-2")
    world.inside.fields["client_secret"] = "secret-2"
    world.inside.pass_time(3700)
    assert world.inside.ask().secrets.access_token


def test_a_client_secret_that_was_corrected_is_tried_at_once(world: World):
    world.inside.fields["client_secret"] = "wrong"
    for _ in range(3):
        with pytest.raises(InvalidClientError):
            world.inside.ask()
    # Asked once: what is known to be wrong is not tried again and again.
    assert world.server.arrived() == 1
    world.inside.fields["client_secret"] = "secret-1"
    assert world.inside.ask().secrets.access_token
    assert (world.server.arrived(), world.inside.row.failures) == (2, 0)


def test_a_client_id_that_was_corrected_before_the_first_use_keeps_the_pasted_token(world: World):
    world.inside.fields["client_id"] = "wrong"
    with pytest.raises(InvalidClientError):
        world.inside.ask()
    world.inside.fields.update(client_id="client-1", refresh_token="")
    assert world.inside.ask().secrets.access_token
    # From the first use on the grant is bound.
    world.inside.fields["client_id"] = "another"
    with pytest.raises(NotAuthorizedError, match="were changed after it was authorized"):
        world.inside.ask()
