"""Connections, however they were written, become checked settings or an error that says what to do."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integry.auth.authorization_code_settings import CodeConsent
from airflow_provider_integry.auth.callback_signature import CallbackSignature
from airflow_provider_integry.auth.credentials import ApiKey, ApiKeyPair, Basic, OAuth1
from airflow_provider_integry.auth.expiry_rule import ExpiryRule
from airflow_provider_integry.auth.jwt import JwtLogin, JwtSigning
from airflow_provider_integry.auth.oauth1_consent import OAuth1Consent
from airflow_provider_integry.auth.oauth2 import OAuth2Settings
from airflow_provider_integry.auth.token import TokenShape
from airflow_provider_integry.connection_types import CONNECTION_TYPES, CONNECTION_TYPES_BY_NAME
from airflow_provider_integry.errors import (
    ConfigurationError,
    ConnectionConfigError,
    MissingFieldError,
    UnknownConnectionTypeError,
)
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.settings import RawConnection, TransportSettings, UserInfoSettings, parse_connection

CANARY = "canary-5f0c9e1b77"
SHARED = "0123456789abcdef" * 2
HOST = "https://api.example.com/v1"


def _make_pem(bits: int) -> str:
    key = rsa.generate_private_key(65537, bits)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


PEM = _make_pem(2048)
WEAK_PEM = _make_pem(1024)

# The endpoints of a consent by OAuth 1.0a.
CONSENT1 = {
    "request_url": "https://photos.example.com/initiate",
    "authorize_url": "https://photos.example.com/authorize?lang=en",
    "access_url": "https://photos.example.com/token",
}
# The least that each type needs, and what comes out of it.
LEAST = {
    "integry_oauth1": (
        {"extra": {"consumer_key": "ck", "consumer_secret": "cs"}},
        OAuth1("ck", Secret("cs")),
    ),
    "integry_oauth2": (
        {"extra": {"client_id": "ci", "client_secret": "cs", "exchange_url": "https://auth.example.com/token"}},
        OAuth2Settings("client_credentials", "https://auth.example.com/token", "ci", Secret("cs")),
    ),
    "integry_api_key": ({"password": "k1"}, ApiKey(Secret("k1"), "header", "Authorization", "Bearer ")),
    "integry_api_key_secret": (
        {"extra": {"api_key": "k1", "api_secret": "s1"}},
        ApiKeyPair(Secret("k1"), Secret("s1")),
    ),
    "integry_api_key_url": ({"password": "k1"}, ApiKey(Secret("k1"), "header", "Authorization", "Bearer ")),
    "integry_jwt": ({"extra": {"private_key": SHARED}}, JwtSigning(Secret(SHARED))),
    "integry_basic": ({"login": "ada", "password": "pw"}, Basic("ada", Secret("pw"))),
    "integry_basic_url": ({"login": "ada", "password": "pw"}, Basic("ada", Secret("pw"))),
}


def raw(conn_type: str, **changes) -> RawConnection:
    """Return a complete connection of a type; `extra` is merged, other columns are replaced."""
    least = LEAST.get(conn_type, ({}, None))[0]
    extra = changes.pop("extra", {})
    if isinstance(extra, dict):
        extra = {**least.get("extra", {}), **extra}
    given = {"host": HOST, **least, **changes, "extra": extra}
    return RawConnection("c1", conn_type, **given)


def parse(conn_type: str, **changes):
    return parse_connection(raw(conn_type, **changes))


def test_every_type_is_covered_here():
    assert set(LEAST) == {item.name for item in CONNECTION_TYPES}


@pytest.mark.parametrize("conn_type", LEAST)
def test_the_least_that_a_type_needs_is_enough(conn_type):
    settings = parse(conn_type)

    assert settings.auth == LEAST[conn_type][1]
    assert (settings.conn_id, settings.conn_type, settings.base_url) == ("c1", conn_type, HOST)
    assert settings.transport == TransportSettings()
    assert settings.user_info == UserInfoSettings()
    assert (settings.headers, settings.allowed_hosts, settings.connector, settings.allow_http) == ((), (), None, False)


@pytest.mark.parametrize("item", CONNECTION_TYPES, ids=lambda one: one.name)
def test_the_example_of_each_type_is_complete(item):
    given = dict(item.example)

    settings = parse_connection(RawConnection("c1", given.pop("conn_type"), **given))

    assert settings.conn_type == item.name
    assert settings.secrets


@pytest.mark.parametrize("conn_type", LEAST)
def test_extra_may_be_json_text(conn_type):
    connection = raw(conn_type)

    assert parse_connection(replace(connection, extra=json.dumps(connection.extra))) == parse_connection(connection)


@pytest.mark.parametrize("conn_type", LEAST)
@pytest.mark.parametrize("empty", [None, "", "   ", {}, []])
def test_fields_that_are_empty_in_whatever_way_have_their_defaults(conn_type, empty):
    least = LEAST[conn_type][0].get("extra", {})
    names = [
        item.name
        for item in CONNECTION_TYPES_BY_NAME[conn_type].fields
        if not item.column and item.name not in least and not (item.is_secret and empty == "   ")
    ]
    if empty in ({}, []):
        kind = "object" if empty == {} else "list"
        names = [name for name in names if CONNECTION_TYPES_BY_NAME[conn_type].fields_by_name[name].kind == kind]

    assert parse(conn_type, extra=dict.fromkeys(names, empty)) == parse(conn_type)


@pytest.mark.parametrize("conn_type", ["INTEGRY_BASIC", "integry-basic", " integry_basic ", "Integry-Basic"])
def test_the_type_is_found_however_airflow_spells_it(conn_type):
    settings = parse_connection(RawConnection("c1", conn_type, host=HOST, login="ada", password="pw"))

    assert settings.conn_type == "integry_basic"


# URI connections have nothing but text.
TEXTS = [
    ("timeout_s", 5, "5", lambda one: one.transport.timeout_s, 5.0),
    ("timeout_s", 0.5, "0.5", lambda one: one.transport.timeout_s, 0.5),
    ("deadline_s", 60, "60.0", lambda one: one.transport.deadline_s, 60.0),
    ("max_retries", 0, "0", lambda one: one.transport.max_retries, 0),
    ("max_retries", 5, " 5 ", lambda one: one.transport.max_retries, 5),
    ("max_retries", 5.0, "5.0", lambda one: one.transport.max_retries, 5),
    ("allow_http", True, "true", lambda one: one.allow_http, True),
    ("allow_http", True, "True", lambda one: one.allow_http, True),
    ("allow_http", 1, "1", lambda one: one.allow_http, True),
    ("allow_http", False, "false", lambda one: one.allow_http, False),
    ("allow_http", 0, "0", lambda one: one.allow_http, False),
    ("allow_http", False, "off", lambda one: one.allow_http, False),
    ("headers", {"X-A": "b"}, '{"X-A": "b"}', lambda one: one.headers, (("X-A", "b"),)),
    (
        "headers",
        {"X-A": 1, "X-B": True},
        '{"X-A": 1, "X-B": true}',
        lambda one: one.headers,
        (("X-A", "1"), ("X-B", "true")),
    ),
    (
        "allowed_hosts",
        ["a.example", "B.example:8443"],
        "a.example, B.example:8443",
        lambda one: one.allowed_hosts,
        ("a.example", "b.example:8443"),
    ),
    ("allowed_hosts", ["a.example"], "a.example", lambda one: one.allowed_hosts, ("a.example",)),
    ("user_agent", 7, "7", lambda one: one.transport.user_agent, "7"),
]


@pytest.mark.parametrize(("name", "value", "text", "get", "expected"), TEXTS)
@pytest.mark.parametrize("conn_type", LEAST)
def test_numbers_switches_objects_and_lists_may_be_text(conn_type, name, value, text, get, expected):
    assert get(parse(conn_type, extra={name: value})) == expected
    assert get(parse(conn_type, extra={name: text})) == expected


@pytest.mark.parametrize(
    ("host", "port", "schema", "extra", "expected"),
    [
        ("https://api.example.com/v1", None, None, {}, "https://api.example.com/v1"),
        ("https://api.example.com/v1/", None, None, {}, "https://api.example.com/v1"),
        ("https://api.example.com/v1///", None, "", {}, "https://api.example.com/v1"),
        (" https://api.example.com ", None, None, {}, "https://api.example.com"),
        ("api.example.com", None, None, {}, "https://api.example.com"),
        ("api.example.com/v1", None, None, {}, "https://api.example.com/v1"),
        ("api.example.com", 8443, None, {}, "https://api.example.com:8443"),
        ("api.example.com", "8443", None, {}, "https://api.example.com:8443"),
        ("api.example.com", 8443, "v1", {}, "https://api.example.com:8443/v1"),
        ("api.example.com", None, "/v1/x/", {}, "https://api.example.com/v1/x"),
        ("api.example.com", None, "https", {}, "https://api.example.com"),
        ("api.example.com", 8443, "HTTPS", {}, "https://api.example.com:8443"),
        ("localhost", 8080, "http", {"allow_http": "true"}, "http://localhost:8080"),
        ("http://localhost", 8080, None, {"allow_http": True}, "http://localhost:8080"),
        ("http://localhost", 8080, "v1", {"allow_http": True}, "http://localhost:8080/v1"),
        ("https://api.example.com:9443/v1", 8443, None, {}, "https://api.example.com:9443/v1"),
        ("https://api.example.com/v1", 8443, None, {}, "https://api.example.com:8443/v1"),
        ("https://[::1]", 8443, None, {}, "https://[::1]:8443"),
        ("[::1]", 8443, None, {}, "https://[::1]:8443"),
        # Airflow's URI parser hands out IPv6 addresses without their brackets.
        ("::1", 8443, None, {}, "https://[::1]:8443"),
        ("2001:db8::1", None, "v1", {}, "https://[2001:db8::1]/v1"),
    ],
)
@pytest.mark.parametrize("conn_type", ["integry_basic", "integry_basic_url"])
def test_the_base_url_is_made_of_host_port_and_schema(conn_type, host, port, schema, extra, expected):
    assert parse(conn_type, host=host, port=port, schema=schema, extra=extra).base_url == expected


@pytest.mark.parametrize(
    ("conn_type", "changes", "expected"),
    [
        ("integry_api_key", {"extra": {"key_name": "X-Api-Key"}}, ApiKey(Secret("k1"), "header", "X-Api-Key", "")),
        (
            "integry_api_key",
            {"extra": {"key_name": "authorization"}},
            ApiKey(Secret("k1"), "header", "authorization", "Bearer "),
        ),
        ("integry_api_key", {"extra": {"key_prefix": "none"}}, ApiKey(Secret("k1"), "header", "Authorization", "")),
        ("integry_api_key", {"extra": {"key_prefix": "NONE"}}, ApiKey(Secret("k1"), "header", "Authorization", "")),
        ("integry_api_key", {"extra": {"key_prefix": "Token"}}, ApiKey(Secret("k1"), prefix="Token ")),
        ("integry_api_key", {"extra": {"key_prefix": "Token token="}}, ApiKey(Secret("k1"), prefix="Token token=")),
        (
            "integry_api_key",
            {"extra": {"key_name": "X-Key", "key_prefix": "Key"}},
            ApiKey(Secret("k1"), "header", "X-Key", "Key "),
        ),
        ("integry_api_key", {"extra": {"key_location": "query"}}, ApiKey(Secret("k1"), "query", "api_key", "")),
        (
            "integry_api_key",
            {"extra": {"key_location": "QUERY", "key_name": "key", "key_prefix": "v="}},
            ApiKey(Secret("k1"), "query", "key", "v="),
        ),
        (
            "integry_api_key_url",
            {"extra": {"key_location": "cookie", "key_name": "sid"}},
            ApiKey(Secret("k1"), "cookie", "sid", ""),
        ),
        (
            "integry_api_key_secret",
            {"extra": {"pair_style": "basic"}},
            Basic("k1", Secret("s1")),
        ),
        (
            "integry_api_key_secret",
            {"extra": {"key_header": "X-Id", "second_header": "X-Sec"}},
            ApiKeyPair(Secret("k1"), Secret("s1"), "X-Id", "X-Sec"),
        ),
        ("integry_basic", {"login": " ada ", "password": " p w "}, Basic("ada", Secret(" p w "))),
        ("integry_basic", {"login": "ada", "password": ""}, Basic("ada", Secret(""))),
        ("integry_basic", {"login": "ada", "password": None}, Basic("ada", Secret(""))),
        ("integry_basic", {"login": "ädä", "password": "pä☃"}, Basic("ädä", Secret("pä☃"))),
        (
            "integry_oauth1",
            {
                "extra": {
                    "oauth_token": "t",
                    "oauth_token_secret": "ts",
                    "signature_method": "hmac-sha256",
                    "realm": "123_SB1",
                }
            },
            OAuth1("ck", Secret("cs"), Secret("t"), Secret("ts"), "HMAC-SHA256", "123_SB1"),
        ),
        (
            "integry_oauth1",
            {"extra": {"consumer_secret": "", "signature_method": "RSA-SHA1", "private_key": PEM}},
            OAuth1("ck", Secret(""), signature_method="RSA-SHA1", private_key=Secret(PEM)),
        ),
        (
            "integry_oauth1",
            {"extra": {**CONSENT1, "oauth_token_secret": "of nobody"}},
            OAuth1Consent(OAuth1("ck", Secret("cs")), *CONSENT1.values()),
        ),
        (
            "integry_oauth1",
            {
                "extra": {
                    **CONSENT1,
                    "authorize_params": '{"expiration": "never", "n": 1}',
                    "exchange_method": "get",
                    "unconfirmed_callback": "yes",
                    "kept_values": {"realm": "callback.realmId"},
                    "placement": "query",
                }
            },
            OAuth1Consent(
                OAuth1("ck", Secret("cs"), placement="query"),
                *CONSENT1.values(),
                {"expiration": "never", "n": "1"},
                "GET",
                accepts_unconfirmed=True,
                kept={"realm": "callback.realmId"},
            ),
        ),
        (
            "integry_oauth1",
            {"extra": {**CONSENT1, "oauth_token": "t", "oauth_token_secret": "ts"}},
            OAuth1("ck", Secret("cs"), Secret("t"), Secret("ts")),
        ),
        (
            "integry_oauth2",
            {
                "extra": {
                    "grant_type": "refresh_token",
                    "refresh_token": "r1",
                    "client_auth": "none",
                    "client_secret": None,
                    "refresh_url": "https://auth.example.com/refresh",
                    "scopes": "a.read, b.write",
                    "scope_separator": "comma",
                    "audience": "aud",
                    "resource": "urn:x",
                    "exchange_params": {"a": 1, "b": True},
                    "exchange_format": "json",
                    "basic_encoding": "raw",
                    "answer_path": "data.token",
                    "lifetime_s": "3600",
                    "header_name": "X-Token",
                    "header_prefix": "none",
                }
            },
            OAuth2Settings(
                grant_type="refresh_token",
                exchange_url="https://auth.example.com/token",
                client_id="ci",
                refresh_url="https://auth.example.com/refresh",
                client_auth="none",
                basic_encoding="raw",
                scopes=("a.read", "b.write"),
                scope_separator=",",
                audience="aud",
                resource="urn:x",
                refresh_token=Secret("r1"),
                consent=CodeConsent(),
                extra_params={"a": "1", "b": "true"},
                body_format="json",
                header_name="X-Token",
                header_prefix="",
                shape=TokenShape("data.token", None, 3600.0),
            ),
        ),
        (
            "integry_jwt",
            {
                "extra": {
                    "algorithm": "rs256",
                    "private_key": PEM.replace("\n", "\\n"),
                    "lifetime_s": "60",
                    "issuer": "i",
                    "subject": "s",
                    "audience": "a",
                    "key_id": "k",
                    "claims": '{"x": [1]}',
                    "header_prefix": "JWT",
                }
            },
            JwtSigning(Secret(PEM), "RS256", 60, "i", "s", "a", "k", {"x": [1]}, "Authorization", "JWT "),
        ),
        (
            "integry_jwt",
            {
                "login": "ada",
                "password": "pw",
                "extra": {"jwt_source": "login", "private_key": "", "login_url": "/auth/token"},
            },
            JwtLogin(f"{HOST}/auth/token", "ada", Secret("pw"), shape=TokenShape(None, None, 300.0)),
        ),
        (
            "integry_jwt",
            {
                "host": None,
                "login": "ada",
                "password": "pw",
                "extra": {
                    "jwt_source": "login",
                    "private_key": None,
                    "login_url": "https://auth.example.com/login",
                    "login_format": "form",
                    "login_body": {"u": "{username}"},
                    "answer_path": "a.b",
                    "expires_path": "a.c",
                    "lifetime_s": 60,
                    "connector": "x",
                },
            },
            JwtLogin(
                "https://auth.example.com/login",
                "ada",
                Secret("pw"),
                "form",
                {"u": "{username}"},
                TokenShape("a.b", "a.c", 60.0),
            ),
        ),
    ],
)
def test_every_variant_of_every_type(conn_type, changes, expected):
    assert parse(conn_type, **changes).auth == expected


def test_the_common_fields_reach_the_settings():
    settings = parse(
        "integry_basic",
        extra={
            "connector": "crm",
            "user_info_url": "/me",
            "account_id_path": "data.id",
            "account_name_path": "data.name",
            "proxy_url": "http://u:p@proxy.example.com:3128",
            "ca_file": "/ca.pem",
            "client_cert_file": "/c.pem",
            "client_key_file": "/k.pem",
            "user_agent": "me/1",
        },
    )

    assert settings.connector == "crm"
    assert settings.user_info == UserInfoSettings("/me", "data.id", "data.name")
    assert settings.transport == TransportSettings(
        user_agent="me/1",
        proxy_url=Secret("http://u:p@proxy.example.com:3128"),
        ca_file="/ca.pem",
        client_cert_file="/c.pem",
        client_key_file="/k.pem",
    )


@pytest.mark.parametrize("conn_type", ["integry_oauth2", "integry_jwt"])
@pytest.mark.parametrize("statuses", ["403 400", "403,400", [403, 400], ["403", "400"]])
def test_answers_of_an_expired_token_are_statuses_and_an_expression(conn_type, statuses):
    extra = {"expired_statuses": statuses, "expired_when": "error.code == `190`"}

    settings = parse(conn_type, extra=extra)

    assert settings.transport.expiry == ExpiryRule(frozenset({400, 403}), "error.code == `190`")


@pytest.mark.parametrize(("typed", "expected"), [(None, 0.0), ("", 0.0), (0, 0.0), ("1800", 1800.0), (0.5, 0.5)])
def test_the_window_for_another_refresh_is_a_number_of_seconds_and_none_by_default(typed, expected):
    settings = parse("integry_oauth2", extra={"refresh_retry_window": typed})

    assert settings.auth.refresh_retry_window_s == expected


@pytest.mark.parametrize("conn_type", LEAST)
def test_settings_know_their_secrets_and_show_none(conn_type):
    secrets = {item.name: item for item in CONNECTION_TYPES_BY_NAME[conn_type].fields if item.is_secret}
    columns = {item.column: f"{CANARY}-{name}" for name, item in secrets.items() if item.column}
    extra = {name: f"{CANARY}-{name}-{SHARED}" for name, item in secrets.items() if not item.column}
    extra["proxy_url"] = f"http://u:{CANARY}@proxy.example.com"
    extra["secret_headers"] = f'{{"X-App-Key": "{CANARY}-header"}}'

    settings = parse(conn_type, **columns, extra=extra)
    extra["secret_headers"] = f"{CANARY}-header"

    assert CANARY not in f"{settings!r} {settings}"
    assert {secret.reveal() for secret in settings.secrets} == {*columns.values(), *extra.values()}


def test_a_raw_connection_does_not_show_its_secrets():
    assert CANARY not in repr(raw("integry_basic", password=CANARY, extra={"proxy_url": CANARY}))


MISSING = [
    ("integry_basic", {"login": None}, "login"),
    ("integry_basic", {"login": "  "}, "login"),
    ("integry_basic_url", {"host": None}, "host"),
    ("integry_basic_url", {"host": ""}, "host"),
    ("integry_basic_url", {"host": "  "}, "host"),
    ("integry_api_key_url", {"host": None}, "host"),
    ("integry_api_key", {"password": None}, "password"),
    ("integry_api_key", {"password": ""}, "password"),
    ("integry_api_key_secret", {"extra": {"api_key": None}}, "api_key"),
    ("integry_api_key_secret", {"extra": {"api_secret": ""}}, "api_secret"),
    ("integry_oauth1", {"extra": {"consumer_key": ""}}, "consumer_key"),
    ("integry_oauth1", {"extra": {"consumer_secret": ""}}, "consumer_secret"),
    ("integry_oauth1", {"extra": {"signature_method": "RSA-SHA256"}}, "private_key"),
    *[("integry_oauth1", {"extra": {**CONSENT1, name: ""}}, name) for name in CONSENT1],
    ("integry_oauth1", {"extra": {"authorize_url": CONSENT1["authorize_url"]}}, "request_url"),
    ("integry_oauth2", {"extra": {"client_id": None}}, "client_id"),
    ("integry_oauth2", {"extra": {"client_secret": None}}, "client_secret"),
    *[
        ("integry_oauth2", {"extra": {"client_secret": None, "client_auth": f"client_secret_{way}"}}, "client_secret")
        for way in ("basic", "post", "bearer", "basic_user")
    ],
    ("integry_oauth2", {"extra": {"exchange_url": " "}}, "exchange_url"),
    ("integry_jwt", {"extra": {"private_key": None}}, "private_key"),
    ("integry_jwt", {"extra": {"jwt_source": "login"}}, "login"),
    ("integry_jwt", {"login": "ada", "password": "pw", "extra": {"jwt_source": "login"}}, "login_url"),
    ("integry_jwt", {"login": "ada", "extra": {"jwt_source": "login", "login_url": "/x"}}, "password"),
]


@pytest.mark.parametrize(("conn_type", "changes", "field"), MISSING)
def test_an_empty_field_that_is_needed_is_named_with_what_to_fill_in(conn_type, changes, field):
    with pytest.raises(MissingFieldError) as caught:
        parse(conn_type, **changes)

    assert caught.value.field == field
    assert str(caught.value).startswith(f"Connection 'c1', field '{field}': ")
    assert re.search("fill (it )?in", caught.value.problem)


@pytest.mark.parametrize(
    "conn_type", ["integry_basic", "integry_api_key", "integry_oauth2", "integry_jwt", "integry_oauth1"]
)
def test_with_a_connector_the_base_url_may_be_left_empty(conn_type):
    assert parse(conn_type, host=None, extra={"connector": "crm"}).base_url is None


HEADER_BREAKERS = [f"{CANARY}\r\nX-Evil: 1", f"{CANARY}\n", f"{CANARY}\x00", f" {CANARY}", f"{CANARY}é", f"{CANARY}☃"]

WRONG = [
    # The base URL.
    ("integry_basic", {"host": "ftp://api.example.com"}, "host", "ftp"),
    ("integry_basic", {"host": "file:///etc/passwd"}, "host", "file"),
    ("integry_basic", {"host": "http://api.example.com"}, "host", "allow_http"),
    ("integry_basic", {"host": "api.example.com", "schema": "http"}, "host", "allow_http"),
    ("integry_basic", {"host": f"https://ada:{CANARY}@api.example.com"}, "host", "user info"),
    ("integry_basic", {"host": f"ada:{CANARY}@api.example.com"}, "host", "user info"),
    ("integry_basic", {"host": f"https://api.example.com/?key={CANARY}"}, "host", "query"),
    ("integry_basic", {"host": "https://api.example.com/#x"}, "host", "fragment"),
    ("integry_basic", {"host": "https://api.example.com", "schema": "v1?x=1"}, "schema", "query"),
    ("integry_basic", {"host": "https://api.example.com", "schema": "v1#x"}, "schema", "fragment"),
    ("integry_basic", {"host": "https://api.example.com", "schema": "v 1"}, "schema", "space"),
    ("integry_basic", {"host": "https://api example.com"}, "host", "space"),
    ("integry_basic", {"host": "https://api.example.com\\@evil.example"}, "host", "backslash"),
    ("integry_basic", {"host": "https://127.1"}, "host", "unusual notation"),
    ("integry_basic", {"host": "https://169.254.169.254"}, "host", "link-local"),
    ("integry_basic", {"host": "https://[::1"}, "host", "URL"),
    ("integry_basic", {"host": "api.example.com", "port": 99999}, "host", "port"),
    ("integry_basic", {"host": "api.example.com", "port": -1}, "host", "port"),
    ("integry_basic", {"host": "api.example.com", "port": "x"}, "host", "port"),
    ("integry_basic", {"host": "https://"}, "host", "host"),
    ("integry_basic", {"host": "https:///v1"}, "host", "no host"),
    # Extra.
    ("integry_basic", {"extra": f'{{"headers": "{CANARY}"'}, "extra", "line 1, column"),
    ("integry_basic", {"extra": "[1]"}, "extra", "JSON object"),
    ("integry_basic", {"extra": '"text"'}, "extra", "JSON object"),
    ("integry_basic", {"extra": "null"}, "extra", "JSON object"),
    ("integry_basic", {"extra": "[" * 100_000}, "extra", "not JSON"),
    ("integry_basic", {"extra": {"headers": "{'X-A': 'b'}"}}, "headers", "line 1, column"),
    ("integry_basic", {"extra": {"headers": "[1]"}}, "headers", "JSON object"),
    ("integry_basic", {"extra": {"headers": ["X-A"]}}, "headers", "JSON object"),
    ("integry_basic", {"extra": {"headers": "[" * 100_000}}, "headers", "not JSON"),
    ("integry_basic", {"extra": {"haeders": {"X-A": "b"}}}, "haeders", "'headers'"),
    ("integry_basic", {"extra": {"timeout": 5}}, "timeout", "'timeout_s'"),
    ("integry_oauth2", {"extra": {"token_url": CANARY}}, "token_url", "Did you mean 'exchange_url'?"),
    ("integry_oauth2", {"extra": {"xyz": CANARY}}, "xyz", "Remove it"),
    ("integry_oauth2", {"extra": {"client-secret": CANARY}}, "client-secret", "'client_secret'"),
    ("integry_basic", {"extra": {"password": CANARY}}, "password", "field 'Password'"),
    ("integry_api_key", {"extra": {"password": CANARY}}, "password", "field 'API key'"),
    ("integry_basic", {"extra": {"": CANARY}}, "", "Remove it"),
    ("integry_basic", {"extra": {"a\nb": CANARY}}, "a b", "Remove it"),
    ("integry_basic", {"extra": {"a\ud800": CANARY}}, "a", "Remove it"),
    ("integry_basic", {"extra": {"a" * 50: CANARY}}, "a" * 39 + "…", "Remove it"),
    # Types.
    ("integry_basic", {"extra": {"timeout_s": "soon"}}, "timeout_s", "'soon' is not a number"),
    ("integry_basic", {"extra": {"timeout_s": 0}}, "timeout_s", "least is 0.1"),
    ("integry_basic", {"extra": {"timeout_s": -1}}, "timeout_s", "least is 0.1"),
    ("integry_basic", {"extra": {"timeout_s": "nan"}}, "timeout_s", "not a number"),
    ("integry_basic", {"extra": {"timeout_s": "1e400"}}, "timeout_s", "not a number"),
    ("integry_basic", {"extra": {"timeout_s": True}}, "timeout_s", "not a number"),
    ("integry_basic", {"extra": {"max_retries": 1.5}}, "max_retries", "whole number"),
    ("integry_basic", {"extra": {"max_retries": -1}}, "max_retries", "least is 0"),
    ("integry_basic", {"extra": {"max_retries": [1]}}, "max_retries", "not a number"),
    ("integry_basic", {"extra": {"allow_http": "maybe"}}, "allow_http", "neither true nor false"),
    ("integry_basic", {"extra": {"allow_http": 2}}, "allow_http", "neither true nor false"),
    ("integry_api_key", {"extra": {"key_location": "body"}}, "key_location", "header, query, cookie"),
    (
        "integry_oauth2",
        {"extra": {"grant_type": "password"}},
        "grant_type",
        "client_credentials, authorization_code, refresh_token",
    ),
    ("integry_oauth1", {"extra": {"signature_method": "MD5"}}, "signature_method", "HMAC-SHA1"),
    ("integry_jwt", {"extra": {"algorithm": "none"}}, "algorithm", "HS256"),
    ("integry_jwt", {"extra": {"lifetime_s": 1}}, "lifetime_s", "least is 5"),
    ("integry_basic", {"extra": {"connector": {"name": "crm"}}}, "connector", "plain text"),
    ("integry_basic", {"extra": {"connector": "a\x00b"}}, "connector", "control character"),
    ("integry_basic", {"extra": {"connector": "a" * 70_000}}, "connector", "longer than"),
    ("integry_oauth2", {"extra": {"client_secret": [CANARY]}}, "client_secret", "plain text"),
    ("integry_oauth2", {"extra": {"client_secret": CANARY + "a" * 70_000}}, "client_secret", "longer than"),
    ("integry_oauth2", {"extra": {"exchange_params": {"a": {"b": CANARY}}}}, "exchange_params", "'a' is not text"),
    ("integry_basic", {"extra": {"headers": {"X-A": ["b"]}}}, "headers", "'X-A' is not text"),
    ("integry_basic", {"extra": {"headers": {"X-A": None}}}, "headers", "'X-A' is not text"),
    ("integry_oauth2", {"extra": {"exchange_params": {"a": None}}}, "exchange_params", "'a' is not text"),
    # Masked values that were copied.
    ("integry_basic", {"password": "***"}, "password", "masked value"),
    ("integry_api_key", {"password": "***"}, "password", "masked value"),
    ("integry_oauth2", {"extra": {"client_secret": "***"}}, "client_secret", "masked value"),
    ("integry_jwt", {"extra": {"private_key": "******"}}, "private_key", "masked value"),
    # URLs.
    ("integry_oauth2", {"extra": {"exchange_url": "/token"}}, "exchange_url", "scheme"),
    ("integry_oauth2", {"extra": {"exchange_url": "ftp://auth.example.com"}}, "exchange_url", "ftp"),
    ("integry_oauth2", {"extra": {"exchange_url": "http://auth.example.com"}}, "exchange_url", "allow_http"),
    ("integry_oauth2", {"extra": {"exchange_url": f"https://a:{CANARY}@h.example/"}}, "exchange_url", "user info"),
    ("integry_oauth2", {"extra": {"refresh_url": f"https://a:{CANARY}@h.example/"}}, "refresh_url", "user info"),
    ("integry_oauth2", {"extra": {"exchange_url": "https://h.example/a b"}}, "exchange_url", "space"),
    (
        "integry_jwt",
        {
            "login": "a",
            "password": "b",
            "host": None,
            "extra": {"jwt_source": "login", "login_url": "/x", "connector": "c"},
        },
        "login_url",
        "no base URL",
    ),
    (
        "integry_jwt",
        {"login": "a", "password": "b", "extra": {"jwt_source": "login", "login_url": "ftp://h/x"}},
        "login_url",
        "ftp",
    ),
    ("integry_basic", {"extra": {"user_info_url": "ftp://h.example/me"}}, "user_info_url", "ftp"),
    ("integry_basic", {"extra": {"user_info_url": f"https://a:{CANARY}@h.example/me"}}, "user_info_url", "user info"),
    ("integry_basic", {"extra": {"allowed_hosts": "https://files.example.com"}}, "allowed_hosts", "not a host"),
    ("integry_basic", {"extra": {"allowed_hosts": "*.example.com"}}, "allowed_hosts", "not a host"),
    ("integry_basic", {"extra": {"allowed_hosts": "files.example.com?x"}}, "allowed_hosts", "not a host"),
    ("integry_basic", {"extra": {"allowed_hosts": "a@files.example.com"}}, "allowed_hosts", "user info"),
    ("integry_basic", {"extra": {"allowed_hosts": "169.254.169.254"}}, "allowed_hosts", "link-local"),
    ("integry_basic", {"extra": {"allowed_hosts": "127.1"}}, "allowed_hosts", "unusual notation"),
    ("integry_basic", {"extra": {"proxy_url": f"socks5://u:{CANARY}@h"}}, "proxy_url", "http://host:port"),
    ("integry_basic", {"extra": {"proxy_url": f"http://{CANARY}@[::1"}}, "proxy_url", "http://host:port"),
    ("integry_basic", {"extra": {"proxy_url": f"http://u:{CANARY}@h:port"}}, "proxy_url", "http://host:port"),
    # Text that no header can carry.
    *[("integry_api_key", {"password": text}, "password", "") for text in HEADER_BREAKERS],
    *[("integry_api_key_secret", {"extra": {"api_key": text}}, "api_key", "") for text in HEADER_BREAKERS],
    *[("integry_api_key_secret", {"extra": {"api_secret": text}}, "api_secret", "") for text in HEADER_BREAKERS],
    *[("integry_basic", {"password": text}, "password", "control character") for text in HEADER_BREAKERS[:3]],
    ("integry_basic", {"extra": {"headers": {"X-A": "b\r\nX-Evil: 1"}}}, "headers", "line break"),
    ("integry_basic", {"extra": {"headers": {"X-A": "b\x00"}}}, "headers", "control character"),
    ("integry_basic", {"extra": {"headers": {"X-A": "é"}}}, "headers", "ASCII"),
    ("integry_basic", {"extra": {"headers": {"X A": "b"}}}, "headers", "header name"),
    ("integry_basic", {"extra": {"headers": {"X-A\n": "b"}}}, "headers", "header name"),
    ("integry_basic", {"extra": {"user_agent": "a\nb"}}, "user_agent", "line break"),
    ("integry_basic", {"login": "a\x00b"}, "login", "control character"),
    ("integry_basic", {"login": "a\nb"}, "login", "line break"),
    ("integry_basic", {"login": "a:b"}, "login", "colon"),
    ("integry_api_key", {"extra": {"key_name": "X Key"}}, "key_name", "header name"),
    ("integry_api_key", {"extra": {"key_prefix": "é"}}, "key_prefix", "ASCII"),
    ("integry_api_key", {"password": f"{CANARY};", "extra": {"key_location": "cookie"}}, "password", "cookie"),
    ("integry_api_key", {"password": f"{CANARY}\n", "extra": {"key_location": "query"}}, "password", "line break"),
    ("integry_api_key", {"extra": {"key_location": "cookie", "key_prefix": "a;b"}}, "key_prefix", "cookie"),
    ("integry_api_key_secret", {"extra": {"key_header": "X-A", "second_header": "x-a"}}, "second_header", "same"),
    ("integry_api_key_secret", {"extra": {"pair_style": "basic", "api_key": f"{CANARY}:"}}, "api_key", "colon"),
    ("integry_oauth1", {"extra": {"realm": 'a"b'}}, "realm", "quote"),
    *[
        ("integry_oauth1", {"extra": {**CONSENT1, name: "http://photos.example.com/x"}}, name, "uses http")
        for name in CONSENT1
    ],
    *[
        ("integry_oauth1", {"extra": {**CONSENT1, "authorize_params": {name: "x"}}}, "authorize_params", "remove it")
        for name in ("oauth_token", "oauth_callback", "oauth_verifier")
    ],
    *[
        (
            "integry_oauth2",
            {
                "extra": {
                    "grant_type": "authorization_code",
                    "client_id": "c",
                    "authorize_url": "https://auth.example.com/authorize",
                    "exchange_url": "https://auth.example.com/token",
                    "authorize_params": {name: "x"},
                }
            },
            "authorize_params",
            "remove it",
        )
        for name in ("state", "code_challenge", "code_challenge_method")
    ],
    ("integry_oauth1", {"extra": {**CONSENT1, "authorize_params": {"a": []}}}, "authorize_params", "is not text"),
    ("integry_oauth1", {"extra": {**CONSENT1, "kept_values": {"a": "b["}}}, "kept_values", "JMESPath"),
    ("integry_oauth1", {"extra": {**CONSENT1, "exchange_method": "PUT"}}, "exchange_method", "POST, GET"),
    (
        "integry_oauth1",
        {"extra": {**CONSENT1, "exchange_method": "GET", "placement": "body"}},
        "exchange_method",
        "choose POST",
    ),
    ("integry_oauth1", {"extra": {"realm": "é"}}, "realm", "ASCII"),
    ("integry_oauth1", {"extra": {"consumer_key": "a\nb"}}, "consumer_key", "line break"),
    ("integry_oauth2", {"extra": {"client_id": "a:b", "basic_encoding": "raw"}}, "client_id", "colon"),
    ("integry_oauth2", {"extra": {"header_name": "X Token"}}, "header_name", "header name"),
    ("integry_oauth2", {"extra": {"header_prefix": "a\x00"}}, "header_prefix", "control character"),
    # Keys.
    ("integry_jwt", {"extra": {"private_key": CANARY}}, "private_key", "at least 32"),
    ("integry_jwt", {"extra": {"private_key": f"{CANARY} {SHARED}", "algorithm": "RS256"}}, "private_key", "PEM"),
    ("integry_jwt", {"extra": {"private_key": WEAK_PEM, "algorithm": "RS256"}}, "private_key", "1024 bits"),
    ("integry_jwt", {"extra": {"private_key": PEM, "algorithm": "ES256"}}, "private_key", "not a key for ES256"),
    ("integry_jwt", {"extra": {"private_key": PEM}}, "private_key", "is a PEM"),
    ("integry_oauth1", {"extra": {"signature_method": "RSA-SHA1", "private_key": CANARY}}, "private_key", "PEM"),
    ("integry_oauth1", {"extra": {"signature_method": "RSA-SHA1", "private_key": WEAK_PEM}}, "private_key", "1024"),
    (
        "integry_oauth2",
        {"extra": {"client_auth": "client_secret_bearer", "client_secret": f"{CANARY}\n"}},
        "client_secret",
        "control character",
    ),
    (
        "integry_oauth2",
        {
            "extra": {
                "client_auth": "client_secret_basic_user",
                "client_secret": f"{CANARY}:",
                "basic_encoding": "raw",
            }
        },
        "client_secret",
        "holds a colon",
    ),
    # Answers of an expired token.
    ("integry_oauth2", {"extra": {"expired_statuses": "forbidden"}}, "expired_statuses", "write '403'"),
    ("integry_oauth2", {"extra": {"expired_statuses": "403.0"}}, "expired_statuses", "'403.0' is not an HTTP status"),
    ("integry_oauth2", {"extra": {"expired_statuses": "403 429"}}, "expired_statuses", "429 cannot mean"),
    ("integry_oauth2", {"extra": {"expired_statuses": [500]}}, "expired_statuses", "500 cannot mean"),
    ("integry_oauth2", {"extra": {"expired_when": "error"}}, "expired_when", "fill in 'expired_statuses'"),
    ("integry_oauth2", {"extra": {"expired_statuses": 400, "expired_when": "a["}}, "expired_when", "JMESPath"),
    ("integry_oauth2", {"extra": {"refresh_retry_window": -1}}, "refresh_retry_window", "least is 0"),
    # Paths.
    (
        "integry_jwt",
        {"login": "a", "password": "b", "extra": {"jwt_source": "login", "login_url": "/x", "answer_path": "a..b"}},
        "answer_path",
        "JMESPath",
    ),
    ("integry_oauth2", {"extra": {"answer_path": "["}}, "answer_path", "JMESPath"),
    ("integry_basic", {"extra": {"account_id_path": "a..b"}}, "account_id_path", "JMESPath"),
    ("integry_basic", {"extra": {"account_name_path": "["}}, "account_name_path", "JMESPath"),
    # Half of a character, as JSON can carry it.
    ("integry_basic", {"password": f"{CANARY}\ud800"}, "password", "half of a character"),
    ("integry_oauth2", {"extra": {"client_id": "\ud800"}}, "client_id", "half of a character"),
    ("integry_oauth2", {"extra": {"client_secret": f"{CANARY}\ud800"}}, "client_secret", "half of a character"),
    ("integry_jwt", {"extra": {"private_key": f"{SHARED}\ud800"}}, "private_key", "half of a character"),
    ("integry_basic", {"extra": {"connector": "\ud800"}}, "connector", "half of a character"),
    ("integry_oauth2", {"extra": {"exchange_params": {"a": "\ud800"}}}, "exchange_params", "half of a character"),
    (
        "integry_jwt",
        {
            "login": "a",
            "password": "b",
            "extra": {"jwt_source": "login", "login_url": "/x", "login_body": {"a": ["\ud800"]}},
        },
        "login_body",
        "half of a character",
    ),
]


@pytest.mark.parametrize(("conn_type", "changes", "field", "fragment"), WRONG)
def test_a_wrong_field_is_named_with_what_is_wrong_and_without_its_secret(conn_type, changes, field, fragment):
    with pytest.raises(ConnectionConfigError) as caught:
        parse(conn_type, **changes)

    error = caught.value
    assert (error.conn_id, error.field) == ("c1", field)
    assert not isinstance(error, MissingFieldError)
    assert fragment in error.problem
    assert len(error.problem) > 15
    assert CANARY not in f"{error} {error!r} {vars(error)} {error.__cause__!r}"
    assert "\n" not in str(error)
    assert str(error).isprintable()
    assert len(str(error)) < 800


@pytest.mark.parametrize(
    ("conn_type", "suggestion"),
    [
        ("integry_oauth_1", "integry_oauth1"),
        ("integry_apikey", "integry_api_key"),
        ("http", None),
        ("", None),
        (None, None),
    ],
)
def test_an_unknown_type_is_refused_with_the_known_ones(conn_type, suggestion):
    with pytest.raises(UnknownConnectionTypeError) as caught:
        parse_connection(RawConnection("c1", conn_type, host=HOST))

    error = caught.value
    assert error.field == "conn_type"
    assert all(item.name in error.problem for item in CONNECTION_TYPES)
    assert (suggestion is None) == ("did you mean" not in error.problem)
    assert not suggestion or f"did you mean '{suggestion}'" in error.problem
    assert ". It has: " in error.problem or "? It has: " in error.problem


def test_no_error_at_all_is_worth_repeating():
    assert not ConnectionConfigError.retryable
    assert not MissingFieldError.retryable


FIELD_NAMES = sorted({item.name for one in CONNECTION_TYPES for item in one.fields if not item.column})
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.characters(categories=["Cs"])
    | st.sampled_from(
        ["true", "0", "{}", '{"a": 1}', "[]", "https://h.example/x", "http://h.example", "***", PEM, "=" * 40]
    ),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


def _parse_or_typed_error(connection: RawConnection) -> None:
    try:
        settings = parse_connection(connection)
    except ConnectionConfigError as error:
        # A message that cannot be written to a log would be an error of its own.
        str(error).encode("utf-8")
    else:
        repr(settings).encode("utf-8")


@given(st.sampled_from(list(LEAST)), st.dictionaries(st.text(max_size=5) | st.characters(categories=["Cs"]), VALUES))
def test_random_names_in_extra_give_settings_or_a_typed_error(conn_type, extra):
    _parse_or_typed_error(raw(conn_type, extra=extra))


@given(st.sampled_from(list(LEAST)), st.dictionaries(st.sampled_from(FIELD_NAMES), VALUES, max_size=5))
def test_random_extras_give_settings_or_a_typed_error(conn_type, extra):
    allowed = CONNECTION_TYPES_BY_NAME[conn_type].fields_by_name
    _parse_or_typed_error(raw(conn_type, extra={name: value for name, value in extra.items() if name in allowed}))


@given(st.sampled_from(list(LEAST)), st.text(max_size=40) | VALUES.map(json.dumps))
def test_random_extra_texts_give_settings_or_a_typed_error(conn_type, extra):
    _parse_or_typed_error(raw(conn_type, extra=extra))


COLUMN = st.none() | st.text(max_size=20) | st.sampled_from(["https://h.example", "h.example:99", "::1", "[", "a@b"])


@given(
    st.sampled_from(list(LEAST)) | st.text(max_size=10),
    COLUMN,
    COLUMN,
    COLUMN,
    COLUMN,
    st.none() | st.integers(-70000, 70000),
)
def test_random_columns_give_settings_or_a_typed_error(conn_type, host, schema, login, password, port):
    least = LEAST.get(conn_type, ({}, None))[0]
    _parse_or_typed_error(RawConnection("c1", conn_type, host, schema, port, login, password, least.get("extra")))


def test_errors_of_settings_are_configuration_errors():
    assert issubclass(ConnectionConfigError, ConfigurationError)


def test_consent_is_read_from_its_fields():
    given = {
        "grant_type": "authorization_code",
        "client_id": "ci",
        "client_secret": "cs-1",
        "exchange_url": "https://auth.example.com/token",
        "authorize_url": "https://auth.example.com/authorize",
        "authorize_params": {"prompt": "consent", "n": 7},
        "response_mode": "form_post",
        "pkce": "plain",
        "par_url": "https://auth.example.com/par",
        "device_url": "https://auth.example.com/device",
        "revoke_url": "https://auth.example.com/revoke",
        "signed_callback": {"parameter": "sig", "hash": "sha512", "encoding": "base64url", "escaping": "form"},
        "kept_values": {"instance_url": "answer.instance_url"},
    }

    auth = parse_connection(RawConnection("c1", "integry_oauth2", host="https://api.example.com", extra=given)).auth

    assert (auth.grant_type, auth.consent) == (
        "authorization_code",
        CodeConsent(
            "https://auth.example.com/authorize",
            {"prompt": "consent", "n": "7"},
            "plain",
            "form_post",
            "https://auth.example.com/par",
            "https://auth.example.com/device",
            "https://auth.example.com/revoke",
            CallbackSignature(Secret("cs-1"), "sig", "sha512", "base64url", "form"),
            {"instance_url": "answer.instance_url"},
        ),
    )


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"authorize_url": ""}, "authorize_url", "is empty"),
        ({"authorize_url": "http://auth.example.com"}, "authorize_url", "uses http"),
        ({"revoke_url": "ftp://auth.example.com"}, "revoke_url", "ftp"),
        ({"signed_callback": {"name": "hmac"}}, "signed_callback", "'name' is not one of"),
        ({"signed_callback": {"hash": "md5"}}, "signed_callback", "none of sha1"),
        ({"signed_callback": {"hash": "sha1"}, "client_auth": "none", "client_secret": ""}, "client_secret", "verify"),
        ({"kept_values": {"x": "a b"}}, "kept_values", "JMESPath"),
        ({"kept_values": {"x": ["a"]}}, "kept_values", "not text"),
        ({"pkce": "S512"}, "pkce", "S256"),
    ],
)
def test_a_wrong_field_of_a_consent_is_named(fields, field, words):
    given = {
        "grant_type": "authorization_code",
        "client_id": "ci",
        "client_secret": "cs-1",
        "exchange_url": "https://auth.example.com/token",
        "authorize_url": "https://auth.example.com/authorize",
        **fields,
    }
    raw = RawConnection("c1", "integry_oauth2", host="https://api.example.com", extra=given)

    with pytest.raises(ConnectionConfigError, match=words) as caught:
        parse_connection(raw)
    assert caught.value.field == field
