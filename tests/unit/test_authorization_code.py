"""The authorization request and its answer, as plain values."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest

from airflow_provider_integry.auth.authorization_code import (
    build_authorization_request,
    build_authorize_url,
    build_push,
    check_callback,
    parse_push,
)
from airflow_provider_integry.auth.authorization_code_settings import CodeConsent
from airflow_provider_integry.auth.code_exchange import pick_kept
from airflow_provider_integry.auth.discovery import ServerMetadata
from airflow_provider_integry.auth.oauth2 import Moment, OAuth2Settings
from airflow_provider_integry.auth.wire import HttpResponse
from airflow_provider_integry.errors import (
    CallbackError,
    ConsentDeniedError,
    CredentialFormatError,
    InvalidRequestError,
    TokenResponseError,
    UrlNotAllowedError,
)
from airflow_provider_integry.secret import Secret

SETTINGS = OAuth2Settings("authorization_code", "https://auth.example.com/token", "ci", Secret("cs"))
CONSENT = CodeConsent("https://auth.example.com/authorize?tenant=7")
# RFC 7636 appendix B.
VERIFIER = Secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
METADATA = ServerMetadata(
    "https://auth.example.com",
    "https://auth.example.com/token",
    authorization_endpoint="https://auth.example.com/page",
    code_challenge_methods=("S256",),
)


def ask(settings=SETTINGS, consent=CONSENT, metadata=None, verifier=VERIFIER):
    return build_authorization_request(
        settings, consent, metadata, redirect_uri="https://a.example/cb", state=Secret("st"), verifier=verifier
    )


def query_of(url):
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def test_the_page_keeps_its_own_query_and_gets_the_parameters():
    url = build_authorize_url(ask())

    assert url.startswith("https://auth.example.com/authorize?tenant=7&response_type=code&client_id=ci&")
    assert query_of(url) == {
        "tenant": "7",
        "response_type": "code",
        "client_id": "ci",
        "redirect_uri": "https://a.example/cb",
        "state": "st",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
    }


@pytest.mark.parametrize(
    ("settings", "consent", "expected"),
    [
        ({"scopes": ("a", "b"), "scope_separator": ","}, {}, {"scope": "a,b"}),
        ({"resource": "urn:x"}, {"params": {"prompt": "login"}}, {"resource": "urn:x", "prompt": "login"}),
        ({}, {"response_mode": "form_post"}, {"response_mode": "form_post"}),
        ({}, {"pkce": "plain"}, {"code_challenge": VERIFIER.reveal(), "code_challenge_method": "plain"}),
        ({"param_names": {"client_id": "app_key", "state": "st8"}}, {}, {"app_key": "ci", "st8": "st"}),
        ({}, {"params": {"response_type": "code id_token"}}, {"response_type": "code id_token"}),
    ],
)
def test_what_is_declared_is_asked_for(settings, consent, expected):
    found = query_of(build_authorize_url(ask(replace(SETTINGS, **settings), replace(CONSENT, **consent))))

    assert expected.items() <= found.items()


def test_without_a_proof_key_no_challenge_is_sent():
    found = query_of(build_authorize_url(ask(consent=replace(CONSENT, pkce="none"), verifier=None)))

    assert not {"code_challenge", "code_challenge_method"} & set(found)


def test_the_issuers_page_is_taken_where_none_is_declared():
    assert ask(consent=CodeConsent(), metadata=METADATA).url == "https://auth.example.com/page"
    with pytest.raises(CredentialFormatError, match="authorize_url"):
        ask(consent=CodeConsent(), metadata=replace(METADATA, authorization_endpoint=None))
    with pytest.raises(UrlNotAllowedError, match="http"):
        ask(consent=CodeConsent("http://auth.example.com/page"))


def test_a_challenge_that_the_server_does_not_take_is_an_error_unless_another_is_declared():
    plain_only = replace(METADATA, code_challenge_methods=("plain",))

    with pytest.raises(CredentialFormatError, match="does not take; it takes plain"):
        ask(metadata=plain_only)
    assert ask(consent=replace(CONSENT, pkce="plain"), metadata=plain_only).params["code_challenge_method"] == "plain"
    assert "code_challenge" not in ask(consent=replace(CONSENT, pkce="none"), metadata=plain_only).params


def test_pushed_parameters_go_with_the_clients_authentication_and_leave_two_for_the_page():
    metadata = replace(METADATA, pushed_authorization_request_endpoint="https://auth.example.com/par")
    settings = replace(SETTINGS, extra_params={"x": "only for tokens"}, body_format="json")
    request = ask(settings, metadata=metadata)

    pushed = build_push(settings, request, Moment())
    url = build_authorize_url(request, "urn:ietf:params:oauth:request_uri:6esc", "ci")

    assert (pushed.method, pushed.url) == ("POST", "https://auth.example.com/par")
    assert pushed.header("Authorization").startswith("Basic ")
    assert dict(parse_qsl(pushed.body.decode())) == dict(request.params)
    assert query_of(url) == {"tenant": "7", "client_id": "ci", "request_uri": "urn:ietf:params:oauth:request_uri:6esc"}


def push_answer(status, body):
    return HttpResponse(status, (("Content-Type", "application/json"),), body, "https://auth.example.com/par")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"request_uri": 7}', b'{"request_uri": ""}', b"<html>"])
def test_an_answer_to_a_push_without_a_uri_is_an_error(body):
    with pytest.raises(TokenResponseError, match="request_uri"):
        parse_push(SETTINGS, push_answer(201, body))


def test_a_refused_push_says_why():
    body = b'{"error": "invalid_request", "error_description": "no such redirect URI, cs"}'
    with pytest.raises(InvalidRequestError, match="no such redirect URI") as caught:
        parse_push(SETTINGS, push_answer(400, body))
    assert "cs)" not in str(caught.value)


def check(*pairs, issuer="https://auth.example.com", is_promised=False):
    return check_callback("crm", pairs, issuer=issuer, is_issuer_promised=is_promised).reveal()


def test_a_good_callback_gives_its_code():
    assert check(("code", "c-1"), ("state", "st")) == "c-1"
    assert check(("code", "c-1"), ("iss", "https://auth.example.com"), is_promised=True) == "c-1"
    assert check(("code", "c-1"), ("iss", "https://anybody.example"), issuer=None) == "c-1"


@pytest.mark.parametrize(
    "pairs",
    [
        (),
        (("code", ""),),
        (("code", "x" * 8193),),
        (("code", "a\nb"),),
        (("code", "a"), ("code", "a")),
        (("code", "a"), ("iss", "https://auth.example.com/")),
        (("code", "a"), ("iss", "https://AUTH.example.com")),
        (("error", "access_denied"), ("iss", "https://evil.example")),
    ],
)
def test_a_callback_that_is_not_the_answer_is_refused(pairs):
    with pytest.raises(CallbackError):
        check(*pairs)


def test_an_issuer_that_was_promised_has_to_be_named():
    with pytest.raises(CallbackError, match="issuer"):
        check(("code", "a"), is_promised=True)
    with pytest.raises(CallbackError, match="issuer"):
        check(("error", "access_denied"), is_promised=True)


def test_a_no_is_told_in_the_services_words_and_bounded():
    with pytest.raises(ConsentDeniedError, match=r"not give its consent \(access_denied\)\. It says: Ada said no\.$"):
        check(("error", "access_denied"), ("error_description", "Ada said no."))
    with pytest.raises(ConsentDeniedError) as caught:
        check(("error", "e" * 5000), ("error_description", "d \x00\r\n" * 5000))
    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()


def test_what_is_kept_is_text_that_is_there():
    answer = {"url": "https://eu.example", "n": 7, "f": 1.5, "b": True, "o": {}, "long": "x" * 2049, "deep": {"a": "b"}}
    declared = {name: f"answer.{name}" for name in answer} | {
        "a": "answer.deep.a",
        "realm": "callback.realmId",
        "none": "callback.none",
        "bad": "length(answer.n)",
    }

    assert pick_kept(declared, {"realmId": "9"}, answer) == {
        "url": "https://eu.example",
        "n": "7",
        "f": "1.5",
        "a": "b",
        "realm": "9",
    }
    assert pick_kept({"x": "answer.x"}, {}, None) == {}
    assert pick_kept({}, {"a": "b"}, answer) == {}
