"""How a service proves that a webhook's delivery is its own: the key `verify` of a trigger, one model per kind."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt, StrictStr, model_validator

from airflow_provider_integry.auth.webhook_keys import (
    JwtAlgorithm,
    JwtRule,
    KeyAlgorithm,
    PublicKeyRule,
    parse_public_key,
)
from airflow_provider_integry.auth.webhook_signatures import (
    BasicRule,
    Encoding,
    HashName,
    KeyEncoding,
    SignatureRule,
    TimeUnit,
    template_problem,
)
from airflow_provider_integry.connectors.expressions import check_expression
from airflow_provider_integry.connectors.model import SpecModel, header_name_problem, problem

Name = Annotated[StrictStr, Field(min_length=1)]
# More than a day: a delivery that is so old says nothing of now.
MAX_TOLERANCE_S = 86_400


class Timestamp(SpecModel):
    """When a delivery was sent, which is part of what is signed.

    Attributes:
        header: Header with the time; or
        key: key of the time in a signature header of pairs (``t`` in ``t=…,v1=…``).
        unit: ``s`` or ``ms`` since 1970, or ``iso``.
        tolerance_s: Seconds that it may differ from now, in either direction.
    """

    header: Name | None = None
    key: Name | None = None
    unit: TimeUnit = "s"
    tolerance_s: Annotated[StrictInt, Field(ge=1, le=MAX_TOLERANCE_S)] = 300

    @model_validator(mode="after")
    def _check_place(self) -> Timestamp:
        if (self.header is None) == (self.key is None):
            raise problem((), "needs either 'header' or 'key': where the time stands")
        check_header(self.header, ("header",))
        return self


def check_signed(signed: str, timestamp: Timestamp | None, id_header: str | None) -> None:
    """Refuse a signed text that cannot be built, or that leaves out what matters."""
    if sentence := template_problem(signed):
        raise problem(("signed",), sentence)
    if ("{timestamp}" in signed) != (timestamp is not None):
        raise problem(
            ("timestamp",),
            "and '{timestamp}' in 'signed' belong together: a time that is not signed can be changed by anybody",
        )
    if ("{id}" in signed) and id_header is None:
        raise problem(("id_header",), "is missing, and needed for '{id}' in 'signed'")


class HmacVerification(SpecModel):
    """The service signs each delivery with the connection's webhook secret (HMAC, RFC 2104).

    Attributes:
        header: Header with the signature.
        signed: What is signed: a text with ``{body}``, ``{timestamp}``, ``{id}``, ``{method}``, ``{url}`` or
            ``{form}`` (the fields of a form, sorted, joined without anything between) in it.
        hash: Hash of the HMAC.
        encoding: How the signature is written.
        prefix: Text before it (``sha256=``).
        separator: What stands between several signatures; with `pairs` between the pairs, a comma.
        pairs: Whether the header is ``t=…,v1=…``.
        signature_key: Key of the signature among the pairs.
        timestamp: When it was sent; without it an old delivery is known by its replay alone.
        id_header: Header that ``{id}`` stands for.
        key_encoding: How the secret stands for the key: as ``text``, ``hex`` or ``base64``.
        key_prefix: Beginning of the secret that is not part of it (``whsec_``).
    """

    kind: Literal["hmac"]
    header: Name
    signed: StrictStr = "{body}"
    hash: HashName = "sha256"
    encoding: Encoding = "hex"
    prefix: StrictStr = ""
    separator: Name | None = None
    pairs: StrictBool = False
    signature_key: Name = "v1"
    timestamp: Timestamp | None = None
    id_header: Name | None = None
    key_encoding: KeyEncoding = "text"
    key_prefix: StrictStr = ""

    @model_validator(mode="after")
    def _check_parts(self) -> HmacVerification:
        check_header(self.header, ("header",), may_be_reserved=True)
        check_header(self.id_header, ("id_header",))
        check_signed(self.signed, self.timestamp, self.id_header)
        if self.timestamp and self.timestamp.key and not self.pairs:
            raise problem(("pairs",), "must be true where the time is a key of the signature's header")
        return self

    @property
    def rule(self) -> SignatureRule:
        """The rule as `webhook_signatures` has it."""
        time = self.timestamp
        return SignatureRule(
            header=self.header,
            signed=self.signed,
            hash_name=self.hash,
            encoding=self.encoding,
            prefix=self.prefix,
            separator=self.separator or ("," if self.pairs else None),
            pairs=self.pairs,
            signature_key=self.signature_key,
            timestamp_key=time.key if time else None,
            timestamp_header=time.header if time else None,
            timestamp_unit=time.unit if time else "s",
            tolerance_s=float(time.tolerance_s) if time else 0.0,
            id_header=self.id_header,
            key_encoding=self.key_encoding,
            key_prefix=self.key_prefix,
        )


class PublicKeyVerification(SpecModel):
    """The service signs each delivery with a private key of its own.

    The public key is `public_key`, or else the connection's webhook secret: PEM of a key or a certificate, a JWK, DER
    in base64, or the 32 bytes of an Ed25519 key in hex or base64.

    Attributes:
        algorithm: ``ed25519``, ``ecdsa_sha256`` (P-256, signatures as DER), ``rsa_sha256`` (PKCS #1 v1.5) or
            ``rsa_pss_sha256``.
        header: Header with the signature.
        signed: What is signed; as for ``hmac``.
        encoding: How the signature is written.
        prefix: Text before it.
        separator: What stands between several signatures.
        timestamp: When it was sent, in a header.
        id_header: Header that ``{id}`` stands for.
        public_key: The key, where it is the same for all who use the API.
    """

    kind: Literal["public_key"]
    algorithm: KeyAlgorithm
    header: Name
    signed: StrictStr = "{body}"
    encoding: Encoding = "base64"
    prefix: StrictStr = ""
    separator: Name | None = None
    timestamp: Timestamp | None = None
    id_header: Name | None = None
    public_key: Name | None = None

    @model_validator(mode="after")
    def _check_parts(self) -> PublicKeyVerification:
        check_header(self.header, ("header",), may_be_reserved=True)
        check_header(self.id_header, ("id_header",))
        check_signed(self.signed, self.timestamp, self.id_header)
        if self.timestamp and self.timestamp.key:
            raise problem(("timestamp", "key"), "is for signatures of kind hmac; name the header with the time")
        _check_key(self.public_key, self.algorithm)
        return self

    @property
    def rule(self) -> PublicKeyRule:
        """The rule as `webhook_keys` has it."""
        time = self.timestamp
        layout = SignatureRule(
            header=self.header,
            signed=self.signed,
            encoding=self.encoding,
            prefix=self.prefix,
            separator=self.separator,
            timestamp_header=time.header if time else None,
            timestamp_unit=time.unit if time else "s",
            tolerance_s=float(time.tolerance_s) if time else 0.0,
            id_header=self.id_header,
        )
        return PublicKeyRule(layout, self.algorithm, self.public_key)


class JwtVerification(SpecModel):
    """Each delivery carries a JWT (RFC 7519) with the SHA-256 of its body.

    For ``HS256``, ``HS384`` and ``HS512`` the webhook secret is what it is signed with; for the others it is the
    service's public key, as for ``public_key``.

    Attributes:
        header: Header with the token.
        prefix: Text before it (``Bearer ``).
        algorithm: The one algorithm that is accepted.
        body_claim: Claim with the hash of the body.
        body_encoding: How the hash is written.
        issuer: What `iss` must be.
        audience: What `aud` must be, or hold.
        tolerance_s: Seconds that `iat` may differ from now, and that `exp` and `nbf` may be off.
        public_key: The key, where it is the same for all who use the API.
    """

    kind: Literal["jwt"]
    header: Name = "Authorization"
    prefix: StrictStr = ""
    algorithm: JwtAlgorithm
    body_claim: Name
    body_encoding: Encoding = "hex"
    issuer: Name | None = None
    audience: Name | None = None
    tolerance_s: Annotated[StrictInt, Field(ge=1, le=MAX_TOLERANCE_S)] = 300
    public_key: Name | None = None

    @model_validator(mode="after")
    def _check_parts(self) -> JwtVerification:
        check_header(self.header, ("header",), may_be_reserved=True)
        if self.public_key and self.algorithm.startswith("HS"):
            raise problem(("public_key",), f"has no use with '{self.algorithm}', whose secret is the connection's")
        _check_key(self.public_key, self.algorithm)
        return self

    @property
    def rule(self) -> JwtRule:
        """The rule as `webhook_keys` has it."""
        return JwtRule(
            header=self.header,
            prefix=self.prefix,
            algorithm=self.algorithm,
            body_claim=self.body_claim,
            body_encoding=self.body_encoding,
            issuer=self.issuer,
            audience=self.audience,
            tolerance_s=float(self.tolerance_s),
            public_key=self.public_key,
        )


class TokenVerification(SpecModel):
    """The service sends the connection's webhook secret itself.

    Attributes:
        place: (`in`) Where: header, query or body.
        name: Name of the header or query parameter; JMESPath in the JSON body (a text, or a list of texts that
            all must be the secret).
        prefix: Text before it.
    """

    kind: Literal["token"]
    place: Literal["header", "query", "body"] = Field(default="header", alias="in")
    name: Name
    prefix: StrictStr = ""

    @model_validator(mode="after")
    def _check_name(self) -> TokenVerification:
        if self.place == "header":
            check_header(self.name, ("name",), may_be_reserved=True)
        if self.place == "body":
            check_query(self.name, ("name",))
        return self


class BasicVerification(SpecModel):
    """The service sends a user name and the connection's webhook secret as the password (RFC 7617).

    Attributes:
        user: The user name.
    """

    kind: Literal["basic"]
    user: Name

    @property
    def rule(self) -> BasicRule:
        """The rule as `webhook_signatures` has it."""
        return BasicRule(self.user)


Verification = Annotated[
    HmacVerification | PublicKeyVerification | JwtVerification | TokenVerification | BasicVerification,
    Field(discriminator="kind"),
]


def check_header(name: str | None, where: tuple[str, ...], *, may_be_reserved: bool = False) -> None:
    """Refuse what is no name of a header."""
    if name is None or (may_be_reserved and name.lower() == "authorization"):
        return
    if sentence := header_name_problem(name):
        raise problem(where, sentence)


def _check_key(text: str | None, algorithm: KeyAlgorithm | JwtAlgorithm) -> None:
    if text is None:
        return
    try:
        parse_public_key(text, algorithm)
    except ValueError as error:
        raise problem(("public_key",), str(error)) from None


def check_query(text: str, where: tuple[str, ...]) -> None:
    """Refuse what is no JMESPath expression."""
    try:
        check_expression(text)
    except ValueError as error:
        raise problem(where, str(error)) from None
