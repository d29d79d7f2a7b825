"""Requests signed in a vendor's declared way, against signatures made with the standard library here."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from airflow_provider_integry.auth.apply import apply
from airflow_provider_integry.auth.credentials import carriers_of, secrets_of
from airflow_provider_integry.auth.hmac_signing import HmacSigned
from airflow_provider_integry.auth.wire import HttpRequest
from airflow_provider_integry.errors import CredentialFormatError
from airflow_provider_integry.secret import Secret

KEY, SECRET = Secret("key-1"), Secret("c2VjcmV0LWtleQ==")
NOW = 1_700_000_000.25
REQUEST = HttpRequest(
    "POST", "https://api.example.com/v1/orders?b=2&a=1", (("Content-Type", "application/json"),), b"{}"
)


def signed(string_to_sign, headers=None, request=REQUEST, **options):
    credentials = HmacSigned(KEY, SECRET, string_to_sign, headers or {"X-Sign": "{signature}"}, **options)
    return apply(request, credentials, timestamp=NOW, nonce="nonce-1")


def expected(message, *, secret=b"c2VjcmV0LWtleQ==", name="sha256"):
    return hmac.new(secret, message, name)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{method}", b"POST"),
        ("{url}", b"https://api.example.com/v1/orders?b=2&a=1"),
        ("{host}", b"api.example.com"),
        ("{path}", b"/v1/orders"),
        ("{query}", b"b=2&a=1"),
        ("{path_and_query}", b"/v1/orders?b=2&a=1"),
        ("{sorted_query}", b"a=1&b=2"),
        ("{body}", b"{}"),
        ("{body_hash}", hashlib.sha256(b"{}").hexdigest().encode()),
        ("{content_type}", b"application/json"),
        ("{timestamp}", b"1700000000"),
        ("{nonce}", b"nonce-1"),
        ("{key}", b"key-1"),
        ("{secret}", b"c2VjcmV0LWtleQ=="),
        ("{method}\\n{path}\\n{timestamp}", b"POST\n/v1/orders\n1700000000"),
        ("{timestamp}{method}{path_and_query}{body}", b"1700000000POST/v1/orders?b=2&a=1{}"),
    ],
)
def test_each_placeholder_stands_for_its_part_of_the_request(template, message):
    assert signed(template).header("X-Sign") == expected(message).hexdigest()


@pytest.mark.parametrize("name", ["sha1", "sha256", "sha384", "sha512", "md5"])
def test_each_hash_signs(name):
    assert signed("{body}", hash_name=name).header("X-Sign") == expected(b"{}", name=name).hexdigest()


@pytest.mark.parametrize(
    ("encoding", "write"),
    [
        ("hex", lambda digest: digest.hex()),
        ("base64", lambda digest: base64.b64encode(digest).decode()),
        ("base64url", lambda digest: base64.urlsafe_b64encode(digest).decode().rstrip("=")),
    ],
)
def test_each_encoding_writes_the_signature(encoding, write):
    assert signed("{body}", encoding=encoding).header("X-Sign") == write(expected(b"{}").digest())


@pytest.mark.parametrize(
    ("encoding", "text", "raw"),
    [("text", "abcd", b"abcd"), ("base64", "c2VjcmV0", b"secret"), ("hex", "00ff", b"\x00\xff")],
)
def test_the_secret_may_be_written_in_another_encoding(encoding, text, raw):
    credentials = HmacSigned(KEY, Secret(text), "{body}", {"X-Sign": "{signature}"}, secret_encoding=encoding)
    request = apply(REQUEST, credentials, timestamp=NOW, nonce="")
    assert request.header("X-Sign") == expected(b"{}", secret=raw).hexdigest()


@pytest.mark.parametrize(
    ("style", "text"),
    [
        ("seconds", "1700000000"),
        ("milliseconds", "1700000000250"),
        ("iso8601", "2023-11-14T22:13:20.250Z"),
        ("http_date", "Tue, 14 Nov 2023 22:13:20 GMT"),
    ],
)
def test_each_time_format_is_written_the_same_in_header_and_signature(style, text):
    request = signed("{timestamp}", {"X-Time": "{timestamp}", "X-Sign": "{signature}"}, timestamp_format=style)
    assert request.header("X-Time") == text
    assert request.header("X-Sign") == expected(text.encode()).hexdigest()


def test_a_body_that_looks_like_a_placeholder_stays_as_it_is():
    request = HttpRequest("POST", "https://api.example.com/", (), b"{secret}{key}")
    assert signed("{body}", request=request).header("X-Sign") == expected(b"{secret}{key}").hexdigest()


def test_a_body_need_not_be_text():
    request = HttpRequest("POST", "https://api.example.com/", (), b"\xff\x00\xfe")
    assert signed("{body}", request=request).header("X-Sign") == expected(b"\xff\x00\xfe").hexdigest()


def test_the_documented_webhook_vector_comes_out():
    """GitHub's documentation of webhook signatures gives this one."""
    credentials = HmacSigned(
        KEY, Secret("It's a Secret to Everybody"), "{body}", {"X-Hub-Signature-256": "sha256={signature}"}
    )
    request = apply(HttpRequest("POST", "https://h/", (), b"Hello, World!"), credentials, timestamp=0, nonce="")
    value = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert request.header("X-Hub-Signature-256") == value


@pytest.mark.parametrize(
    ("hash_name", "signature"),
    [
        ("sha256", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        ("sha1", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
    ],
    ids=["rfc4231-2", "rfc2202-2"],
)
def test_the_vectors_of_the_hmac_rfcs_come_out(hash_name, signature):
    credentials = HmacSigned(KEY, Secret("Jefe"), "{body}", {"X-Sign": "{signature}"}, hash_name=hash_name)
    request = HttpRequest("POST", "https://h/", (), b"what do ya want for nothing?")
    assert apply(request, credentials, timestamp=0, nonce="").header("X-Sign") == signature


@pytest.mark.parametrize(
    ("string_to_sign", "headers", "options", "what"),
    [
        ("{methud}", {"X": "{signature}"}, {}, "string_to_sign"),
        ("{signature}", {"X": "{signature}"}, {}, "string_to_sign"),
        ("", {"X": "{signature}"}, {}, "string_to_sign"),
        ("{body}", {"X": "{key}"}, {}, "sign_headers"),
        ("{body}", {}, {}, "sign_headers"),
        ("{body}", {"X": "{signatur}"}, {}, "sign_headers.X"),
        ("{body}", {"X": "{signature}"}, {"secret_encoding": "hex"}, "api_secret"),
    ],
)
def test_a_wrong_declaration_names_its_field(string_to_sign, headers, options, what):
    with pytest.raises(CredentialFormatError) as caught:
        HmacSigned(KEY, SECRET, string_to_sign, headers, **options)
    assert caught.value.what == what
    assert SECRET.reveal() not in str(caught.value)


def test_neither_key_nor_secret_shows():
    credentials = HmacSigned(KEY, SECRET, "{body}", {"X-Sign": "{signature}"})
    assert KEY.reveal() not in repr(credentials)
    assert SECRET.reveal() not in repr(credentials)
    assert secrets_of(credentials) == (KEY, SECRET)
    assert carriers_of(credentials).headers == {"x-sign"}
