"""How host applications show who they speak for: vectors, and what is not accepted."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import jwt as pyjwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integry.auth.end_user_identity import (
    check_secret,
    check_user_hash,
    check_user_id,
    peek_app_key,
    read_identity,
    sign_identity,
    user_hash,
)
from airflow_provider_integry.errors import EndUserIdentityError
from airflow_provider_integry.secret import Secret

KEY = "0123456789abcdef0123456789abcdef"
SECRET = Secret(KEY)
NOW = 1_800_000_000.0
CLAIMS = {"app_key": "acme", "user_id": "u1", "iat": int(NOW), "exp": int(NOW) + 600, "jti": "j-1"}


def sign(headers=None, key=KEY, algorithm="HS256", **claims):
    body = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
    return pyjwt.encode(body, key, algorithm=algorithm, headers=headers)


def by_hand(header, claims, key=KEY):
    """Return a token whose parts are signed as they are, whatever they are."""
    parts = b".".join(base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in (header, claims))
    signature = hmac.new(key.encode(), parts, hashlib.sha256).digest()
    return (parts + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


def read(token, secret=SECRET, app_key="acme", now=NOW):
    return read_identity(token, app_key, secret, now)


def refused(token, **more):
    with pytest.raises(EndUserIdentityError) as caught:
        read(token, **more)
    return caught.value.reason


def test_the_hash_is_hmac_sha256_of_the_user_id_in_hex():
    # RFC 4231 test case 2.
    found = user_hash(Secret("Jefe"), "what do ya want for nothing?")

    assert found == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


@pytest.mark.parametrize("user_id", ["1", "\u00e9", "e\u0301", "名", "\U0001f600", " ", "a/../b", "x" * 255])
def test_a_hash_fits_its_own_user_alone(user_id):
    check_user_hash(SECRET, user_id, user_hash(SECRET, user_id))
    for other in (user_id + " ", "0" + user_id[1:] + "1", user_id.upper() + "!"):
        if len(other) <= 255:
            with pytest.raises(EndUserIdentityError):
                check_user_hash(SECRET, other, user_hash(SECRET, user_id))


@pytest.mark.parametrize("hashed", ["", "0" * 64, "é", "\ud800", "x" * 100_000, user_hash(SECRET, "u1").upper()])
def test_another_hash_is_refused_whatever_it_is(hashed):
    with pytest.raises(EndUserIdentityError) as caught:
        check_user_hash(SECRET, "u1", hashed)
    assert caught.value.reason == "signature"


@pytest.mark.parametrize("user_id", ["", "x" * 256, "a\x00b", "\ud800", "a\udfff"])
def test_an_id_that_no_database_keeps_is_refused(user_id):
    with pytest.raises(EndUserIdentityError) as caught:
        check_user_id(user_id)
    assert caught.value.reason == "user_id"


@given(st.text(max_size=300))
def test_an_id_comes_back_as_it_went_in_or_is_refused(user_id):
    try:
        assert check_user_id(user_id) == user_id
    except EndUserIdentityError:
        assert not 1 <= len(user_id) <= 255 or "\x00" in user_id


def test_a_secret_is_its_own_equal_alone():
    check_secret(SECRET, SECRET.reveal())
    for other in ("", SECRET.reveal()[:-1], SECRET.reveal() + " ", "é", "\ud800"):
        with pytest.raises(EndUserIdentityError):
            check_secret(SECRET, other)


def test_what_is_signed_is_read_back():
    token = sign_identity(
        "acme", SECRET, "é", now=NOW, unique="j-1", told={"api_key": "key-1", "name": "Ada", "picture": None}
    )

    found = read(token)

    assert (found.app_key, found.user_id, found.jti, found.expires_at) == ("acme", "é", "j-1", NOW + 600)
    assert (found.api_key.reveal(), found.name, found.picture) == ("key-1", "Ada", None)
    assert "key-1" not in repr(found)
    assert "Ada" not in repr(found)
    assert peek_app_key(token) == "acme"


def test_a_token_without_a_user_is_the_applications_own():
    assert read(sign_identity("acme", SECRET, None, now=NOW, unique="j")).user_id is None
    assert refused(sign(user_id=None, hash=user_hash(SECRET, "u1"))) == "claims"


def test_a_hash_in_a_token_must_fit():
    assert read(sign(hash=user_hash(SECRET, "u1"))).user_id == "u1"
    assert refused(sign(hash=user_hash(SECRET, "u2"))) == "signature"


@pytest.mark.parametrize("user_id", [1, True, ["u1"], {"id": "u1"}, "", "x" * 256, "\x00"])
def test_a_user_id_is_a_text_of_which_nothing_is_folded(user_id):
    assert refused(sign(user_id=user_id)) == "user_id"


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": None}, "claims"),
        ({"exp": int(NOW) - 61}, "expired"),
        ({"exp": int(NOW) + 661}, "claims"),
        ({"exp": str(int(NOW) + 60)}, "claims"),
        ({"exp": True}, "claims"),
        ({"exp": 1e300}, "claims"),
        ({"iat": int(NOW) + 61}, "claims"),
        ({"iat": "now"}, "claims"),
        ({"nbf": int(NOW) + 61}, "claims"),
        ({"jti": None}, "claims"),
        ({"jti": ""}, "claims"),
        ({"jti": 7}, "claims"),
        ({"jti": "x" * 129}, "claims"),
        ({"app_key": None}, "claims"),
        ({"app_key": "globex"}, "claims"),
        ({"app_key": 7}, "claims"),
        ({"name": 7}, "claims"),
        ({"api_key": ["x"]}, "claims"),
        ({"hash": 7}, "claims"),
    ],
)
def test_claims_that_do_not_fit_are_refused(claims, reason):
    assert refused(sign(**claims)) == reason


def test_clocks_may_be_a_minute_apart():
    assert read(sign(exp=int(NOW) - 60)).jti == "j-1"
    assert read(sign(iat=int(NOW) + 60, exp=int(NOW) + 660)).jti == "j-1"


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none", "typ": "JWT"},
        {"alg": "HS512", "typ": "JWT"},
        {"alg": "hs256", "typ": "JWT"},
        {"alg": "RS256", "typ": "JWT"},
        {"typ": "JWT"},
        {"alg": "HS256", "crit": ["exp"], "exp": 1},
        {"alg": "HS256", "jku": "https://evil.example/keys"},
        {"alg": "HS256", "jwk": {"kty": "oct", "k": "AA"}},
        {"alg": "HS256", "x5u": "https://evil.example/"},
        {"alg": "HS256", "b64": False, "crit": ["b64"]},
        {"alg": ["HS256"]},
        {"alg": "HS256", "zip": "DEF"},
    ],
)
def test_a_header_that_says_anything_but_hs256_is_refused(header):
    token = by_hand(header, CLAIMS)

    assert refused(token) == "unreadable"
    with pytest.raises(EndUserIdentityError):
        peek_app_key(token)


def test_a_token_of_another_secret_is_refused():
    assert refused(sign(key="f" * 32)) == "signature"
    assert refused(sign(), secret=Secret("f" * 32)) == "signature"
    assert refused(sign() + "x") in ("signature", "unreadable")
    head, body, _ = sign().split(".")
    assert refused(f"{head}.{body}.") == "signature"


@pytest.mark.parametrize(
    "token", ["", "a", "a.b", "a.b.c", "é.é.é", "." * 10, "x" * 20_000, "e30.e30.e30", "\ud800.a.b"]
)
def test_what_is_no_token_is_refused(token):
    assert refused(token) == "unreadable"
    with pytest.raises(EndUserIdentityError):
        peek_app_key(token)


@pytest.mark.parametrize("claims", [[], "x", 7, None, {"app_key": None}, {"app_key": ""}])
def test_claims_that_name_no_application_are_refused(claims):
    token = by_hand({"alg": "HS256"}, claims)

    with pytest.raises(EndUserIdentityError):
        peek_app_key(token)
    refused(token)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_no_bytes_between_the_dots_lead_to_another_error(header, claims):
    parts = [base64.urlsafe_b64encode(one).rstrip(b"=").decode() for one in (header, claims, b"s")]
    for function in (peek_app_key, read):
        with pytest.raises(EndUserIdentityError):
            function(".".join(parts))


def test_every_refusal_says_the_same_to_the_one_who_asks():
    texts = set()
    for token in (sign(exp=0), sign(key="f" * 32), "nonsense", sign(jti=None)):
        with pytest.raises(EndUserIdentityError) as caught:
            read(token)
        texts.add(str(caught.value))
    assert len(texts) == 1
