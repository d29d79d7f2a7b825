"""Credentials are put on requests exactly where they belong."""

from __future__ import annotations

import base64
from urllib.parse import parse_qsl, urlsplit

import pytest

from airflow_provider_integry.auth.apply import apply, encode_basic
from airflow_provider_integry.auth.credentials import ApiKey, ApiKeyPair, Basic, BearerToken, OAuth1, carriers_of
from airflow_provider_integry.auth.wire import HttpRequest, HttpResponse, redact_url
from airflow_provider_integry.errors import CredentialFormatError
from airflow_provider_integry.secret import Secret

CANARY = "canary-5f0c9e1b77"
URL = "https://api.example.com/v1/contacts"
GET = HttpRequest("GET", URL, (("Accept", "application/json"),))


def signed(credentials, request=GET):
    return apply(request, credentials, timestamp=1_700_000_000, nonce="n0nce")


@pytest.mark.parametrize(
    ("credentials", "expected"),
    [
        (ApiKey(Secret("k1"), prefix="Bearer "), [("Authorization", "Bearer k1")]),
        (ApiKey(Secret("k1")), [("Authorization", "k1")]),
        (ApiKey(Secret("k1"), prefix="Token token="), [("Authorization", "Token token=k1")]),
        (ApiKey(Secret("k1"), name="X-Api-Key"), [("X-Api-Key", "k1")]),
        (ApiKey(Secret("k1"), "cookie", "sid"), [("Cookie", "sid=k1")]),
        (ApiKeyPair(Secret("k1"), Secret("s1")), [("X-Api-Key", "k1"), ("X-Api-Secret", "s1")]),
        (Basic("ada", Secret("pw")), [("Authorization", "Basic YWRhOnB3")]),
        (BearerToken(Secret("t1")), [("Authorization", "Bearer t1")]),
        (BearerToken(Secret("t1"), "X-Access-Token", ""), [("X-Access-Token", "t1")]),
    ],
)
def test_a_credential_adds_its_headers_and_changes_nothing_else(credentials, expected):
    assert signed(credentials) == HttpRequest("GET", URL, (("Accept", "application/json"), *expected))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://h/x", "https://h/x?api_key=k1"),
        ("https://h/x?a=1", "https://h/x?a=1&api_key=k1"),
        ("https://h/x?a=%20b+c&b", "https://h/x?a=%20b+c&b&api_key=k1"),
        ("https://h/x?api_key=old&a=1", "https://h/x?a=1&api_key=k1"),
        ("https://h/x?api%5Fkey=old&a=1", "https://h/x?a=1&api_key=k1"),
        ("https://h/x?api_key=old&api_key=older", "https://h/x?api_key=k1"),
        ("https://h/x?API_KEY=other", "https://h/x?API_KEY=other&api_key=k1"),
        ("https://h/x#part", "https://h/x?api_key=k1#part"),
    ],
)
def test_a_key_in_the_query_replaces_one_of_that_name_and_leaves_the_rest_as_it_was(url, expected):
    assert signed(ApiKey(Secret("k1"), "query", "api_key"), HttpRequest("GET", url)).url == expected


@pytest.mark.parametrize("key", ["a b", "a&b=c", "é☃", "100%", "a+b", "#x", "a/b?c"])
def test_a_key_in_the_query_is_encoded_so_that_it_arrives_as_it_is(key):
    url = signed(ApiKey(Secret(key), "query", "key")).url

    assert parse_qsl(urlsplit(url).query) == [("key", key)]


@pytest.mark.parametrize(
    ("cookies", "expected"),
    [
        (None, "sid=k1"),
        ("", "sid=k1"),
        ("a=1; b=2", "a=1; b=2; sid=k1"),
        ("sid=old; b=2", "b=2; sid=k1"),
        ("a=1;sid=old;sid=older", "a=1; sid=k1"),
        ("sidecar=1", "sidecar=1; sid=k1"),
    ],
)
def test_a_key_in_a_cookie_replaces_one_of_that_name_and_keeps_the_others(cookies, expected):
    request = GET if cookies is None else GET.with_header("Cookie", cookies)

    assert signed(ApiKey(Secret("k1"), "cookie", "sid"), request).header("Cookie") == expected


@pytest.mark.parametrize(
    "credentials",
    [
        ApiKey(Secret("k1")),
        ApiKeyPair(Secret("k1"), Secret("s1")),
        Basic("ada", Secret("pw")),
        BearerToken(Secret("t1")),
        OAuth1("ck", Secret("cs")),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_header_of_the_caller_never_stands_beside_the_credential(credentials):
    request = GET
    for name in carriers_of(credentials).headers:
        request = request.with_header(name.upper(), "from the caller")

    headers = signed(credentials, request).headers

    assert "from the caller" not in dict(headers).values()
    assert len(headers) == len({name.lower() for name, _ in headers})


@pytest.mark.parametrize(
    ("credentials", "headers"),
    [
        (ApiKey(Secret("k1"), name="X-Key"), {"x-key"}),
        (ApiKey(Secret("k1"), "cookie", "sid"), {"cookie"}),
        (ApiKey(Secret("k1"), "query", "q"), set()),
        (ApiKeyPair(Secret("k1"), Secret("s1")), {"x-api-key", "x-api-secret"}),
        (Basic("ada", Secret("pw")), {"authorization"}),
        (BearerToken(Secret("t1")), {"authorization"}),
        (OAuth1("ck", Secret("cs")), {"authorization"}),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_credential_changes_exactly_the_places_that_it_names(credentials, headers):
    changed = {name.lower() for name, _ in signed(credentials).headers} - {"accept"}

    assert changed == headers == set(carriers_of(credentials).headers)


@pytest.mark.parametrize(
    "credentials",
    [
        ApiKey(Secret(CANARY)),
        ApiKey(Secret(CANARY), "query", "q"),
        ApiKeyPair(Secret(CANARY), Secret(CANARY + "2")),
        Basic("ada", Secret(CANARY)),
        BearerToken(Secret(CANARY)),
        OAuth1("ck", Secret(CANARY), signature_method="PLAINTEXT"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_signed_request_does_not_show_its_credential(credentials):
    request = signed(credentials, HttpRequest("POST", URL, (), CANARY.encode()))

    assert CANARY not in repr(request)
    assert base64.b64encode(f"ada:{CANARY}".encode()).decode() not in repr(request)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://h/x?key=secret&b=", "https://h/x?key=***&b=***"),
        ("https://user:pw@h:8443/x", "https://h:8443/x"),
        ("https://h/x#access_token=secret", "https://h/x"),
        ("https://[::1]:8080/x", "https://[::1]:8080/x"),
        ("https://[::1/x?key=secret", "<unreadable URL>"),
        ("https://h:port/x?key=secret", "<unreadable URL>"),
        ("", ""),
    ],
)
def test_a_redacted_url_has_no_values(url, expected):
    assert redact_url(url) == expected


def test_a_response_does_not_show_its_body_or_headers():
    response = HttpResponse(200, (("Set-Cookie", CANARY),), CANARY.encode(), f"https://h/x?key={CANARY}")

    assert CANARY not in repr(response)


@pytest.mark.parametrize(
    ("username", "password"),
    [("Aladdin", "open sesame"), ("test", "123£"), ("", ""), ("é", "☃"), ("u", "with:colon"), ("u", " ")],
)
def test_basic_is_utf8_in_base64(username, password):
    scheme, text = encode_basic(username, password).split(" ")

    assert scheme == "Basic"
    assert base64.b64decode(text).decode("utf-8") == f"{username}:{password}"


@pytest.mark.parametrize(
    ("url", "body"),
    [
        ("https://h/x?a=%zz", None),
        ("https://h/x", b"a=b c"),
        ("https://h/x", b"\xff\xfe"),
        ("not a url", None),
    ],
)
def test_what_oauth1_cannot_sign_is_refused_with_a_typed_error(url, body):
    headers = (("Content-Type", "application/x-www-form-urlencoded"),) if body else ()

    with pytest.raises(CredentialFormatError):
        signed(OAuth1("ck", Secret(CANARY)), HttpRequest("POST", url, headers, body))


@pytest.mark.parametrize("url", ["https://h/x?filter[name]=ada", "https://h/x?q=a|b c", "https://h/x?q=é#part"])
def test_oauth1_signs_urls_that_http_clients_send_without_encoding(url):
    assert signed(OAuth1("ck", Secret("cs")), HttpRequest("GET", url)).header("Authorization")


@pytest.mark.parametrize(
    ("url", "key", "placement"),
    [("https://h/x;", "ck", "header"), ("https://h/x;?a=1", "ck", "query"), ("https://h/x", "c%41", "query")],
)
def test_what_oauthlib_would_sign_otherwise_than_the_rfc_is_refused(url, key, placement):
    with pytest.raises(CredentialFormatError, match="cannot be made"):
        signed(OAuth1(key, Secret("cs"), placement=placement), HttpRequest("GET", url))


def test_oauth1_leaves_url_and_body_as_they_are():
    request = HttpRequest("POST", f"{URL}?a=%20b", (("Content-Type", "application/x-www-form-urlencoded"),), b"c=d+e")

    result = signed(OAuth1("ck", Secret("cs")), request)

    assert (result.url, result.body, result.header("Content-Type")) == (
        request.url,
        request.body,
        "application/x-www-form-urlencoded",
    )


@pytest.mark.parametrize(
    ("content_type", "is_signed"),
    [
        ("application/x-www-form-urlencoded", True),
        ("Application/X-WWW-Form-Urlencoded; charset=utf-8", True),
        ("application/json", False),
        ("text/plain", False),
        (None, False),
    ],
)
def test_oauth1_signs_a_body_only_when_it_is_a_form(content_type, is_signed):
    headers = (("Content-Type", content_type),) if content_type else ()
    one, other = (
        signed(OAuth1("ck", Secret("cs")), HttpRequest("POST", URL, headers, body)).header("Authorization")
        for body in (b"a=1", b"a=2")
    )

    assert (one != other) is is_signed
