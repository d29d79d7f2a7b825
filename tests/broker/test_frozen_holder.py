"""A broker that freezes in the middle of a refresh holds nobody up, and overwrites nothing when it wakes up."""

from __future__ import annotations

import pytest

from broker.freezing import freeze
from broker.quick import QuickRig


@pytest.mark.parametrize("is_alive", [True, False])
def test_others_get_the_old_token_or_are_told_to_ask_again_until_the_lease_ends(postgres_rig: QuickRig, is_alive: bool):
    found = freeze(postgres_rig, is_alive=is_alive, lease_s=3.0)
    # Requests wait for eight seconds at most, and the lease is shorter here: all are answered with the new one.
    assert set(found.answers) <= {"new", "old" if is_alive else "RefreshInProgressError"}, found
    assert found.slowest_s < 10.0, found
    assert -5.0 < found.lease_left_s <= 0.0, found
    # The frozen one's answer came to nothing: the newer grant stands.
    assert found.generation[0] == found.generation[1] == 2, found
    assert found.fingerprint[0] == found.fingerprint[1], found
    assert found.token_requests == 3, found
    assert found.is_sound, found
