"""What a task says and does when the API server that it has used is gone."""

from __future__ import annotations

import pytest
from broker.rig import Rig
from servers.live import LiveServer
from servers.oauth2 import Client, OAuth2Api


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Ask before and after the only broker process ends; a kept grant, and tokens that anybody can fetch."""
    rig = Rig(tmp_path_factory.mktemp("gone"))
    api = OAuth2Api(Client("client-1", "secret-1"), rotation="strict")
    found = {}
    with LiveServer(api.build()) as server:
        rig.connect("kept", server.url, grant_type="refresh_token", refresh_token=api.authorize())
        rig.connect("own", server.url)
        rig.migrate()
        port = rig.start_server()
        try:
            with rig.tasks(1, "kept") as (kept,), rig.tasks(1, "own") as (own,):
                found["before"] = [kept.ask(), own.ask()]
                rig.stop()
                found["kept"], found["own"] = kept.ask(), own.ask()
        finally:
            rig.stop()
    return found, port


def test_both_got_tokens_from_the_broker(answers):
    assert ["token" in answer for answer in answers[0]["before"]] == [True, True]


def test_a_kept_grant_cannot_be_had_and_the_error_names_the_url(answers):
    found, port = answers
    assert found["kept"]["error"] == "BrokerUnreachableError"
    assert f"http://127.0.0.1:{port}" in found["kept"]["message"]


def test_a_token_that_anybody_can_fetch_is_fetched(answers):
    found, _ = answers
    assert "token" in found["own"], found["own"]
    assert found["own"]["token"] != found["before"][1]["token"]
