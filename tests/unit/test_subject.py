"""What the broker renews, from a connection's settings."""

from __future__ import annotations

import pytest

from airflow_provider_integry.authorizations.grant import AuthorizationKey
from airflow_provider_integry.authorizations.subject import build_subject
from airflow_provider_integry.errors import AuthorizationError, NotAuthorizedError
from airflow_provider_integry.settings import RawConnection, parse_connection


def settings(grant_type="refresh_token", **more):
    extra = {
        "grant_type": grant_type,
        "client_id": "client-1",
        "client_secret": "secret-1",
        "exchange_url": "https://auth.example.com/token",
        "refresh_token": "refresh-1",
        **more,
    }
    return parse_connection(RawConnection("acme", "integry_oauth2", "https://api.example.com", extra=extra))


def subject(end_user=None, account=None, **more):
    return build_subject(settings(**more), AuthorizationKey("acme", None, end_user, account))


@pytest.mark.parametrize("text", ["", "a" * 256, "a\x00b", "\ud800"])
@pytest.mark.parametrize("what", ["end_user", "account"])
def test_a_name_that_no_database_keeps_is_refused_by_name(what, text):
    with pytest.raises(NotAuthorizedError, match=what) as caught:
        subject(**{what: text})

    assert text == "" or text not in str(caught.value)


@pytest.mark.parametrize("text", ["1", "01", " 1", "é", "a/../b", "a%2Fb", "a\nb", "ß" * 255])
def test_any_other_name_is_taken_as_it_is(text):
    assert subject(text).key.end_user == text


def test_the_pasted_refresh_token_belongs_to_the_connections_own_account():
    assert subject().seed.reveal() == "refresh-1"
    assert subject("ada").seed is None
    assert subject(account="second").seed is None


def test_a_grant_is_bound_to_client_endpoints_and_host_and_not_to_what_may_change():
    bound = subject().binding
    assert subject(client_secret="another", scopes="a b", timeout_s=5).binding == bound
    changed = [
        {"client_id": "another"},
        {"exchange_url": "https://auth.example.com/other"},
        {"refresh_url": "https://auth.example.com/refresh"},
        {"issuer": "https://auth.example.com"},
    ]
    assert all(subject(**one).binding != bound for one in changed)


def test_what_the_connection_alone_obtains_is_bound_to_all_of_it():
    bound = subject(grant_type="client_credentials").binding
    assert subject(grant_type="client_credentials", client_secret="another").binding != bound
    assert subject(grant_type="client_credentials", scopes="a b").binding != bound


def test_a_connection_that_changes_its_grant_type_and_back_finds_its_grant_again():
    assert subject().key.digest == subject().key.digest
    assert subject().key.digest != subject(grant_type="client_credentials").key.digest


def test_what_obtains_tokens_for_itself_has_no_end_users():
    with pytest.raises(NotAuthorizedError, match="for the application itself"):
        subject("ada", grant_type="client_credentials")


def test_a_key_needs_no_broker():
    raw = RawConnection("acme", "integry_api_key", "https://api.example.com", password="key-1")
    with pytest.raises(AuthorizationError, match="needs no token from an endpoint"):
        build_subject(parse_connection(raw), AuthorizationKey("acme"))
