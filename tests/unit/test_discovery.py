"""Metadata documents (RFC 8414): where they are asked for, and which are believed."""

from __future__ import annotations

import json

import pytest

from airflow_provider_integry.auth.discovery import ServerMetadata, build_metadata_requests, parse_metadata
from airflow_provider_integry.auth.wire import HttpResponse
from airflow_provider_integry.errors import TokenResponseError

ISSUER = "https://auth.example.com"
ENDPOINT = "https://auth.example.com/token"


def respond(document: object, status: int = 200) -> HttpResponse:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return HttpResponse(status, (("Content-Type", "application/json"),), body, f"{ISSUER}/.well-known/x?secret=1")


@pytest.mark.parametrize(
    ("issuer", "expected"),
    [
        (ISSUER, ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"]),
        (f"{ISSUER}/", ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"]),
        (
            f"{ISSUER}/issuer1",
            [
                "/.well-known/oauth-authorization-server/issuer1",
                "/.well-known/openid-configuration/issuer1",
                "/issuer1/.well-known/openid-configuration",
            ],
        ),
        (
            f"{ISSUER}:8443/a/b/",
            [
                ":8443/.well-known/oauth-authorization-server/a/b",
                ":8443/.well-known/openid-configuration/a/b",
                ":8443/a/b/.well-known/openid-configuration",
            ],
        ),
        (f"{ISSUER}?x=1#y", ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"]),
    ],
)
def test_the_well_known_part_goes_before_the_issuers_path_and_for_openid_behind_it_too(issuer, expected):
    requests = build_metadata_requests(issuer)

    assert [request.url for request in requests] == [ISSUER + place for place in expected]
    assert {(request.method, request.headers, request.body) for request in requests} == {
        ("GET", (("Accept", "application/json"),), None)
    }


def test_the_document_of_rfc_8414_section_3_2_is_read():
    document = {
        "issuer": "https://server.example.com",
        "authorization_endpoint": "https://server.example.com/authorize",
        "token_endpoint": "https://server.example.com/token",
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "ES256"],
        "dpop_signing_alg_values_supported": ["ES256"],
    }

    assert parse_metadata(respond(document), "https://server.example.com") == ServerMetadata(
        "https://server.example.com",
        "https://server.example.com/token",
        ("client_secret_basic", "private_key_jwt"),
        ("ES256",),
        authorization_endpoint="https://server.example.com/authorize",
    )


FURTHER = (
    "authorization_endpoint",
    "pushed_authorization_request_endpoint",
    "revocation_endpoint",
    "device_authorization_endpoint",
)


def test_what_a_consent_needs_is_read():
    document = {
        "issuer": ISSUER,
        "token_endpoint": ENDPOINT,
        **{name: f"{ISSUER}/{name}" for name in FURTHER},
        "require_pushed_authorization_requests": True,
        "code_challenge_methods_supported": ["S256", "plain"],
        "authorization_response_iss_parameter_supported": True,
    }

    found = parse_metadata(respond(document), ISSUER)

    assert [getattr(found, name) for name in FURTHER] == [f"{ISSUER}/{name}" for name in FURTHER]
    assert (found.require_pushed, found.iss_supported) == (True, True)
    assert found.code_challenge_methods == ("S256", "plain")
    assert found.require("revocation_endpoint", "revoke_url") == f"{ISSUER}/revocation_endpoint"


def test_what_is_not_told_is_not_there():
    found = parse_metadata(respond({"issuer": ISSUER, "token_endpoint": ENDPOINT}), ISSUER)

    assert [getattr(found, name) for name in FURTHER] == [None] * 4
    assert (found.require_pushed, found.iss_supported, found.code_challenge_methods) == (False, False, ())
    with pytest.raises(TokenResponseError, match="names no device_authorization_endpoint; fill in field 'device_url'"):
        found.require("device_authorization_endpoint", "device_url")


@pytest.mark.parametrize("told", ["true", 1, "yes", None, [True]])
def test_only_true_is_a_promise(told):
    document = {
        "issuer": ISSUER,
        "token_endpoint": ENDPOINT,
        "require_pushed_authorization_requests": told,
        "authorization_response_iss_parameter_supported": told,
    }
    found = parse_metadata(respond(document), ISSUER)
    assert (found.require_pushed, found.iss_supported) == (False, False)


@pytest.mark.parametrize("name", FURTHER)
@pytest.mark.parametrize(
    ("endpoint", "problem"),
    [
        ("http://auth.example.com/x", "uses http"),
        ("https://user:pass@auth.example.com/x", "user info"),
        ("https://169.254.169.254/x", "link-local"),
        ("javascript:alert(1)", "can be called"),
        (["https://auth.example.com/x"], "is no text"),
    ],
)
def test_a_further_endpoint_that_may_not_be_called_matters_only_when_it_is_needed(name, endpoint, problem):
    document = {"issuer": ISSUER, "token_endpoint": ENDPOINT, name: endpoint}

    found = parse_metadata(respond(document), ISSUER)

    assert (found.token_endpoint, getattr(found, name)) == (ENDPOINT, None)
    with pytest.raises(TokenResponseError, match=problem) as caught:
        found.require(name, "some_url")
    assert "pass@" not in str(caught.value)


def test_a_further_endpoint_may_be_http_where_the_connection_allows_it():
    document = {"issuer": ISSUER, "token_endpoint": ENDPOINT, "revocation_endpoint": "http://auth.example.com/revoke"}
    found = parse_metadata(respond(document), ISSUER, allow_http=True)
    assert found.revocation_endpoint == "http://auth.example.com/revoke"


def test_an_endpoint_on_another_host_is_the_issuers_business():
    document = {"issuer": ISSUER, "token_endpoint": "https://oauth2.example.net/token"}
    assert parse_metadata(respond(document), ISSUER).token_endpoint == "https://oauth2.example.net/token"


@pytest.mark.parametrize("told", [None, "client_secret_basic", [1, None], {}])
def test_lists_that_are_none_are_empty(told):
    document = {"issuer": ISSUER, "token_endpoint": ENDPOINT, "token_endpoint_auth_methods_supported": told}
    assert parse_metadata(respond(document), ISSUER).client_auth_methods == ()


@pytest.mark.parametrize(
    "told",
    [
        f"{ISSUER}/",
        "https://AUTH.example.com",
        "http://auth.example.com",
        "https://auth.example.com:443",
        "https://auth.example.com.evil.net",
        None,
        [ISSUER],
        {"issuer": ISSUER},
    ],
)
def test_the_issuer_has_to_be_the_same_to_the_letter(told):
    with pytest.raises(TokenResponseError, match="another issuer"):
        parse_metadata(respond({"issuer": told, "token_endpoint": ENDPOINT}), ISSUER)


@pytest.mark.parametrize(
    ("endpoint", "problem"),
    [
        (None, "no token endpoint"),
        ([ENDPOINT], "no token endpoint"),
        ("", "is empty"),
        ("/token", "scheme"),
        ("http://auth.example.com/token", "http"),
        ("file:///etc/passwd", "file"),
        ("https://user:pass@auth.example.com/token", "user info"),
        ("https://169.254.169.254/token", "link-local"),
        ("https://metadata.google.internal/token", "metadata"),
        ("https://0x7f000001/token", "IPv4"),
        ("http://127.0.0.1\\@auth.example.com/", "backslash"),
    ],
)
def test_an_endpoint_that_may_not_be_called_is_refused(endpoint, problem):
    with pytest.raises(TokenResponseError, match=problem):
        parse_metadata(respond({"issuer": ISSUER, "token_endpoint": endpoint}), ISSUER)


def test_an_http_endpoint_is_taken_only_where_the_connection_allows_it():
    document = {"issuer": ISSUER, "token_endpoint": "http://auth.example.com/token"}
    assert parse_metadata(respond(document), ISSUER, allow_http=True).token_endpoint == document["token_endpoint"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"<html></html>", 200),
        (b"", 200),
        (b"[]", 200),
        (b'"text"', 200),
        (b"[" * 100_000, 200),
        (b"\xff\xfe\x00", 200),
        (json.dumps({"issuer": ISSUER, "token_endpoint": ENDPOINT}).encode(), 404),
        (json.dumps({"issuer": ISSUER, "token_endpoint": ENDPOINT}).encode(), 302),
    ],
)
def test_what_is_no_document_is_refused_with_status_and_without_the_query(body, status):
    with pytest.raises(TokenResponseError) as caught:
        parse_metadata(respond(body, status), ISSUER)

    assert caught.value.status == status
    assert "secret=1" not in str(caught.value)
