"""Token endpoints answer in many shapes; each is read, or refused with one class per cause."""

from __future__ import annotations

import base64
import dataclasses
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integry import errors
from airflow_provider_integry.auth.token import (
    Token,
    TokenShape,
    parse_number,
    parse_scopes,
    parse_token_response,
    read_jwt_expiry,
)
from airflow_provider_integry.auth.wire import HttpResponse
from airflow_provider_integry.errors import AuthorizationError, ConfigurationError, TokenResponseError
from airflow_provider_integry.secret import Secret

NOW = 1_800_000_000.0
URL = "https://auth.example.com/token?client_secret=in-the-query"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
CANARY = "canary-5f0c9e1b77"


def answer(body, content_type=JSON, status=200, headers=()):
    data = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    typed = (("Content-Type", content_type),) if content_type else ()
    return HttpResponse(status, (*typed, *headers), data, URL)


def parse(body, content_type=JSON, status=200, headers=(), **kwargs):
    return parse_token_response(answer(body, content_type, status, headers), requested_at=NOW, **kwargs)


def fake_jwt(claims) -> str:
    head, body = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in ({"alg": "none"}, claims)
    )
    return f"{head}.{body}.c2ln"


def test_the_answer_of_rfc_6749_section_5_1():
    token = parse(
        {
            "access_token": "2YotnFZFEjr1zCsicMWpAA",
            "token_type": "example",
            "expires_in": 3600,
            "refresh_token": "tGzv3JOkF0XG5Qx2TlKWIA",
            "example_parameter": "example_value",
        }
    )

    assert token == Token(
        Secret("2YotnFZFEjr1zCsicMWpAA"), NOW + 3600, Secret("tGzv3JOkF0XG5Qx2TlKWIA"), None, "example"
    )


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("access_token=t1&scope=a&token_type=bearer", FORM),
        ("access_token=t1&scope=a&token_type=bearer", "text/plain"),
        ("access_token=t1&scope=a&token_type=bearer", "text/plain; charset=utf-8"),
        ("access_token=t1&scope=a&token_type=bearer", "text/html"),
        ("access_token=t1&scope=a&token_type=bearer", None),
        ("\r\naccess_token=t1&scope=a&token_type=bearer\r\n", FORM),
        ('{"access_token": "t1", "scope": "a", "token_type": "bearer"}', "text/plain"),
        ('{"access_token": "t1", "scope": "a", "token_type": "bearer"}', "text/html"),
        ('{"access_token": "t1", "scope": "a", "token_type": "bearer"}', "application/vnd.api+json; charset=UTF-8"),
        ('{"access_token": "t1", "scope": "a", "token_type": "bearer"}', "APPLICATION/JSON"),
        ('{"access_token": "t1", "scope": "a", "token_type": "bearer"}', None),
        ('\ufeff{"access_token": "t1", "scope": "a", "token_type": "bearer"}', JSON),
        ('\n  {"access_token": "t1", "scope": "a", "token_type": "bearer"}  \n', JSON),
    ],
)
def test_the_body_is_read_by_what_it_is_whatever_it_is_called(body, content_type):
    token = parse(body, content_type)

    assert (token.access_token.reveal(), token.scopes, token.token_type) == ("t1", ("a",), "bearer")


@pytest.mark.parametrize("status", [200, 201, 202, 203])
def test_every_success_status_is_a_success(status):
    assert parse({"access_token": "t1"}, status=status).access_token.reveal() == "t1"


@pytest.mark.parametrize(
    "body",
    [
        {"access_token": "t1"},
        {"accessToken": "t1"},
        {"token": "t1"},
        {"jwt": "t1"},
        {"id_token": "t1"},
        {"data": {"access_token": "t1"}},
        {"ok": True, "data": {"token": "t1"}, "meta": {"page": 1}},
        {"error": None, "access_token": "t1"},
        {"error": "", "access_token": "t1"},
        {"error": False, "access_token": "t1"},
        {"errors": [], "access_token": "t1"},
        {"status": "success", "access_token": "t1"},
        {"ok": True, "access_token": "t1"},
        {"access_token": "t1", "token": "t2"},
        {"access_token": "", "token": "t1"},
        {"access_token": None, "token": "t1"},
        {"access_token": "t1", "user": {"token": "t2"}},
    ],
)
def test_the_token_is_found_in_its_usual_places(body):
    assert parse(body).access_token.reveal() == "t1"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [("t1.abc_-~+/=", "text/plain"), ('"t1.abc_-~+/="', JSON), ("t1.abc_-~+/=\n", None), ("t1.abc_-~+/=", FORM)],
)
def test_a_body_that_is_nothing_but_the_token_is_the_token(body, content_type):
    assert parse(body, content_type).access_token.reveal() == "t1.abc_-~+/="


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("authed_user.access_token", {"ok": True, "authed_user": {"access_token": "t1"}}, "t1"),
        ("tokens[0].value", {"tokens": [{"value": "t1"}]}, "t1"),
        ('"odd key"', {"odd key": "t1", "access_token": "t2"}, "t1"),
        ("@", '"t1"', "t1"),
    ],
)
def test_a_path_says_where_the_token_is(path, body, expected):
    assert parse(body, shape=TokenShape(path)).access_token.reveal() == expected


def test_refresh_token_and_lifetime_are_taken_from_beside_the_token():
    token = parse({"data": {"accessToken": "t1", "refreshToken": "r1", "expiresIn": 60, "scopes": ["a"]}})

    assert token == Token(Secret("t1"), NOW + 60, Secret("r1"), ("a",))


def test_refresh_token_and_lifetime_are_taken_from_beside_the_token_that_a_path_names():
    body = {
        "ok": True,
        "access_token": "bot",
        "expires_in": 10,
        "refresh_token": "bot-refresh",
        "authed_user": {"access_token": "user", "expires_in": 60, "refresh_token": "user-refresh", "scope": "a,b"},
    }

    token = parse(body, shape=TokenShape("authed_user.access_token"))

    assert token == Token(Secret("user"), NOW + 60, Secret("user-refresh"), ("a", "b"))


def test_what_surrounds_the_token_counts_when_it_has_no_token_of_its_own():
    body = {"expires_in": 60, "refresh_token": "r1", "data": {"value": "t1"}}

    token = parse(body, shape=TokenShape("data.value"))

    assert token == Token(Secret("t1"), NOW + 60, Secret("r1"))


@pytest.mark.parametrize(
    ("lifetime", "expected"),
    [
        (3600, NOW + 3600),
        ("3600", NOW + 3600),
        (" 3600 ", NOW + 3600),
        (3600.0, NOW + 3600),
        ("3600.5", NOW + 3600.5),
        (1, NOW + 1),
        ("3.6e3", NOW + 3600),
        (0, None),
        ("0", None),
        (-1, None),
        ("-3600", None),
        (None, None),
        ("", None),
        ("never", None),
        (True, None),
        (False, None),
        ([], None),
        ([3600], None),
        ({"s": 3600}, None),
        ("1e400", None),
        ("-1e400", None),
        ("nan", None),
        ("inf", None),
        (10**400, None),
        (1_900_000_000, 1_900_000_000),
        ("1900000000", 1_900_000_000),
        (1_900_000_000_000, 1_900_000_000),
        ("2027-06-01T00:00:00Z", 1811808000),
    ],
)
def test_a_lifetime_is_read_from_whatever_it_is_and_is_unknown_otherwise(lifetime, expected):
    assert parse({"access_token": "t1", "expires_in": lifetime}).expires_at == expected


@pytest.mark.parametrize("literal", ["1e400", "-1e400", "NaN", "Infinity", "1" + "0" * 5000])
def test_a_lifetime_no_number_can_hold_is_unknown_or_refused_with_a_typed_error(literal):
    try:
        token = parse(f'{{"access_token": "t1", "expires_in": {literal}}}')
    except TokenResponseError:
        return
    assert token.expires_at is None


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("expires_at", 1_900_000_000, 1_900_000_000),
        ("expires_at", "1900000000", 1_900_000_000),
        ("expires_at", 1_900_000_000.5, 1_900_000_000.5),
        ("expires_at", 1_900_000_000_000, 1_900_000_000),
        ("expiresAt", "2027-06-01T00:00:00Z", 1811808000),
        ("expires_at", "2027-06-01T00:00:00", 1811808000),
        ("expires_at", "2027-06-01 00:00:00", 1811808000),
        ("expires_at", "2027-06-01T02:00:00+02:00", 1811808000),
        ("expires_at", "2027-06-01T00:00:00.000Z", 1811808000),
        ("expires_on", 1_900_000_000, 1_900_000_000),
        ("expiration", "2027-06-01T00:00:00Z", 1811808000),
        ("expires", 3600, NOW + 3600),
        ("expires", 1_900_000_000, 1_900_000_000),
        ("expires", "2027-06-01T00:00:00Z", 1811808000),
        ("expires_at", "soon", None),
        ("expires_at", "", None),
        ("expires_at", "0001-01-01T00:00:00+23:59", None),
        ("expires_at", "9999-12-31T23:59:59-23:59", 253402387139),
    ],
)
def test_a_moment_is_read_in_seconds_milliseconds_or_as_a_date(name, value, expected):
    assert parse({"access_token": "t1", name: value}).expires_at == expected


def test_a_lifetime_is_preferred_to_a_moment_because_clocks_differ():
    assert parse({"access_token": "t1", "expires_at": 1_900_000_000, "expires_in": 60}).expires_at == NOW + 60


def test_a_moment_is_used_when_the_lifetime_is_no_number():
    assert parse({"access_token": "t1", "expires_in": "", "expires_at": 1_900_000_000}).expires_at == 1_900_000_000


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"exp": 1_900_000_000}, 1_900_000_000),
        ({"exp": "1900000000"}, 1_900_000_000),
        ({"exp": 1_900_000_000.5}, 1_900_000_000.5),
        ({}, None),
        ({"exp": None}, None),
        ({"exp": True}, None),
        ({"exp": "later"}, None),
        ([1], None),
        ("x", None),
    ],
)
def test_without_any_expiry_the_tokens_own_is_taken(claims, expected):
    token = fake_jwt(claims)

    assert parse({"token": token}).expires_at == expected
    assert read_jwt_expiry(token) == expected


@pytest.mark.parametrize(
    "text", ["", "a", "a.b", "a.b.c", "a.b.c.d", "..", "é.é.é", "a.!!!.c", "a." + "W" * 50_000 + ".c"]
)
def test_what_is_no_jwt_has_no_expiry(text):
    assert read_jwt_expiry(text) is None


def test_the_answers_expiry_is_preferred_to_the_tokens_own():
    assert parse({"token": fake_jwt({"exp": 1_900_000_000}), "expires_in": 60}).expires_at == NOW + 60


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("data.ttl", {"token": "t1", "data": {"ttl": 60}}, NOW + 60),
        ("session.until", {"token": "t1", "session": {"until": "2027-06-01T00:00:00Z"}}, 1811808000),
        ("data.ttl", {"token": "t1", "expires_in": 60}, None),
    ],
)
def test_a_path_says_where_the_expiry_is(path, body, expected):
    assert parse(body, shape=TokenShape(None, path)).expires_at == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"access_token": "t1"}, NOW + 1800),
        ({"access_token": "t1", "expires_in": 0}, NOW + 1800),
        ({"access_token": "t1", "expires_in": 60}, NOW + 60),
    ],
)
def test_the_connections_lifetime_counts_only_when_the_answer_tells_none(body, expected):
    assert parse(body, shape=TokenShape(default_lifetime_s=1800)).expires_at == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a b", ("a", "b")),
        ("a,b", ("a", "b")),
        ("a, b", ("a", "b")),
        (["a", "b"], ("a", "b")),
        ("", ()),
        ([], ()),
        (None, None),
        (7, None),
        ({"a": 1}, None),
    ],
)
def test_scopes_are_a_list_whatever_separates_them(value, expected):
    assert parse_scopes(value) == expected
    assert parse({"access_token": "t1", "scope": value}).scopes == expected


def test_scopes_that_are_not_told_are_unknown():
    assert parse({"access_token": "t1"}).scopes is None


@pytest.mark.parametrize("token_type", ["bearer", "BEARER", "JWT", "User Access Token", "mac", "é"])
def test_any_token_type_is_accepted(token_type):
    assert parse({"access_token": "t1", "token_type": token_type}).token_type == token_type


@pytest.mark.parametrize("token_type", [None, "", 7, ["Bearer"]])
def test_a_token_type_that_is_not_told_is_bearer(token_type):
    assert parse({"access_token": "t1", "token_type": token_type}).token_type == "Bearer"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"access_token": "t1"}, "old"),
        ({"access_token": "t1", "refresh_token": None}, "old"),
        ({"access_token": "t1", "refresh_token": ""}, "old"),
        ({"access_token": "t1", "refresh_token": "old"}, "old"),
        ({"access_token": "t1", "refresh_token": "new"}, "new"),
    ],
)
def test_a_refresh_token_that_is_left_out_is_kept(body, expected):
    assert parse(body, previous_refresh_token=Secret("old")).refresh_token == Secret(expected)


def test_there_is_no_refresh_token_where_there_never_was_one():
    assert parse({"access_token": "t1"}).refresh_token is None


REFUSALS = [
    ({"error": "invalid_request"}, 400, errors.InvalidRequestError),
    ({"error": "invalid_client"}, 401, errors.InvalidClientError),
    ({"error": "invalid_client"}, 400, errors.InvalidClientError),
    ({"error": "invalid_grant"}, 400, errors.InvalidGrantError),
    ({"error": "invalid_grant"}, 401, errors.InvalidGrantError),
    ({"error": "INVALID_GRANT"}, 400, errors.InvalidGrantError),
    ({"error": "unauthorized_client"}, 400, errors.UnauthorizedClientError),
    ({"error": "unsupported_grant_type"}, 400, errors.UnsupportedGrantTypeError),
    ({"error": "invalid_scope"}, 400, errors.InvalidScopeError),
    # An error inside a 200.
    ({"error": "bad_verification_code", "error_description": "d", "error_uri": "u"}, 200, errors.InvalidGrantError),
    ({"error": "incorrect_client_credentials"}, 200, errors.InvalidClientError),
    ({"error": "redirect_uri_mismatch"}, 200, errors.TokenEndpointError),
    ({"ok": False, "error": "invalid_grant"}, 200, errors.InvalidGrantError),
    ({"ok": False, "error": "token_revoked"}, 200, errors.InvalidGrantError),
    ({"ok": False}, 200, errors.TokenEndpointError),
    ({"success": False, "message": "no"}, 200, errors.TokenEndpointError),
    ({"error": "invalid_grant", "access_token": "t1"}, 200, errors.InvalidGrantError),
    ({"errors": [{"message": "bad"}]}, 200, errors.TokenEndpointError),
    ({"errors": ["bad"]}, 400, errors.TokenEndpointError),
    ({"error": {"code": 190, "type": "OAuthException", "message": "expired"}}, 400, errors.TokenEndpointError),
    ({"error": {"code": 401, "status": "invalid_grant"}}, 400, errors.InvalidGrantError),
    ({"error": 7}, 200, errors.TokenEndpointError),
    # Errors without the key `error`.
    ({"status": "BAD_REFRESH_TOKEN", "message": "missing or invalid refresh token"}, 400, errors.InvalidGrantError),
    ({"message": "Unauthorized"}, 401, errors.InvalidClientError),
    ({}, 401, errors.InvalidClientError),
    ({}, 403, errors.TokenEndpointError),
    ({"access_token": "t1"}, 400, errors.TokenEndpointError),
    # Not available now.
    ({"error": "temporarily_unavailable"}, 400, errors.TokenEndpointUnavailableError),
    ({"error": "slow_down"}, 400, errors.TokenEndpointUnavailableError),
    ({"error": "server_error"}, 200, errors.TokenEndpointUnavailableError),
    ({}, 429, errors.TokenEndpointUnavailableError),
    ({"error": "rate_limited"}, 429, errors.TokenEndpointUnavailableError),
    ({}, 500, errors.TokenEndpointUnavailableError),
    ({"error": "whatever"}, 503, errors.TokenEndpointUnavailableError),
    ({}, 408, errors.TokenEndpointUnavailableError),
    # Redirects are not followed.
    ("", 302, errors.TokenResponseError),
    ("", 307, errors.TokenResponseError),
]


@pytest.mark.parametrize(("body", "status", "expected"), REFUSALS)
def test_each_cause_of_a_refusal_has_its_class(body, status, expected):
    with pytest.raises(AuthorizationError) as caught:
        parse(body, status=status)

    assert type(caught.value) is expected
    assert caught.value.status == status
    assert caught.value.url == "https://auth.example.com/token?client_secret=***"
    assert "in-the-query" not in str(caught.value)


@pytest.mark.parametrize("error", [cls for _, _, cls in REFUSALS])
def test_only_an_endpoint_that_is_not_available_is_worth_asking_again(error):
    assert error.retryable is (error is errors.TokenEndpointUnavailableError)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [("error=bad_verification_code&error_description=The+code", FORM), ("error=bad_verification_code", "text/plain")],
)
def test_an_error_in_a_form_is_an_error(body, content_type):
    with pytest.raises(errors.InvalidGrantError) as caught:
        parse(body, content_type)

    assert caught.value.error == "bad_verification_code"


@pytest.mark.parametrize(
    ("body", "content_type", "status", "expected"),
    [
        ("<html><body>Bad Gateway</body></html>", "text/html", 502, errors.TokenEndpointUnavailableError),
        ("<html><body>Bad Gateway</body></html>", JSON, 503, errors.TokenEndpointUnavailableError),
        ("upstream connect error", "text/plain", 503, errors.TokenEndpointUnavailableError),
        ("", None, 504, errors.TokenEndpointUnavailableError),
        ("<html>login</html>", "text/html", 200, errors.TokenResponseError),
        ("<html>not here</html>", "text/html", 404, errors.TokenEndpointError),
        ("", JSON, 200, errors.TokenResponseError),
        ("", None, 204, errors.TokenResponseError),
        ("{", JSON, 200, errors.TokenResponseError),
        ('{"access_token": "t1"', JSON, 200, errors.TokenResponseError),
        ("[]", JSON, 200, errors.TokenResponseError),
        ('[{"access_token": "t1"}]', JSON, 200, errors.TokenResponseError),
        ("null", JSON, 200, errors.TokenResponseError),
        ("true", JSON, 200, errors.TokenResponseError),
        ("42", JSON, 200, errors.TokenResponseError),
        ('""', JSON, 200, errors.TokenResponseError),
        ("{}", JSON, 200, errors.TokenResponseError),
        ({"access_token": ""}, JSON, 200, errors.TokenResponseError),
        ({"access_token": None}, JSON, 200, errors.TokenResponseError),
        ({"access_token": 7}, JSON, 200, errors.TokenResponseError),
        ({"access_token": ["t1"]}, JSON, 200, errors.TokenResponseError),
        ({"a": {"token": "t1"}, "b": {"token": "t2"}}, JSON, 200, errors.TokenResponseError),
        ("two words", "text/plain", 200, errors.TokenResponseError),
        ("scope=a&token_type=bearer", FORM, 200, errors.TokenResponseError),
        (b"\xff\xfe\x00", "application/octet-stream", 500, errors.TokenEndpointUnavailableError),
        ("[" * 100_000, JSON, 200, errors.TokenResponseError),
        ('{"a":' * 100_000, JSON, 200, errors.TokenResponseError),
    ],
)
def test_an_answer_without_a_token_is_refused_with_status_and_content_type(body, content_type, status, expected):
    with pytest.raises(AuthorizationError) as caught:
        parse(body, content_type, status)

    assert type(caught.value) is expected
    assert str(status) in str(caught.value)
    if status != 404:
        assert (content_type or "no content type") in str(caught.value)


def test_a_token_given_twice_with_different_values_is_refused():
    with pytest.raises(TokenResponseError):
        parse('{"access_token": "t1", "access_token": "t2"}')


@pytest.mark.parametrize(
    "body",
    ['{"access_token": "t1", "access_token": "t1"}', '{"scope": "a", "scope": "b", "access_token": "t1"}'],
)
def test_other_keys_may_be_given_twice(body):
    assert parse(body).access_token.reveal() == "t1"


def test_a_token_path_that_names_nothing_is_refused_and_named():
    with pytest.raises(TokenResponseError) as caught:
        parse({"access_token": "t1"}, shape=TokenShape("data.token"))

    assert "data.token" in caught.value.problem


def test_a_token_path_that_does_not_fit_the_answer_is_a_typed_error():
    with pytest.raises(ConfigurationError):
        parse({"access_token": 7}, shape=TokenShape("length(access_token)"))


@pytest.mark.parametrize(
    ("value", "expected"), [("120", 120.0), ("0", 0.0), ("", None), ("soon", None), ("9" * 400, None), ("-1", None)]
)
def test_the_wait_that_a_throttling_endpoint_asks_for_is_kept(value, expected):
    with pytest.raises(errors.TokenEndpointUnavailableError) as caught:
        parse({}, status=429, headers=(("Retry-After", value),))

    assert caught.value.retry_after_s == expected


def _everything(outcome) -> str:
    if isinstance(outcome, Token):
        return f"{outcome} {outcome!r}"
    return f"{outcome} {outcome!r} {outcome.args} {vars(outcome)} {outcome.__cause__!r}"


def _outcome(*args, **kwargs) -> Token | AuthorizationError | ConfigurationError:
    """Return the token, or the error of one of the two kinds that are allowed."""
    try:
        return parse(*args, **kwargs)
    except (AuthorizationError, ConfigurationError) as error:
        return error


@pytest.mark.parametrize(
    "body",
    [
        {"error": "invalid_client", "error_description": f"wrong secret {CANARY}"},
        {"error": "invalid_client", "error_description": f"wrong header {CANARY}%26"},
        {"error": CANARY},
        {"error": f"unknown client {CANARY}"},
        {"error": {"type": CANARY, "message": CANARY}},
        {"ok": False, "message": f"refresh_token={CANARY}"},
        {"errors": [{"message": CANARY}]},
        {"errors": [CANARY]},
        {"message": {"deep": [CANARY]}},
        {"error": "x", "error_description": " " * 3995 + CANARY},
        {"error": "x", "error_description": "a\r\nb " + CANARY + "\x00"},
        f"error=invalid_client&error_description={CANARY}",
        f"<html>{CANARY}</html>",
        CANARY,
    ],
)
@pytest.mark.parametrize("status", [200, 400, 401, 500])
def test_a_server_that_echoes_the_secret_does_not_bring_it_into_an_error(body, status):
    outcome = _outcome(body, "text/html", status, sent=[Secret(CANARY)])

    assert CANARY not in _everything(outcome)
    if isinstance(outcome, Token):
        assert (body, status) == (CANARY, 200)
    else:
        assert "\n" not in str(outcome)
        assert len(str(outcome)) < 700


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ({"tokn": CANARY}, JSON),
        ({"access_token": [CANARY]}, JSON),
        (f"{CANARY} {CANARY}", "text/plain"),
        (f"x={CANARY}", FORM),
        (f"{CANARY}&x=y", FORM),
        ({CANARY: "x"}, JSON),
        ({"a": {"token": CANARY}, "b": {"token": CANARY}}, JSON),
    ],
)
def test_an_answer_that_is_not_understood_does_not_bring_its_values_into_an_error(body, content_type):
    with pytest.raises(TokenResponseError) as caught:
        parse(body, content_type, sent=[Secret(CANARY)])

    assert CANARY not in _everything(caught.value)


def test_an_error_code_of_the_server_has_an_end():
    with pytest.raises(errors.TokenEndpointError) as caught:
        parse({"error": "word " * 1000, "error_description": "word " * 1000}, status=400)

    assert len(caught.value.error) <= 80
    assert len(caught.value.description) <= 200


def test_a_token_does_not_show_itself():
    token = parse({"access_token": CANARY, "refresh_token": CANARY + "2"})

    assert CANARY not in repr(token)
    assert CANARY not in str(dataclasses.asdict(token))


@pytest.mark.parametrize(
    ("expires_at", "now", "leeway_s", "expected"),
    [
        (None, math.inf, 0, False),
        (100.0, 99.9, 0, False),
        (100.0, 100.0, 0, True),
        (100.0, 100.1, 0, True),
        (100.0, 40.0, 60, True),
        (100.0, 39.9, 60, False),
    ],
)
def test_a_token_is_expired_from_the_very_second_on(expires_at, now, leeway_s, expected):
    assert Token(Secret("t"), expires_at).is_expired(now, leeway_s) is expected


def test_a_fingerprint_belongs_to_the_access_token_alone():
    one, other = Token(Secret("t1"), 1.0, Secret("r1")), Token(Secret("t1"), 2.0, Secret("r2"))

    assert one.fingerprint == other.fingerprint == Secret("t1").fingerprint()
    assert Token(Secret("t2")).fingerprint != one.fingerprint


@pytest.mark.parametrize(("value", "expected"), [(1, 1.0), ("1", 1.0), (True, None), ("x", None), (b"1", None)])
def test_numbers_are_read_from_numbers_and_text(value, expected):
    assert parse_number(value) == expected


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
TOKEN_KEYS = st.sampled_from(
    [
        "access_token",
        "token",
        "expires_in",
        "expires_at",
        "error",
        "error_description",
        "ok",
        "scope",
        "token_type",
        "refresh_token",
        "errors",
        "status",
        "message",
        "data",
    ]
)
SHAPES = st.sampled_from([None, TokenShape(), TokenShape("data.token", "data.exp", 60), TokenShape("@")])
STATUS = st.sampled_from([200, 201, 204, 301, 400, 401, 403, 404, 429, 500, 502, 503])
TYPES = st.sampled_from([None, JSON, FORM, "text/plain", "text/html", "application/octet-stream", ";", "é"])


def _parse_or_typed_error(body, content_type, status, shape):
    outcome = _outcome(body, content_type, status, shape=shape, sent=[Secret(CANARY)])

    assert CANARY not in _everything(outcome)
    if isinstance(outcome, Token):
        assert outcome.access_token.reveal()
        assert outcome.expires_at is None or math.isfinite(outcome.expires_at)
        assert outcome.is_expired(NOW) in (True, False)


@given(st.binary(max_size=200), TYPES, STATUS, SHAPES)
def test_random_bytes_give_a_token_or_a_typed_error(body, content_type, status, shape):
    _parse_or_typed_error(body, content_type, status, shape)


@given(st.dictionaries(TOKEN_KEYS, JSON_VALUES, max_size=6), TYPES, STATUS, SHAPES)
def test_random_objects_give_a_token_or_a_typed_error(body, content_type, status, shape):
    _parse_or_typed_error(json.dumps(body), content_type, status, shape)


@given(st.text(alphabet='{}[]":,&=%. \n\ufeffae1<', max_size=60), TYPES, STATUS, SHAPES)
def test_random_punctuation_gives_a_token_or_a_typed_error(body, content_type, status, shape):
    _parse_or_typed_error(body.encode(), content_type, status, shape)


@pytest.mark.parametrize(
    ("unit_s", "lifetime", "seconds"),
    [(0.001, 2_592_000_000, 2_592_000), (0.001, 3_600_000, 3600), (60.0, 90, 5400), (1.0, 3600, 3600)],
)
def test_a_lifetime_counts_in_its_declared_unit_however_long_it_is(unit_s, lifetime, seconds):
    body = json.dumps({"access_token": "t", "expires_in": lifetime}).encode()
    response = HttpResponse(200, (("Content-Type", "application/json"),), body, "https://auth.example.com/token")
    token = parse_token_response(response, requested_at=1_700_000_000.0, shape=TokenShape(unit_s=unit_s))
    assert token.expires_at == 1_700_000_000.0 + seconds
