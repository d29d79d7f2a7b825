"""How a task proves to the broker that it may use a connection: a signed note that is good for a minute.

The key is derived from two things that a task can read through Airflow and an outsider cannot have
together: the secret of this installation, and the secret fields of the connection. A vendor knows its
own client secret but not the installation's; a task of another team knows the installation's but not
the connection's.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from typing import Any, NamedTuple

import jwt
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from airflow_provider_integry.auth.oauth2 import OAuth2Settings
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.settings import ConnectionSettings

AUDIENCE = "integry-broker"
# The connection whose password is this installation's secret: tasks and triggers can read connections,
# and nobody else can see their passwords.
INSTALLATION_CONN_ID = "integry_installation"
LIFETIME_S = 60
# Who keeps grants alive uses no connection: the installation's secret alone proves it.
KEEP_ALIVE_CLAIMS = {"sub": "keep-alive"}
MAX_NONCE = 64
# Clocks of two machines are rarely closer than this.
LEEWAY_S = 30
_ALGORITHM = "HS256"
_CLAIMS = ["aud", "sub", "iat", "exp", "jti"]
# Those that say what a proof is for: each has to be what is asked for, or missing where nothing is.
_NAMES = ("sub", "end_user", "account", "use")


class ProofError(Exception):
    """A proof that is not accepted.

    Args:
        is_genuine: Whether it was signed with the right key, so that the caller may be told more.
        reason: One word, for the log and for genuine callers: `signature`, `expired`, `claims`, `replayed`.
    """

    def __init__(self, reason: str, *, is_genuine: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_genuine = is_genuine


class ProofKey(NamedTuple):
    """Key of one connection's proofs.

    Attributes:
        key: 256 bits.
        fingerprint: Eight hex digits that name the key, for two logs to be compared.
    """

    key: Secret
    fingerprint: str


def derive_key(installation_secret: Secret, settings: ConnectionSettings) -> ProofKey:
    """Derive the key of a connection's proofs (HKDF, RFC 5869, with SHA-256).

    The refresh token is left out: the broker blanks it once it is imported.
    """
    auth = settings.auth
    pasted = auth.refresh_token if isinstance(auth, OAuth2Settings) else None
    own = sorted({secret.reveal() for secret in settings.secrets if secret != pasted})
    material = json.dumps([installation_secret.reveal(), own]).encode()
    info = json.dumps([AUDIENCE, settings.conn_type, settings.conn_id]).encode()
    return _derive(material, info)


def _derive(material: bytes, info: bytes) -> ProofKey:
    key = HKDF(SHA256(), length=32, salt=None, info=info).derive(material)
    return ProofKey(Secret(key.hex()), hashlib.sha256(b"name of " + key).hexdigest()[:8])


def derive_keep_alive_key(installation_secret: Secret) -> ProofKey:
    """Derive the key for keeping grants alive; no connection's key is the same."""
    material = json.dumps([installation_secret.reveal()]).encode()
    return _derive(material, json.dumps([AUDIENCE, KEEP_ALIVE_CLAIMS["sub"]]).encode())


def make_unknown_key() -> ProofKey:
    """Return a key that no proof fits."""
    return ProofKey(Secret(os.urandom(32).hex()), "")


def build_claims(conn_id: str, end_user: str | None, account: str | None, use: str | None = None) -> dict[str, str]:
    """Return the claims that say what a proof is for; None and the empty text are different things.

    Args:
        conn_id: The connection.
        end_user: End user; None for the connection's own account, or where nobody in particular is meant.
        account: Which of several accounts.
        use: What the proof is for, where that is more than one authorization; None for one.
    """
    named = {"sub": conn_id, "end_user": end_user, "account": account, "use": use}
    return {name: value for name, value in named.items() if value is not None}


def sign_proof(key: ProofKey, claims: dict[str, str], *, now: float, nonce: str) -> str:
    """Sign a proof.

    Args:
        key: The connection's key.
        claims: What it is for.
        now: UTC epoch seconds, as the broker's clock has it.
        nonce: Unique text.
    """
    body = {**claims, "aud": AUDIENCE, "iat": int(now), "exp": int(now) + LIFETIME_S, "jti": nonce}
    return jwt.encode(body, bytes.fromhex(key.key.reveal()), algorithm=_ALGORITHM)


def check_proof(proof: str, key: ProofKey, claims: dict[str, str], *, now: float) -> str:
    """Check a proof and return its nonce.

    Args:
        proof: What was sent.
        key: The key that it must have been signed with.
        claims: What it must be for.
        now: UTC epoch seconds.
    Raises:
        ProofError: It is not accepted.
    """
    # PyJWT takes times as text and lives of any length; here they are checked more closely.
    options: Any = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "require": _CLAIMS}
    try:
        body = jwt.decode(
            proof, bytes.fromhex(key.key.reveal()), algorithms=[_ALGORITHM], audience=AUDIENCE, options=options
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise ProofError("signature", is_genuine=False) from None
    issued, ends, nonce = body["iat"], body["exp"], body["jti"]
    if not (isinstance(issued, int) and isinstance(ends, int)) or ends - issued > LIFETIME_S:
        raise ProofError("claims", is_genuine=False)
    if not isinstance(nonce, str) or len(nonce) > MAX_NONCE:
        raise ProofError("claims", is_genuine=False)
    if not _same({name: body.get(name) for name in _NAMES}, claims):
        raise ProofError("claims", is_genuine=False)
    if now > ends + LEEWAY_S or now < issued - LEEWAY_S:
        raise ProofError("expired", is_genuine=True)
    return nonce


def _same(found: dict[str, object], wanted: dict[str, str]) -> bool:
    """Compare as opaque texts: no folding, no trimming, no numbers for digits."""
    pairs = [(value, wanted.get(name)) for name, value in found.items()]
    if any((left is None) != (right is None) or not isinstance(left, str | None) for left, right in pairs):
        return False
    texts = ["" if value is None else str(value) for pair in pairs for value in pair]
    left, right = json.dumps(texts[::2]).encode(), json.dumps(texts[1::2]).encode()
    return hmac.compare_digest(left, right)


class ReplayGuard:
    """Remembers the nonces of one process for as long as their proofs could be used again.

    Args:
        limit: Most nonces; beyond it the oldest are forgotten, which at that rate are about to end.
    """

    def __init__(self, limit: int = 200_000) -> None:
        self._seen: dict[str, float] = {}
        self._limit = limit

    def check(self, nonce: str, now: float) -> None:
        """Remember a nonce.

        Raises:
            ProofError: It was used before.
        """
        if nonce in self._seen:
            raise ProofError("replayed", is_genuine=True)
        self._seen[nonce] = now + LIFETIME_S + 2 * LEEWAY_S
        while self._seen and (len(self._seen) > self._limit or next(iter(self._seen.values())) < now):
            self._seen.pop(next(iter(self._seen)))
