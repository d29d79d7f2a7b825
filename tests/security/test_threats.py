"""Each threat has a proof that exists, or a reason why it cannot happen; and SECURITY.md says so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from security.threats import END_USER_PROOFS, TESTS, THREATS, build_table, names_of, proofs_of

SECURITY = TESTS.parent / "SECURITY.md"
NUMBERED = re.compile(r"t(\d\d)(?=_)")


def test_the_threats_are_numbered_without_a_gap():
    assert list(THREATS) == [f"T{number:02}" for number in range(1, 49)]


@pytest.mark.parametrize("number", THREATS)
def test_a_threat_has_a_proof_or_a_reason(number):
    threat = THREATS[number]
    assert proofs_of(threat) or len(threat.not_applicable) > 20


@pytest.mark.parametrize("number", THREATS)
def test_every_proof_of_a_threat_is_a_test(number):
    missing = []
    for proof in proofs_of(THREATS[number]):
        path, _, name = proof.partition("::")
        if not (TESTS / path).is_file() or name not in names_of(path):
            missing.append(proof)
    assert not missing


def test_no_proof_is_switched_off():
    off = re.compile(r"pytest\.mark\.(skip|xfail)\b|@pytest\.mark\.skipif|unittest\.skip")
    files = {proof.partition("::")[0] for threat in THREATS.values() for proof in proofs_of(threat)}
    assert [path for path in sorted(files) if off.search((TESTS / path).read_text("utf-8"))] == []


def test_every_test_that_names_a_threat_is_in_its_row():
    tests = [
        (f"security/{path.name}::{name}", f"T{number}")
        for path in sorted(Path(__file__).parent.glob("test_*.py"))
        for name in sorted(names_of(f"security/{path.name}"))
        for number in NUMBERED.findall(name.removeprefix("test_"))
    ]
    absent = [(number, test) for test, number in tests if test not in THREATS[number].proofs]
    assert absent == []


@pytest.mark.parametrize(
    "part", [part for threat in THREATS.values() for part in threat.pending], ids=lambda part: part.partition(":")[0]
)
def test_what_is_about_end_users_has_its_proof(part):
    assert END_USER_PROOFS.get(part), f"put the node ids of its tests into END_USER_PROOFS[{part!r}]"


def test_no_end_user_proof_is_for_an_unknown_part():
    assert set(END_USER_PROOFS) <= {part for threat in THREATS.values() for part in threat.pending}


def test_the_table_of_the_security_policy_is_this_one():
    text = SECURITY.read_text("utf-8")
    assert build_table() in text, "run: python tests/security/threats.py --table"
