"""Frozen holders with the real lease, and databases that are away for half a minute."""

from __future__ import annotations

from typing import Any

import pytest
from broker.freezing import freeze
from broker.outages import lose_database
from broker.quick import QuickRig, show_table

pytestmark = pytest.mark.timeout(3600)


@pytest.mark.parametrize("is_alive", [True, False])
def test_a_holder_freezes_for_longer_than_its_lease(postgres_rig: QuickRig, is_alive: bool):
    found = freeze(postgres_rig, is_alive=is_alive, lease_s=45.0)
    counted = {name: found.answers.count(name) for name in sorted(set(found.answers))}
    after_s = -found.lease_left_s
    row = (counted, f"{found.slowest_s:.1f} s", f"{after_s:.1f} s", found.generation, found.token_requests)
    head = ("answers", "slowest", "takeover after the lease's end", "generation, after waking", "token requests")
    show_table(f"Frozen holder, old token {'alive' if is_alive else 'dead'}", head, [row])
    assert set(found.answers) == {"new", "old" if is_alive else "RefreshInProgressError"}
    assert found.slowest_s < 10.0
    assert 0.0 <= after_s < 15.0
    assert found.generation[0] == found.generation[1] == 2
    assert found.fingerprint[0] == found.fingerprint[1]
    assert found.is_sound


@pytest.mark.parametrize("crashes", [False, True])
@pytest.mark.parametrize("kills_broker", [False, True])
def test_a_database_is_away_for_half_a_minute(postgres_rig: QuickRig, postgres: Any, kills_broker: bool, crashes: bool):
    found = lose_database(postgres_rig, postgres, down_s=30.0, kills_broker=kills_broker, crashes=crashes)
    row = (found.error_while_down, found.has_token, found.token_requests, f"{found.back_s:.1f} s", found.left)
    head = ("told meanwhile", "has token", "token requests", "token after", "left in the journal")
    how = f"{'crashes' if crashes else 'stops'}{', the broker is killed too' if kills_broker else ''}"
    show_table(f"The database {how}", head, [row])
    assert (found.has_token, found.is_sound, found.token_requests, found.revocations) == (True, True, 2, 0), found
    assert found.left == []
