"""The authorization server did its work, and its answer never arrived whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from servers.live import Fault
from servers.oauth2 import OAuth2Api, Rotation

from airflow_provider_integry.errors import IntegryError, ReauthorizationNeededError
from broker.inside import Inside
from broker.quick import WatchedServer, token_service

World = Callable[[Rotation], AbstractContextManager[tuple[OAuth2Api, WatchedServer, Inside]]]
LOSSES = {
    "closed": Fault(drops=True, after=True),
    "truncated": Fault(status=200, headers={"Content-Type": "application/json"}, body=b'{"access_tok', after=True),
    "empty": Fault(status=200, headers={"Content-Type": "application/json"}, body=b"", after=True),
    "cut short": Fault(status=200, headers={"Content-Length": "900"}, body=b'{"access_token": "abc"', after=True),
    "bad gateway": Fault(status=502, headers={"Content-Type": "text/html"}, body=b"<html>", after=True),
    "gateway timeout": Fault(status=504, after=True),
}


@pytest.fixture
def world(tmp_path: Path, fernet_key: None) -> World:
    """An authorization server and a process that keeps its one grant."""

    @contextmanager
    def build(rotation: Rotation) -> Iterator[tuple[OAuth2Api, WatchedServer, Inside]]:
        with token_service(rotation, grace_s=60.0) as (api, server):
            yield api, server, Inside(tmp_path, server.url, api.authorize())

    return build


def copy(fault: Fault, times: int = 1) -> Fault:
    return Fault(times, fault.status, fault.headers, fault.body, fault.delay_s, fault.drops, fault.after)


@pytest.mark.parametrize("loss", LOSSES)
def test_with_a_grace_window_the_old_refresh_token_is_tried_again(world: World, loss: str):
    with world("grace") as (_, server, inside):
        server.misbehave("/token", copy(LOSSES[loss]))
        with pytest.raises(IntegryError):
            inside.ask()
        assert inside.row.state == "active"
        assert inside.row.unknown_since is not None
        inside.pass_time(10)
        assert inside.ask().secrets.access_token
        assert inside.row.unknown_since is None
        assert server.arrived() == 2


@pytest.mark.parametrize("loss", LOSSES)
def test_a_strict_server_is_asked_once_more_and_the_reason_is_told(world: World, loss: str):
    with world("strict") as (_, server, inside):
        server.misbehave("/token", copy(LOSSES[loss]))
        with pytest.raises(IntegryError):
            inside.ask()
        inside.pass_time(10)
        for _ in range(3):
            with pytest.raises(ReauthorizationNeededError) as caught:
                inside.ask()
            assert caught.value.cause == "refresh_outcome_unknown"
        assert server.arrived() == 2
        assert inside.heard.words[-1] == "lost refresh_outcome_unknown"


def test_no_one_asks_again_while_the_failure_is_fresh(world: World):
    with world("grace") as (_, server, inside):
        server.drop("/token", after=True)
        for _ in range(5):
            with pytest.raises(IntegryError):
                inside.ask()
        assert server.arrived() == 1


def test_a_refresh_token_is_not_tried_again_after_its_window(world: World):
    with world("grace") as (_, server, inside):
        inside.retry_window_s = 30.0
        server.drop("/token", after=True)
        with pytest.raises(IntegryError):
            inside.ask()
        inside.pass_time(31)
        with pytest.raises(ReauthorizationNeededError) as caught:
            inside.ask()
        assert caught.value.cause == "refresh_outcome_unknown"
        assert server.arrived() == 1


def test_a_refresh_token_is_tried_again_within_its_window(world: World):
    with world("grace") as (_, server, inside):
        inside.retry_window_s = 30.0
        server.drop("/token", after=True)
        with pytest.raises(IntegryError):
            inside.ask()
        inside.pass_time(20)
        assert inside.ask().secrets.access_token
        assert server.arrived() == 2


@pytest.mark.parametrize("fault", [Fault(status=503), Fault(status=429), Fault(drops=True)])
def test_an_answer_that_says_that_nothing_was_done_leaves_the_grant_as_it_was(world: World, fault: Any):
    with world("strict") as (_, server, inside):
        server.misbehave("/token", copy(fault))
        with pytest.raises(IntegryError):
            inside.ask()
        inside.pass_time(10)
        assert inside.ask().secrets.access_token
        assert server.arrived() == 2


def test_the_old_token_is_served_while_it_lives_after_a_lost_answer(world: World):
    with world("strict") as (_, server, inside):
        first = inside.ask().row.token_fingerprint
        # One minute is left: from here on a refresh is waited for.
        inside.pass_time(3550)
        server.drop("/token", after=True)
        assert inside.ask().row.token_fingerprint == first
        assert inside.row.unknown_since is not None


def test_asking_an_issuer_where_its_endpoint_is_uses_no_refresh_token_up(world: World):
    with world("strict") as (_, server, inside):
        exchange_url = inside.fields.pop("exchange_url")
        inside.fields["issuer"] = server.url
        inside.retry_window_s = 1.0
        server.misbehave("/.well-known/oauth-authorization-server", Fault(drops=True))
        for _ in range(2):
            with pytest.raises(IntegryError):
                inside.ask()
            assert (inside.row.state, inside.row.unknown_since) == ("active", None)
            inside.pass_time(100)
        inside.fields.update(exchange_url=exchange_url, issuer=None)
        assert inside.ask().secrets.access_token
        assert server.arrived() == 1
