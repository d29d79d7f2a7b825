"""Callbacks whose query is signed with the application's secret, declared rather than programmed.

A service that sends a browser back may sign the query with which it comes: every parameter but the
signature itself, also those that nobody here knows, so that none can be added, left out or changed.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, quote_plus

from airflow_provider_integry.errors import CallbackSignatureError, CredentialFormatError
from airflow_provider_integry.secret import Secret

HashName = Literal["sha1", "sha256", "sha384", "sha512"]
Encoding = Literal["hex", "base64", "base64url"]
Escaping = Literal["delimiters", "form", "none"]

MAX_QUERY = 64 * 1024
MAX_PARAMETERS = 100


@dataclass(frozen=True, slots=True)
class CallbackSignature:
    """How a service signs its callbacks; the defaults are Shopify's.

    Attributes:
        secret: The application's secret.
        parameter: Name of the parameter that carries the signature.
        hash_name: Hash of the HMAC (RFC 2104).
        encoding: How the signature is written; hex is lower case, base64url has no padding.
        escaping: How decoded names and values are written into the signed text. ``delimiters``: ``%`` and
            ``&`` percent-encoded, in names ``=`` too. ``form``: as an HTML form encodes them.
            ``none``: as they are; what could be mistaken for a delimiter is refused.
    Raises:
        CredentialFormatError: The secret or the parameter is empty: anybody could sign.
    Source: https://shopify.dev/apps/auth/oauth/making-requests and, for the escaping, Shopify's own library
        (Shopify/shopify_python_api, shopify/session.py).
    """

    secret: Secret
    parameter: str = "hmac"
    hash_name: HashName = "sha256"
    encoding: Encoding = "hex"
    escaping: Escaping = "delimiters"

    def __post_init__(self) -> None:
        if not self.secret:
            raise CredentialFormatError("secret", "is empty, and needed to verify callbacks; fill it in")
        if not self.parameter:
            raise CredentialFormatError("parameter", "is empty; name the parameter that carries the signature")


def verify_callback(query: str, signature: CallbackSignature) -> dict[str, str]:
    """Return the parameters of a callback after checking that the service signed them all.

    Use these and no others: a second look at the query might read it in another way.

    Args:
        query: Query of the callback's URL as it was received, percent-encoded, without ``?``.
        signature: How the service signs.
    Returns:
        Decoded parameters by name, without the signature. They may still be old: an HMAC does not expire, so
        the caller compares ``state`` and, where there is one, the timestamp.
    Raises:
        CallbackSignatureError: The signature is missing, doubled or wrong, or the query cannot be read in just
            one way. A parameter given twice is refused (RFC 6749 section 3.1), lists such as ``ids[]`` too.
    """
    parameters = _parse(query)
    given = parameters.pop(signature.parameter, "")
    if not given:
        raise CallbackSignatureError(f"it has no parameter '{signature.parameter}'")
    expected = _sign(parameters, signature)
    # As bytes: `compare_digest` takes no text beyond ASCII, and `given` is anybody's.
    if not hmac.compare_digest(expected.encode(), given.encode()):
        raise CallbackSignatureError("its signature is not that of its parameters")
    return parameters


def build_signed_text(parameters: Mapping[str, str], escaping: Escaping) -> str:
    """Build the text that a service signs: ``name=value`` pairs, sorted as whole texts, joined with ``&``.

    Raises:
        CallbackSignatureError: With ``none``, a name or value that could be mistaken for another parameter.
    """
    escape_name, escape_value = _ESCAPES[escaping]
    return "&".join(sorted(f"{escape_name(name)}={escape_value(value)}" for name, value in parameters.items()))


def _sign(parameters: Mapping[str, str], signature: CallbackSignature) -> str:
    text = build_signed_text(parameters, signature.escaping)
    digest = hmac.new(signature.secret.reveal().encode("utf-8"), text.encode("utf-8"), signature.hash_name).digest()
    if signature.encoding == "hex":
        return digest.hex()
    if signature.encoding == "base64":
        return base64.b64encode(digest).decode("ascii")
    return base64.urlsafe_b64encode(digest).decode("ascii").rstrip("=")


def _parse(query: str) -> dict[str, str]:
    if len(query) > MAX_QUERY:
        raise CallbackSignatureError(f"its query has more than {MAX_QUERY} characters")
    problem = f"its query is not percent-encoded UTF-8, or has more than {MAX_PARAMETERS} parameters"
    if not query.isascii():
        raise CallbackSignatureError(problem)
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except ValueError:
        raise CallbackSignatureError(problem) from None
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        raise CallbackSignatureError("it has a parameter twice")
    return parameters


def _escape_value(text: str) -> str:
    return text.replace("%", "%25").replace("&", "%26")


def _escape_name(text: str) -> str:
    return _escape_value(text).replace("=", "%3D")


def _escape_form(text: str) -> str:
    """Return a text as forms are encoded; `quote_plus` differs in two characters (WHATWG URL section 5.2)."""
    return quote_plus(text, safe="*").replace("~", "%7E")


def _refuse_in_value(text: str) -> str:
    if "&" in text:
        raise CallbackSignatureError("a value holds '&', which its signature does not tell from the next parameter")
    return text


def _refuse_in_name(text: str) -> str:
    if "=" in text:
        raise CallbackSignatureError("a name holds '=', which its signature does not tell from the value")
    return _refuse_in_value(text)


_ESCAPES: Mapping[Escaping, tuple[Callable[[str], str], Callable[[str], str]]] = {
    "delimiters": (_escape_name, _escape_value),
    "form": (_escape_form, _escape_form),
    "none": (_refuse_in_name, _refuse_in_value),
}
