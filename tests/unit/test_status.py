"""Where an authorization stands, and when a grant ends: tables over pure decisions."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest

from airflow_provider_integry.auth.oauth2 import OAuth2Settings
from airflow_provider_integry.authorizations.errors_wire import to_wire
from airflow_provider_integry.authorizations.grant import Authorization, AuthorizationKey, choose_end
from airflow_provider_integry.authorizations.keep_alive import judge_kept
from airflow_provider_integry.authorizations.status import build_status, judge_row
from airflow_provider_integry.authorizations.subject import Subject
from airflow_provider_integry.errors import (
    InvalidClientError,
    ReauthorizationNeededError,
    TokenEndpointUnavailableError,
)
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.settings import TransportSettings

NOW, DAY_S = 1_800_000_000.0, 86_400.0
URL = "https://auth.example.com/token"


def wire(error):
    return json.dumps(to_wire(error))


DOWN = wire(TokenEndpointUnavailableError(URL, 503, ""))
REFUSED = wire(InvalidClientError(URL, 401, "invalid_client"))
LOST = wire(ReauthorizationNeededError("acme", None, "the grant is lost.", "invalid_grant"))

_NONE = {item.name: None for item in fields(Authorization)}
ROW = Authorization(
    **{
        **_NONE,
        "id": 1,
        "digest": "d",
        "conn_id": "acme",
        "conn_type": "integry_oauth2",
        "binding": "bound",
        "is_grant": True,
        "state": "active",
        "version": 3,
        "generation": 2,
        "token_fingerprint": "f",
        "expires_at": NOW + 600,
        "refreshed_at": NOW - 3000,
        "scopes": "a b",
        "is_rotating": False,
        "failures": 0,
        "created_at": NOW - 10 * DAY_S,
        "now": NOW,
    }
)
SUBJECT = Subject(
    AuthorizationKey("acme"),
    "integry_oauth2",
    OAuth2Settings("refresh_token", URL, "client"),
    TransportSettings(),
    "bound",
    is_grant=True,
    fingerprint="all of it",
)
MACHINE = replace(SUBJECT, is_grant=False)
PASTED = replace(SUBJECT, seed=Secret("a new one"))


@pytest.mark.parametrize(
    ("subject", "row", "readiness", "reason"),
    [
        (SUBJECT, None, "pending", "there is no refresh token yet"),
        (PASTED, None, "ready", ""),
        (MACHINE, None, "ready", ""),
        (SUBJECT, ROW, "ready", ""),
        (SUBJECT, replace(ROW, expires_at=None), "ready", ""),
        # An expired token is renewed at its next use.
        (SUBJECT, replace(ROW, expires_at=NOW - 1), "ready", ""),
        # A failure does not matter while the token lives.
        (SUBJECT, replace(ROW, error=DOWN, failures=1), "ready", ""),
        (SUBJECT, replace(ROW, error=DOWN, failures=1, expires_at=NOW - 1), "unreachable", "answered 503"),
        (
            SUBJECT,
            replace(ROW, error=REFUSED, failures=1, expires_at=NOW - 1),
            "needs_reauthorization",
            "invalid_client",
        ),
        (SUBJECT, replace(ROW, state="refused", error=LOST), "needs_reauthorization", "the grant is lost"),
        (SUBJECT, replace(ROW, state="revoked"), "revoked", ""),
        (SUBJECT, replace(ROW, binding="another"), "needs_reauthorization", "were changed after it was authorized"),
        (SUBJECT, replace(ROW, binding="another", state="revoked"), "revoked", ""),
        # What was pasted anew replaces whatever there is.
        (PASTED, replace(ROW, state="refused", error=LOST), "ready", ""),
        (PASTED, replace(ROW, state="refused", error=LOST, seed=PASTED.seed_digest), "needs_reauthorization", "lost"),
        (MACHINE, replace(ROW, is_grant=False, binding="another"), "ready", ""),
    ],
)
def test_where_an_authorization_stands(subject, row, readiness, reason):
    status = build_status(subject, row)

    assert status.readiness == readiness
    assert reason in status.reason
    assert bool(reason) == bool(status.reason)


def test_a_status_tells_scopes_and_what_is_left():
    status = build_status(SUBJECT, replace(ROW, grant_ends_at=NOW + DAY_S, account_name="Ada"))

    assert (status.scopes, status.expires_in_s, status.refreshed_at) == (["a", "b"], 600.0, NOW - 3000)
    assert (status.grant_ends_at, status.account_name) == (NOW + DAY_S, "Ada")


def test_a_row_by_itself_is_judged_without_a_connection():
    assert [str(judge_row(row)[0]) for row in (ROW, replace(ROW, state="revoked"), replace(ROW, state="refused"))] == [
        "ready",
        "revoked",
        "needs_reauthorization",
    ]


@pytest.mark.parametrize(
    ("row", "told_in_s", "lifetime_s", "expected"),
    [
        # Nothing is known.
        ({}, None, None, (None, None)),
        # The first answer that tells: it may be either, and the nearer danger is assumed.
        ({}, 90 * DAY_S, None, (None, 90 * DAY_S)),
        # It moves with each renewal: an idle limit, give or take a slow answer.
        ({"idle_limit_s": 31 * DAY_S}, 31 * DAY_S, None, (None, 31 * DAY_S)),
        ({"idle_limit_s": 31 * DAY_S}, 31 * DAY_S - 59, None, (None, 31 * DAY_S)),
        ({"idle_limit_s": 600.0}, 590, None, (None, 600)),
        # It stays where it was: the absolute end.
        ({"idle_limit_s": 30 * DAY_S}, 29 * DAY_S, None, (NOW + 29 * DAY_S, 30 * DAY_S)),
        (
            {"grant_ends_at": NOW + 9 * DAY_S, "idle_limit_s": 30 * DAY_S},
            9 * DAY_S + 2,
            None,
            (NOW + 9 * DAY_S + 2, 30 * DAY_S),
        ),
        # It was taken for the absolute end, and moves after all.
        ({"grant_ends_at": NOW + 9 * DAY_S, "idle_limit_s": 30 * DAY_S}, 10 * DAY_S, None, (None, 10 * DAY_S)),
        # It comes nearer than the idle limit is: the absolute end is in sight.
        ({"idle_limit_s": 31 * DAY_S}, 20 * DAY_S, None, (NOW + 20 * DAY_S, 31 * DAY_S)),
        # The answer is silent, and the connection is not.
        ({"refreshed_at": None}, None, 365 * DAY_S, (NOW + 365 * DAY_S, None)),
        ({}, None, 365 * DAY_S, (NOW + 355 * DAY_S, None)),
        ({"grant_ends_at": NOW + 5 * DAY_S}, None, 365 * DAY_S, (NOW + 5 * DAY_S, None)),
        # It should have ended already and has not: nobody knows.
        ({}, None, 5 * DAY_S, (None, None)),
        # An idle limit is told, and the absolute end declared.
        ({"idle_limit_s": 90 * DAY_S}, 90 * DAY_S, 365 * DAY_S, (NOW + 355 * DAY_S, 90 * DAY_S)),
        # What is told wins.
        ({"idle_limit_s": 101 * DAY_S}, 100 * DAY_S, 365 * DAY_S, (NOW + 100 * DAY_S, 101 * DAY_S)),
    ],
)
def test_when_a_grant_ends(row, told_in_s, lifetime_s, expected):
    told_at = None if told_in_s is None else NOW + told_in_s

    assert tuple(choose_end(replace(ROW, **row), told_at, lifetime_s)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"refreshed_at": NOW - 10}, ("renewed", "", True)),
        ({"refreshed_at": NOW - DAY_S}, None),
        ({"refreshed_at": None}, None),
        ({"refreshed_at": NOW - 1000, "idle_limit_s": 1800.0}, None),
        ({"refreshed_at": NOW - 800, "idle_limit_s": 1800.0}, ("renewed", "", True)),
        # Ended already, and renewed all the same: once is enough.
        ({"refreshed_at": NOW - 10, "grant_ends_at": NOW - DAY_S}, ("renewed", "", True)),
        (
            {"refreshed_at": NOW - DAY_S, "failures": 1, "error": DOWN, "error_at": NOW - 60},
            ("failed", "TokenEndpointUnavailableError", True),
        ),
        (
            {"refreshed_at": NOW - DAY_S, "failures": 1, "error": REFUSED, "error_at": NOW - 60},
            ("failed", "InvalidClientError", False),
        ),
        ({"refreshed_at": NOW - DAY_S, "failures": 1, "error": REFUSED, "error_at": NOW - 900}, None),
        ({"state": "refused", "error": LOST}, ("lost", "invalid_grant", False)),
        ({"state": "revoked"}, ("lost", "revoked", False)),
    ],
)
def test_what_came_of_keeping_a_grant_alive(row, expected):
    kept = judge_kept(replace(ROW, **row), DAY_S / 2)

    assert (kept and (kept.outcome, kept.reason, kept.is_passing)) == expected
