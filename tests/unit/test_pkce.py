"""The proof key of an authorization code (RFC 7636); its published vector is in `test_vectors.py`."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from airflow_provider_integry.auth.pkce import (
    build_challenge,
    build_challenge_params,
    build_verifier,
    build_verifier_params,
    check_verifier,
)
from airflow_provider_integry.errors import CredentialFormatError
from airflow_provider_integry.secret import Secret

GOOD = Secret("abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123456789-._~")


def test_a_verifier_is_drawn_anew_each_time():
    verifiers = {build_verifier().reveal() for _ in range(50)}

    assert len(verifiers) == 50
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", text) for text in verifiers)


@pytest.mark.parametrize("octets", [b"", bytes(31), bytes(33)])
def test_a_verifier_is_made_of_32_octets_and_no_other_number(octets):
    with pytest.raises(CredentialFormatError, match=f"{len(octets)} octets; give 32") as caught:
        build_verifier(octets)
    assert caught.value.what == "code_verifier"


@pytest.mark.parametrize("text", ["a" * 43, "a" * 128, GOOD.reveal()])
def test_a_verifier_has_43_to_128_unreserved_characters(text):
    assert check_verifier(Secret(text)) == Secret(text)


WRONG = [
    "",
    "a" * 42,
    "a" * 129,
    *["a" * 43 + char for char in "+/= %\n\x00\xe9\u0661\uff21"],
    "\n" + "a" * 43,
]


@pytest.mark.parametrize("use", [check_verifier, build_challenge, build_challenge_params, build_verifier_params])
@pytest.mark.parametrize("text", WRONG, ids=ascii)
def test_any_other_verifier_is_refused_wherever_it_is_used_and_is_not_shown(use, text):
    with pytest.raises(CredentialFormatError) as caught:
        use(Secret(text))
    assert str(caught.value) == "code_verifier: is not 43 to 128 of the characters A-Z a-z 0-9 - . _ ~"


@pytest.mark.parametrize("length", [43, 44, 127, 128])
def test_the_challenge_is_the_hash_of_the_verifier_and_does_not_hold_it(length):
    verifier = Secret("~" * length)

    padded = build_challenge(verifier) + "="

    assert base64.urlsafe_b64decode(padded) == hashlib.sha256(b"~" * length).digest()


def test_s256_is_what_nobody_has_to_ask_for():
    assert build_challenge_params(GOOD) == {
        "code_challenge": build_challenge(GOOD, "S256"),
        "code_challenge_method": "S256",
    }


def test_plain_is_used_only_where_it_is_declared():
    assert build_challenge_params(GOOD, "plain") == {
        "code_challenge": GOOD.reveal(),
        "code_challenge_method": "plain",
    }


@pytest.mark.parametrize("method", ["", "s256", "PLAIN", "S512", None])
def test_another_method_is_refused(method):
    with pytest.raises(CredentialFormatError, match="use 'S256'"):
        build_challenge(GOOD, method)


def test_the_token_request_carries_the_verifier_itself():
    assert build_verifier_params(GOOD) == {"code_verifier": GOOD.reveal()}


def test_a_verifier_does_not_show_itself():
    assert f"{build_verifier(bytes(32))!r}" == "***"
