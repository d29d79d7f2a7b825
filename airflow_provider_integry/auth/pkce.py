"""Proof Key for Code Exchange (RFC 7636): a secret that ties the token request to the authorization request."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from typing import Literal

from airflow_provider_integry.errors import CredentialFormatError
from airflow_provider_integry.secret import Secret

ChallengeMethod = Literal["S256", "plain"]

VERIFIER_OCTETS = 32
# RFC 7636 section 4.1: 43 to 128 of RFC 3986's unreserved characters. Spelt out: \w would take other alphabets too.
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def build_verifier(octets: bytes | None = None) -> Secret:
    """Create a code verifier.

    Args:
        octets: 32 random octets; None to draw them from the operating system.
    Returns:
        43 characters, to be kept until the code is exchanged. Secret; never logged.
    Raises:
        CredentialFormatError: Not 32 octets.
    Source: RFC 7636 section 4.1.
    """
    octets = secrets.token_bytes(VERIFIER_OCTETS) if octets is None else octets
    if len(octets) != VERIFIER_OCTETS:
        raise CredentialFormatError("code_verifier", f"is made of {len(octets)} octets; give {VERIFIER_OCTETS}")
    return Secret(_encode(octets))


def check_verifier(verifier: Secret) -> Secret:
    """Refuse a text that no server takes for a code verifier.

    Raises:
        CredentialFormatError: It has not 43 to 128 characters, or others than ``A-Z a-z 0-9 - . _ ~``.
    Source: RFC 7636 section 4.1.
    """
    if not _VERIFIER.fullmatch(verifier.reveal()):
        raise CredentialFormatError("code_verifier", "is not 43 to 128 of the characters A-Z a-z 0-9 - . _ ~")
    return verifier


def build_challenge(verifier: Secret, method: ChallengeMethod = "S256") -> str:
    """Build what the authorization request shows of the verifier.

    Args:
        verifier: The code verifier.
        method: ``plain`` shows the verifier itself, to whoever sees the authorization request: only for a
            server that declares nothing else.
    Raises:
        CredentialFormatError: The verifier or the method is not RFC 7636's.
    Source: RFC 7636 section 4.2.
    """
    text = check_verifier(verifier).reveal()
    if method == "S256":
        return _encode(hashlib.sha256(text.encode("ascii")).digest())
    if method == "plain":
        return text
    raise CredentialFormatError("code_challenge_method", "is neither 'S256' nor 'plain'; use 'S256'")


def build_challenge_params(verifier: Secret, method: ChallengeMethod = "S256") -> dict[str, str]:
    """Build the parameters of the authorization request; arguments and errors are those of `build_challenge`.

    The method is always named: a server takes a challenge without one for ``plain``.

    Source: RFC 7636 section 4.3.
    """
    return {"code_challenge": build_challenge(verifier, method), "code_challenge_method": method}


def build_verifier_params(verifier: Secret) -> dict[str, str]:
    """Build the parameter of the token request. It holds the secret: for the body, never for a log.

    Raises:
        CredentialFormatError: The verifier is not RFC 7636's.
    Source: RFC 7636 section 4.5.
    """
    return {"code_verifier": check_verifier(verifier).reveal()}


def _encode(octets: bytes) -> str:
    """Return base64url without padding (RFC 7636 appendix A)."""
    return base64.urlsafe_b64encode(octets).decode("ascii").rstrip("=")
