"""Token requests of OAuth 2.0, byte for byte."""

from __future__ import annotations

import base64
import json
from urllib.parse import parse_qsl, unquote_plus

import pytest

from airflow_provider_integry.auth.oauth2 import (
    OAuth2Settings,
    build_client_credentials_request,
    build_refresh_request,
)
from airflow_provider_integry.auth.wire import HttpRequest
from airflow_provider_integry.errors import NonRenewableTokenError
from airflow_provider_integry.secret import Secret

URL = "https://auth.example.com/oauth/token?tenant=7"
FORM = ("Content-Type", "application/x-www-form-urlencoded")
ACCEPT = ("Accept", "application/json")
CANARY = "canary-5f0c9e1b77"
ODD = "a b+c/d=e&f%g:h*~é☃"


def settings(**changes) -> OAuth2Settings:
    given = {"grant_type": "client_credentials", "exchange_url": URL, "client_id": "ci", "client_secret": Secret("cs")}
    return OAuth2Settings(**(given | changes))


def basic(username: str, password: str) -> tuple[str, str]:
    return ("Authorization", "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode())


@pytest.mark.parametrize(
    ("changes", "headers", "body"),
    [
        ({}, (ACCEPT, basic("ci", "cs"), FORM), b"grant_type=client_credentials"),
        (
            {"client_auth": "client_secret_post"},
            (ACCEPT, FORM),
            b"grant_type=client_credentials&client_id=ci&client_secret=cs",
        ),
        ({"client_auth": "none"}, (ACCEPT, FORM), b"grant_type=client_credentials&client_id=ci"),
        (
            {"client_auth": "none", "client_secret": None},
            (ACCEPT, FORM),
            b"grant_type=client_credentials&client_id=ci",
        ),
        (
            {"scopes": ("a.read", "b:write")},
            (ACCEPT, basic("ci", "cs"), FORM),
            b"grant_type=client_credentials&scope=a.read+b%3Awrite",
        ),
        (
            {"scopes": ("a", "b"), "scope_separator": ","},
            (ACCEPT, basic("ci", "cs"), FORM),
            b"grant_type=client_credentials&scope=a%2Cb",
        ),
        (
            {"audience": "https://api.example.com/", "resource": "urn:x"},
            (ACCEPT, basic("ci", "cs"), FORM),
            b"grant_type=client_credentials&audience=https%3A%2F%2Fapi.example.com%2F&resource=urn%3Ax",
        ),
        (
            {"extra_params": {"tenant": "é", "empty": ""}},
            (ACCEPT, basic("ci", "cs"), FORM),
            b"grant_type=client_credentials&tenant=%C3%A9&empty=",
        ),
        (
            {"extra_params": {"grant_type": "vendor_grant"}},
            (ACCEPT, basic("ci", "cs"), FORM),
            b"grant_type=vendor_grant",
        ),
        (
            {"body_format": "json", "scopes": ("a", "b"), "client_auth": "client_secret_post"},
            (ACCEPT, ("Content-Type", "application/json")),
            b'{"grant_type": "client_credentials", "scope": "a b", "client_id": "ci", "client_secret": "cs"}',
        ),
    ],
)
def test_a_client_credentials_request(changes, headers, body):
    assert build_client_credentials_request(settings(**changes)) == HttpRequest("POST", URL, headers, body)


@pytest.mark.parametrize(
    ("changes", "url", "headers", "body"),
    [
        ({}, URL, (ACCEPT, basic("ci", "cs"), FORM), b"grant_type=refresh_token&refresh_token=r%2F1"),
        (
            {"refresh_url": "https://auth.example.com/refresh"},
            "https://auth.example.com/refresh",
            (ACCEPT, basic("ci", "cs"), FORM),
            b"grant_type=refresh_token&refresh_token=r%2F1",
        ),
        (
            {"client_auth": "client_secret_post"},
            URL,
            (ACCEPT, FORM),
            b"grant_type=refresh_token&refresh_token=r%2F1&client_id=ci&client_secret=cs",
        ),
        (
            {"client_auth": "none", "client_secret": None},
            URL,
            (ACCEPT, FORM),
            b"grant_type=refresh_token&refresh_token=r%2F1&client_id=ci",
        ),
        (
            {"body_format": "json"},
            URL,
            (ACCEPT, basic("ci", "cs"), ("Content-Type", "application/json")),
            b'{"grant_type": "refresh_token", "refresh_token": "r/1"}',
        ),
        # A scope would have to be a subset of the grant's; left out, it is all of them.
        (
            {"scopes": ("a", "b")},
            URL,
            (ACCEPT, basic("ci", "cs"), FORM),
            b"grant_type=refresh_token&refresh_token=r%2F1",
        ),
    ],
)
def test_a_refresh_request(changes, url, headers, body):
    assert build_refresh_request(settings(**changes), Secret("r/1")) == HttpRequest("POST", url, headers, body)


@pytest.mark.parametrize("refresh_token", [None, Secret("")])
def test_refreshing_without_a_refresh_token_is_refused_with_what_to_do(refresh_token):
    with pytest.raises(NonRenewableTokenError) as caught:
        build_refresh_request(settings(), refresh_token)

    assert "authorize again" in str(caught.value)


def _decode_basic(request: HttpRequest) -> str:
    return base64.b64decode(request.header("Authorization").removeprefix("Basic ")).decode("utf-8")


def test_basic_as_rfc_6749_wants_it_is_form_encoded_before_base64():
    request = build_client_credentials_request(settings(client_id=ODD, client_secret=Secret(ODD)))
    username, password = _decode_basic(request).split(":")

    assert (unquote_plus(username), unquote_plus(password)) == (ODD, ODD)
    assert username == "a+b%2Bc%2Fd%3De%26f%25g%3Ah%2A~%C3%A9%E2%98%83"


def test_raw_basic_is_the_text_itself_in_utf8():
    odd = ODD.replace(":", "")
    request = build_client_credentials_request(settings(client_id=odd, client_secret=Secret(ODD), basic_encoding="raw"))

    assert _decode_basic(request) == f"{odd}:{ODD}"


@pytest.mark.parametrize(
    ("encoding", "user"), [("rfc6749", b"s%3Ac+%C3%A9:"), ("raw", "s:c é:".encode())], ids=["rfc6749", "raw"]
)
def test_the_secret_may_be_the_user_name_of_basic_without_a_password(encoding, user):
    given = {"client_auth": "client_secret_basic_user", "basic_encoding": encoding}

    request = build_client_credentials_request(settings(client_secret=Secret("s:c é"), **given))

    assert request.header("Authorization") == "Basic " + base64.b64encode(user).decode()
    assert request.body == b"grant_type=client_credentials"


def test_the_secret_may_be_a_bearer_token_as_it_is():
    given = settings(client_secret=Secret("sk_1+/="), client_auth="client_secret_bearer")

    request = build_client_credentials_request(given)

    assert request.header("Authorization") == "Bearer sk_1+/="
    assert request.body == b"grant_type=client_credentials"


def test_a_missing_secret_is_an_empty_password():
    assert _decode_basic(build_client_credentials_request(settings(client_secret=None))) == "ci:"


@pytest.mark.parametrize("body_format", ["form", "json"])
def test_every_parameter_arrives_as_it_is(body_format):
    request = build_refresh_request(
        settings(
            body_format=body_format,
            client_auth="client_secret_post",
            client_id=ODD,
            client_secret=Secret(ODD),
            audience=ODD,
            extra_params={ODD: ODD},
        ),
        Secret(ODD),
    )
    text = request.body.decode("ascii")
    params = dict(parse_qsl(text, keep_blank_values=True)) if body_format == "form" else json.loads(text)

    assert params == {
        "grant_type": "refresh_token",
        "refresh_token": ODD,
        "audience": ODD,
        ODD: ODD,
        "client_id": ODD,
        "client_secret": ODD,
    }


def test_settings_and_requests_show_no_secret():
    given = settings(client_secret=Secret(CANARY), refresh_token=Secret(CANARY + "2"), client_auth="client_secret_post")
    request = build_refresh_request(given, given.refresh_token)

    assert CANARY not in f"{given!r} {request!r}"
    assert CANARY in request.body.decode()


def test_the_secrets_of_the_settings_are_known():
    assert settings(refresh_token=Secret("r")).secrets == (Secret("cs"), Secret("r"))
    assert settings(client_secret=None).secrets == ()
