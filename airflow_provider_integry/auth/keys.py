"""Private keys and shared secrets as people paste them: checked before they sign anything."""

from __future__ import annotations

import base64
import binascii
import re
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from airflow_provider_integry.errors import CredentialFormatError
from airflow_provider_integry.secret import Secret

MIN_RSA_BITS = 2048
_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_HMAC_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
_CURVES = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1", "ES256K": "secp256k1"}

PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey | Ed448PrivateKey


def normalize_pem(text: str, what: str = "Private key") -> str:
    r"""Return a PEM with real line breaks, whatever a one-line form field made of it.

    Accepts a PEM as it is, with literal ``\n``, with its line breaks turned into spaces or lost,
    or all of that base64-encoded once more.

    Raises:
        CredentialFormatError: There is no PEM in it.
    """
    candidate = _unescape(text.strip().strip("\"'"))
    match = _PEM.search(candidate) or _PEM.search(_decode_base64(candidate))
    if not match:
        raise CredentialFormatError(
            what,
            "is not a PEM; paste the text from '-----BEGIN …' to '-----END …-----', on one line, with"
            " literal \\n, or base64-encoded",
        )
    label, inside = match.group(1), match.group(2)
    if "Proc-Type" in inside or "ENCRYPTED" in label:
        raise CredentialFormatError(
            what, "is encrypted with a pass phrase; decrypt it first (openssl pkey -in key.pem)"
        )
    if label.startswith("OPENSSH"):
        raise CredentialFormatError(
            what, "is in OpenSSH's own format; convert a copy of it first (ssh-keygen -p -m PEM -f copy)"
        )
    data = "".join(inside.split())
    lines = [data[index : index + 64] for index in range(0, len(data), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


def load_private_key(text: str, what: str = "Private key") -> PrivateKey:
    """Read a private key that is strong enough to sign with.

    Raises:
        CredentialFormatError: Not a PEM, not a private key, of an unknown kind, or RSA below 2048 bits.
    """
    pem = normalize_pem(text, what)
    try:
        key = load_pem_private_key(pem.encode("ascii"), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm, UnicodeEncodeError):
        raise CredentialFormatError(
            what, "cannot be read as a private key; a certificate or public key does not sign"
        ) from None
    if isinstance(key, RSAPrivateKey) and key.key_size < MIN_RSA_BITS:
        raise CredentialFormatError(
            what, f"is an RSA key of {key.key_size} bits; {MIN_RSA_BITS} are the least that is safe"
        )
    if not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey | Ed448PrivateKey):
        raise CredentialFormatError(what, "is of a kind that signs no JWT; use RSA, EC or Ed25519")
    return key


@lru_cache(maxsize=64)
def open_private_key(secret: Secret) -> PrivateKey:
    """Return a private key ready to sign with; reading a PEM anew costs more than a signature.

    Raises:
        CredentialFormatError: As `load_private_key`.
    """
    return load_private_key(secret.reveal())


def check_signing_key(secret: Secret, algorithm: str, what: str = "Signing key") -> Secret:
    """Return the key in the form the algorithm needs: shared secret, or PEM with line breaks.

    Args:
        secret: What was pasted.
        algorithm: JWS algorithm (RFC 7518 section 3.1): HS*, RS*, PS*, ES* or EdDSA.
        what: How to name it in an error.
    Raises:
        CredentialFormatError: Unreadable, too weak (RFC 7518 sections 3.2 and 3.3), or not for this algorithm.
    """
    if algorithm in _HMAC_BYTES:
        return _check_shared_secret(secret, algorithm, what)
    key = load_private_key(secret.reveal(), what)
    if not _fits(key, algorithm):
        raise CredentialFormatError(what, f"is not a key for {algorithm}; choose the algorithm the key is for")
    return Secret(normalize_pem(secret.reveal(), what))


def _check_shared_secret(secret: Secret, algorithm: str, what: str) -> Secret:
    needed = _HMAC_BYTES[algorithm]
    size = len(secret.reveal().encode("utf-8"))
    if "-----BEGIN" in secret.reveal():
        raise CredentialFormatError(what, f"is a PEM, but {algorithm} takes a shared secret; choose RS256 or ES256")
    if size < needed:
        raise CredentialFormatError(
            what, f"has {size} bytes; {algorithm} needs at least {needed} (RFC 7518 section 3.2)"
        )
    return secret


def _fits(key: PrivateKey, algorithm: str) -> bool:
    if algorithm[:2] in ("RS", "PS"):
        return isinstance(key, RSAPrivateKey)
    if algorithm in _CURVES:
        return isinstance(key, EllipticCurvePrivateKey) and key.curve.name == _CURVES[algorithm]
    return algorithm == "EdDSA" and isinstance(key, Ed25519PrivateKey | Ed448PrivateKey)


def _unescape(text: str) -> str:
    """Return text with real line breaks for literal ones, however often they were escaped."""
    return re.sub(r"\\+n", "\n", re.sub(r"\\+r", "", text))


def _decode_base64(text: str) -> str:
    data = "".join(text.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return _unescape(base64.b64decode(data + "=" * (-len(data) % 4), validate=True).decode("ascii"))
    except (binascii.Error, ValueError):
        return ""
