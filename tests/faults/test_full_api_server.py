"""Whole API servers of Airflow, with a database that Airflow has migrated, are killed and stopped in a refresh."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest
from broker.full import FullRig
from broker.kills import UNSAVEABLE, kill_at
from broker.quick import show_table, token_service
from servers.oauth2 import Rotation

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FullRig]:
    with FullRig(tmp_path_factory.mktemp("full")) as found:
        found.migrate()
        yield found


@pytest.fixture
def full_rig(installation: FullRig) -> Iterator[FullRig]:
    """An Airflow; servers that a test leaves behind are ended after it."""
    yield installation
    installation.kill_servers()


@pytest.mark.parametrize("rotation", ["grace", "strict"])
@pytest.mark.parametrize("point", ["in_flight", "after_journal", "after_commit"])
def test_an_api_server_is_killed(full_rig: FullRig, point: str, rotation: Rotation):
    started = time.monotonic()
    found = kill_at(full_rig, point, rotation)
    problem = found.problem_with_grace if rotation == "grace" else found.problem_when_strict
    outcome = "a token" if found.has_token else f"{found.error}, {found.cause}"
    row = (point, rotation, outcome, found.token_requests, f"{found.recovery_s:.1f} s")
    head = ("killed", "rotation", "next task", "token requests", "answer after")
    show_table(f"A whole API server is killed ({time.monotonic() - started:.0f} s in all)", head, [row])
    assert problem is None, found
    assert found.has_token == (rotation == "grace" or point not in UNSAVEABLE), found
    # The pasted token was emptied when it was imported: nothing came back from the connection.
    assert {full_rig.stored_extra(name)["refresh_token"] for name in full_rig.connections} == {""}


@pytest.mark.parametrize(("age_s", "waits"), [(3300, False), (3700, True)])
def test_an_api_server_that_is_told_to_stop_finishes_a_refresh(full_rig: FullRig, age_s: float, waits: bool):
    conn_id = f"stop_{int(age_s)}"
    with token_service("strict") as (api, server):
        full_rig.connect(conn_id, server.url, grant_type="refresh_token", refresh_token=api.authorize())
        broker = full_rig.spawn()
        with full_rig.askers(1, conn_id, broker) as askers:
            old = askers.ask_one()["fingerprint"]
            assert full_rig.stored_extra(conn_id)["refresh_token"] == ""
            full_rig.age(age_s, conn_id)
            api.latency_s = 2.0
            # In the advisory window the answer is there at once, and the refresh goes on behind it.
            askers.go()
            server.wait_arrived(2)
            told = time.monotonic()
            broker.signal(signal.SIGTERM)
            assert (askers.results()[0]["fingerprint"] == old) is not waits
            status = broker.wait_dead()
            ended_s = time.monotonic() - told
            row = full_rig.row(conn_id)
            assert (row["generation"], row["lease_until"]) == (2, None)
            assert full_rig.journal(row["digest"]) == []
            full_rig.spawn(broker.port)
            assert askers.ask_one()["fingerprint"] == row["token_fingerprint"] != old
        figures = ("after the answer" if not waits else "before the answer", f"{ended_s:.1f} s", status)
        show_table("A whole API server is told to stop", ("refresh goes on", "ended after", "exit status"), [figures])
        assert 1.0 < ended_s < 15.0
        assert (server.arrived(), api.family_revocations) == (2, 0)
