"""JWTs made here verify elsewhere; keys that are weak, wrong or damaged are refused."""

from __future__ import annotations

import base64
import json
import math
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qsl

import jwt as pyjwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519

from airflow_provider_integry.auth.jwt import JwtLogin, JwtSigning, build_login_request, mint_jwt
from airflow_provider_integry.auth.keys import check_signing_key, load_private_key, normalize_pem
from airflow_provider_integry.auth.wire import HttpRequest
from airflow_provider_integry.errors import CredentialFormatError
from airflow_provider_integry.secret import Secret

NOW = 1_800_000_000.7
CANARY = "canary-5f0c9e1b77"
SHARED = "0123456789abcdef" * 4
PKCS8 = serialization.PrivateFormat.PKCS8
TRADITIONAL = serialization.PrivateFormat.TraditionalOpenSSL
OPENSSH = serialization.PrivateFormat.OpenSSH
PLAIN = serialization.NoEncryption()


def pem_of(key, kind=PKCS8, encryption=PLAIN) -> str:
    return key.private_bytes(serialization.Encoding.PEM, kind, encryption).decode()


KEYS = {
    "rsa": rsa.generate_private_key(65537, 2048),
    "weak rsa": rsa.generate_private_key(65537, 1024),
    "p256": ec.generate_private_key(ec.SECP256R1()),
    "p384": ec.generate_private_key(ec.SECP384R1()),
    "p521": ec.generate_private_key(ec.SECP521R1()),
    "k1": ec.generate_private_key(ec.SECP256K1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "ed448": ed448.Ed448PrivateKey.generate(),
    "dsa": dsa.generate_private_key(2048),
    "x25519": x25519.X25519PrivateKey.generate(),
}
KEY_FOR = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "rsa"),
    "ES256": "p256",
    "ES384": "p384",
    "ES512": "p521",
    "EdDSA": "ed25519",
}
HMACS = ("HS256", "HS384", "HS512")


def public_pem(name: str) -> str:
    public = KEYS[name].public_key()
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def certificate_pem() -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    start = datetime(2026, 1, 1, tzinfo=timezone.utc)
    built = x509.CertificateBuilder(name, name, KEYS["rsa"].public_key(), 1, start, start + timedelta(days=1))
    return built.sign(KEYS["rsa"], hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize("algorithm", [*HMACS, *KEY_FOR])
def test_a_jwt_made_here_verifies_with_the_public_key(algorithm):
    private = SHARED if algorithm in HMACS else pem_of(KEYS[KEY_FOR[algorithm]])
    public = SHARED if algorithm in HMACS else public_pem(KEY_FOR[algorithm])
    settings = JwtSigning(
        check_signing_key(Secret(private), algorithm),
        algorithm,
        lifetime_s=60,
        issuer="iss-1",
        subject="sub-1",
        audience="aud-1",
        key_id="kid-1",
        claims={"scope": ["a"], "n": 1},
    )

    token = mint_jwt(settings, now=NOW)

    text = token.access_token.reveal()
    decoded = pyjwt.decode_complete(
        text,
        public,
        algorithms=[algorithm],
        audience="aud-1",
        issuer="iss-1",
        options={"verify_exp": False, "verify_iat": False},
    )
    assert decoded["payload"] == {
        "iss": "iss-1",
        "sub": "sub-1",
        "aud": "aud-1",
        "iat": 1_799_999_970,
        "exp": 1_800_000_060,
        "scope": ["a"],
        "n": 1,
    }
    assert decoded["header"] == {"alg": algorithm, "typ": "JWT", "kid": "kid-1"}
    assert token.expires_at == 1_800_000_060


@pytest.mark.parametrize("algorithm", [*HMACS, *KEY_FOR])
def test_a_jwt_of_another_key_does_not_verify(algorithm):
    private = SHARED if algorithm in HMACS else pem_of(KEYS[KEY_FOR[algorithm]])
    other = {
        "rsa": rsa.generate_private_key(65537, 2048),
        "p256": ec.generate_private_key(ec.SECP256R1()),
        "p384": ec.generate_private_key(ec.SECP384R1()),
        "p521": ec.generate_private_key(ec.SECP521R1()),
        "ed25519": ed25519.Ed25519PrivateKey.generate(),
    }
    public = SHARED[:-1] + "X" if algorithm in HMACS else other[KEY_FOR[algorithm]].public_key()
    text = mint_jwt(JwtSigning(check_signing_key(Secret(private), algorithm), algorithm), now=NOW).access_token.reveal()

    with pytest.raises(pyjwt.InvalidSignatureError):
        pyjwt.decode(text, public, algorithms=[algorithm])


def test_claims_and_header_that_are_not_set_are_left_out():
    text = mint_jwt(JwtSigning(Secret(SHARED)), now=NOW).access_token.reveal()

    assert set(pyjwt.decode(text, options={"verify_signature": False})) == {"iat", "exp"}
    assert pyjwt.get_unverified_header(text) == {"alg": "HS256", "typ": "JWT"}


def test_further_claims_win_and_the_expiry_of_the_token_is_the_one_in_it():
    settings = JwtSigning(Secret(SHARED), issuer="x", claims={"iss": "y", "exp": 1_800_000_005})

    token = mint_jwt(settings, now=NOW)

    claims = pyjwt.decode(token.access_token.reveal(), options={"verify_signature": False})
    assert (claims["iss"], claims["exp"]) == ("y", 1_800_000_005)
    assert token.expires_at == 1_800_000_005


def test_minting_neither_changes_its_settings_nor_keeps_state():
    claims = {"a": 1}
    settings = JwtSigning(Secret(SHARED), claims=claims)

    mint_jwt(settings, now=NOW)

    assert claims == {"a": 1}
    assert mint_jwt(settings, now=NOW) == mint_jwt(settings, now=NOW)
    assert mint_jwt(settings, now=NOW) != mint_jwt(settings, now=NOW + 1)


@pytest.mark.parametrize(
    ("key", "algorithm", "claims"),
    [
        (public_pem("rsa"), "RS256", {}),
        ("no key", "RS256", {}),
        (pem_of(KEYS["p256"]), "RS256", {}),
        (pem_of(KEYS["rsa"]), "ES256", {}),
        (pem_of(KEYS["rsa"]), "HS256", {}),
        (SHARED, "HS256", {"a": {1, 2}}),
        (SHARED, "HS256", {"exp": "tomorrow"}),
        (SHARED, "HS256", {"exp": math.nan}),
        (SHARED, "HS256", {"iss": 7}),
        (SHARED, "none", {}),
        (SHARED, "XX256", {}),
    ],
)
def test_what_cannot_be_signed_is_refused_with_a_typed_error(key, algorithm, claims):
    with pytest.raises(CredentialFormatError) as caught:
        mint_jwt(JwtSigning(Secret(key), algorithm, claims=claims), now=NOW)

    assert key.splitlines()[0] not in str(caught.value)


@pytest.mark.parametrize(
    ("algorithm", "size", "is_enough"),
    [
        ("HS256", 31, False),
        ("HS256", 32, True),
        ("HS384", 47, False),
        ("HS384", 48, True),
        ("HS512", 63, False),
        ("HS512", 64, True),
    ],
)
def test_a_shared_secret_has_at_least_as_many_bytes_as_the_hash(algorithm, size, is_enough):
    secret = Secret("k" * size)

    if is_enough:
        assert check_signing_key(secret, algorithm) == secret
    else:
        with pytest.raises(CredentialFormatError) as caught:
            check_signing_key(secret, algorithm, "private_key")
        assert f"has {size} bytes" in caught.value.problem
        assert caught.value.what == "private_key"


def test_bytes_count_and_not_characters():
    assert check_signing_key(Secret("é" * 16), "HS256")


REFUSED = {
    "a weak RSA key": (pem_of(KEYS["weak rsa"]), "RS256", "1024 bits"),
    "a PEM for a shared secret": (pem_of(KEYS["rsa"]), "HS256", "is a PEM"),
    "a public PEM for a shared secret (algorithm confusion)": (public_pem("rsa"), "HS256", "is a PEM"),
    "a PEM on one line for a shared secret": (pem_of(KEYS["rsa"]).replace("\n", "\\n"), "HS256", "is a PEM"),
    "a public key": (public_pem("rsa"), "RS256", "public key does not sign"),
    "a public EC key": (public_pem("p256"), "ES256", "public key does not sign"),
    "an OpenSSH key": (pem_of(KEYS["rsa"], OPENSSH), "RS256", "ssh-keygen"),
    "a certificate": (certificate_pem(), "RS256", "certificate"),
    "an encrypted PKCS 8 key": (
        pem_of(KEYS["rsa"], encryption=serialization.BestAvailableEncryption(b"pw")),
        "RS256",
        "pass phrase",
    ),
    "an encrypted traditional key": (
        pem_of(KEYS["rsa"], TRADITIONAL, serialization.BestAvailableEncryption(b"pw")),
        "RS256",
        "pass phrase",
    ),
    "an EC key for RSA": (pem_of(KEYS["p256"]), "RS256", "not a key for RS256"),
    "an RSA key for EC": (pem_of(KEYS["rsa"]), "ES256", "not a key for ES256"),
    "an RSA key for EdDSA": (pem_of(KEYS["rsa"]), "EdDSA", "not a key for EdDSA"),
    "another curve": (pem_of(KEYS["p384"]), "ES256", "not a key for ES256"),
    "another curve of the same size": (pem_of(KEYS["k1"]), "ES256", "not a key for ES256"),
    "a DSA key": (pem_of(KEYS["dsa"]), "RS256", "signs no JWT"),
    "a key for encryption": (pem_of(KEYS["x25519"]), "EdDSA", "signs no JWT"),
    "nothing": ("", "RS256", "is not a PEM"),
    "words": ("my private key", "RS256", "is not a PEM"),
    "a PEM without its end": (pem_of(KEYS["rsa"]).rsplit("-----END", 1)[0], "RS256", "is not a PEM"),
    "a PEM without its beginning": (pem_of(KEYS["rsa"]).split("\n", 1)[1], "RS256", "is not a PEM"),
    "a PEM with other words at its end": (
        "-----BEGIN PRIVATE KEY-----\nQUJD\n-----END RSA PRIVATE KEY-----",
        "RS256",
        "is not a PEM",
    ),
    "a PEM of garbage": ("-----BEGIN PRIVATE KEY-----\nQUJD\n-----END PRIVATE KEY-----", "RS256", "cannot be read"),
    "a PEM of no base64": ("-----BEGIN PRIVATE KEY-----\n☃\n-----END PRIVATE KEY-----", "RS256", "cannot be read"),
    "an empty PEM": ("-----BEGIN PRIVATE KEY----------END PRIVATE KEY-----", "RS256", "cannot be read"),
    "a PEM that lost some of its middle": (
        "\n".join(pem_of(KEYS["rsa"]).splitlines()[:8] + pem_of(KEYS["rsa"]).splitlines()[11:]),
        "RS256",
        "cannot be read",
    ),
    "a file name": ("/etc/keys/private.pem", "RS256", "is not a PEM"),
}


@pytest.mark.parametrize(("text", "algorithm", "fragment"), REFUSED.values(), ids=REFUSED.keys())
def test_a_key_that_is_weak_wrong_or_damaged_is_refused_without_being_shown(text, algorithm, fragment):
    with pytest.raises(CredentialFormatError) as caught:
        check_signing_key(Secret(text), algorithm, "private_key")

    assert caught.value.what == "private_key"
    assert fragment in caught.value.problem
    assert not [line for line in text.splitlines() if len(line) > 12 and line in str(caught.value)]
    assert "\n" not in caught.value.problem


def _lines(pem: str) -> list[str]:
    return pem.strip().splitlines()


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


WRITTEN = {
    "as it is": lambda pem: pem,
    "with CRLF": lambda pem: pem.replace("\n", "\r\n"),
    "with CR": lambda pem: pem.replace("\n", "\r"),
    "on one line with spaces": lambda pem: " ".join(_lines(pem)),
    "on one line without anything": lambda pem: "".join(_lines(pem)),
    "on one line with tabs": lambda pem: "\t".join(_lines(pem)),
    "with literal \\n": lambda pem: pem.replace("\n", "\\n"),
    "with literal \\r\\n": lambda pem: pem.replace("\n", "\\r\\n"),
    "with literal \\\\n": lambda pem: pem.replace("\n", "\\\\n"),
    "in quotes": lambda pem: '"' + pem.replace("\n", "\\n") + '"',
    "in single quotes": lambda pem: f"'{pem}'",
    "indented": lambda pem: "\n".join(f"    {line}" for line in _lines(pem)),
    "with text around it": lambda pem: f"Bag Attributes\n  friendlyName: x\n{pem}\ntrailing",
    "in base64": _base64,
    "in base64 with line breaks": lambda pem: base64.encodebytes(pem.encode()).decode(),
    "in base64 with spaces": lambda pem: base64.encodebytes(pem.encode()).decode().replace("\n", " "),
    "in base64 without padding": lambda pem: _base64(pem).rstrip("="),
    "in URL-safe base64": lambda pem: base64.urlsafe_b64encode(pem.encode()).decode(),
    "literal \\n in base64": lambda pem: _base64(pem.replace("\n", "\\n")),
    "with spaces around it": lambda pem: f"  \n{pem}\n  ",
    "with a byte order mark": lambda pem: "\ufeff" + pem,
}


@pytest.mark.parametrize("write", WRITTEN.values(), ids=WRITTEN.keys())
@pytest.mark.parametrize(
    ("name", "kind", "algorithm"),
    [("rsa", PKCS8, "RS256"), ("rsa", TRADITIONAL, "PS256"), ("p256", PKCS8, "ES256"), ("p256", TRADITIONAL, "ES256")],
)
def test_a_pem_is_read_however_a_form_field_has_left_it(write, name, kind, algorithm):
    pem = pem_of(KEYS[name], kind)

    key = check_signing_key(Secret(write(pem)), algorithm)

    assert key.reveal() == pem
    assert load_private_key(write(pem)).private_numbers() == KEYS[name].private_numbers()


@pytest.mark.parametrize("name", ["ed25519", "ed448"])
def test_both_edwards_curves_sign_eddsa(name):
    key = check_signing_key(Secret(pem_of(KEYS[name])), "EdDSA")
    text = mint_jwt(JwtSigning(key, "EdDSA"), now=NOW).access_token.reveal()

    options = {"verify_exp": False, "verify_iat": False}
    assert pyjwt.decode(text, KEYS[name].public_key(), algorithms=["EdDSA"], options=options)["exp"] == 1_800_000_300


def test_a_normalized_pem_stays_as_it_is():
    pem = pem_of(KEYS["rsa"])

    assert normalize_pem(normalize_pem(pem)) == pem


def login(**changes) -> JwtLogin:
    return JwtLogin(**({"url": "https://h/login", "username": "ada", "password": Secret('p"w é')} | changes))


ACCEPT = ("Accept", "application/json")


@pytest.mark.parametrize(
    ("changes", "headers", "body"),
    [
        ({}, (ACCEPT, ("Content-Type", "application/json")), b'{"username": "ada", "password": "p\\"w \\u00e9"}'),
        (
            {"body": {"user": {"email": "{username}", "keep": 1}, "secrets": ["{password}"], "b": True}},
            (ACCEPT, ("Content-Type", "application/json")),
            b'{"user": {"email": "ada", "keep": 1}, "secrets": ["p\\"w \\u00e9"], "b": true}',
        ),
        (
            {"body_format": "form"},
            (ACCEPT, ("Content-Type", "application/x-www-form-urlencoded")),
            b"username=ada&password=p%22w+%C3%A9",
        ),
        (
            {"body_format": "form", "body": {"grant_type": "password", "login": "{username}", "remember": True}},
            (ACCEPT, ("Content-Type", "application/x-www-form-urlencoded")),
            b"grant_type=password&login=ada&remember=true",
        ),
        (
            {"body_format": "basic"},
            (ACCEPT, ("Authorization", "Basic " + base64.b64encode('ada:p"w é'.encode()).decode())),
            b"",
        ),
    ],
)
def test_a_login_request(changes, headers, body):
    assert build_login_request(login(**changes)) == HttpRequest("POST", "https://h/login", headers, body)


@pytest.mark.parametrize("body_format", ["json", "form"])
def test_a_password_that_looks_like_a_placeholder_stays_as_it_is(body_format):
    request = build_login_request(login(body_format=body_format, username="{password}", password=Secret("{username}")))
    text = request.body.decode()
    sent = json.loads(text) if body_format == "json" else dict(parse_qsl(text))

    assert sent == {"username": "{password}", "password": "{username}"}


def test_settings_show_no_secret():
    signing, fetching = JwtSigning(Secret(CANARY)), login(password=Secret(CANARY))

    assert CANARY not in f"{signing!r} {fetching!r} {build_login_request(fetching)!r}"
    assert (signing.secrets, fetching.secrets) == ((Secret(CANARY),), (Secret(CANARY),))
