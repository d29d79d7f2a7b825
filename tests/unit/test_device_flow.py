"""The device flow (RFC 8628): what is asked, what is shown, and how often the token endpoint is asked."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import parse_qsl

import pytest

from airflow_provider_integry.auth.device_flow import (
    DeviceCode,
    Polling,
    build_device_request,
    judge_poll,
    parse_device_answer,
)
from airflow_provider_integry.auth.oauth2 import OAuth2Settings, build_device_token_request
from airflow_provider_integry.auth.token import Token
from airflow_provider_integry.auth.wire import HttpResponse
from airflow_provider_integry.errors import (
    ConsentDeniedError,
    DeviceCodeExpiredError,
    InvalidClientError,
    TokenEndpointUnavailableError,
    TokenResponseError,
)
from airflow_provider_integry.secret import Secret

URL = "https://auth.example.com/device_authorization"
NOW = 1_700_000_000.0
CODE = Secret("GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS")
SETTINGS = OAuth2Settings(
    "authorization_code",
    "https://auth.example.com/token",
    "1406020730",
    client_auth="none",
    scopes=("example_scope", "another"),
)
# The example of RFC 8628 section 3.2.
ANSWER = {
    "device_code": CODE.reveal(),
    "user_code": "WDJB-MJHT",
    "verification_uri": "https://example.com/device",
    "verification_uri_complete": "https://example.com/device?user_code=WDJB-MJHT",
    "expires_in": 1800,
    "interval": 5,
}
POLLING = Polling(5.0, NOW + 1800.0, "crm")


def respond(body, status=200, **headers):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return HttpResponse(status, (("Content-Type", "application/json"), *named), data, URL)


def params_of(request):
    return dict(parse_qsl(request.body.decode(), strict_parsing=True))


def parse(**changes):
    answer = {name: value for name, value in {**ANSWER, **changes}.items() if value is not ...}
    return parse_device_answer(respond(answer), requested_at=NOW)


def poll(body, status=400, polling=POLLING, **headers):
    return judge_poll(respond(body, status, **headers), polling, SETTINGS, CODE, requested_at=NOW)


# -- the code --------------------------------------------------------------------------------------


def test_the_request_of_rfc_8628_section_3_1():
    request = build_device_request(SETTINGS, URL)
    assert (request.method, request.url) == ("POST", URL)
    assert params_of(request) == {"client_id": "1406020730", "scope": "example_scope another"}


def test_a_client_with_a_secret_authenticates_and_names_what_it_is_for():
    settings = replace(
        SETTINGS,
        client_auth="client_secret_basic",
        client_secret=Secret("s"),
        audience="aud",
        resource="https://r.example",
    )
    request = build_device_request(settings, URL)
    assert request.header("Authorization") == "Basic MTQwNjAyMDczMDpz"
    assert params_of(request) == {
        "client_id": "1406020730",
        "scope": "example_scope another",
        "audience": "aud",
        "resource": "https://r.example",
    }


def test_the_answer_of_rfc_8628_section_3_2():
    assert parse() == DeviceCode(
        CODE,
        "WDJB-MJHT",
        "https://example.com/device",
        "https://example.com/device?user_code=WDJB-MJHT",
        NOW + 1800.0,
        5.0,
    )
    assert CODE.reveal() not in repr(parse())


def test_the_other_spelling_of_the_address_is_understood():
    found = parse(
        verification_uri=..., verification_uri_complete=..., verification_url="https://www.google.example/device"
    )
    assert (found.verification_uri, found.verification_uri_complete) == ("https://www.google.example/device", None)


@pytest.mark.parametrize(
    ("told", "interval_s"),
    [(..., 5.0), (None, 5.0), ("10", 10.0), (0, 1.0), (-3, 1.0), (1e9, 300.0), ("often", 5.0), (float("nan"), 5.0)],
)
def test_without_an_interval_it_is_five_seconds_and_never_none_at_all(told, interval_s):
    assert parse(interval=told).interval_s == interval_s


@pytest.mark.parametrize(("told", "life_s"), [(..., 1800.0), (600, 600.0), ("600", 600.0), (1e12, 86_400.0), (-1, 1.0)])
def test_a_code_lives_as_long_as_the_service_says_within_reason(told, life_s):
    assert parse(expires_in=told).expires_at == NOW + life_s


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"device_code": ...}, "no device_code"),
        ({"device_code": ""}, "no device_code"),
        ({"device_code": 7}, "no device_code"),
        ({"user_code": ...}, "user_code"),
        ({"user_code": "A" * 65}, "user_code"),
        ({"user_code": "AB\x1b[2J"}, "user_code"),
        ({"user_code": "\u0410\u0412-12"}, "user_code"),
        ({"verification_uri": ...}, "no verification_uri"),
        ({"verification_uri": "http://example.com/device"}, "uses http"),
        ({"verification_uri": "javascript:alert(1)"}, "can be called"),
        ({"verification_uri": "https://example.com@evil.net/"}, "user info"),
        ({"verification_uri": "https://example.com/\x1b[2J"}, "control character"),
        ({"verification_uri_complete": "file:///etc/passwd"}, "can be called"),
    ],
)
def test_an_answer_that_nobody_can_use_safely_is_refused(changes, said):
    with pytest.raises(TokenResponseError, match=said):
        parse(**changes)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"nul", {}])
def test_an_answer_that_is_none_is_refused(body):
    with pytest.raises(TokenResponseError):
        parse_device_answer(respond(body), requested_at=NOW)


def test_a_refusal_says_what_the_token_endpoint_would_say():
    with pytest.raises(InvalidClientError):
        parse_device_answer(respond({"error": "invalid_client"}, 401), requested_at=NOW)
    with pytest.raises(TokenEndpointUnavailableError):
        parse_device_answer(respond(b"", 503), requested_at=NOW)


# -- polling ---------------------------------------------------------------------------------------


def test_the_request_of_rfc_8628_section_3_4():
    request = build_device_token_request(SETTINGS, CODE)
    assert params_of(request) == {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": CODE.reveal(),
        "client_id": "1406020730",
    }


def test_nobody_has_decided_yet():
    assert poll({"error": "authorization_pending"}) == POLLING


def test_slow_down_means_five_seconds_more_for_good():
    slower = poll({"error": "slow_down"})
    slowest = poll({"error": "slow_down"}, polling=slower)
    again = poll({"error": "authorization_pending"}, polling=slowest)
    assert [slower.interval_s, slowest.interval_s, again.interval_s] == [10.0, 15.0, 15.0]


@pytest.mark.parametrize("code", ["access_denied", "authorization_declined"])
def test_a_denial_ends_it(code):
    with pytest.raises(ConsentDeniedError) as caught:
        poll({"error": code, "error_description": f"No, {CODE.reveal()}"})
    assert (caught.value.error, caught.value.conn_id) == ("access_denied", "crm")
    assert CODE.reveal() not in str(caught.value)


def test_a_code_that_has_expired_ends_it():
    with pytest.raises(DeviceCodeExpiredError, match="crm"):
        poll({"error": "expired_token"})
    POLLING.check(POLLING.expires_at - 0.1)
    with pytest.raises(DeviceCodeExpiredError):
        POLLING.check(POLLING.expires_at)


def test_without_an_answer_it_is_asked_half_as_often():
    steps = [POLLING]
    for _ in range(8):
        steps.append(steps[-1].backed_off())
    assert [one.interval_s for one in steps] == [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0, 300.0]


@pytest.mark.parametrize(("retry_after", "interval_s"), [(None, 10.0), ("60", 60.0), ("3", 10.0)])
def test_a_server_that_is_down_is_asked_less_often(retry_after, interval_s):
    headers = {"Retry_After": retry_after} if retry_after else {}
    assert poll(b"", 503, **headers) == replace(POLLING, interval_s=interval_s)


def test_the_token_arrives():
    found = poll({"access_token": "a-1", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "r-1"}, 200)
    assert isinstance(found, Token)
    assert (found.access_token.reveal(), found.refresh_token.reveal(), found.expires_at) == ("a-1", "r-1", NOW + 3600.0)


def test_any_other_refusal_ends_it():
    with pytest.raises(InvalidClientError):
        poll({"error": "invalid_client"}, 401)
    with pytest.raises(TokenResponseError):
        poll({"hello": "world"}, 200)
