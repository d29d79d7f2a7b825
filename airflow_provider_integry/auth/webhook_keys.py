"""Webhooks that a service signs with a private key of its own, and those that carry a signed JWT.

The key to verify with is somebody's to give: it stands in the connection, or in the connector. None is ever fetched
from where a delivery says: whoever sends one could name a key of their own.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import jwt as pyjwt
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

from airflow_provider_integry.auth.webhook_signatures import (
    Delivery,
    Encoding,
    Rule,
    SignatureRule,
    Verified,
    WebhookRefusal,
    build_signed_text,
    check_time,
    encode_signature,
    read_signatures,
    verify,
)
from airflow_provider_integry.secret import Secret

KeyAlgorithm = Literal["ed25519", "ecdsa_sha256", "rsa_sha256", "rsa_pss_sha256"]
JwtAlgorithm = Literal[
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]
PublicKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey
MIN_RSA_BITS = 2048
MAX_JWT = 16 * 1024
_KINDS: dict[str, type[Any]] = {
    "ed25519": ed25519.Ed25519PublicKey,
    "ecdsa_sha256": ec.EllipticCurvePublicKey,
    "rsa_sha256": rsa.RSAPublicKey,
    "rsa_pss_sha256": rsa.RSAPublicKey,
    "RS": rsa.RSAPublicKey,
    "PS": rsa.RSAPublicKey,
    "ES": ec.EllipticCurvePublicKey,
    "Ed": ed25519.Ed25519PublicKey,
}
_CURVES = {"ecdsa_sha256": "secp256r1", "ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1"}


@dataclass(frozen=True, slots=True)
class PublicKeyRule:
    """A delivery carries a signature that the service's private key has made.

    Attributes:
        layout: Where signature and timestamp stand, and what is signed; its hash and key encoding do not count.
        algorithm: Ed25519 (RFC 8032), ECDSA on P-256 with DER signatures, or RSA with PKCS #1 v1.5 or PSS padding
            (RFC 8017), all but the first over SHA-256.
        public_key: The key, where the connector has it; else the connection's webhook secret is the key.
    """

    layout: SignatureRule
    algorithm: KeyAlgorithm
    public_key: str | None = None


@dataclass(frozen=True, slots=True)
class JwtRule:
    """A delivery carries a JWT (RFC 7519) that holds the hash of its body.

    Attributes:
        header: Header with the token.
        prefix: Text before it.
        algorithm: The one algorithm that is accepted, whatever the token says.
        body_claim: Claim with the SHA-256 of the body.
        body_encoding: How that hash is written.
        issuer, audience: What `iss` and `aud` must be; None where they are not looked at.
        tolerance_s: Most seconds between `iat` and now, and that `exp` and `nbf` may be off.
        public_key: As for `PublicKeyRule`; for HS256 and its like the secret is the webhook secret.
    """

    header: str
    algorithm: JwtAlgorithm
    body_claim: str
    prefix: str = ""
    body_encoding: Encoding = "hex"
    issuer: str | None = None
    audience: str | None = None
    tolerance_s: float = 300.0
    public_key: str | None = None


AnyRule = Rule | PublicKeyRule | JwtRule


def verify_any(delivery: Delivery, rule: AnyRule, secrets: Sequence[Secret], now: float) -> Verified:
    """Check that a delivery is the service's own, whatever the rule; see `webhook_signatures.verify`.

    Args:
        delivery: What came.
        rule: How the service proves itself.
        secrets: The webhook secret, and an older one; public keys where the rule is about one.
        now: Current time, UTC epoch seconds.
    Raises:
        WebhookRefusal: It is not, or it is too old.
    """
    if isinstance(rule, PublicKeyRule):
        return _verify_signed(delivery, rule, _texts(secrets, rule.public_key), now)
    if isinstance(rule, JwtRule):
        return _verify_jwt(delivery, rule, _texts(secrets, rule.public_key), now)
    return verify(delivery, rule, secrets, now)


def parse_public_key(text: str, algorithm: KeyAlgorithm | JwtAlgorithm) -> PublicKey:
    """Return a public key.

    Args:
        text: PEM of a key or a certificate, a JWK, DER in base64, or the 32 bytes of an Ed25519 key in hex or base64.
        algorithm: What it is for.
    Raises:
        ValueError: It is none of these, of another kind, or too short; the message tells which.
    """
    try:
        key = _load(text.strip().replace("\\n", "\n"))
    except (ValueError, TypeError, KeyError, UnsupportedAlgorithm, pyjwt.PyJWTError):
        raise ValueError("is no public key: give PEM, a JWK, DER in base64, or an Ed25519 key in hex") from None
    wanted = _KINDS.get(algorithm) or _KINDS[algorithm[:2]]
    if not isinstance(key, wanted):
        raise ValueError(f"is a key of another kind than '{algorithm}' needs")  # noqa: TRY004 - it is its value
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < MIN_RSA_BITS:
        raise ValueError(f"is an RSA key of {key.key_size} bits; at least {MIN_RSA_BITS} are needed")
    curve = _CURVES.get(algorithm)
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name != curve:
        raise ValueError(f"is on curve {key.curve.name}; '{algorithm}' needs {curve}")
    return cast("PublicKey", key)


def _load(text: str) -> Any:
    if "-----BEGIN CERTIFICATE" in text:
        return x509.load_pem_x509_certificate(text.encode()).public_key()
    if "-----BEGIN" in text:
        return load_pem_public_key(text.encode())
    if text.startswith("{"):
        return pyjwt.PyJWK(json.loads(text)).key
    raw = bytes.fromhex(text) if len(text) == 64 else _decode_base64(text)
    return ed25519.Ed25519PublicKey.from_public_bytes(raw) if len(raw) == 32 else load_der_public_key(raw)


def _decode_base64(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error as error:
        raise ValueError("no base64") from error


def _texts(secrets: Sequence[Secret], public_key: str | None) -> list[Secret]:
    """Return what to verify with: the connector's key where it has one, else what stands in the connection."""
    # Not both: the connection's secret may be for another webhook of the same service.
    given = [Secret(public_key)] if public_key else [secret for secret in secrets if secret]
    if not given:
        raise WebhookRefusal("unsigned", "there is no webhook secret in the connection to verify it with")
    return given


def _keys(texts: Sequence[Secret], algorithm: KeyAlgorithm | JwtAlgorithm) -> list[PublicKey]:
    return [_key(text, algorithm) for text in texts]


def _key(text: Secret, algorithm: KeyAlgorithm | JwtAlgorithm) -> PublicKey:
    try:
        return parse_public_key(text.reveal(), algorithm)
    except ValueError as error:
        raise WebhookRefusal("signature", f"the key that it is to be verified with {error}") from None


# -- signatures ---------------------------------------------------------------------------------------


def _verify_signed(delivery: Delivery, rule: PublicKeyRule, texts: Sequence[Secret], now: float) -> Verified:
    given, timestamp = read_signatures(delivery, rule.layout)
    text = build_signed_text(delivery, rule.layout, timestamp or "")
    check = _CHECKS[rule.algorithm]
    keys = _keys(texts, rule.algorithm)
    if not any(_fits(check, key, signature, text) for key in keys for signature in given):
        raise WebhookRefusal("signature", "its signature is not that of its content with the service's key")
    sent_at = None if timestamp is None else check_time(timestamp, rule.layout, now)
    # Of what was signed, not of the signature: of some kinds there are many for one text.
    return Verified(hashlib.sha256(b"signed:" + text).hexdigest(), sent_at)


def _fits(check: Callable[[Any, bytes, bytes], None], key: PublicKey, signature: bytes, text: bytes) -> bool:
    try:
        check(key, signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


_CHECKS: dict[str, Callable[[Any, bytes, bytes], None]] = {
    "ed25519": lambda key, signature, text: key.verify(signature, text),
    "ecdsa_sha256": lambda key, signature, text: key.verify(signature, text, ec.ECDSA(hashes.SHA256())),
    "rsa_sha256": lambda key, signature, text: key.verify(signature, text, padding.PKCS1v15(), hashes.SHA256()),
    "rsa_pss_sha256": lambda key, signature, text: key.verify(
        signature, text, padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO), hashes.SHA256()
    ),
}


# -- tokens -------------------------------------------------------------------------------------------


def _verify_jwt(delivery: Delivery, rule: JwtRule, texts: Sequence[Secret], now: float) -> Verified:
    value = delivery.header(rule.header) or ""
    if not value.startswith(rule.prefix) or len(value) == len(rule.prefix):
        raise WebhookRefusal("unsigned", f"it has no token in header '{rule.header}', or has it twice")
    token = value[len(rule.prefix) :].strip()
    is_shared = rule.algorithm.startswith("HS")
    keys: list[Any] = [text.reveal().encode() for text in texts] if is_shared else [*_keys(texts, rule.algorithm)]
    claims = next((found for key in keys if (found := _decode(token, key, rule)) is not None), None)
    if claims is None:
        raise WebhookRefusal("signature", "its token is not signed as the connector says, or is another service's")
    _check_body(delivery, rule, claims)
    sent_at = _check_claimed_times(rule, claims, now)
    # What is signed, without the signature: a token can be signed in many ways.
    return Verified(hashlib.sha256(b"jwt:" + token.rpartition(".")[0].encode()).hexdigest(), sent_at)


def _decode(token: str, key: Any, rule: JwtRule) -> dict[str, Any] | None:
    # Times are looked at below: this module holds no clock.
    unasked: Any = dict.fromkeys(("verify_exp", "verify_nbf", "verify_iat"), False)
    unasked["verify_aud"] = rule.audience is not None
    try:
        found: dict[str, Any] = pyjwt.decode(
            token[: MAX_JWT + 1], key, [rule.algorithm], unasked, issuer=rule.issuer, audience=rule.audience
        )
    except (pyjwt.PyJWTError, ValueError, TypeError):
        return None
    return found


def _check_body(delivery: Delivery, rule: JwtRule, claims: dict[str, Any]) -> None:
    said = claims.get(rule.body_claim)
    digest = encode_signature(hashlib.sha256(delivery.body).digest(), rule.body_encoding)
    if not isinstance(said, str) or not hmac.compare_digest(said.rstrip("=").encode(), digest.rstrip("=").encode()):
        raise WebhookRefusal("signature", f"claim '{rule.body_claim}' of its token is not the hash of its body")


def _check_claimed_times(rule: JwtRule, claims: dict[str, Any], now: float) -> float | None:
    made_at, begins_at, ends_at = (_number(claims.get(name)) for name in ("iat", "nbf", "exp"))
    if made_at is None and ends_at is None:
        raise WebhookRefusal("timestamp", "its token says neither when it was made nor when it ends")
    is_old = made_at is not None and abs(now - made_at) > rule.tolerance_s
    is_over = ends_at is not None and now > ends_at + rule.tolerance_s
    if is_old or is_over or (begins_at is not None and now < begins_at - rule.tolerance_s):
        raise WebhookRefusal("timestamp", "its token is not good yet, or not any more")
    return made_at


def _number(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number else None  # type: ignore[arg-type]
