"""A broker that is killed in the middle of a refresh loses nothing that had arrived."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from broker.kills import POINTS, UNSAVEABLE, Killed, kill_everywhere
from broker.quick import QuickRig


@pytest.fixture(scope="module")
def with_grace(on_sqlite: QuickRig) -> Mapping[str, Killed]:
    """What came of a kill at each point, where an old refresh token stays good for a minute."""
    return {found.point: found for found in kill_everywhere(on_sqlite, "grace")}


@pytest.fixture(scope="module")
def strict(on_postgres: QuickRig) -> Mapping[str, Killed]:
    """What came of it where a refresh token that is used twice revokes the grant."""
    return {found.point: found for found in kill_everywhere(on_postgres, "strict")}


@pytest.mark.parametrize("point", POINTS)
def test_a_server_with_a_grace_window_loses_nothing(with_grace: Mapping[str, Killed], point: str):
    found = with_grace[point]
    assert found.problem_with_grace is None, found


@pytest.mark.parametrize("point", POINTS)
def test_a_strict_server_loses_only_an_answer_that_never_arrived(strict: Mapping[str, Killed], point: str):
    found = strict[point]
    assert found.problem_when_strict is None, found
    assert found.has_token == (point not in UNSAVEABLE), found
