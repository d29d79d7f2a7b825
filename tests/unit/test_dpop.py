"""Proofs of possession (RFC 9449): the published examples, and what is signed here verified by PyJWT."""

from __future__ import annotations

import base64
import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from airflow_provider_integry.auth.dpop import ProofKey, build_proof, build_thumbprint, hash_token
from airflow_provider_integry.secret import Secret

TOKEN = Secret("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU")
TOKEN_HASH = "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"
D1_THUMBPRINT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
D1_HEADER = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0Rs"
    "cEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2"
    "In19"
)
D1_TOKEN_REQUEST = (
    f"{D1_HEADER}.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29t"
    "L3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70n"
    "fbV37xRZT3Lg"
)
D1_RESOURCE = (
    f"{D1_HEADER}.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9y"
    "Zy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NB"
    "cWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
)
J5_KEY = {
    "kty": "RSA",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3o"
    "knjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6q"
    "MQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJz"
    "KnqDKgw",
    "e": "AQAB",
    "alg": "RS256",
    "kid": "2011-04-29",
}


def read_header(proof: str) -> dict:
    head = proof.split(".", maxsplit=1)[0]
    return json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))


def verify(proof: str) -> dict:
    """Return the claims of a proof that its own key has signed."""
    header = read_header(proof)
    key = jwt.PyJWK(header["jwk"], algorithm=header["alg"])
    return jwt.decode(proof, key, algorithms=[header["alg"]], options={"verify_iat": False})


@pytest.mark.parametrize(
    ("proof", "claims"),
    [
        (
            D1_TOKEN_REQUEST,
            {"jti": "-BwC3ESc6acc2lTc", "htm": "POST", "htu": "https://server.example.com/token", "iat": 1562262616},
        ),
        (
            D1_RESOURCE,
            {
                "jti": "e1j3V_bKic8-LAEB",
                "htm": "GET",
                "htu": "https://resource.example.org/protectedresource",
                "iat": 1562262618,
                "ath": TOKEN_HASH,
            },
        ),
    ],
    ids=["section 4.2", "section 7.1"],
)
def test_d1_the_examples_of_rfc_9449_verify_and_their_key_has_the_published_thumbprint(proof, claims):
    assert verify(proof) == claims
    assert build_thumbprint(read_header(proof)["jwk"]) == D1_THUMBPRINT


def test_d1_the_hash_of_the_token_is_the_published_one():
    assert hash_token(TOKEN) == TOKEN_HASH


def test_j5_the_thumbprint_of_rfc_7638_is_made_of_the_needed_members_alone():
    assert build_thumbprint(J5_KEY) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


KEYS = {
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
    "PS256": lambda: rsa.generate_private_key(65537, 2048),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}
PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_proof_made_here_verifies_with_the_key_inside_it_and_shows_nothing_private(algorithm):
    key = ProofKey(KEYS[algorithm](), algorithm)

    proof = build_proof(key, method="GET", url="https://h/a", now=1_700_000_000.9, jti="j1", access_token=TOKEN)

    assert verify(proof) == {
        "jti": "j1",
        "htm": "GET",
        "htu": "https://h/a",
        "iat": 1_700_000_000,
        "ath": TOKEN_HASH,
    }
    header = read_header(proof)
    assert (header["typ"], header["alg"], header.keys()) == ("dpop+jwt", algorithm, {"typ", "alg", "jwk"})
    assert PRIVATE_MEMBERS.isdisjoint(header["jwk"])
    assert header["jwk"] == key.public_jwk


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://h/a?b=1&c=2", "https://h/a"),
        ("https://h/a#part", "https://h/a"),
        ("https://h:8443/a/?x", "https://h:8443/a/"),
        ("https://h/a%20b/%C3%A9", "https://h/a%20b/%C3%A9"),
    ],
)
def test_query_and_fragment_are_no_part_of_a_proof(url, expected):
    key = ProofKey(KEYS["ES256"]())
    assert verify(build_proof(key, method="GET", url=url, now=1.0, jti="j"))["htu"] == expected


def test_nonce_and_token_hash_are_there_only_when_there_is_one():
    key = ProofKey(KEYS["ES256"]())

    bare = verify(build_proof(key, method="POST", url="https://h/token", now=1.0, jti="j"))
    full = verify(build_proof(key, method="POST", url="https://h/", now=1.0, jti="j", nonce="n", access_token=TOKEN))

    assert bare.keys() == {"jti", "htm", "htu", "iat"}
    assert (full["nonce"], full["ath"]) == ("n", TOKEN_HASH)


def test_one_changed_character_is_refused():
    proof = build_proof(ProofKey(KEYS["ES256"]()), method="GET", url="https://h/", now=1.0, jti="jti-1")
    head, body, signature = proof.split(".")
    other = base64.urlsafe_b64encode(
        base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).replace(b"jti-1", b"jti-2")
    )

    with pytest.raises(jwt.InvalidSignatureError):
        verify(f"{head}.{other.decode().rstrip('=')}.{signature}")


def test_a_proof_key_does_not_show_itself():
    key = ProofKey(KEYS["ES256"]())
    assert repr(key) == "ProofKey(algorithm='ES256')"
