"""Credentials refuse what could not be sent, and show no secret."""

from __future__ import annotations

import dataclasses

import pytest

from airflow_provider_integry.auth.credentials import (
    ApiKey,
    ApiKeyPair,
    Basic,
    BearerToken,
    Carriers,
    OAuth1,
    carriers_of,
    check_header_name,
    check_header_text,
    check_no_controls,
    secrets_of,
)
from airflow_provider_integry.errors import CredentialFormatError
from airflow_provider_integry.secret import Secret

CANARY = "canary-5f0c9e1b77"

# What no header value may hold, at the beginning, in the middle and at the end.
BAD_HEADER_TEXTS = [
    "",
    "\r\nX-Evil: 1",
    "a\rb",
    "a\nb",
    "a\x00b",
    "a\x7fb",
    "a\x1bb",
    "a\n",
    "a\r",
    "a\r\n",
    "\na",
    " a",
    "a ",
    "\ta",
    "a\t",
    " ",
    "é",
    "☃",
    "a\u2028b",
    "a\u00a0b",
    "a\ud800b",
]
CONTROLS = ["a\rb", "a\nb", "a\x00b", "a\x7fb", "a\x1bb", "\na", "a\n", "a\tb"]


@pytest.mark.parametrize("text", BAD_HEADER_TEXTS)
def test_text_that_no_header_can_carry_is_refused(text):
    with pytest.raises(CredentialFormatError) as caught:
        check_header_text(text, "Header")

    assert caught.value.what == "Header"


@pytest.mark.parametrize("text", ["a", "a b", "a\tb", "Bearer abc", "~!@#$%^&*()_+{}|:<>?`-=[]\\;',./\""])
def test_printable_ascii_is_a_header_value(text):
    assert check_header_text(text, "Header") == text


@pytest.mark.parametrize(
    "name", ["", "X Key", "X-Key:", "X-Key\n", "X-Key\r\n", "\nX-Key", "X-Schlüssel", "X\x00", "(x)"]
)
def test_text_that_is_no_header_name_is_refused(name):
    with pytest.raises(CredentialFormatError):
        check_header_name(name, "Header name")


@pytest.mark.parametrize("name", ["X-Api-Key", "authorization", "x", "X_Key.1", "!#$%&'*+-.^_`|~09azAZ"])
def test_every_token_of_rfc_9110_is_a_header_name(name):
    assert check_header_name(name, "Header name") == name


@pytest.mark.parametrize("text", CONTROLS)
def test_control_characters_are_refused_where_any_other_text_is_allowed(text):
    with pytest.raises(CredentialFormatError):
        check_no_controls(text, "Password")


@pytest.mark.parametrize("text", ["", " ", " é☃ ", "\u00a0", "a\x85b"])
def test_spaces_and_other_alphabets_are_allowed_in_passwords(text):
    assert check_no_controls(text, "Password") == text


@pytest.mark.parametrize("text", [text for text in BAD_HEADER_TEXTS if text])
@pytest.mark.parametrize(
    "make",
    [
        lambda text: ApiKey(Secret(text)),
        lambda text: ApiKey(Secret(text), "cookie", "sid"),
        lambda text: ApiKeyPair(Secret(text), Secret("b")),
        lambda text: ApiKeyPair(Secret("a"), Secret(text)),
        lambda text: BearerToken(Secret(text), prefix=""),
        lambda text: OAuth1("ck", Secret("cs"), realm=text),
    ],
    ids=["key in header", "key in cookie", "key of a pair", "secret of a pair", "token", "realm"],
)
def test_a_credential_that_goes_into_a_header_refuses_what_no_header_carries(make, text):
    with pytest.raises(CredentialFormatError):
        make(text)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ApiKey(Secret("")),
        lambda: ApiKeyPair(Secret(""), Secret("b")),
        lambda: ApiKeyPair(Secret("a"), Secret("")),
        lambda: BearerToken(Secret("")),
        lambda: ApiKey(Secret(""), prefix="Bearer "),
        lambda: BearerToken(Secret(""), prefix="Token token="),
        lambda: OAuth1("", Secret("cs")),
        lambda: ApiKey(Secret("k"), "query", ""),
        lambda: ApiKey(Secret(""), "query", "key"),
        lambda: ApiKey(Secret(""), "cookie", "key"),
    ],
)
def test_an_empty_credential_is_refused(make):
    with pytest.raises(CredentialFormatError):
        make()


@pytest.mark.parametrize("text", CONTROLS)
@pytest.mark.parametrize(
    "make",
    [
        lambda text: ApiKey(Secret(text), "query", "key"),
        lambda text: Basic(text, Secret("p")),
        lambda text: Basic("u", Secret(text)),
    ],
    ids=["key in query", "user name", "password"],
)
def test_a_credential_that_is_encoded_refuses_control_characters(make, text):
    with pytest.raises(CredentialFormatError):
        make(text)


@pytest.mark.parametrize("text", ["é", "☃", " spaces ", "a&b=c", "100%"])
@pytest.mark.parametrize(
    "make",
    [
        lambda text: ApiKey(Secret(text), "query", "key"),
        lambda text: Basic(text, Secret("p")),
        lambda text: Basic("u", Secret(text)),
    ],
    ids=["key in query", "user name", "password"],
)
def test_a_credential_that_is_encoded_may_hold_any_other_text(make, text):
    make(text)


@pytest.mark.parametrize(
    "make",
    [
        lambda text: ApiKey(Secret(text), "query", "key"),
        lambda text: Basic(text, Secret("p")),
        lambda text: Basic("u", Secret(text)),
        lambda text: OAuth1(text, Secret("cs")),
        lambda text: OAuth1("ck", Secret(text)),
        lambda text: OAuth1("ck", Secret("cs"), Secret(text)),
        lambda text: OAuth1("ck", Secret("cs"), Secret("t"), Secret(text)),
    ],
)
def test_text_that_has_no_utf8_form_is_refused(make):
    with pytest.raises(CredentialFormatError):
        make("a\ud800b")


@pytest.mark.parametrize("text", ["a;b", "a,b", 'a"b', "a b", "a\\b"])
def test_a_key_in_a_cookie_refuses_what_ends_a_cookie(text):
    with pytest.raises(CredentialFormatError):
        ApiKey(Secret(text), "cookie", "sid")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Basic("a:b", Secret("p")),
        lambda: ApiKeyPair(Secret("a"), Secret("b"), "X-Key", "x-key"),
        lambda: OAuth1("ck", Secret("cs"), realm='a"b'),
        lambda: OAuth1("ck", Secret("cs"), realm="a\\b"),
        lambda: OAuth1("ck", Secret(""), signature_method="RSA-SHA1"),
        lambda: OAuth1("ck", Secret(""), signature_method="RSA-SHA256", private_key=Secret("")),
        lambda: ApiKey(Secret("k"), name="X Key"),
        lambda: ApiKey(Secret("k"), "cookie", "a=b"),
        lambda: ApiKey(Secret("k"), prefix="Bearer\r\n"),
        lambda: BearerToken(Secret("k"), name="X:Key"),
        lambda: BearerToken(Secret("k"), prefix="é "),
        lambda: ApiKeyPair(Secret("a"), Secret("b"), "X Key", "Y"),
        lambda: ApiKeyPair(Secret("a"), Secret("b"), "X", "Y\n"),
    ],
)
def test_a_combination_that_cannot_work_is_refused(make):
    with pytest.raises(CredentialFormatError):
        make()


ALL = [
    ApiKey(Secret(CANARY)),
    ApiKey(Secret(CANARY), "query", "key"),
    ApiKey(Secret(CANARY), "cookie", "sid"),
    ApiKeyPair(Secret(CANARY), Secret(CANARY + "2")),
    Basic(CANARY, Secret(CANARY + "2")),
    BearerToken(Secret(CANARY)),
    OAuth1("ck", Secret(CANARY), Secret(CANARY + "2"), Secret(CANARY + "3")),
    OAuth1("ck", Secret(""), signature_method="RSA-SHA1", private_key=Secret(CANARY)),
]


@pytest.mark.parametrize("credential", ALL, ids=lambda one: type(one).__name__)
def test_no_credential_shows_its_secrets(credential):
    shown = f"{credential!r} {credential!s} {credential} {dataclasses.replace(credential)!r}"

    assert CANARY not in shown
    assert type(credential).__name__ in shown


@pytest.mark.parametrize("credential", ALL, ids=lambda one: type(one).__name__)
def test_credentials_cannot_be_changed(credential):
    name = dataclasses.fields(credential)[0].name

    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(credential, name, Secret("other"))


@pytest.mark.parametrize(
    "make",
    [
        lambda: ApiKey(Secret(f"{CANARY}\r\n")),
        lambda: ApiKey(Secret(f"{CANARY};"), "cookie", "sid"),
        lambda: ApiKey(Secret(f"{CANARY}\x00"), "query", "key"),
        lambda: ApiKeyPair(Secret(f" {CANARY}"), Secret("b")),
        lambda: Basic(f"{CANARY}:", Secret("p")),
        lambda: Basic("u", Secret(f"{CANARY}\n")),
        lambda: BearerToken(Secret(f"{CANARY}é")),
    ],
)
def test_a_refusal_does_not_repeat_the_credential(make):
    with pytest.raises(CredentialFormatError) as caught:
        make()

    assert CANARY not in str(caught.value)
    assert CANARY not in repr(caught.value)


@pytest.mark.parametrize(
    ("credential", "headers", "query"),
    [
        (ApiKey(Secret("k")), {"authorization"}, set()),
        (ApiKey(Secret("k"), name="X-Api-Key"), {"x-api-key"}, set()),
        (ApiKey(Secret("k"), "query", "Api_Key"), set(), {"Api_Key"}),
        (ApiKey(Secret("k"), "cookie", "sid"), {"cookie"}, set()),
        (ApiKeyPair(Secret("k"), Secret("s"), "X-Id", "X-Sec"), {"x-id", "x-sec"}, set()),
        (Basic("u", Secret("p")), {"authorization"}, set()),
        (BearerToken(Secret("t")), {"authorization"}, set()),
        (BearerToken(Secret("t"), "X-Token", ""), {"x-token"}, set()),
        (OAuth1("ck", Secret("cs")), {"authorization"}, set()),
    ],
)
def test_the_places_that_a_credential_occupies_are_known(credential, headers, query):
    assert carriers_of(credential) == Carriers(frozenset(headers), frozenset(query))


@pytest.mark.parametrize(
    ("credential", "expected"),
    [
        (ApiKey(Secret("k")), ["k"]),
        (ApiKeyPair(Secret("k"), Secret("s")), ["k", "s"]),
        (Basic("u", Secret("p")), ["p"]),
        (BearerToken(Secret("t")), ["t"]),
        (OAuth1("ck", Secret("cs")), ["cs"]),
        (OAuth1("ck", Secret("cs"), Secret("t"), Secret("ts"), private_key=Secret("pem")), ["cs", "t", "ts", "pem"]),
        (OAuth1("ck", Secret(""), signature_method="RSA-SHA1", private_key=Secret("pem")), ["pem"]),
    ],
)
def test_the_secrets_of_a_credential_are_known(credential, expected):
    assert [secret.reveal() for secret in secrets_of(credential)] == expected
