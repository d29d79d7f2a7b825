"""Grants given back (RFC 7009): the request on the wire, and what each answer means."""

from __future__ import annotations

import base64
import json
from urllib.parse import parse_qsl

import pytest

from airflow_provider_integry.auth.client_assertion import CLIENT_ASSERTION_TYPE, AssertionSettings
from airflow_provider_integry.auth.oauth2 import Moment, OAuth2Settings
from airflow_provider_integry.auth.revocation import (
    RevocationAnswer,
    build_revocation_request,
    is_of_same_site,
    parse_revocation,
)
from airflow_provider_integry.auth.wire import HttpResponse
from airflow_provider_integry.secret import Secret

URL = "https://auth.example.com/revoke"
TOKEN = Secret("45ghiukldjahdnhzdauz")


def settings_of(**more):
    given = {"client_id": "s6BhdRkqt3", "client_secret": Secret("gX1fBat3bV"), **more}
    return OAuth2Settings("authorization_code", "https://auth.example.com/token", **given)


def params_of(request):
    return dict(parse_qsl(request.body.decode(), strict_parsing=True))


def respond(status=200, body=b"", **headers):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return HttpResponse(status, (("Content-Type", "application/json"), *named), data, URL)


# -- the request -----------------------------------------------------------------------------------


def test_the_request_of_rfc_7009_section_2_1():
    request = build_revocation_request(settings_of(), URL, TOKEN, "refresh_token")

    assert (request.method, request.url) == ("POST", URL)
    assert request.header("Content-Type") == "application/x-www-form-urlencoded"
    assert request.header("Authorization") == "Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW"
    assert request.body == b"token=45ghiukldjahdnhzdauz&token_type_hint=refresh_token"


@pytest.mark.parametrize(
    ("client_auth", "expected"),
    [
        ("client_secret_post", {"client_id": "s6BhdRkqt3", "client_secret": "gX1fBat3bV"}),
        ("none", {"client_id": "s6BhdRkqt3"}),
    ],
)
def test_the_client_authenticates_as_at_the_token_endpoint(client_auth, expected):
    request = build_revocation_request(settings_of(client_auth=client_auth), URL, TOKEN, "access_token")

    assert request.header("Authorization") is None
    assert params_of(request) == {"token": TOKEN.reveal(), "token_type_hint": "access_token", **expected}


def test_an_assertion_of_the_client_is_for_this_endpoint_or_the_issuer(rsa_pair):
    signing = {"client_auth": "private_key_jwt", "assertion": AssertionSettings(Secret(rsa_pair.private_pem), "RS256")}
    for issuer, audience in ((None, URL), ("https://auth.example.com", "https://auth.example.com")):
        settings = settings_of(client_secret=None, issuer=issuer, **signing)
        request = build_revocation_request(settings, URL, TOKEN, "refresh_token", Moment(now=1e9, unique="u"))
        params = params_of(request)
        claims = params["client_assertion"].split(".")[1]
        decoded = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        assert (params["client_assertion_type"], decoded["aud"]) == (CLIENT_ASSERTION_TYPE, audience)


def test_what_is_declared_for_token_requests_is_not_sent():
    settings = settings_of(
        extra_params={"extra": "1"}, audience="a", resource="https://r.example", method="GET", body_format="json"
    )
    request = build_revocation_request(settings, URL, TOKEN, "refresh_token")
    assert params_of(request) == {"token": TOKEN.reveal(), "token_type_hint": "refresh_token"}


def test_no_secret_is_in_the_repr_of_the_request():
    shown = repr(build_revocation_request(settings_of(client_auth="client_secret_post"), URL, TOKEN, "refresh_token"))
    assert TOKEN.reveal() not in shown
    assert "gX1fBat3bV" not in shown


# -- the answer ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "response",
    [
        respond(),
        respond(200, b"ok"),
        respond(204),
        respond(200, {"ok": True, "revoked": True}),
        # Services that tell of tokens they do not know, where RFC 7009 wants a 200.
        respond(400, {"error": "invalid_token", "error_description": "Token expired or revoked"}),
        respond(200, {"ok": False, "error": "token_revoked"}),
    ],
)
def test_a_token_that_is_of_no_use_any_more_is_given_back(response):
    assert parse_revocation(response) == RevocationAnswer("done")


@pytest.mark.parametrize(
    ("response", "verdict", "said"),
    [
        (respond(400, {"error": "unsupported_token_type"}), "unsupported", "'unsupported_token_type'"),
        (respond(401, {"error": "invalid_client", "error_description": "who?"}), "refused", "'invalid_client' (who?)"),
        (respond(400, {"error": "invalid_grant"}), "refused", "status 400 'invalid_grant'"),
        (respond(404, b"<html>"), "refused", "status 404 (no error code"),
        (respond(307, Location="https://elsewhere.example"), "refused", "status 307"),
        (respond(200, {"ok": False, "error": "invalid_auth"}), "refused", "'invalid_auth'"),
        (respond(500), "later", "status 500"),
        (respond(429), "later", "status 429"),
    ],
)
def test_every_other_answer_says_why(response, verdict, said):
    found = parse_revocation(response)
    assert found.verdict == verdict
    assert said in found.detail


@pytest.mark.parametrize(
    ("value", "wait_s"),
    [("7", 7.0), ("Sun, 06 Nov 1994 08:49:47 GMT", 10.0), ("soon", None)],
)
def test_a_server_that_is_busy_says_when_to_come_back(value, wait_s):
    found = parse_revocation(respond(503, Retry_After=value), now=784111777.0)
    assert (found.verdict, found.retry_after_s) == ("later", wait_s)


def test_a_server_that_echoes_the_token_puts_it_into_no_message():
    body = {"error": f"bad {TOKEN.reveal()}", "error_description": f"token {TOKEN.reveal()} is not yours"}
    found = parse_revocation(respond(400, body), sent=(TOKEN,))
    assert TOKEN.reveal() not in repr(found)
    assert "***" in found.detail


# -- where it may go -------------------------------------------------------------------------------

OWN = ("https://oauth.platform.intuit.example/token", None, "https://auth.shop.co.uk", "https://127.0.0.1:8443/token")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://oauth.platform.intuit.example/revoke", True),
        ("https://developer.api.intuit.example/revoke", True),
        ("https://INTUIT.example./revoke", True),
        ("https://127.0.0.1:9443/revoke", True),
        ("https://api.shop.co.uk/revoke", True),
        ("https://other.co.uk/revoke", False),
        ("https://evilintuit.example/revoke", False),
        ("https://intuit.example.evil.net/revoke", False),
        ("https://127.0.0.2/revoke", False),
        ("https://1.127.0.0.1/revoke", False),
        ("https://example/revoke", False),
        ("https://[::1]/revoke", False),
    ],
)
def test_a_token_goes_back_to_the_site_that_gave_it_and_nowhere_else(url, expected):
    assert is_of_same_site(url, OWN) is expected
