"""Readiness is one decision, and every combination has an outcome."""

from __future__ import annotations

import json
from itertools import product

import pytest

from airflow_provider_integry.auth.readiness import Readiness, decide_readiness

PROBES = (None, "accepted", "rejected", "unreachable")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"is_complete": True}, Readiness.READY),
        ({"is_complete": True, "probe": "accepted"}, Readiness.READY),
        ({"is_complete": False}, Readiness.PENDING),
        ({"is_complete": False, "probe": "rejected"}, Readiness.PENDING),
        ({"is_complete": False, "grant_refused": True}, Readiness.PENDING),
        ({"is_complete": True, "probe": "rejected"}, Readiness.NEEDS_REAUTHORIZATION),
        ({"is_complete": True, "grant_refused": True}, Readiness.NEEDS_REAUTHORIZATION),
        ({"is_complete": True, "grant_refused": True, "probe": "accepted"}, Readiness.NEEDS_REAUTHORIZATION),
        ({"is_complete": True, "grant_refused": True, "probe": "unreachable"}, Readiness.NEEDS_REAUTHORIZATION),
        ({"is_complete": True, "probe": "unreachable"}, Readiness.UNREACHABLE),
        ({"is_complete": True, "is_revoked": True}, Readiness.REVOKED),
        ({"is_complete": False, "is_revoked": True}, Readiness.REVOKED),
        ({"is_complete": True, "is_revoked": True, "probe": "accepted"}, Readiness.REVOKED),
    ],
)
def test_readiness_follows_from_the_facts(facts, expected):
    assert decide_readiness(**facts) is expected


def test_ready_needs_complete_credentials_and_nothing_against_them():
    for is_complete, is_revoked, grant_refused, probe in product((True, False), (True, False), (True, False), PROBES):
        readiness = decide_readiness(
            is_complete=is_complete, is_revoked=is_revoked, grant_refused=grant_refused, probe=probe
        )

        expected = is_complete and not is_revoked and not grant_refused and probe in (None, "accepted")
        assert (readiness is Readiness.READY) == expected


def test_readiness_is_its_word_in_text_and_json():
    assert f"{Readiness.NEEDS_REAUTHORIZATION} {Readiness.READY!s}" == "needs_reauthorization ready"
    assert json.dumps(Readiness.PENDING) == '"pending"'
    assert {str(one) for one in Readiness} == {
        "pending",
        "ready",
        "needs_reauthorization",
        "revoked",
        "unreachable",
    }
