"""Proofs that a token is used by the one who got it: DPoP (RFC 9449)."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import jwt as pyjwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from airflow_provider_integry.auth.keys import PrivateKey
from airflow_provider_integry.secret import Secret


@dataclass(frozen=True, slots=True)
class ProofKey:
    """A private key that proofs are signed with.

    Attributes:
        key: The key; EC P-256 unless the server asks for another kind.
        algorithm: JWS algorithm that fits it; never a symmetric one.
    """

    key: PrivateKey = field(repr=False)
    algorithm: str = "ES256"

    @property
    def public_jwk(self) -> dict[str, Any]:
        """The public key as a JWK (RFC 7517)."""
        public: Any = self.key.public_key()
        if isinstance(self.key, EllipticCurvePrivateKey):
            jwk = ECAlgorithm.to_jwk(public, as_dict=True)
        elif isinstance(self.key, RSAPrivateKey):
            jwk = RSAAlgorithm.to_jwk(public, as_dict=True)
        else:
            jwk = OKPAlgorithm.to_jwk(public, as_dict=True)
        return {name: value for name, value in jwk.items() if name in ("kty", "crv", "x", "y", "n", "e")}


def make_proof_key() -> ProofKey:
    """Return a new EC P-256 key."""
    return ProofKey(generate_private_key(SECP256R1()))


def dump_proof_key(proof_key: ProofKey) -> Secret:
    """Return a proof key as PEM (PKCS #8)."""
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    return Secret(proof_key.key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain).decode("ascii"))


def load_proof_key(pem: Secret) -> ProofKey:
    """Return the EC P-256 proof key that `dump_proof_key` gave."""
    key = serialization.load_pem_private_key(pem.reveal().encode("ascii"), password=None)
    assert isinstance(key, EllipticCurvePrivateKey)
    return ProofKey(key)


def build_proof(
    proof_key: ProofKey,
    *,
    method: str,
    url: str,
    now: float,
    jti: str,
    access_token: Secret | None = None,
    nonce: str | None = None,
) -> str:
    """Sign the proof for one request.

    Args:
        proof_key: Key that the token is bound to.
        method: Method of the request.
        url: URL of the request; query and fragment are left out of the proof.
        now: Current time, UTC epoch seconds.
        jti: Unique text; servers refuse a second use.
        access_token: Token that the request carries; None at the token endpoint.
        nonce: The server's latest nonce for this origin; None when it gave none.
    Returns:
        Value of the header ``DPoP``.
    Source: RFC 9449 section 4.2.
    """
    parts = urlsplit(url)
    claims: dict[str, Any] = {
        "jti": jti,
        "htm": method,
        "htu": urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")),
        "iat": int(now),
    }
    if access_token is not None:
        claims["ath"] = hash_token(access_token)
    if nonce is not None:
        claims["nonce"] = nonce
    headers = {"typ": "dpop+jwt", "jwk": proof_key.public_jwk}
    return pyjwt.encode(claims, proof_key.key, algorithm=proof_key.algorithm, headers=headers)


def hash_token(access_token: Secret) -> str:
    """Return the claim `ath` of a token: base64url of its SHA-256 (RFC 9449 section 4.2)."""
    return _base64url(hashlib.sha256(access_token.reveal().encode("ascii")).digest())


def build_thumbprint(jwk: dict[str, Any]) -> str:
    """Return the SHA-256 thumbprint of a public JWK (RFC 7638 section 3)."""
    needed = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n"), "OKP": ("crv", "kty", "x")}[jwk["kty"]]
    text = json.dumps({name: jwk[name] for name in sorted(needed)}, separators=(",", ":"))
    return _base64url(hashlib.sha256(text.encode("ascii")).digest())


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).decode("ascii").rstrip("=")
