"""Fields that a connection leaves empty and its connector knows."""

from __future__ import annotations

import json

import pytest

from airflow_provider_integry.auth.oauth2 import OAuth2Settings
from airflow_provider_integry.connection_types import CONNECTION_TYPES_BY_NAME
from airflow_provider_integry.errors import ConnectionConfigError, MissingFieldError
from airflow_provider_integry.field_defaults import merge_profile
from airflow_provider_integry.settings import RawConnection, parse_connection

OAUTH2 = CONNECTION_TYPES_BY_NAME["integry_oauth2"]
PROFILE = {
    "grant_type": "authorization_code",
    "authorize_url": "/oauth/authorize",
    "exchange_url": "https://login.example.com/token",
    "scopes": ["read", "write"],
    "authorize_params": {"access_type": "offline", "prompt": "consent"},
}


def parse(host=None, profile=PROFILE, **extra):
    given = {"connector": "crm", "client_id": "ci", "client_secret": "cs", **extra}
    raw = RawConnection("c1", "integry_oauth2", host=host, extra=json.dumps(given))
    return parse_connection(
        raw, lambda connector, conn_type: {("crm", "integry_oauth2"): profile}[connector, conn_type]
    )


@pytest.mark.parametrize("empty", [None, "", "  ", {}, []])
def test_what_is_empty_is_as_the_connector_says(empty):
    assert merge_profile(OAUTH2, {"scopes": ["read"]}, {"scopes": empty}) == {"scopes": ["read"]}


@pytest.mark.parametrize("own", ["other", 0, False])
def test_what_is_typed_wins(own):
    assert merge_profile(OAUTH2, {"scopes": ["read"]}, {"scopes": own}) == {"scopes": own}


@pytest.mark.parametrize("own", [{"prompt": "none"}, '{"prompt": "none"}'])
def test_objects_are_merged_key_by_key(own):
    merged = merge_profile(OAUTH2, PROFILE, {"authorize_params": own})

    assert merged["authorize_params"] == {"access_type": "offline", "prompt": "none"}


@pytest.mark.parametrize("own", ["{no json", "[1]", [1]])
def test_an_object_that_is_none_is_left_to_its_own_check(own):
    assert merge_profile(OAUTH2, PROFILE, {"authorize_params": own})["authorize_params"] == own
    with pytest.raises(ConnectionConfigError, match="authorize_params"):
        parse(host="https://acme.example.com", authorize_params=own)


def test_a_connection_needs_no_more_than_what_is_its_own():
    auth = parse(host="https://acme.example.com/api").auth

    assert isinstance(auth, OAuth2Settings)
    assert (auth.grant_type, auth.scopes) == ("authorization_code", ("read", "write"))
    assert auth.exchange_url == "https://login.example.com/token"
    assert auth.consent.authorize_url == "https://acme.example.com/oauth/authorize"
    assert auth.consent.params == PROFILE["authorize_params"]


def test_a_path_of_the_connector_needs_the_accounts_host():
    with pytest.raises(MissingFieldError, match="'authorize_url' is a path on it") as caught:
        parse()

    assert caught.value.field == "host"


def test_a_path_that_somebody_types_is_no_url():
    with pytest.raises(ConnectionConfigError, match="exchange_url"):
        parse(host="https://acme.example.com", exchange_url="/token")


def test_an_own_endpoint_takes_the_place_of_a_path():
    auth = parse(authorize_url="https://other.example.com/authorize").auth

    assert auth.consent.authorize_url == "https://other.example.com/authorize"


def test_without_a_connector_nothing_is_looked_up():
    raw = RawConnection("c1", "integry_oauth2", extra='{"client_id": "ci", "connector": " "}')

    with pytest.raises(MissingFieldError, match="client_secret"):
        parse_connection(raw, lambda *asked: pytest.fail(f"asked for {asked}"))
