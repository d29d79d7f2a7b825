"""What is put on a request to prove who asks: one frozen value per mechanism.

A credential that could not be sent as it is (control characters, non-ASCII header text) is refused
here, when it is made, so that signing a request needs no checks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from airflow_provider_integry.auth.dpop import ProofKey
from airflow_provider_integry.auth.hmac_signing import HmacSigned
from airflow_provider_integry.errors import CredentialFormatError
from airflow_provider_integry.secret import Secret

KeyLocation = Literal["header", "query", "cookie"]
SignatureMethod = Literal[
    "HMAC-SHA1", "HMAC-SHA256", "HMAC-SHA512", "RSA-SHA1", "RSA-SHA256", "RSA-SHA512", "PLAINTEXT"
]

Placement = Literal["header", "query", "body"]
# RFC 5849 section 3.1, and the body hash of the later extension.
OAUTH1_PARAMETERS = frozenset(
    {
        "oauth_consumer_key",
        "oauth_token",
        "oauth_signature_method",
        "oauth_timestamp",
        "oauth_nonce",
        "oauth_version",
        "oauth_signature",
        "oauth_body_hash",
    }
)

# For `fullmatch`: `match` with `$` would let a line break at the end through.
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HEADER_TEXT = re.compile(r"[\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?")
_COOKIE_TEXT = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")


def check_header_name(name: str, what: str) -> str:
    """Return a header or cookie name that is a token of RFC 9110 section 5.6.2.

    Raises:
        CredentialFormatError: Empty, or with characters that no header name has.
    """
    if not _HEADER_NAME.fullmatch(name):
        raise CredentialFormatError(what, "is not a header name; use letters, digits and '-' (X-Api-Key)")
    return name


def check_header_text(text: str, what: str) -> str:
    """Return text that can be a header value: printable ASCII, no space at either end.

    Raises:
        CredentialFormatError: Empty, with CR, LF, NUL or another control character, with
            characters outside ASCII, or with white space around it.
    """
    if _HEADER_TEXT.fullmatch(text):
        return text
    if not text:
        raise CredentialFormatError(what, "is empty; fill it in")
    if any(ord(char) < 32 or ord(char) == 127 for char in text):
        raise CredentialFormatError(what, "holds a line break or another control character; paste it again without")
    if not text.isascii():
        raise CredentialFormatError(what, "holds a character outside ASCII, which no header can carry")
    raise CredentialFormatError(what, "begins or ends with a space; paste it again without")


def check_cookie_text(text: str, what: str) -> str:
    """Return text that can be a cookie's value (RFC 6265 section 4.1.1).

    Raises:
        CredentialFormatError: It holds a space, a quote, a comma, a semicolon, a backslash or worse.
    """
    if not _COOKIE_TEXT.fullmatch(text):
        raise CredentialFormatError(what, "holds a character that no cookie can carry; paste it again without")
    return text


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key, sent in a header, the query or a cookie.

    Attributes:
        key: The key.
        location: Where it goes.
        name: Name of the header, query parameter or cookie.
        prefix: Text before the key, ending in whatever separates the two ("Bearer ", "Token token=").
    """

    key: Secret
    location: KeyLocation = "header"
    name: str = "Authorization"
    prefix: str = ""

    def __post_init__(self) -> None:
        value = self.prefix + self.key.reveal()
        if not self.key:
            raise CredentialFormatError("API key", "is empty; fill it in")
        if self.location == "query":
            check_no_controls(value, "API key")
            if not self.name:
                raise CredentialFormatError("Key name", "is empty; give the name of the query parameter")
            return
        check_header_name(self.name, "Key name")
        check_header_text(value, "API key")
        if self.location == "cookie":
            check_cookie_text(value, "API key")


@dataclass(frozen=True, slots=True)
class ApiKeyPair:
    """A key and a secret, each in a header of its own."""

    key: Secret
    secret: Secret
    key_name: str = "X-Api-Key"
    secret_name: str = "X-Api-Secret"

    def __post_init__(self) -> None:
        check_header_name(self.key_name, "Key header")
        check_header_name(self.secret_name, "Secret header")
        check_header_text(self.key.reveal(), "API key")
        check_header_text(self.secret.reveal(), "API secret")
        if self.key_name.lower() == self.secret_name.lower():
            raise CredentialFormatError("Secret header", "is the same as the key header; give two names")


@dataclass(frozen=True, slots=True)
class Basic:
    """User name and password, sent as UTF-8 (RFC 7617).

    The user name is left out of `repr`: where a key and secret travel as a Basic pair, it is the key.
    """

    username: str = field(repr=False)
    password: Secret

    def __post_init__(self) -> None:
        check_no_controls(self.username, "User name")
        check_no_controls(self.password.reveal(), "Password")
        if ":" in self.username:
            raise CredentialFormatError("User name", "holds a colon, which Basic authentication cannot carry")


@dataclass(frozen=True, slots=True)
class BearerToken:
    """A token in a header, by default ``Authorization: Bearer …`` (RFC 6750 section 2.1)."""

    token: Secret
    name: str = "Authorization"
    prefix: str = "Bearer "

    def __post_init__(self) -> None:
        check_header_name(self.name, "Header name")
        if not self.token:
            raise CredentialFormatError("Token", "is empty; authorize again")
        check_header_text(self.prefix + self.token.reveal(), "Token")


@dataclass(frozen=True, slots=True)
class OAuth1:
    """Consumer and token credentials that sign each request (RFC 5849 section 3).

    Attributes:
        consumer_key: Identifier of the application.
        consumer_secret: Its secret; unused by the RSA methods.
        token: Identifier of the grant; None signs with the consumer alone (two-legged).
        token_secret: Its secret.
        signature_method: As in RFC 5849, or a later vendor's variant of it.
        realm: Sent in the header, never part of the signature.
        private_key: PEM for the RSA methods.
        placement: Where the protocol's parameters go (RFC 5849 section 3.5); ``body`` needs a form.
        has_body_hash: Whether a body that is no form is covered by `oauth_body_hash`.
    """

    consumer_key: str
    consumer_secret: Secret
    token: Secret | None = None
    token_secret: Secret | None = None
    signature_method: SignatureMethod = "HMAC-SHA1"
    realm: str | None = None
    private_key: Secret | None = None
    placement: Placement = "header"
    has_body_hash: bool = False

    def __post_init__(self) -> None:
        if not self.consumer_key:
            raise CredentialFormatError("Consumer key", "is empty; fill it in")
        for text, what in (
            (self.consumer_key, "Consumer key"),
            (self.consumer_secret.reveal(), "Consumer secret"),
            (self.token.reveal() if self.token else "", "Access token"),
            (self.token_secret.reveal() if self.token_secret else "", "Access token secret"),
        ):
            check_encodable(text, what)
        if self.signature_method.startswith("RSA") and not self.private_key:
            raise CredentialFormatError("Private key", f"is needed for {self.signature_method}")
        if self.realm:
            check_header_text(self.realm, "Realm")
            if '"' in self.realm or "\\" in self.realm:
                raise CredentialFormatError("Realm", "holds a quote or backslash; remove it")


@dataclass(frozen=True, slots=True)
class DPoPToken:
    """A token that each request proves to be its own (RFC 9449 section 7).

    Attributes:
        token: The access token.
        proof_key: Key that it is bound to.
        nonces: The servers' latest nonces, by origin.
    """

    token: Secret
    proof_key: ProofKey
    nonces: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_header_text(self.token.reveal(), "Token")


MainCredentials = ApiKey | ApiKeyPair | Basic | BearerToken | DPoPToken | HmacSigned | OAuth1


@dataclass(frozen=True, slots=True)
class Combined:
    """A credential with further secret headers beside it.

    Attributes:
        main: The credential.
        headers: Names and secrets, sent as they are.
    """

    main: MainCredentials
    headers: tuple[tuple[str, Secret], ...]


Credentials = MainCredentials | Combined


def main_of(credentials: Credentials) -> MainCredentials:
    """Return a credential without the headers beside it."""
    return credentials.main if isinstance(credentials, Combined) else credentials


class Carriers(NamedTuple):
    """The places on a request that hold a credential, all names in lower case but query names."""

    headers: frozenset[str]
    query: frozenset[str]


def carriers_of(credentials: Credentials) -> Carriers:
    """Return which headers and query parameters this credential occupies."""
    none: frozenset[str] = frozenset()
    match credentials:
        case Combined(main=main, headers=headers):
            found = carriers_of(main)
            return Carriers(found.headers | {name.lower() for name, _ in headers}, found.query)
        case ApiKey():
            return _carriers_of_key(credentials)
        case BearerToken(name=name):
            return Carriers(frozenset({name.lower()}), none)
        case ApiKeyPair():
            return Carriers(frozenset({credentials.key_name.lower(), credentials.secret_name.lower()}), none)
        case DPoPToken():
            return Carriers(frozenset({"authorization", "dpop"}), none)
        case HmacSigned(headers=headers):
            return Carriers(frozenset(name.lower() for name in headers), none)
        case OAuth1(placement="query" | "body" as placement):
            return Carriers(none, OAUTH1_PARAMETERS if placement == "query" else none)
        case _:
            return Carriers(frozenset({"authorization"}), none)


def _carriers_of_key(credentials: ApiKey) -> Carriers:
    if credentials.location == "query":
        return Carriers(frozenset(), frozenset({credentials.name}))
    header = "cookie" if credentials.location == "cookie" else credentials.name.lower()
    return Carriers(frozenset({header}), frozenset())


def secrets_of(credentials: Credentials) -> tuple[Secret, ...]:
    """Return the secret parts of a credential, for masking."""
    match credentials:
        case Combined(main=main, headers=headers):
            return (*secrets_of(main), *(secret for _, secret in headers))
        case ApiKey(key=key):
            return (key,)
        case ApiKeyPair() | HmacSigned():
            return (credentials.key, credentials.secret)
        case Basic(password=password):
            return (password,)
        case BearerToken(token=token) | DPoPToken(token=token):
            return (token,)
        case OAuth1():
            parts = (
                credentials.consumer_secret,
                credentials.token,
                credentials.token_secret,
                credentials.private_key,
            )
            return tuple(part for part in parts if part)


def check_no_controls(text: str, what: str) -> str:
    """Return text without CR, LF, NUL or other control characters.

    Raises:
        CredentialFormatError: It holds one, or has no UTF-8 form.
    """
    if any(ord(char) < 32 or ord(char) == 127 for char in text):
        raise CredentialFormatError(what, "holds a line break or another control character; paste it again without")
    return check_encodable(text, what)


def check_encodable(text: str, what: str) -> str:
    """Return text that has a UTF-8 form.

    Raises:
        CredentialFormatError: It holds half of a character (a lone surrogate, as JSON can carry it).
    """
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise CredentialFormatError(what, "holds half of a character; paste it again")
    return text
