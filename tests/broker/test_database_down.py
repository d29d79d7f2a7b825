"""A database that is away when a grant is to be stored costs time, and no grant."""

from __future__ import annotations

from typing import Any

from broker.outages import lose_database
from broker.quick import QuickRig


def test_a_grant_waits_for_the_database(postgres_rig: QuickRig, postgres: Any):
    found = lose_database(postgres_rig, postgres, down_s=5.0, kills_broker=False, crashes=True)
    assert (found.has_token, found.is_sound, found.token_requests, found.revocations) == (True, True, 2, 0), found
    assert found.left == []
    assert found.back_s < 10.0, found


def test_a_broker_that_is_killed_meanwhile_finds_the_grant_in_its_journal(postgres_rig: QuickRig, postgres: Any):
    found = lose_database(postgres_rig, postgres, down_s=5.0, kills_broker=True, lease_s=6.0)
    assert (found.has_token, found.is_sound, found.token_requests, found.revocations) == (True, True, 2, 0), found
    assert found.left == []
