"""The pure decisions about one authorization."""

from __future__ import annotations

import unicodedata
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integry.authorizations.grant import (
    MAX_COOL_DOWN_S,
    SETTLING_S,
    Authorization,
    AuthorizationKey,
    add_seed,
    choose_cool_down,
    choose_windows,
    is_known_seed,
    is_newly_pasted,
    judge,
)

NOW = 1_000_000.0


def row(**changes: Any) -> Authorization:
    """A grant whose token lives for an hour and was issued a minute ago."""
    values: dict[str, Any] = {
        "id": 1, "digest": "d", "conn_id": "acme", "team_name": None, "end_user": None, "account": None,
        "conn_type": "integry_oauth2", "binding": "b", "is_grant": True, "seed": None, "state": "active",
        "sealed": "s", "version": 3, "generation": 1, "lease_owner": None, "lease_until": None,
        "token_fingerprint": "current", "expires_at": NOW + 3540, "advise_at": NOW + 3200, "require_at": NOW + 3480,
        "refreshed_at": NOW - 60, "forced_at": None, "grant_ends_at": None, "idle_limit_s": None, "cool_for": None,
        "scopes": None, "account_id": None, "account_name": None,
        "unknown_since": None, "is_rotating": True, "failures": 0, "cool_until": None, "error": None,
        "error_at": None, "created_at": NOW - 60, "now": NOW,
    }  # fmt: skip
    values.update(public_id="ca_1", use_account=None)
    return Authorization(**{**values, **changes})


FRESH: dict[str, Any] = {}
ADVISED = {"advise_at": NOW}
REQUIRED = {"advise_at": NOW - 200, "require_at": NOW}
DEAD = {"advise_at": NOW - 360, "require_at": NOW - 60, "expires_at": NOW}
NONE = {"token_fingerprint": None, "expires_at": None, "advise_at": None, "require_at": None, "refreshed_at": None}
FOREVER = {"expires_at": None, "advise_at": None, "require_at": None}
LEASED = {"lease_owner": "o", "lease_until": NOW + 0.1}
LEASE_OVER = {"lease_owner": "o", "lease_until": NOW}
COOLING = {"cool_until": NOW + 0.1}
COOLED = {"cool_until": NOW}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (FRESH, "serve"),
        ({"advise_at": NOW + 0.1}, "serve"),
        (ADVISED, "serve_and_refresh"),
        ({**ADVISED, **LEASED}, "serve"),
        ({**ADVISED, **LEASE_OVER}, "serve_and_refresh"),
        ({**ADVISED, **COOLING}, "serve"),
        ({**ADVISED, **COOLED}, "serve_and_refresh"),
        ({**ADVISED, "require_at": NOW + 0.1}, "serve_and_refresh"),
        (REQUIRED, "refresh"),
        ({**REQUIRED, **LEASED}, "wait"),
        ({**REQUIRED, **LEASE_OVER}, "refresh"),
        ({**REQUIRED, **COOLING}, "serve"),
        ({**REQUIRED, **COOLED}, "refresh"),
        ({**REQUIRED, **COOLING, **LEASED}, "serve"),
        ({**DEAD, "expires_at": NOW + 0.1}, "refresh"),
        (DEAD, "refresh"),
        ({**DEAD, **LEASED}, "wait"),
        ({**DEAD, **COOLING}, "cooling"),
        ({**DEAD, **COOLED}, "refresh"),
        ({**DEAD, **LEASED, **COOLING}, "wait"),
        (NONE, "refresh"),
        ({**NONE, **LEASED}, "wait"),
        ({**NONE, **COOLING}, "cooling"),
        (FOREVER, "serve"),
        ({**FOREVER, **COOLING, **LEASED}, "serve"),
        ({"state": "refused"}, "refused"),
        ({"state": "revoked"}, "revoked"),
        ({"state": "refused", **DEAD, **LEASED}, "refused"),
    ],
)
def test_what_is_done_for_one_who_asks(changes: dict[str, Any], expected: str):
    assert judge(row(**changes)) == expected


@pytest.mark.parametrize(
    ("changes", "rejected", "expected"),
    [
        (FRESH, "current", "refresh"),
        (FRESH, "another", "serve"),
        (ADVISED, "another", "serve_and_refresh"),
        (LEASED, "current", "wait"),
        (COOLING, "current", "cooling"),
        (FOREVER, "current", "refresh"),
        # One refusal always counts; the next one only when the renewal for the last one has settled.
        ({"refreshed_at": NOW}, "current", "refresh"),
        ({"forced_at": NOW - SETTLING_S}, "current", "refresh"),
        ({"forced_at": NOW - SETTLING_S + 0.1}, "current", "serve"),
        ({"forced_at": NOW - SETTLING_S + 0.1}, "another", "serve"),
        (NONE, "current", "refresh"),
        ({"state": "refused"}, "current", "refused"),
    ],
)
def test_what_is_done_for_one_whose_token_was_refused(changes: dict[str, Any], rejected: str, expected: str):
    assert judge(row(**changes), rejected) == expected


def test_a_short_token_does_not_thrash():
    # Two minutes: renewed at most once in a minute, whatever the jitter.
    for jitter in (0.0, 0.5, 0.999):
        windows = choose_windows(NOW, NOW + 120, jitter)
        assert windows.advise_at is not None
        assert windows.require_at == NOW + 108
        assert NOW + 60 < windows.advise_at < windows.require_at


@given(
    life_s=st.floats(min_value=-10, max_value=1e9, allow_nan=False),
    jitter=st.floats(min_value=0, max_value=1, exclude_max=True),
)
def test_windows_come_in_order_and_within_the_life_of_a_token(life_s: float, jitter: float):
    windows = choose_windows(NOW, NOW + life_s, jitter)
    assert windows.expires_at == NOW + life_s
    assert windows.advise_at is not None
    assert windows.require_at is not None
    assert windows.advise_at <= windows.require_at <= windows.expires_at
    assert windows.expires_at - windows.advise_at <= min(375.0, max(0.0, life_s) * 0.3125) + 1e-6
    assert windows.expires_at - windows.require_at <= min(60.0, max(0.0, life_s) * 0.1) + 1e-6


def test_a_token_of_unknown_life_has_no_windows():
    assert choose_windows(NOW, None, 0.5) == (None, None, None)


def test_the_cool_down_doubles_up_to_a_minute():
    assert [choose_cool_down(failures, None, 0.5) for failures in range(1, 8)] == [2, 4, 8, 16, 32, 60, 60]
    assert choose_cool_down(10_000, None, 0.5) == MAX_COOL_DOWN_S
    assert choose_cool_down(1, None, 0.0) == 1.5
    assert choose_cool_down(1, None, 0.999) < 2.5


def test_the_server_s_wish_counts_up_to_an_hour():
    assert choose_cool_down(1, 120.0, 0.5) == 120.0
    assert choose_cool_down(6, 5.0, 0.5) == 60.0
    assert choose_cool_down(1, 1e9, 0.5) == 3600.0


def test_no_two_keys_share_a_digest():
    composed = unicodedata.normalize("NFC", "é")
    texts = [
        None, "", " ", "1", "01", " 1", "1 ", "a", "A", composed, unicodedata.normalize("NFD", composed), "a/../b",
        "a%2Fb", "b", "null", "None", "\x00", "a\x00", 'a", "b', 'a","b', "\ud800", "ﬀ", "ff", "ß", "ss", "İ", "i̇",
    ]  # fmt: skip
    keys = [AuthorizationKey("acme", None, end_user, account) for end_user in texts for account in texts]
    keys += [AuthorizationKey("acme", team, end_user) for team in texts[1:] for end_user in texts]
    keys += [AuthorizationKey(conn_id or "", None) for conn_id in texts if conn_id]
    assert len({key.digest for key in keys}) == len(set(keys)) == len(keys)


@given(st.lists(st.tuples(st.text(), *[st.none() | st.text()] * 3), min_size=2, max_size=6, unique=True))
def test_no_two_random_keys_share_a_digest(parts: list[Any]):
    for one, other in combinations(parts, 2):
        assert AuthorizationKey(*one).digest != AuthorizationKey(*other).digest


def test_a_key_s_digest_stays_what_it_is():
    # Rows in databases are found by it.
    expected = "d92ab360cf0eb2b4ab38ad750d5c255c2b07416c8abcfac240ea221d16ba9acc"
    assert AuthorizationKey("acme").digest == expected


def test_pasted_tokens_are_known_again():
    digests = [f"{number:064x}"[::-1] for number in range(1, 7)]
    seeds = digests[0]
    assert is_known_seed(seeds, digests[0])
    assert not is_known_seed(None, digests[0])
    for newer in digests[1:4]:
        assert not is_known_seed(seeds, newer)
        seeds = add_seed(seeds, newer)
        assert len(seeds) <= 64
    assert all(is_known_seed(seeds, digest) for digest in digests[:4])
    assert not is_known_seed(seeds, digests[4])


@pytest.mark.parametrize(
    ("changes", "pasted", "expected"),
    [
        (FRESH, 5, True),
        (FRESH, 1, False),
        (FRESH, 0, False),
        # Lost: the right one may be pasted again after a wrong one.
        ({"state": "refused"}, 0, True),
        ({"state": "refused"}, 1, False),
        # A process with an older view of the connection still sees the one before.
        ({"refreshed_at": None}, 0, False),
        ({"state": "revoked"}, 0, False),
        ({"state": "revoked"}, 5, True),
    ],
)
def test_a_token_that_was_imported_before_replaces_nothing_good(changes: dict[str, Any], pasted: int, expected: bool):
    digests = [f"{number:064x}"[::-1] for number in range(1, 7)]
    seeds = add_seed(digests[0], digests[1])
    assert is_newly_pasted(row(seed=seeds, **changes), digests[pasted]) is expected


def test_a_token_that_comes_back_is_remembered_once():
    digests = [f"{number:064x}"[::-1] for number in range(1, 3)]
    seeds = add_seed(add_seed(digests[0], digests[1]), digests[0])
    assert [is_known_seed(seeds, digest) for digest in digests] == [True, True]
    assert seeds.count(digests[0][:16]) == 1
