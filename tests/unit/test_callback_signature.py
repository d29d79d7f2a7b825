"""Signed callbacks: what is signed, and that nothing else passes; Shopify's vector is in `test_vectors.py`."""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integry.auth import callback_signature
from airflow_provider_integry.auth.callback_signature import CallbackSignature, build_signed_text, verify_callback
from airflow_provider_integry.errors import CallbackSignatureError, CredentialFormatError
from airflow_provider_integry.secret import Secret

SHOPIFY = CallbackSignature(Secret("hush"))
PARAMETERS = {
    "code": "0907a61c0c8d55e99db179b68161bc00",
    "host": "YWRtaW4uc2hvcGlmeS5jb20=",
    "shop": "some-shop.myshopify.com",
    "state": "a b+c",
    "timestamp": "1337178173",
    "new_parameter": "",
}
# Written by hand: neither our sorting nor our escaping.
SIGNED_TEXT = (
    "code=0907a61c0c8d55e99db179b68161bc00&host=YWRtaW4uc2hvcGlmeS5jb20=&new_parameter="
    "&shop=some-shop.myshopify.com&state=a b+c&timestamp=1337178173"
)
HMAC = hmac.new(b"hush", SIGNED_TEXT.encode(), hashlib.sha256).hexdigest()
WRONG = "its signature is not that of its parameters"


def build_query(**changes: str | None) -> str:
    """Return the signed query with some parameters changed, added, or left out (None)."""
    changed = {**PARAMETERS, "hmac": HMAC, **changes}
    return urlencode({name: value for name, value in changed.items() if value is not None})


def sign(text: str) -> str:
    return hmac.new(b"hush", text.encode(), hashlib.sha256).hexdigest()


def problem_of(query: str, signature: CallbackSignature = SHOPIFY) -> str:
    with pytest.raises(CallbackSignatureError) as caught:
        verify_callback(query, signature)
    return caught.value.problem


def test_every_parameter_but_the_signature_is_signed_known_or_not():
    assert verify_callback(build_query(), SHOPIFY) == PARAMETERS


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_that_was_changed_is_noticed(name):
    assert problem_of(build_query(**{name: PARAMETERS[name] + "0"})) == WRONG


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_that_was_left_out_is_noticed(name):
    assert problem_of(build_query(**{name: None})) == WRONG


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_that_was_renamed_is_noticed(name):
    assert problem_of(build_query(**{name: None, name.upper(): PARAMETERS[name]})) == WRONG


@pytest.mark.parametrize("name", ["zzz", "signature", "HMAC", "", "shop[]"])
def test_a_parameter_that_was_added_is_noticed(name):
    assert problem_of(build_query(**{name: "x"})) == WRONG


@pytest.mark.parametrize("name", [*PARAMETERS, "hmac"])
@pytest.mark.parametrize("value", ["other", None], ids=["another", "the same"])
def test_a_parameter_given_twice_is_refused_wherever_the_second_stands(name, value):
    query = build_query()
    second = urlencode({name: {**PARAMETERS, "hmac": HMAC}[name] if value is None else value})

    assert problem_of(f"{query}&{second}") == problem_of(f"{second}&{query}") == "it has a parameter twice"


@pytest.mark.parametrize("missing", [None, ""], ids=["absent", "empty"])
def test_a_callback_without_signature_is_refused(missing):
    assert problem_of(build_query(hmac=missing)) == "it has no parameter 'hmac'"


@pytest.mark.parametrize(
    "given_hmac",
    [
        HMAC[:-1],
        HMAC + "0",
        HMAC.upper(),
        f" {HMAC}",
        "0" * 64,
        "é" * 64,
        base64.b64encode(bytes.fromhex(HMAC)).decode(),
        sign(SIGNED_TEXT.replace("some-shop", "other")),
        hmac.new(b"", SIGNED_TEXT.encode(), hashlib.sha256).hexdigest(),
        hashlib.sha256(b"hush" + SIGNED_TEXT.encode()).hexdigest(),
    ],
)
def test_any_other_signature_is_refused(given_hmac):
    assert problem_of(build_query(hmac=given_hmac)) == WRONG


def test_signatures_are_compared_in_constant_time(monkeypatch):
    seen = []
    monkeypatch.setattr(callback_signature.hmac, "compare_digest", lambda *both: seen.append(both) or True)

    verify_callback("shop=a&hmac=x", SHOPIFY)

    assert seen == [(sign("shop=a").encode(), b"x")]


def test_the_order_of_the_parameters_and_how_they_are_encoded_do_not_matter():
    encoded = [f"{name}={''.join(f'%{byte:02x}' for byte in value.encode())}" for name, value in PARAMETERS.items()]

    assert verify_callback("&".join([*reversed(encoded), f"hmac={HMAC}"]), SHOPIFY) == PARAMETERS


@pytest.mark.parametrize(
    ("escaping", "expected"),
    [
        ("delimiters", "a%26b%3Dc%25=1%262=3%25 *~é&z=[]"),
        ("form", "a%26b%3Dc%25=1%262%3D3%25+*%7E%C3%A9&z=%5B%5D"),
    ],
)
def test_delimiters_inside_of_names_and_values_are_escaped_as_declared(escaping, expected):
    parameters = {"z": "[]", "a&b=c%": "1&2=3% *~é"}

    assert build_signed_text(parameters, escaping) == expected
    query = urlencode({**parameters, "hmac": sign(expected)})
    assert verify_callback(query, CallbackSignature(Secret("hush"), escaping=escaping)) == parameters


def test_without_escaping_values_are_signed_as_they_are():
    signature = CallbackSignature(Secret("hush"), escaping="none")

    query = urlencode({"b": "50% =é", "a": "1", "hmac": sign("a=1&b=50% =é")})

    assert verify_callback(query, signature) == {"a": "1", "b": "50% =é"}


@pytest.mark.parametrize("query", ["a=1%26shop%3Dx", "a%26b=1", "a%3Db=1"])
def test_without_escaping_what_could_be_mistaken_for_a_delimiter_is_refused(query):
    signature = CallbackSignature(Secret("hush"), escaping="none")

    assert "does not tell from" in problem_of(f"{query}&hmac={sign('a=1&shop=x')}", signature)


@given(
    st.dictionaries(st.text(st.sampled_from("ab=&%+ é"), max_size=4), st.text(st.sampled_from("ab=&%+ é")), max_size=3),
    st.dictionaries(st.text(st.sampled_from("ab=&%+ é"), max_size=4), st.text(st.sampled_from("ab=&%+ é")), max_size=3),
    st.sampled_from(["delimiters", "form"]),
)
def test_two_different_callbacks_never_have_one_signed_text(first, second, escaping):
    same_text = build_signed_text(first, escaping) == build_signed_text(second, escaping)

    assert same_text is (first == second)


@pytest.mark.parametrize("hash_name", ["sha1", "sha256", "sha384", "sha512"])
@pytest.mark.parametrize(
    ("encoding", "write"),
    [
        ("hex", bytes.hex),
        ("base64", lambda digest: base64.b64encode(digest).decode()),
        ("base64url", lambda digest: base64.urlsafe_b64encode(digest).decode().rstrip("=")),
    ],
)
def test_name_hash_and_encoding_are_declared(hash_name, encoding, write):
    signature = CallbackSignature(Secret("hush"), parameter="sig", hash_name=hash_name, encoding=encoding)
    digest = hmac.new(b"hush", b"hmac=h&shop=a", hash_name).digest()

    assert verify_callback(f"shop=a&hmac=h&sig={quote(write(digest), safe='')}", signature) == {
        "shop": "a",
        "hmac": "h",
    }
    assert problem_of("shop=a&hmac=h", signature) == "it has no parameter 'sig'"


@pytest.mark.parametrize(
    "query",
    ["shop=%ff&hmac=0", "shop=\xe9&hmac=0", "shop=\ud800&hmac=0", "&".join(f"p{n}=1" for n in range(101))],
    ids=["not UTF-8", "not ASCII", "half of a character", "too many"],
)
def test_a_query_that_cannot_be_read_is_refused(query):
    assert problem_of(query).startswith("its query is not percent-encoded UTF-8, or has more than 100 parameters")


def test_a_huge_query_is_refused_unread():
    assert problem_of("a=" + "x" * 70_000) == "its query has more than 65536 characters"


@pytest.mark.parametrize(("field", "values"), [("secret", (Secret(""),)), ("parameter", (Secret("hush"), ""))])
def test_a_declaration_with_which_anybody_could_sign_is_refused(field, values):
    with pytest.raises(CredentialFormatError) as caught:
        CallbackSignature(*values)
    assert caught.value.what == field


def test_neither_the_secret_nor_a_parameter_is_shown():
    with pytest.raises(CallbackSignatureError) as caught:
        verify_callback("code=c-4711&hmac=h-4711", CallbackSignature(Secret("s-4711")))

    assert "4711" not in f"{caught.value!r} {caught.value} {CallbackSignature(Secret('s-4711'))!r}"
    assert caught.value.retryable is False
