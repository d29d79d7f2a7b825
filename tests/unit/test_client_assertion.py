"""Assertions for token endpoints (RFC 7523), verified with joserfc: PyJWT signs them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from joserfc import jwk, jwt

from airflow_provider_integry.auth.client_assertion import AssertionSettings, build_assertion
from airflow_provider_integry.secret import Secret

NOW = 1_700_000_000.7
AUDIENCE = "https://auth.example.com/tenant"
RSA_KEY = rsa.generate_private_key(65537, 2048)
KEYS: dict[str, tuple[Any, str]] = {
    "RS256": (RSA_KEY, "RSA"),
    "RS512": (RSA_KEY, "RSA"),
    "PS256": (RSA_KEY, "RSA"),
    "ES256": (ec.generate_private_key(ec.SECP256R1()), "EC"),
    "ES384": (ec.generate_private_key(ec.SECP384R1()), "EC"),
    "EdDSA": (ed25519.Ed25519PrivateKey.generate(), "OKP"),
}


def make_settings(algorithm: str = "ES256", **changes: Any) -> AssertionSettings:
    pem = KEYS[algorithm][0].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return AssertionSettings(Secret(pem.decode()), algorithm, **changes)


def verify(text: str, algorithm: str = "ES256") -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of an assertion that verifies."""
    key, kind = KEYS[algorithm]
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    token = jwt.decode(text, jwk.import_key(public, kind), algorithms=[algorithm])
    return token.header, token.claims


def build(settings: AssertionSettings, **changes: Any) -> str:
    given = {"client_id": "ci", "audience": AUDIENCE, "now": NOW, "jti": "jti-1"}
    return build_assertion(settings, **(given | changes)).reveal()


# RFC 9864 gives EdDSA on this curve a name of its own, which joserfc would rather see.
@pytest.mark.filterwarnings("ignore:.*EdDSA.*")
@pytest.mark.parametrize("algorithm", KEYS)
def test_each_algorithm_verifies(algorithm):
    header, claims = verify(build(make_settings(algorithm, key_id="kid-1")), algorithm)

    assert header == {"alg": algorithm, "typ": "JWT", "kid": "kid-1"}
    assert claims == {
        "iss": "ci",
        "sub": "ci",
        "aud": AUDIENCE,
        "iat": 1_699_999_970,
        "exp": 1_700_000_060,
        "jti": "jti-1",
    }


def test_it_lives_a_minute_and_no_longer():
    assert verify(build(make_settings()))[1]["exp"] - NOW <= 60


def test_the_audience_is_one_text():
    assert verify(build(make_settings()))[1]["aud"] == AUDIENCE


def test_a_grant_acts_for_its_subject_and_the_client_for_itself():
    subjects = [verify(build(make_settings(), subject=who))[1]["sub"] for who in ("ada@example.com", None, "")]
    assert subjects == ["ada@example.com", "ci", "ci"]


def test_further_claims_arrive_and_win():
    claims = verify(build(make_settings(claims={"scope": "a b", "iss": "other", "n": [1, {"x": None}]})))[1]

    assert (claims["scope"], claims["iss"], claims["n"], claims["sub"]) == ("a b", "other", [1, {"x": None}], "ci")


def test_without_a_key_id_there_is_no_kid():
    assert verify(build(make_settings()))[0].keys() == {"alg", "typ"}


def test_neither_settings_nor_assertion_show_themselves():
    settings = make_settings()
    secret = build_assertion(settings, client_id="ci", audience=AUDIENCE, now=NOW, jti="j")

    assert "PRIVATE" not in repr(settings)
    assert secret.reveal() not in f"{secret} {secret!r} {json.dumps(str(secret))}"
