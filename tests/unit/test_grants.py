"""How tokens are obtained, as conversations: the server is played by hand."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from airflow_provider_integry import errors
from airflow_provider_integry.auth.client_assertion import AssertionSettings
from airflow_provider_integry.auth.dpop import ProofKey
from airflow_provider_integry.auth.grants import Obtained, obtain_token
from airflow_provider_integry.auth.jwt import JwtLogin, JwtSigning
from airflow_provider_integry.auth.oauth2 import OAuth2Settings
from airflow_provider_integry.auth.token import TokenShape
from airflow_provider_integry.auth.wire import HttpRequest, HttpResponse
from airflow_provider_integry.secret import Secret

NOW = 1_700_000_000.0
ISSUER = "https://auth.example.com/tenant"
PLACES = [
    "https://auth.example.com/.well-known/oauth-authorization-server/tenant",
    "https://auth.example.com/.well-known/openid-configuration/tenant",
    "https://auth.example.com/tenant/.well-known/openid-configuration",
]
DOCUMENT = {"issuer": ISSUER, "token_endpoint": "https://auth.example.com/tenant/token"}
TOKEN = {"access_token": "t-1", "token_type": "Bearer", "expires_in": 60}
EC_KEY = ec.generate_private_key(ec.SECP256R1())
PEM = EC_KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()


def answer(
    body: Any = TOKEN, status: int = 200, url: str = "https://auth.example.com/", **headers: str
) -> HttpResponse:
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return HttpResponse(status, (("Content-Type", "application/json"), *named), json.dumps(body).encode(), url)


def play(settings: Any, answers: Sequence[HttpResponse], **options: Any) -> tuple[list[HttpRequest], Obtained]:
    """Lead a conversation to its end; every answer has to be asked for."""
    count = itertools.count(1)
    given = {"refresh_token": None, "endpoint": None, "now": lambda: NOW, "unique": lambda: f"id-{next(count)}"}
    steps = obtain_token(settings, **(given | options))
    asked, left = [], list(answers)
    try:
        asked.append(next(steps))
        while True:
            asked.append(steps.send(left.pop(0)))
    except StopIteration as end:
        assert left == []
        return asked, end.value


def oauth2(**changes: Any) -> OAuth2Settings:
    given = {"grant_type": "client_credentials", "exchange_url": None, "client_id": "ci", "client_secret": Secret("cs")}
    return OAuth2Settings(**(given | {"issuer": ISSUER} | changes))


def test_a_signed_jwt_needs_nobody():
    asked, obtained = play(JwtSigning(Secret("x" * 32), lifetime_s=60), [])

    assert (asked, obtained.token.expires_at) == ([], NOW + 60)


@pytest.mark.parametrize("misses", [0, 1, 2])
@pytest.mark.parametrize(
    "miss",
    [answer({}, 404), answer([], 200), HttpResponse(200, (), b"<html>"), answer({}, 403), answer({}, 302)],
    ids=["404", "a list", "HTML", "403", "302"],
)
def test_each_place_is_asked_in_order_until_one_has_the_document(misses, miss):
    asked, obtained = play(oauth2(), [*[miss] * misses, answer(DOCUMENT), answer()])

    assert [request.url for request in asked] == [*PLACES[: misses + 1], DOCUMENT["token_endpoint"]]
    assert all(request.headers == (("Accept", "application/json"),) for request in asked[:-1])
    assert obtained.endpoint == DOCUMENT["token_endpoint"]


def test_an_endpoint_that_was_found_earlier_is_used_and_remembered():
    asked, obtained = play(oauth2(), [answer()], endpoint="https://auth.example.com/found")

    assert [request.url for request in asked] == ["https://auth.example.com/found"]
    assert obtained.endpoint == "https://auth.example.com/found"


def test_an_endpoint_of_the_connection_is_preferred_to_one_that_was_found():
    asked, _ = play(oauth2(exchange_url="https://auth.example.com/own"), [answer()], endpoint="https://h/found")

    assert [request.url for request in asked] == ["https://auth.example.com/own"]


def test_a_refresh_url_does_not_make_discovery_needless_for_the_first_token():
    settings = oauth2(grant_type="refresh_token", refresh_url="https://auth.example.com/refresh")

    asked, _ = play(settings, [answer(DOCUMENT), answer()], refresh_token=Secret("r"))

    assert asked[-1].url == "https://auth.example.com/refresh"


NOWHERE = answer({}, 404)


@pytest.mark.parametrize(
    ("answers", "error", "status"),
    [
        ([NOWHERE] * 3, errors.TokenResponseError, 404),
        ([answer({**DOCUMENT, "issuer": "https://evil"}), NOWHERE, NOWHERE], errors.TokenResponseError, 200),
        ([NOWHERE, answer({"issuer": ISSUER}), answer({}, 503)], errors.TokenResponseError, 200),
        ([answer({}, 503), NOWHERE, NOWHERE], errors.TokenEndpointUnavailableError, 503),
        ([NOWHERE, answer({}, 429), NOWHERE], errors.TokenEndpointUnavailableError, 429),
    ],
    ids=["nowhere", "of another issuer", "without endpoint", "down", "throttled"],
)
def test_a_document_that_is_not_there_is_an_error_of_the_place_that_says_most(answers, error, status):
    with pytest.raises(error) as caught:
        play(oauth2(), answers)
    assert caught.value.status == status


def test_a_refresh_keeps_the_refresh_token_that_the_answer_leaves_out():
    settings = oauth2(grant_type="refresh_token", exchange_url="https://h/token")

    assert play(settings, [answer()], refresh_token=Secret("r-1"))[1].token.refresh_token == Secret("r-1")


def assertion_of(request: HttpRequest, name: str) -> dict[str, Any]:
    text = parse_qs((request.body or b"").decode())[name][0]
    options = {"verify_aud": False, "verify_exp": False, "verify_iat": False}
    return jwt.decode(text, EC_KEY.public_key(), algorithms=["ES256"], options=options)


SIGNED = {"assertion": AssertionSettings(Secret(PEM), "ES256"), "exchange_url": "https://h/token"}


def test_the_audience_of_assertions_is_what_is_declared_then_the_issuer_then_the_endpoint():
    audiences = [
        assertion_of(play(settings, [answer()])[0][0], "client_assertion")["aud"]
        for settings in (
            oauth2(client_auth="private_key_jwt", **SIGNED, assertion_audience="urn:x"),
            oauth2(client_auth="private_key_jwt", **SIGNED),
            oauth2(client_auth="private_key_jwt", **SIGNED, issuer=None),
        )
    ]
    assert audiences == ["urn:x", ISSUER, "https://h/token"]


def test_a_grants_assertion_and_the_clients_have_different_ids():
    settings = oauth2(grant_type="jwt_bearer", client_auth="private_key_jwt", **SIGNED)
    request = play(settings, [answer()])[0][0]

    assert {assertion_of(request, name)["jti"] for name in ("assertion", "client_assertion")} == {"id-1", "id-1-client"}


# -- proofs (RFC 9449) -----------------------------------------------------------------------------


def proof_of(request: HttpRequest) -> dict[str, Any]:
    return jwt.decode(request.header("DPoP"), EC_KEY.public_key(), algorithms=["ES256"], options={"verify_iat": False})


WANTED = answer({"error": "use_dpop_nonce"}, 400, DPoP_Nonce="n-1")
PROOF = {"proof_key": ProofKey(EC_KEY)}


def test_a_nonce_that_is_asked_for_is_used_once_and_the_newest_is_remembered():
    settings = oauth2(client_auth="private_key_jwt", **SIGNED)

    asked, obtained = play(settings, [WANTED, answer(DPoP_Nonce="n-2")], **PROOF)

    assert [proof_of(request).get("nonce") for request in asked] == [None, "n-1"]
    assert obtained.nonce == "n-2"
    # Servers take a proof and an assertion once.
    assert len({proof_of(request)["jti"] for request in asked}) == 2
    assert len({assertion_of(request, "client_assertion")["jti"] for request in asked}) == 2


def test_a_nonce_of_an_earlier_answer_is_sent_at_once_and_kept():
    asked, obtained = play(oauth2(exchange_url="https://h/token"), [answer()], **PROOF, nonce="n-0")

    assert ([proof_of(request)["nonce"] for request in asked], obtained.nonce) == (["n-0"], "n-0")


@pytest.mark.parametrize("code", ["invalid_grant", "invalid_client", "invalid_dpop_proof"])
def test_another_refusal_that_brings_a_nonce_stands(code):
    refusal = answer({"error": code}, 400, DPoP_Nonce="n-1")

    with pytest.raises(errors.TokenEndpointError) as caught:
        play(oauth2(exchange_url="https://h/token"), [refusal], **PROOF)
    assert caught.value.error == code


def test_a_server_that_is_never_content_with_a_nonce_is_asked_twice():
    with pytest.raises(errors.TokenEndpointError) as caught:
        play(oauth2(exchange_url="https://h/token"), [WANTED, WANTED], **PROOF)
    assert caught.value.error == "use_dpop_nonce"


# -- logins ----------------------------------------------------------------------------------------


def login(**changes: Any) -> JwtLogin:
    return JwtLogin("https://h/login", "ada", Secret("p-1"), **changes)


def test_a_second_step_is_asked_with_the_first_token_and_gives_the_one_to_use():
    settings = login(second_url="https://h/second", second_body={"s": "{token}", "n": [1, {"t": "{token}"}]})

    asked, obtained = play(settings, [answer({"token": "first"}), answer({"token": "second", "expires_in": 60})])

    assert (obtained.token.access_token, obtained.token.expires_at) == (Secret("second"), NOW + 60)
    assert asked[1].header("Authorization") == "Bearer first"
    assert json.loads(asked[1].body) == {"s": "first", "n": [1, {"t": "first"}]}
    assert b"p-1" not in asked[1].body


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("Set-Cookie", "SID=s-1")], ("s-1", None)),
        ([("set-cookie", "SID=s-1; Path=/; HttpOnly; Max-Age=90")], ("s-1", 90)),
        ([("Set-Cookie", "LB=x"), ("Set-Cookie", "SID=s-1; Secure; SameSite=None")], ("s-1", None)),
        ([("Set-Cookie", "SID=;"), ("Set-Cookie", "SID=s-2")], ("s-2", None)),
        ([("Set-Cookie", "=broken"), ("Set-Cookie", "SID=s-1; Max-Age=soon")], ("s-1", None)),
        ([("Set-Cookie", "SID=s-1; Expires=Tue, 14 Nov 2023 22:14:50 GMT")], ("s-1", 90)),
        ([("Set-Cookie", "SID=old; Max-Age=90"), ("Set-Cookie", "SID=s-1")], ("s-1", None)),
    ],
)
def test_the_session_cookie_of_a_login_is_its_token(headers, expected):
    response = HttpResponse(204, tuple(headers), b"", "https://h/login")
    token = play(login(cookie_name="SID"), [response])[1].token

    life_s = None if token.expires_at is None else token.expires_at - NOW
    assert (token.access_token.reveal(), life_s) == expected


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (answer({}, 401, Set_Cookie="SID=anonymous"), errors.LoginRefusedError),
        (answer({}, 503), errors.TokenEndpointUnavailableError),
        (answer({}, 200, Set_Cookie="sid=lower-case"), errors.TokenResponseError),
        (answer({}, 200), errors.TokenResponseError),
        (answer({}, 200, Set_Cookie="SID=gone; Max-Age=0"), errors.TokenResponseError),
        (answer({}, 200, Set_Cookie="SID=gone; Expires=Thu, 01 Jan 1970 00:00:00 GMT"), errors.TokenResponseError),
    ],
)
def test_a_login_without_its_cookie_is_an_error(response, error):
    with pytest.raises(error):
        play(login(cookie_name="SID"), [response])


def test_a_cookie_without_an_age_lives_as_long_as_the_connection_says():
    settings = login(cookie_name="SID", shape=TokenShape(default_lifetime_s=1700))

    assert play(settings, [answer({}, Set_Cookie="SID=s")])[1].token.expires_at == NOW + 1700
