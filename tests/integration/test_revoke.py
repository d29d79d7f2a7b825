"""Revoking: the service is told where it can be, nobody else is, and the grant is gone here in any case."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
import requests
from integration.granted import build_granted
from servers.live import Fault

from airflow_provider_integry.authorizations import revoke
from airflow_provider_integry.authorizations.airflow_store import local_journal, local_refresher, local_store
from airflow_provider_integry.authorizations.grant import GrantSecrets
from airflow_provider_integry.authorizations.journal import JournalEntry
from airflow_provider_integry.authorizations.revoke import revoke_authorization
from airflow_provider_integry.authorizations.steps import Fetch, arun_steps, run_steps
from airflow_provider_integry.errors import NotAuthorizedError
from airflow_provider_integry.secret import Secret

# A subject that is looked up; None is one.
LOOK_UP = object()


@pytest.fixture
def granted(serve, set_connection):
    return build_granted(serve, set_connection)


def start(granted, subject=LOOK_UP, **options):
    found = granted.subject if subject is LOOK_UP else subject
    return revoke_authorization(
        local_store(), local_journal(), local_refresher(), found, granted.key, owner="tester", **options
    )


def check_wiped(granted):
    row = granted.row()
    assert (row.state, row.sealed, row.token_fingerprint, row.account_id) == ("revoked", None, None, None)
    assert (row.lease_owner, row.lease_until) == (None, None)
    with pytest.raises(NotAuthorizedError, match="revoked here"):
        run_steps(local_refresher().hand_out(granted.subject))


@pytest.mark.parametrize("pump", [run_steps, lambda steps: asyncio.run(arun_steps(steps))])
def test_both_tokens_are_given_back_where_the_issuer_says_and_the_grant_is_gone(granted, pump):
    handed = granted.grant()

    outcome = pump(start(granted))

    assert (outcome.upstream, outcome.is_revoked_upstream) == ("told", True)
    assert outcome.describe() == (
        f"The grant is wiped (authorization {granted.row().id}). The service was told, and has revoked it too."
    )
    assert granted.api.revocations == [("refresh_token", "refresh_token"), ("access_token", "access_token")]
    assert granted.is_dead()
    headers = {"Authorization": f"Bearer {handed.secrets.access_token.reveal()}"}
    assert requests.get(f"{granted.server.url}/me", headers=headers, timeout=5).status_code == 401
    check_wiped(granted)


def test_the_field_wins_over_the_issuer_which_is_not_even_asked(granted):
    granted.connect(
        issuer=None,
        exchange_url=f"{granted.server.url}/token",
        authorize_url=f"{granted.server.url}/authorize",
        revoke_url=f"{granted.server.url}/revoke",
    )
    granted.grant()

    assert run_steps(start(granted)).upstream == "told"
    assert {one.path for one in granted.server.seen} == {"/token", "/revoke"}
    assert granted.is_dead()


def test_a_service_without_an_endpoint_is_not_told_and_the_words_say_so(granted):
    granted.api.unoffered = frozenset({"revocation_endpoint"})
    granted.grant()

    outcome = run_steps(start(granted))

    assert outcome.upstream == "not_offered"
    assert "no revocation endpoint of it is known (field 'revoke_url')" in outcome.detail
    assert "work until they end" in outcome.detail
    assert granted.server.count("/revoke") == 0
    check_wiped(granted)


@pytest.mark.parametrize(
    ("path", "fault", "said"),
    [
        ("/revoke", Fault(9, 500), "status 500"),
        ("/revoke", Fault(9, 503, {"Retry-After": "3600"}), "status 503"),
        ("/revoke", Fault(9, 404, body=b"<html>"), "status 404"),
        ("/revoke", Fault(9, drops=True), "the connection broke"),
        ("/.well-known/oauth-authorization-server", Fault(9, 500), "answered 500"),
        ("/.well-known/oauth-authorization-server", Fault(9, 200, body=b"<html>"), "no metadata document"),
    ],
)
def test_a_service_that_fails_does_not_keep_the_grant_alive_here(granted, path, fault, said, monkeypatch):
    monkeypatch.setattr(revoke, "RETRY_S", 0.01)
    granted.grant()
    granted.server.misbehave(path, fault)

    outcome = run_steps(start(granted))

    assert outcome.upstream == "failed"
    assert said in outcome.detail
    assert outcome.detail.endswith("Revoke the grant there too.")
    check_wiped(granted)


def test_a_client_that_the_service_does_not_know_is_told_so(granted):
    granted.grant()
    granted.api.client = type(granted.api.client)("app", "another-secret")

    outcome = run_steps(start(granted))

    assert (outcome.upstream, "'invalid_client'" in outcome.detail) == ("failed", True)
    check_wiped(granted)


def test_a_service_that_is_busy_for_a_moment_is_asked_again(granted):
    granted.grant()
    granted.server.fail("/revoke", 503, times=1, Retry_After="1")
    started = time.monotonic()

    assert run_steps(start(granted)).upstream == "told"
    assert time.monotonic() - started >= 1.0
    assert [one.status for one in granted.server.requests("/revoke")] == [503, 200, 200]


def test_a_service_that_revokes_access_tokens_alone_has_not_revoked_the_grant(granted, serve, set_connection):
    other = build_granted(serve, set_connection, api={"revocable": ("access_token",)})
    other.grant()

    outcome = run_steps(start(other))

    assert (outcome.upstream, "access tokens only" in outcome.detail) == ("failed", True)
    assert other.api.revocations == [("access_token", "access_token")]
    check_wiped(other)


def test_a_grant_that_the_service_does_not_know_any_more_is_no_failure(granted):
    granted.grant()
    granted.api.grants.clear()

    assert run_steps(start(granted)).upstream == "told"
    assert granted.api.revocations == [("refresh_token", None), ("access_token", None)]


# -- nobody else gets the tokens -------------------------------------------------------------------


def test_without_its_connection_a_grant_can_be_wiped(granted):
    granted.grant()

    outcome = run_steps(start(granted, None))

    assert (outcome.upstream, "its connection is gone" in outcome.detail) == ("failed", True)
    assert granted.server.count("/revoke") == 0
    check_wiped(granted)


@pytest.mark.parametrize("change", [{"client_id": "another"}, {"host": "https://elsewhere.example"}])
def test_a_changed_connection_does_not_send_the_old_grant_anywhere(granted, change):
    granted.grant()
    granted.connect(**change)

    outcome = run_steps(start(granted))

    assert (outcome.upstream, "were changed after it was authorized" in outcome.detail) == ("failed", True)
    assert granted.server.count("/revoke") == 0
    assert granted.row().state == "revoked"


def test_a_grant_is_not_given_to_a_stranger_by_editing_the_field(granted, serve, set_connection):
    stranger = build_granted(serve, lambda *_, **__: None)
    granted.grant()
    granted.connect(revoke_url=f"{stranger.server.url.replace('127.0.0.1', 'localhost')}/revoke")

    outcome = run_steps(start(granted))

    assert (outcome.upstream, "field 'revoke_url' leads to localhost" in outcome.detail) == ("failed", True)
    assert (stranger.server.count(), granted.server.count("/revoke")) == (0, 0)
    check_wiped(granted)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_takes_the_tokens_elsewhere(granted, serve, status):
    stranger = build_granted(serve, lambda *_, **__: None)
    granted.grant()
    to = {"Location": f"{stranger.server.url}/revoke"}
    granted.server.misbehave("/revoke", Fault(2, status, to))

    outcome = run_steps(start(granted))

    assert (outcome.upstream, f"status {status}" in outcome.detail) == ("failed", True)
    assert stranger.server.count() == 0


def test_on_request_the_service_is_left_alone(granted):
    granted.grant()

    outcome = run_steps(start(granted, is_local_only=True))

    assert (outcome.upstream, granted.server.count("/revoke"), granted.is_dead()) == ("not_asked", 0, False)
    check_wiped(granted)


def test_nothing_is_said_that_is_secret(granted, caplog):
    caplog.set_level("DEBUG")
    handed = granted.grant()
    echo = f'{{"error": "{handed.secrets.refresh_token.reveal()}"}}'
    granted.server.fail("/revoke", 400, times=2, body=echo.encode())

    outcome = run_steps(start(granted))

    # The server is in this process too, and logs what it hands out.
    ours = [one.getMessage() for one in caplog.records if one.name.startswith("airflow_provider_integry")]
    said = f"{outcome!r} {outcome.describe()} {ours}"
    assert ours
    for secret in (handed.secrets.refresh_token, handed.secrets.access_token, Secret("app-secret-1")):
        assert secret.reveal() not in said


# -- other things go on meanwhile ------------------------------------------------------------------


def test_a_refresh_that_is_on_its_way_is_waited_for_and_what_it_brings_is_given_back(granted):
    granted.grant()
    granted.api.expire_access_tokens()
    rejected = granted.row().token_fingerprint
    granted.server.misbehave("/token", Fault(1, None, delay_s=1.0))
    refreshing = threading.Thread(
        target=lambda: run_steps(local_refresher().hand_out(granted.subject, rejected)), daemon=True
    )
    refreshing.start()
    while not (row := granted.row()).has_live_lease:
        time.sleep(0.01)

    outcome = run_steps(start(granted))
    refreshing.join(timeout=10)

    # The old refresh token was used; given back is the one that the service knows now.
    assert (outcome.upstream, granted.server.count("/token")) == ("told", 2)
    assert granted.api.family_revocations == 0
    assert granted.is_dead()
    assert granted.row().generation > row.generation
    check_wiped(granted)


def test_a_holder_that_died_is_not_waited_for_for_long(granted, monkeypatch):
    monkeypatch.setattr(revoke, "WAIT_FOR_REFRESH_S", 0.5)
    granted.grant()
    assert local_store().claim(granted.row(), "dead", 60.0) is not None

    assert run_steps(start(granted)).upstream == "told"
    check_wiped(granted)


def test_a_grant_that_is_still_in_the_journal_is_the_one_that_is_given_back(granted):
    granted.grant()
    row, newer = granted.row(), granted.api.authorize()
    secrets = GrantSecrets(Secret("a-1"), Secret(newer))
    local_journal().write(JournalEntry(row.digest, row.created_at, row.generation, secrets, {}))

    assert run_steps(start(granted)).upstream == "told"
    assert next(one for one in granted.api.grants if one.refresh_token == newer).is_dead
    assert list(local_journal().entries()) == []


def test_somebody_who_goes_away_has_revoked_all_the_same(granted):
    granted.grant()
    steps = start(granted)
    step, answer = next(steps), None
    while not (isinstance(step, Fetch) and step.request.url.endswith("/revoke")):
        answer = run_steps(_just(step))
        step = steps.send(answer)

    steps.close()

    check_wiped(granted)


def test_there_is_nothing_to_revoke_where_nothing_is_kept(granted):
    outcome = run_steps(start(granted))
    assert (outcome.row, outcome.upstream) == (None, "not_asked")
    assert granted.server.count() == 0


def _just(step):
    return (yield step)
