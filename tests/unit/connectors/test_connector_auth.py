"""Auth profiles: what a connector may say about its connections, and what it may not."""

from __future__ import annotations

import pytest

from airflow_provider_integry.connection_types import CONNECTION_TYPES
from airflow_provider_integry.connectors import parse_connector
from airflow_provider_integry.connectors.auth_profiles import profile_fields
from airflow_provider_integry.errors import ConnectorFormatError

TEXT = """name: acme
title: Acme
{more}
auth:
  {auth}
activities:
  list_things: {{kind: query, path: /things}}
"""


def parse(auth: str, more: str = ""):
    return parse_connector(TEXT.format(auth=auth, more=more), "acme.yaml")


@pytest.mark.parametrize(
    ("auth", "key", "sentence"),
    [
        ("integry_oauth2: {client_secret: s}", "integry_oauth2.client_secret", "is a secret"),
        ("integry_api_key: {password: s}", "integry_api_key.password", "is a secret"),
        ("integry_api_key: {secret_headers: {A: b}}", "integry_api_key.secret_headers", "is a secret"),
        ("integry_api_key: {proxy_url: 'http://p'}", "integry_api_key.proxy_url", "is a secret"),
        ("integry_api_key: {ca_file: /ca.pem}", "integry_api_key.ca_file", "belongs to the connection"),
        ("integry_api_key: {allow_http: true}", "integry_api_key.allow_http", "belongs to the connection"),
        ("integry_api_key: {connector: other}", "integry_api_key.connector", "belongs to the connection"),
        ("integry_basic: {login: ada}", "integry_basic.login", "belongs to the connection"),
        ("integry_oauth2: {authorise_url: x}", "integry_oauth2.authorise_url", "did you mean 'authorize_url'?"),
        ("integry_oauth2: {grant_type: password}", "integry_oauth2.grant_type", "'password' is not a choice"),
        ("integry_oauth2: {authorize_params: text}", "integry_oauth2.authorize_params", "is not JSON"),
        ("integry_oauth2: {lifetime_s: 0}", "integry_oauth2.lifetime_s", "is too small"),
        ("integry_oauth2: {scopes: null}", "integry_oauth2.scopes", "is empty"),
        ("integry_oauth2: {exchange_url: 'ftp://a.example'}", "integry_oauth2.exchange_url", "only https://"),
        ("integry_oauth2: {exchange_url: a.example/token}", "integry_oauth2.exchange_url", "scheme"),
        ("integry_oauth9: {}", "integry_oauth9", "did you mean"),
    ],
)  # fmt: skip
def test_what_does_not_belong_there_is_refused_where_it_stands(auth, key, sentence):
    with pytest.raises(ConnectorFormatError, match="line 5") as caught:
        parse(auth)

    assert f"'auth.{key}'" in str(caught.value)
    assert sentence in str(caught.value)


def test_a_path_is_for_apis_whose_url_belongs_to_the_account():
    auth = "integry_oauth2: {exchange_url: /oauth/token}"

    assert parse(auth).auth == {"integry_oauth2": {"exchange_url": "/oauth/token"}}
    with pytest.raises(ConnectorFormatError, match="write an absolute URL"):
        parse(auth, "base_url: https://api.acme.example")


def test_a_profile_is_for_a_type_that_works_with_the_connector():
    with pytest.raises(ConnectorFormatError, match="not among this connector's 'connection_types'"):
        parse("integry_oauth2: {pkce: none}", "connection_types: [integry_api_key]")


def test_no_secret_of_any_type_can_be_in_a_profile():
    for conn_type in CONNECTION_TYPES:
        allowed = profile_fields(conn_type.name)
        assert not [name for name, field in allowed.items() if field.is_secret or field.column]
