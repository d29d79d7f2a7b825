"""Consent by OAuth 1.0a, played by hand: what is sent, and what is made of answers and callbacks."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integry import errors
from airflow_provider_integry.auth import oauth1
from airflow_provider_integry.auth.credentials import OAuth1
from airflow_provider_integry.auth.grants import obtain_token
from airflow_provider_integry.auth.oauth1_consent import (
    OAuth1Consent,
    TemporaryToken,
    build_access_request,
    build_oauth1_authorize_url,
    build_temporary_request,
    check_oauth1_callback,
    find_callback_token,
    parse_access,
    parse_temporary,
)
from airflow_provider_integry.auth.wire import HttpResponse
from airflow_provider_integry.secret import Secret

CALLBACK = "http://printer.example.com/ready"
TEMPORARY = TemporaryToken(Secret("hh5s93j4hdidpola"), Secret("hdhd0244k9j7ao03"))
VERIFIER = Secret("hfdp7dh39dks9884")
FORM = (("Content-Type", "application/x-www-form-urlencoded"),)
GOOD = {"oauth_token": "hh5s93j4hdidpola", "oauth_token_secret": "hdhd0244k9j7ao03", "oauth_callback_confirmed": "true"}


def settings(**more):
    placement = more.pop("placement", "header")
    values = {
        "consumer": OAuth1("dpf43f3p2l4k3l03", Secret("kd94hf93k423kf44"), realm="Photos", placement=placement),
        "request_url": "https://photos.example.net/initiate",
        "authorize_url": "https://photos.example.net/authorize",
        "access_url": "https://photos.example.net/token",
        **more,
    }
    return OAuth1Consent(**values)


PHOTOS = settings()


def answer(body, status=200, headers=FORM):
    text = body if isinstance(body, str | bytes) else urlencode(body)
    raw = text if isinstance(text, bytes) else text.encode()
    return HttpResponse(status, tuple(headers), raw, "https://photos.example.net/initiate?secret=no")


def as_json(data, status=200):
    return answer(json.dumps(data), status, (("Content-Type", "application/json"),))


def header_of(request):
    return {name: unquote(value) for name, value in re.findall(r'(\w+)="([^"]*)"', request.header("Authorization"))}


# -- requests --------------------------------------------------------------------------------------------


@pytest.fixture
def as_in_the_rfc(monkeypatch):
    """Leave `oauth_version` out, which is optional and missing in RFC 5849's examples."""
    whole = oauth1._Client.get_oauth_params
    monkeypatch.setattr(
        oauth1._Client,
        "get_oauth_params",
        lambda self, request: [pair for pair in whole(self, request) if pair[0] != "oauth_version"],
    )


@pytest.mark.usefixtures("as_in_the_rfc")
def test_o1_the_request_for_temporary_credentials_is_rfc_5849s():
    request = build_temporary_request(settings(), CALLBACK, timestamp=137131200, nonce="wIjqoS")

    assert (request.method, request.url, request.body) == ("POST", "https://photos.example.net/initiate", b"")
    assert header_of(request) == {
        "realm": "Photos",
        "oauth_consumer_key": "dpf43f3p2l4k3l03",
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": "137131200",
        "oauth_nonce": "wIjqoS",
        "oauth_callback": "http://printer.example.com/ready",
        "oauth_signature": "74KNZJeDHnMBp0EMJ9ZHt/XKycU=",
    }


@pytest.mark.usefixtures("as_in_the_rfc")
def test_o2_the_request_for_the_token_is_rfc_5849s():
    request = build_access_request(settings(), TEMPORARY, VERIFIER, timestamp=137131201, nonce="walatlh")

    assert (request.method, request.url) == ("POST", "https://photos.example.net/token")
    assert header_of(request) == {
        "realm": "Photos",
        "oauth_consumer_key": "dpf43f3p2l4k3l03",
        "oauth_token": "hh5s93j4hdidpola",
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": "137131201",
        "oauth_nonce": "walatlh",
        "oauth_verifier": "hfdp7dh39dks9884",
        "oauth_signature": "gKgrFCywp7rO0OXSjdot/IHF7IU=",
    }


@pytest.mark.parametrize("placement", ["header", "query", "body"])
def test_the_callback_goes_where_the_other_parameters_go(placement):
    request = build_temporary_request(settings(placement=placement), CALLBACK, timestamp=1, nonce="n")

    texts = {
        "header": request.header("Authorization") or "",
        "query": urlsplit(request.url).query,
        "body": (request.body or b"").decode(),
    }
    assert [name for name, text in texts.items() if "oauth_callback=" in text] == [placement]


def test_endpoints_can_be_called_by_get_and_keep_their_query():
    wanted = settings(method="GET", request_url="https://photos.example.net/initiate?scope=a%20b")
    request = build_temporary_request(wanted, CALLBACK, timestamp=1, nonce="n")

    assert (request.method, request.url, request.body) == ("GET", wanted.request_url, None)


def test_the_consent_page_gets_the_token_beside_its_own_and_the_declared_parameters():
    wanted = settings(
        authorize_url="https://photos.example.net/authorize?lang=de&q=a%2Fb#top",
        authorize_params={"scope": "read,write", "name": "Ada & co"},
    )
    parts = urlsplit(build_oauth1_authorize_url(wanted, TEMPORARY))

    assert parts.query.startswith("lang=de&q=a%2Fb&")
    assert parse_qsl(parts.query)[2:] == [
        ("scope", "read,write"),
        ("name", "Ada & co"),
        ("oauth_token", "hh5s93j4hdidpola"),
    ]


# -- temporary credentials -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "response",
    [
        answer(GOOD),
        answer(GOOD, 201),
        answer(GOOD, 200, [("Content-Type", "text/plain; charset=utf-8")]),
        answer(GOOD, 200, []),
        answer(GOOD, 200, [("Content-Type", "text/html")]),
        answer(b"\xef\xbb\xbf" + urlencode(GOOD).encode() + b"&\r\n"),
        answer({**GOOD, "oauth_problem": "", "login_url": "https://www.example.com/?a=1&b=2"}),
        answer({**GOOD, "oauth_callback_confirmed": "True"}),
        as_json(GOOD),
        as_json({**GOOD, "oauth_callback_confirmed": True, "more": {"deep": [1]}}),
    ],
)
def test_temporary_credentials_are_read_from_what_services_send(response):
    assert parse_temporary(response, settings()) == TEMPORARY


@pytest.mark.parametrize("confirmed", [None, "", "false", "0", "yes"])
def test_an_answer_that_does_not_confirm_the_callback_is_refused_unless_declared(confirmed):
    values = {name: value for name, value in GOOD.items() if name != "oauth_callback_confirmed"}
    response = answer(values if confirmed is None else {**values, "oauth_callback_confirmed": confirmed})

    with pytest.raises(errors.TokenResponseError, match=r"oauth_callback_confirmed.*unconfirmed_callback"):
        parse_temporary(response, settings())
    assert parse_temporary(response, settings(accepts_unconfirmed=True)) == TEMPORARY


@pytest.mark.parametrize(
    ("response", "said"),
    [
        (answer({**GOOD, "oauth_token": ""}), "no 'oauth_token'"),
        (answer({"oauth_token": "a", "oauth_callback_confirmed": "true"}), "no 'oauth_token_secret'"),
        (answer("oauth_token=a&oauth_token=b&oauth_token_secret=c"), "'oauth_token' is there twice"),
        (
            answer("oauth_token=a&oauth_token_secret=c&oauth_callback_confirmed=true&oauth_callback_confirmed=false"),
            "there twice",
        ),
        (answer('{"oauth_token": "a", "oauth_token": "b"}', 200, ()), "there twice"),
        (answer("<html><body>Welcome</body></html>"), "no form"),
        (answer(""), "no form"),
        (answer(b"\xff\xfe"), "no form"),
        (answer("[1]"), "no form"),
        (answer("[" * 100_000), "no form"),
        (answer("a=1&" * 101 + urlencode(GOOD)), "no form"),
        (answer(urlencode(GOOD) + "&x=" + "y" * 70_000), "no form"),
        (answer("Everything is fine."), "no form"),
        (answer(GOOD, 302), "redirects are not followed"),
    ],
)
def test_an_answer_without_credentials_is_refused_and_says_what_is_wrong(response, said):
    with pytest.raises(errors.TokenResponseError, match=said):
        parse_temporary(response, settings())


# -- refusals --------------------------------------------------------------------------------------------

CHALLENGE = 'OAuth realm="x", oauth_problem="{}", oauth_problem_advice="Look at it"'
REFUSALS = [
    (answer("", 401), errors.ConsumerRefusedError, errors.ConsentUsedUpError),
    (answer("Invalid signature", 401, [("Content-Type", "text/plain")]), errors.ConsumerRefusedError, None),
    (answer({"oauth_problem": "consumer_key_unknown"}, 400), errors.ConsumerRefusedError, errors.ConsumerRefusedError),
    (answer({"oauth_problem": "signature_invalid"}, 200), errors.ConsumerRefusedError, errors.ConsumerRefusedError),
    (answer({"oauth_problem": "timestamp_refused"}, 401), errors.ConsumerRefusedError, errors.ConsumerRefusedError),
    (
        answer("", 401, [("WWW-Authenticate", CHALLENGE.format("nonce_used"))]),
        errors.ConsumerRefusedError,
        errors.ConsumerRefusedError,
    ),
    (answer({"oauth_problem": "token_rejected"}, 401), errors.ConsumerRefusedError, errors.ConsentUsedUpError),
    (answer({"oauth_problem": "verifier_invalid"}, 400), None, errors.ConsentUsedUpError),
    (answer({"oauth_problem": "permission_denied"}, 403), None, errors.ConsentUsedUpError),
    (
        as_json({"errors": [{"code": 32, "message": "Could not authenticate you."}]}, 401),
        errors.ConsumerRefusedError,
        errors.ConsentUsedUpError,
    ),
    (answer({"error": "invalid_request", "error_description": "Missing callback URI."}, 400), None, None),
    (as_json({"error": {"code": 7, "message": "No."}}, 400), None, None),
    (
        answer("<html>Bad gateway</html>", 502, ()),
        errors.TokenEndpointUnavailableError,
        errors.TokenEndpointUnavailableError,
    ),
    (
        answer("", 503, [("Retry-After", "7")]),
        errors.TokenEndpointUnavailableError,
        errors.TokenEndpointUnavailableError,
    ),
    (answer("slow down", 429, ()), errors.TokenEndpointUnavailableError, errors.TokenEndpointUnavailableError),
]


@pytest.mark.parametrize(("response", "kind", "later"), REFUSALS)
def test_a_refusal_is_one_class_per_cause(response, kind, later):
    with pytest.raises(errors.TokenEndpointError) as first:
        parse_temporary(response, settings())
    with pytest.raises(errors.TokenEndpointError) as second:
        parse_access(response, settings(), TEMPORARY, VERIFIER)

    if kind:
        assert type(first.value) is kind
    if later:
        assert type(second.value) is later
    assert first.value.retryable is (kind is errors.TokenEndpointUnavailableError)


def test_a_refusal_tells_the_services_code_and_words():
    with pytest.raises(errors.ConsumerRefusedError, match=r"401 'nonce_used' \(Look at it\)\. Check consumer key"):
        parse_temporary(answer("", 401, [("WWW-Authenticate", CHALLENGE.format("nonce_used"))]), PHOTOS)
    with pytest.raises(errors.TokenEndpointError, match=r"400 'invalid_request' \(Missing callback URI\.\)"):
        parse_temporary(
            answer({"error": "invalid_request", "error_description": "Missing callback URI."}, 400), settings()
        )


@pytest.mark.parametrize("secret", ["kd94hf93k423kf44", "hdhd0244k9j7ao03", "hh5s93j4hdidpola", "hfdp7dh39dks9884"])
@pytest.mark.parametrize(
    "shape",
    [
        lambda text: answer({"oauth_problem": text, "oauth_problem_advice": f"key was {text}"}, 401),
        lambda text: answer(f"Base string {text}&{text}", 401, [("Content-Type", "text/plain")]),
        lambda text: as_json({"errors": [{"message": f"got {text}"}]}, 400),
        lambda text: answer("", 401, [("WWW-Authenticate", CHALLENGE.format(text))]),
        lambda text: answer({text: "1"}),
        lambda text: answer("x" * 150 + text * 2_000, 400, [("Content-Type", "text/plain")]),
    ],
)
def test_no_refusal_repeats_a_secret_or_is_endless(shape, secret):
    with pytest.raises(errors.AuthorizationError) as caught:
        parse_access(shape(secret), settings(), TEMPORARY, VERIFIER)

    assert secret not in str(caught.value)
    assert len(str(caught.value)) < 700


# -- the callback ----------------------------------------------------------------------------------------


def test_a_callback_with_our_token_brings_the_verifier():
    params = {"oauth_token": "hh5s93j4hdidpola", "oauth_verifier": "hfdp7dh39dks9884", "realmId": "9130"}

    assert check_oauth1_callback(params, TEMPORARY, conn_id="acme") == VERIFIER
    assert check_oauth1_callback(list(params.items()), TEMPORARY, conn_id="acme") == VERIFIER


OURS = ("oauth_token", "hh5s93j4hdidpola")
YES = ("oauth_verifier", "hfdp7dh39dks9884")


@pytest.mark.parametrize(
    "params",
    [
        [],
        [OURS],
        [YES],
        [OURS, ("oauth_verifier", "")],
        [("oauth_token", ""), YES],
        [("oauth_token", "hh5s93j4hdidpolA"), YES],
        [("oauth_token", "hh5s93j4hdidpola "), YES],
        [("oauth_token", "hh5s93j4hdidpolá"), YES],
        [OURS, OURS, YES],
        [OURS, ("oauth_token", "other"), YES],
        [OURS, YES, ("oauth_verifier", "other")],
        [OURS, YES, ("x", "1"), ("x", "1")],
        [OURS, ("oauth_verifier", "v" * 9_000)],
        [OURS, YES, *((f"x{number}", "") for number in range(200))],
        [("denied", "someone-elses-token")],
        [("oauth_token", "other"), ("denied", "hh5s93j4hdidpola")],
        [("oauth_token", "other"), ("oauth_problem", "user_refused")],
        [("oauth_token", "other"), ("oauth_verifier", "denied")],
    ],
)
def test_a_callback_that_is_not_ours_alone_is_refused_without_repeating_it(params):
    with pytest.raises(errors.CallbackError) as caught:
        check_oauth1_callback(params, TEMPORARY, conn_id="acme")

    assert not any(value in str(caught.value) for _, value in params if len(value) > 8)


@pytest.mark.parametrize(
    ("params", "token"),
    [
        ({"oauth_token": "a", "oauth_verifier": "v"}, "a"),
        ({"oauth_token": "a", "denied": "b"}, "a"),
        ({"denied": "b"}, "b"),
        ({"denied": "true"}, None),
        ({"oauth_token": "", "error": "x"}, None),
        ({}, None),
    ],
)
def test_a_callback_names_the_token_of_its_consent(params, token):
    assert find_callback_token(params) == token


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ([("denied", "hh5s93j4hdidpola")], "access_denied"),
        ([OURS, ("denied", "true")], "access_denied"),
        ([OURS, ("oauth_problem", "permission_denied")], "permission_denied"),
        ([OURS, ("oauth_verifier", "denied")], "access_denied"),
        ([OURS, YES, ("error", "access_denied"), ("error_description", "Not today")], "access_denied"),
        ([("error", "server_error")], "server_error"),
    ],
)
def test_a_no_is_told_as_such(params, code):
    with pytest.raises(errors.ConsentDeniedError) as caught:
        check_oauth1_callback(params, TEMPORARY, conn_id="acme")

    assert (caught.value.conn_id, caught.value.error) == ("acme", code)


def test_what_a_no_says_is_short_and_on_one_line():
    said = "<script>alert(1)</script>\n" * 3_000
    with pytest.raises(errors.CallbackError):
        check_oauth1_callback([OURS, ("error", said)], TEMPORARY, conn_id="acme")
    with pytest.raises(errors.ConsentDeniedError) as caught:
        check_oauth1_callback(
            [OURS, ("error", said[:5_000]), ("error_description", said[:5_000])], TEMPORARY, conn_id="acme"
        )

    assert len(str(caught.value)) < 500
    assert "\n" not in str(caught.value)


@given(
    st.lists(
        st.tuples(st.sampled_from(["oauth_token", "oauth_verifier", "denied", "error", "x"]), st.text()), max_size=6
    )
)
def test_whatever_a_browser_brings_is_answered_by_an_error_of_ours_or_our_own_verifier(params):
    try:
        found = check_oauth1_callback(params, TEMPORARY, conn_id="acme")
    except (errors.CallbackError, errors.ConsentDeniedError):
        return
    assert OURS in params
    assert ("oauth_verifier", found.reveal()) in params


# -- the token -------------------------------------------------------------------------------------------


def test_the_token_comes_with_its_secret_and_with_what_else_the_service_tells():
    told = {
        "oauth_token": "nnch734d00sl2jdk",
        "oauth_token_secret": "pfkkdhi9sl3r4s00",
        "user_id": "38895958",
        "screen_name": "Ada é",
        "oauth_expires_in": "3600",
    }
    found = parse_access(answer(told), settings(), TEMPORARY, VERIFIER)

    assert found.token.access_token == Secret("nnch734d00sl2jdk")
    assert found.token.token_secret == Secret("pfkkdhi9sl3r4s00")
    assert (found.token.expires_at, found.token.refresh_token, found.token.token_type) == (None, None, "OAuth")
    assert found.answer == {"user_id": "38895958", "screen_name": "Ada é", "oauth_expires_in": "3600"}


def test_a_json_answer_tells_numbers_and_switches_as_texts_and_nothing_nested():
    told = {"oauth_token": "a", "oauth_token_secret": "b", "user_id": 7, "pro": True, "user": {"id": 1}, "none": None}
    found = parse_access(as_json(told), settings(), TEMPORARY, VERIFIER)

    assert found.answer == {"user_id": "7", "pro": "true"}


def test_values_without_end_are_not_kept():
    told = {"oauth_token": "a", "oauth_token_secret": "b", "long": "x" * 5_000, "n" * 200: "1", "id": "7"}

    assert parse_access(answer(told), settings(), TEMPORARY, VERIFIER).answer == {"id": "7"}


def test_an_empty_token_secret_is_none():
    with pytest.raises(errors.TokenResponseError, match="no 'oauth_token_secret'"):
        parse_access(answer({"oauth_token": "a", "oauth_token_secret": ""}), settings(), TEMPORARY, VERIFIER)


@given(st.binary(max_size=200), st.sampled_from([200, 201, 302, 400, 401, 403, 500]))
def test_whatever_a_service_sends_is_answered_by_an_error_of_ours(body, status):
    response = answer(body, status, ())
    for parse in (
        lambda: parse_temporary(response, settings()),
        lambda: parse_access(response, settings(), TEMPORARY, VERIFIER),
    ):
        with pytest.raises(errors.AuthorizationError):
            parse()


def test_the_token_signs_with_the_applications_own_settings():
    wanted = settings(
        consumer=OAuth1("key", Secret("secret"), signature_method="HMAC-SHA256", realm="R", placement="query")
    )
    token = parse_access(answer({"oauth_token": "a", "oauth_token_secret": "b"}), wanted, TEMPORARY, VERIFIER).token

    assert wanted.credentials(token) == OAuth1(
        "key", Secret("secret"), Secret("a"), Secret("b"), "HMAC-SHA256", realm="R", placement="query"
    )


def test_no_conversation_obtains_such_a_token():
    steps = obtain_token(settings(), refresh_token=None, endpoint=None, now=lambda: 0.0, unique=lambda: "u")
    with pytest.raises(errors.NonRenewableTokenError):
        next(steps)


def test_nothing_shows_a_secret():
    found = parse_access(
        answer({"oauth_token": "aaaaaaaa", "oauth_token_secret": "bbbbbbbb"}), settings(), TEMPORARY, VERIFIER
    )
    shown = repr((settings(), TEMPORARY, found))

    assert not any(text in shown for text in ("kd94hf93k423kf44", "hdhd0244k9j7ao03", "aaaaaaaa", "bbbbbbbb"))
