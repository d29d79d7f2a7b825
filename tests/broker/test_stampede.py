"""However many processes meet an expired token at once, it is renewed once."""

from __future__ import annotations

import pytest

from broker.quick import QuickRig, token_service
from broker.stampede import stampede


@pytest.mark.parametrize(("count", "latency_s"), [(2, 0.0), (16, 0.2)])
def test_one_expiry_is_one_token_request_on_sqlite(sqlite_rig: QuickRig, count: int, latency_s: float):
    conn_id = f"one_{count}_{int(latency_s * 10)}"
    found = stampede(sqlite_rig, conn_id, count=count, rounds=4, servers=1, latency_s=latency_s)
    assert found.is_perfect, found


@pytest.mark.parametrize(("count", "latency_s"), [(2, 0.0), (16, 0.2)])
def test_one_expiry_is_one_token_request_with_two_servers(postgres_rig: QuickRig, count: int, latency_s: float):
    conn_id = f"two_{count}_{int(latency_s * 10)}"
    found = stampede(postgres_rig, conn_id, count=count, rounds=4, servers=2, latency_s=latency_s)
    assert found.is_perfect, found


def test_a_token_that_all_report_as_refused_is_renewed_once(rig: QuickRig):
    found = stampede(rig, "storm", count=16, rounds=3, servers=2, latency_s=0.1, rejects=True)
    assert found.is_perfect, found


def test_a_fresh_token_is_handed_out_without_a_token_request(postgres_rig: QuickRig):
    with token_service("strict") as (api, server):
        postgres_rig.connect("fresh", server.url, grant_type="refresh_token", refresh_token=api.authorize())
        broker = postgres_rig.spawn()
        with postgres_rig.askers(16, "fresh", broker) as askers:
            first = askers.ask_one()["fingerprint"]
            answers = askers.ask()
        assert {one["fingerprint"] for one in answers} == {first}
        assert server.arrived() == 1


def test_an_api_that_goes_on_refusing_costs_one_token_request_and_not_one_per_task(postgres_rig: QuickRig):
    with token_service("strict") as (api, server):
        postgres_rig.connect("moody", server.url, grant_type="refresh_token", refresh_token=api.authorize())
        broker = postgres_rig.spawn()
        with postgres_rig.askers(16, "moody", broker) as askers:
            first = askers.ask_one()["fingerprint"]
            (second,) = {one["fingerprint"] for one in askers.ask(rejected=first)}
            # The new token is refused as well: it is not the token.
            answers = askers.ask(rejected=second)
        assert {one["fingerprint"] for one in answers} == {second} != {first}
        assert server.arrived() == 2
