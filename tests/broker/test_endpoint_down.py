"""The token endpoint is down, throttles, or refuses: what still works is used, and nobody storms it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from servers.oauth2 import OAuth2Api

from airflow_provider_integry.errors import (
    InvalidClientError,
    ReauthorizationNeededError,
    TokenEndpointUnavailableError,
)
from broker.inside import Inside
from broker.quick import QuickRig, WatchedServer, token_service

DOWN = 1_000_000


class World(NamedTuple):
    api: OAuth2Api
    server: WatchedServer
    inside: Inside


@pytest.fixture
def world(tmp_path: Path, fernet_key: None) -> Iterator[World]:
    with token_service("strict") as (api, server):
        yield World(api, server, Inside(tmp_path, server.url, api.authorize()))


def test_a_token_that_lives_is_served_through_both_windows(world: World):
    first = world.inside.ask()
    world.server.fail("/token", 503, DOWN)
    world.inside.pass_time(3300)
    in_advisory = world.inside.ask()
    assert (in_advisory.row.token_fingerprint, in_advisory.is_due) == (first.row.token_fingerprint, True)
    world.inside.renew_ahead()
    assert world.inside.ask().is_due is False
    world.inside.pass_time(250)
    assert world.inside.ask().row.token_fingerprint == first.row.token_fingerprint
    # Now it is dead.
    world.inside.pass_time(60)
    with pytest.raises(TokenEndpointUnavailableError):
        world.inside.ask()


def test_an_hour_of_outage_is_a_few_dozen_requests_and_ends_with_a_token(world: World):
    world.inside.ask()
    world.inside.pass_time(3700)
    world.server.fail("/token", 503, DOWN)
    before = world.server.arrived()
    for _ in range(3600 // 15):
        for _ in range(2):
            with pytest.raises(TokenEndpointUnavailableError):
                world.inside.ask()
        world.inside.pass_time(15)
    # Every quarter of a minute first, then one in 45 to 75 s.
    assert 45 <= world.server.arrived() - before <= 90
    world.server._faults.clear()
    world.inside.pass_time(76)
    assert world.inside.ask().secrets.access_token
    assert world.inside.row.failures == 0
    assert world.inside.row.error is None


def test_retry_after_is_honoured(world: World):
    world.server.fail("/token", 429, 1, Retry_After="120")
    with pytest.raises(TokenEndpointUnavailableError):
        world.inside.ask()
    world.inside.pass_time(118)
    with pytest.raises(TokenEndpointUnavailableError):
        world.inside.ask()
    assert world.server.arrived() == 1
    world.inside.pass_time(3)
    assert world.inside.ask().secrets.access_token
    assert world.server.arrived() == 2


def test_a_wrong_client_secret_does_not_lose_the_grant(world: World):
    right = world.inside.fields["client_secret"]
    world.inside.fields["client_secret"] = "wrong"
    with pytest.raises(InvalidClientError):
        world.inside.ask()
    assert world.inside.row.state == "active"
    assert world.inside.row.unknown_since is None
    world.inside.fields["client_secret"] = right
    world.inside.pass_time(10)
    assert world.inside.ask().secrets.access_token


def test_a_revoked_grant_is_lost_with_the_reason_and_is_not_asked_for_again(world: World):
    world.inside.ask()
    world.api.revoke_all()
    world.inside.pass_time(3700)
    for _ in range(3):
        with pytest.raises(ReauthorizationNeededError) as caught:
            world.inside.ask()
        assert caught.value.cause == "invalid_grant"
    assert world.inside.heard.words == ["imported", "refreshed", "lost invalid_grant"]
    assert world.server.arrived() == 2


def test_a_newly_pasted_refresh_token_replaces_a_lost_grant(world: World):
    world.inside.ask()
    world.api.revoke_all()
    world.inside.pass_time(3700)
    with pytest.raises(ReauthorizationNeededError):
        world.inside.ask()
    # As a connection looks after its token was imported: that changes nothing.
    pasted = world.inside.fields["refresh_token"]
    world.inside.fields["refresh_token"] = None
    with pytest.raises(ReauthorizationNeededError):
        world.inside.ask()
    world.inside.fields["refresh_token"] = pasted
    with pytest.raises(ReauthorizationNeededError):
        world.inside.ask()
    assert world.server.arrived() == 2
    world.inside.fields["refresh_token"] = world.api.authorize()
    assert world.inside.ask().secrets.access_token
    assert world.inside.heard.words[-2:] == ["imported", "refreshed"]


def test_a_pasted_token_that_was_imported_does_not_come_back_over_its_successor(world: World):
    for _ in range(3):
        assert world.inside.ask().secrets.access_token
        world.inside.pass_time(3700)
    assert world.api.family_revocations == 0
    assert world.inside.heard.words.count("imported") == 1


def test_many_askers_cause_few_requests_during_an_outage(postgres_rig: QuickRig):
    with token_service("strict") as (api, server):
        postgres_rig.connect("outage", server.url, grant_type="refresh_token", refresh_token=api.authorize())
        brokers = [postgres_rig.spawn(), postgres_rig.spawn()]
        with postgres_rig.askers(8, "outage", *brokers) as askers:
            assert "token" in askers.ask_one()
            postgres_rig.age(3700, "outage")
            server.fail("/token", 503, DOWN)
            answers = [answer for _ in range(3) for answer in askers.ask()]
            assert {one["error"] for one in answers} == {"TokenEndpointUnavailableError"}
            # One at once; a slow machine may reach the second, two seconds later.
            assert server.arrived() - 1 <= 2
            server._faults.clear()
            postgres_rig.age(80, "outage")
            assert all("token" in one for one in askers.ask())
