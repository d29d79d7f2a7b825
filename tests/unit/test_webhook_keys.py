"""Webhooks signed with a private key of the service's: published examples, and everything that is not exactly one."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from airflow_provider_integry.auth.webhook_keys import JwtRule, PublicKeyRule, parse_public_key, verify_any
from airflow_provider_integry.auth.webhook_signatures import Delivery, SignatureRule, WebhookRefusal
from airflow_provider_integry.secret import Secret

NOW = 1_700_000_000.0
# https://discord.com/developers/docs/interactions/overview, "Setting up an endpoint"
DISCORD = PublicKeyRule(
    SignatureRule(
        "X-Signature-Ed25519", signed="{timestamp}{body}", timestamp_header="X-Signature-Timestamp", tolerance_s=300
    ),
    "ed25519",
)
# https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
SENDGRID = PublicKeyRule(
    SignatureRule(
        "X-Twilio-Email-Event-Webhook-Signature",
        signed="{timestamp}{body}",
        encoding="base64",
        timestamp_header="X-Twilio-Email-Event-Webhook-Timestamp",
        tolerance_s=300,
    ),
    "ecdsa_sha256",
)
# The example that SendGrid ships with its libraries: sendgrid/sendgrid-python test/unit/test_eventwebhook.py
SENDGRID_KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8e"
    "NEc6wEA3F+g=="
)
SENDGRID_SIGNATURE = "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM="
SENDGRID_EVENT = {
    "email": "hello@world.com",
    "event": "dropped",
    "reason": "Bounced Address",
    "sg_event_id": "ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",
    "sg_message_id": "LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",
    "smtp-id": "<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>",
    "timestamp": 1600112492,
}
SENDGRID_BODY = json.dumps([SENDGRID_EVENT], separators=(",", ":")).encode() + b"\r\n"
PLAIN = {
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "ecdsa_sha256": ec.generate_private_key(ec.SECP256R1()),
    "rsa_sha256": rsa.generate_private_key(65537, 2048),
}
PLAIN["rsa_pss_sha256"] = PLAIN["rsa_sha256"]
PSS = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
SIGN = {
    "ed25519": lambda key, text: key.sign(text),
    "ecdsa_sha256": lambda key, text: key.sign(text, ec.ECDSA(hashes.SHA256())),
    "rsa_sha256": lambda key, text: key.sign(text, padding.PKCS1v15(), hashes.SHA256()),
    "rsa_pss_sha256": lambda key, text: key.sign(text, PSS, hashes.SHA256()),
}


def pem_of(key):
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, spki).decode()


def deliver(body=b"{}", **headers):
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Delivery("POST", "https://hooks.example.com/integry/public/webhooks/1", pairs, (), body)


def refused(delivery, rule, *secrets, now=NOW):
    with pytest.raises(WebhookRefusal) as caught:
        verify_any(delivery, rule, [Secret(text) for text in secrets], now)
    return caught.value.reason


# -- published examples -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "text", "signature"),
    [
        # RFC 8032 section 7.1, tests 1 to 3
        (
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            b"",
            (
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe"
                "24655141438e7a100b"
            ),
        ),
        (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            b"\x72",
            (
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302a"
                "eeb00d291612bb0c00"
            ),
        ),
        (
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            b"\xaf\x82",
            (
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed2"
                "8dc027beceea1ec40a"
            ),
        ),
    ],
)
def test_published_signatures_of_ed25519_are_accepted(key, text, signature):
    rule = PublicKeyRule(SignatureRule("X-Sig"), "ed25519")

    assert verify_any(deliver(text, X_Sig=signature), rule, [Secret(key)], NOW).timestamp is None
    assert refused(deliver(text + b"x", X_Sig=signature), rule, key) == "signature"


def sendgrid(body=SENDGRID_BODY, timestamp="1600112502"):
    headers = (
        ("X-Twilio-Email-Event-Webhook-Signature", SENDGRID_SIGNATURE),
        ("X-Twilio-Email-Event-Webhook-Timestamp", timestamp),
    )
    return Delivery("POST", "https://hooks.example.com/", headers, (), body)


def test_the_example_of_sendgrid_is_accepted_while_it_is_new():
    verified = verify_any(sendgrid(), SENDGRID, [Secret(SENDGRID_KEY)], 1_600_112_510.0)

    assert verified.timestamp == 1_600_112_502.0
    assert refused(sendgrid(), SENDGRID, SENDGRID_KEY) == "timestamp"
    assert refused(sendgrid(timestamp="1600112503"), SENDGRID, SENDGRID_KEY, now=1_600_112_510.0) == "signature"
    assert refused(sendgrid(body=SENDGRID_BODY[:-2]), SENDGRID, SENDGRID_KEY, now=1_600_112_510.0) == "signature"


def test_another_signature_of_the_same_text_is_the_same_delivery():
    """With ECDSA, whoever sees a signature can make a second one: a replay must not look new."""
    r, s = decode_dss_signature(base64.b64decode(SENDGRID_SIGNATURE))
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    other = base64.b64encode(encode_dss_signature(r, order - s)).decode()
    twin = replace(sendgrid(), headers=(("X-Twilio-Email-Event-Webhook-Signature", other), *sendgrid().headers[1:]))

    found = [verify_any(one, SENDGRID, [Secret(SENDGRID_KEY)], 1_600_112_510.0) for one in (sendgrid(), twin)]

    assert found[0].content_digest == found[1].content_digest


# -- each algorithm -----------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", list(PLAIN))
def test_a_signature_is_accepted_with_the_key_that_made_it_alone(algorithm):
    key = PLAIN[algorithm]
    rule = PublicKeyRule(
        SignatureRule(
            "X-Sig", signed="{timestamp}.{body}", encoding="base64", timestamp_header="X-Time", tolerance_s=300
        ),
        algorithm,
    )
    signature = base64.b64encode(SIGN[algorithm](key, b"1700000000.{}")).decode()
    delivery = deliver(X_Sig=signature, X_Time="1700000000")
    others = {"ed25519": ed25519.Ed25519PrivateKey.generate(), "ecdsa_sha256": ec.generate_private_key(ec.SECP256R1())}
    other = pem_of(others.get(algorithm) or rsa.generate_private_key(65537, 2048))

    assert verify_any(delivery, rule, [Secret(pem_of(key))], NOW).timestamp == NOW
    assert verify_any(delivery, rule, [Secret(other), Secret(pem_of(key))], NOW).timestamp == NOW
    assert verify_any(delivery, replace(rule, public_key=pem_of(key)), [], NOW).timestamp == NOW
    assert refused(delivery, rule, other) == "signature"
    assert refused(replace(delivery, body=b"{ }"), rule, pem_of(key)) == "signature"
    assert refused(deliver(X_Sig="AAAA", X_Time="1700000000"), rule, pem_of(key)) == "signature"
    assert refused(deliver(X_Time="1700000000"), rule, pem_of(key)) == "unsigned"
    assert refused(deliver(X_Sig=signature), rule, pem_of(key)) == "timestamp"
    assert refused(delivery, rule, pem_of(key), now=NOW + 301) == "timestamp"
    assert refused(delivery, rule) == "unsigned"


def test_a_key_of_the_connector_is_the_one_that_counts():
    """The connection's secret may be for another webhook, and of another kind."""
    rule = PublicKeyRule(SignatureRule("X-Sig"), "ed25519", pem_of(PLAIN["ed25519"]))
    other = ed25519.Ed25519PrivateKey.generate()

    assert verify_any(deliver(X_Sig=PLAIN["ed25519"].sign(b"{}").hex()), rule, [Secret("hush")], NOW)
    assert refused(deliver(X_Sig=other.sign(b"{}").hex()), rule, pem_of(other)) == "signature"


# -- keys ---------------------------------------------------------------------------------------------


def test_a_key_may_be_written_in_every_usual_way():
    private = PLAIN["ed25519"]
    raw = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    der = private.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    point = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    jwk = json.dumps({"kty": "OKP", "crv": "Ed25519", "x": point})
    pem = pem_of(private)
    texts = [
        raw.hex(),
        base64.b64encode(raw).decode(),
        base64.b64encode(der).decode(),
        jwk,
        pem,
        pem.replace("\n", "\\n"),
    ]

    found = [parse_public_key(text, "ed25519") for text in texts]

    assert all(key.public_bytes_raw() == raw for key in found)


def test_a_certificate_stands_for_its_key(certificate):
    text, private = certificate
    delivery = deliver(X_Sig=base64.b64encode(private.sign(b"{}", padding.PKCS1v15(), hashes.SHA256())).decode())
    rule = PublicKeyRule(SignatureRule("X-Sig", encoding="base64"), "rsa_sha256")

    assert verify_any(delivery, rule, [Secret(text)], NOW)


@pytest.fixture(scope="module")
def certificate():
    from datetime import datetime, timezone

    private = PLAIN["rsa_sha256"]
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "hooks.example.com")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=timezone.utc))
        .not_valid_after(datetime(2036, 1, 1, tzinfo=timezone.utc))
        .sign(private, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode(), private


@pytest.mark.parametrize(
    ("text", "algorithm", "told"),
    [
        ("", "ed25519", "is no public key"),
        ("not a key", "ed25519", "is no public key"),
        ("{}", "ed25519", "is no public key"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "rsa_sha256", "is no public key"),
        (pem_of(PLAIN["ed25519"]), "rsa_sha256", "of another kind"),
        (pem_of(PLAIN["rsa_sha256"]), "ES256", "of another kind"),
        (pem_of(rsa.generate_private_key(65537, 1024)), "rsa_sha256", "at least 2048"),
        (pem_of(ec.generate_private_key(ec.SECP384R1())), "ecdsa_sha256", "needs secp256r1"),
        (pem_of(ec.generate_private_key(ec.SECP256R1())), "ES384", "needs secp384r1"),
    ],
)
def test_what_is_no_such_key_is_told(text, algorithm, told):
    with pytest.raises(ValueError, match=told):
        parse_public_key(text, algorithm)


def test_a_private_key_in_the_place_of_the_public_one_is_refused():
    private = PLAIN["ed25519"].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )

    with pytest.raises(ValueError, match="is no public key") as caught:
        parse_public_key(private.decode(), "ed25519")
    assert "BEGIN" not in str(caught.value)


# -- JWTs ---------------------------------------------------------------------------------------------

SHARED = "0123456789abcdef" * 4
# As Vonage signs: https://developer.vonage.com/en/getting-started/concepts/webhooks
VONAGE = JwtRule("Authorization", "HS256", "payload_hash", prefix="Bearer ", issuer="Vonage")
# As Plaid does: https://plaid.com/docs/api/webhooks/webhook-verification/
PLAID = JwtRule("Plaid-Verification", "ES256", "request_body_sha256")


def token(key, algorithm, body=b"{}", name="payload_hash", **claims):
    made = {"iat": NOW, "iss": "Vonage", name: hashlib.sha256(body).hexdigest(), **claims}
    return jwt.encode({key: value for key, value in made.items() if value is not None}, key, algorithm)


def bearing(text, body=b"{}"):
    return deliver(body, Authorization=f"Bearer {text}")


def test_a_token_that_holds_the_hash_of_the_body_is_accepted():
    verified = verify_any(bearing(token(SHARED, "HS256")), VONAGE, [Secret(SHARED)], NOW + 10)

    assert verified.timestamp == NOW


def test_a_token_by_a_private_key_is_accepted_with_its_public_key():
    key = PLAIN["ecdsa_sha256"]
    texts = [token(key, "ES256", name="request_body_sha256") for _ in range(2)]
    found = [
        verify_any(
            Delivery("POST", "https://a.example", (("Plaid-Verification", text),), (), b"{}"),
            PLAID,
            [Secret(pem_of(key))],
            NOW,
        )
        for text in texts
    ]

    # Two signatures of one token: one delivery.
    assert texts[0] != texts[1]
    assert found[0].content_digest == found[1].content_digest


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "Mallory"}, "signature"),
        ({"payload_hash": None}, "signature"),
        ({"payload_hash": 7}, "signature"),
        ({"payload_hash": hashlib.sha256(b"other").hexdigest()}, "signature"),
        ({"iat": NOW - 301}, "timestamp"),
        ({"iat": NOW + 301}, "timestamp"),
        ({"iat": None}, "timestamp"),
        ({"iat": "1700000000"}, "timestamp"),
        ({"exp": NOW - 301}, "timestamp"),
        ({"nbf": NOW + 301}, "timestamp"),
    ],
)
def test_a_token_that_says_something_else_is_refused(claims, reason):
    assert refused(bearing(token(SHARED, "HS256", **claims)), VONAGE, SHARED) == reason


def test_a_token_for_somebody_else_is_refused():
    rule = replace(VONAGE, audience="me")

    assert verify_any(bearing(token(SHARED, "HS256", aud=["me", "you"])), rule, [Secret(SHARED)], NOW)
    assert refused(bearing(token(SHARED, "HS256", aud="you")), rule, SHARED) == "signature"
    assert refused(bearing(token(SHARED, "HS256")), rule, SHARED) == "signature"


def test_another_algorithm_than_the_declared_one_is_refused_whatever_the_token_says():
    """The public key as a shared secret, or no signature at all, are the classic ways in."""
    key = pem_of(PLAIN["ecdsa_sha256"])
    head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    claims = {"iat": NOW, "request_body_sha256": hashlib.sha256(b"{}").hexdigest()}
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")

    def sent(text):
        return Delivery("POST", "https://a.example", (("Plaid-Verification", text),), (), b"{}")

    assert refused(sent(f"{head}.{body}."), PLAID, key) == "signature"
    assert refused(sent(token(SHARED, "HS256", name="request_body_sha256")), PLAID, key) == "signature"
    assert refused(bearing(token(SHARED, "HS384")), VONAGE, SHARED) == "signature"


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "." * 30, "é", "A" * 40_000])
def test_what_is_no_token_is_refused(text):
    assert refused(bearing(text), VONAGE, SHARED) in ("signature", "unsigned")


def test_a_token_is_good_for_its_body_alone():
    assert refused(bearing(token(SHARED, "HS256"), b'{"amount": 1}'), VONAGE, SHARED) == "signature"
