"""How many requests are taken, by hand-moved clocks."""

from __future__ import annotations

import pytest

from airflow_provider_integry.web.public.api.limits import Limit, Verdict, build_headers, name_address


def test_a_minutes_quota_is_taken_at_once_and_then_one_by_one():
    limit = Limit("app", 60)

    taken = [limit.take("a", 100.0) for _ in range(61)]
    assert [one.is_taken for one in taken] == [True] * 60 + [False]
    assert [one.remaining for one in taken[:3]] == [59, 58, 57]
    assert taken[-1].wait_s == pytest.approx(1.0)
    assert limit.take("a", 100.5).wait_s == pytest.approx(0.5)
    assert [limit.take("a", 101.0).is_taken, limit.take("a", 101.0).is_taken] == [True, False]


def test_whoever_rests_has_all_of_it_again():
    limit = Limit("app", 3)
    for _ in range(3):
        limit.take("a", 0.0)

    assert [limit.take("a", 60.0).remaining for _ in range(3)] == [2, 1, 0]
    assert not limit.take("a", 60.0).is_taken


def test_callers_do_not_disturb_each_other():
    limit = Limit("user", 1)

    assert [limit.take(who, 0.0).is_taken for who in ("a", "b", "a", "b")] == [True, True, False, False]


def test_refused_requests_do_not_push_the_next_one_away():
    limit = Limit("user", 1)
    limit.take("a", 0.0)
    for second in range(59):
        assert not limit.take("a", float(second)).is_taken

    assert limit.take("a", 60.0).is_taken


def test_no_more_callers_are_remembered_than_were_asked_for():
    limit = Limit("user", 1, max_callers=100)
    for number in range(10_000):
        limit.take(str(number), 0.0)

    assert len(limit._until) == 100
    assert limit.take("0", 0.0).is_taken
    assert not limit.take("9999", 0.0).is_taken


def test_zero_is_no_limit():
    assert Limit("user", 0).take("a", 0.0) is None
    assert build_headers([]) == {}


def test_headers_tell_all_limits_and_the_narrowest():
    verdicts = [Verdict("address", 100, 50, 0.0, 30.0), Verdict("user", 10, 1, 0.0, 54.0)]

    assert build_headers(verdicts) == {
        "RateLimit-Policy": '"address";q=100;w=60, "user";q=10;w=60',
        "RateLimit": '"user";r=1;t=54',
    }
    assert build_headers([*verdicts, Verdict("app", 5, 0, 11.2, 60.0)])["Retry-After"] == "12"


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        (None, "unknown"),
        ("somewhere", "unknown"),
    ],
)
def test_an_ipv6_network_counts_as_one_address(address, name):
    assert name_address(address) == name
