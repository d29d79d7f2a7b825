"""Which answers of an API, beside 401, mean that the token has expired."""

from __future__ import annotations

import json

import pytest

from airflow_provider_integry.auth.expiry_rule import MAX_BODY, ExpiryRule
from airflow_provider_integry.errors import CredentialFormatError

FACEBOOK = ExpiryRule(frozenset({400}), "error.code == `190`")


def test_nothing_is_declared_by_default():
    rule = ExpiryRule()

    assert not any(rule.covers(status) or rule.needs_body(status) for status in range(100, 600))


def test_a_declared_status_is_enough_without_an_expression():
    rule = ExpiryRule(frozenset({403, 498}))

    assert {status for status in range(100, 600) if rule.covers(status)} == {403, 498}
    assert not rule.needs_body(403)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, b'{"error": {"code": 190}}', True),
        (400, b'{"error": {"code": 100}}', False),
        (403, b'{"error": {"code": 190}}', False),
        (400, b'{"error": "x"}', False),
        (400, b"[190]", False),
        (400, b"", False),
        (400, b"<html>", False),
        (400, b"\xff\xfe", False),
        (400, b"[" * 100_000, False),
        (400, b'{"error": {"code": 190}, "x": "' + b"x" * MAX_BODY + b'"}', False),
    ],
)
def test_an_expression_looks_into_the_json_of_a_declared_status(status, body, expected):
    assert FACEBOOK.needs_body(status) is (status == 400)
    assert FACEBOOK.covers(status, body) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, True), (0, True), ("x", True), ([0], True), (False, False), (None, False), ("", False), ([], False)],
)
def test_truth_is_that_of_jmespath(value, expected):
    assert ExpiryRule(frozenset({400}), "a").covers(400, json.dumps({"a": value}).encode()) is expected


def test_an_expression_that_does_not_fit_the_answer_is_not_true():
    assert not ExpiryRule(frozenset({400}), "contains(error, 'expired')").covers(400, b'{"error": 5}')


@pytest.mark.parametrize("status", [0, 200, 302, 399, 408, 425, 429, 500, 503])
def test_a_status_that_cannot_mean_this_is_refused(status):
    with pytest.raises(CredentialFormatError, match=f"{status} cannot mean an expired token") as caught:
        ExpiryRule(frozenset({403, status}))
    assert caught.value.what == "expired_statuses"


def test_an_expression_needs_a_status():
    with pytest.raises(CredentialFormatError) as caught:
        ExpiryRule(expression="error")
    assert caught.value.what == "expired_when"
