"""An API server that is told to stop, as at every deployment, first finishes the refreshes that it has begun."""

from __future__ import annotations

import signal

import pytest

from broker.quick import QuickRig, token_service


@pytest.mark.parametrize(("age_s", "waits"), [(3300, False), (3700, True)])
def test_a_refresh_that_is_under_way_is_finished_before_the_end(sqlite_rig: QuickRig, age_s: float, waits: bool):
    conn_id = f"stop_{int(age_s)}"
    with token_service("strict") as (api, server):
        sqlite_rig.connect(conn_id, server.url, grant_type="refresh_token", refresh_token=api.authorize())
        broker = sqlite_rig.spawn()
        with sqlite_rig.askers(1, conn_id, broker) as askers:
            old = askers.ask_one()["fingerprint"]
            sqlite_rig.age(age_s, conn_id)
            api.latency_s = 1.0
            # In the advisory window the answer is there at once, and the refresh goes on behind it.
            askers.go()
            server.wait_arrived(2)
            broker.signal(signal.SIGTERM)
            assert (askers.results()[0]["fingerprint"] == old) is not waits
            broker.wait_dead()
            row = sqlite_rig.row(conn_id)
            assert (row["generation"], row["lease_until"]) == (2, None)
            assert sqlite_rig.journal(row["digest"]) == []
            sqlite_rig.spawn(broker.port)
            assert askers.ask_one()["fingerprint"] == row["token_fingerprint"] != old
        assert (server.arrived(), api.family_revocations) == (2, 0)
