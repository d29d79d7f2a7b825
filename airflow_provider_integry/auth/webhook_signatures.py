"""Webhooks that a service signs, or sends with something that only it knows: is this delivery the service's own?

A rule says how a service does it; nothing here knows a vendor. Every comparison of something secret takes the same
time, wherever the texts differ. A signature is compared as bytes, after decoding: two texts of one signature are one
signature, also for those who look for replays.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl

from airflow_provider_integry.auth.wire import Headers, find_header, parse_iso_time
from airflow_provider_integry.secret import Secret

HashName = Literal["sha1", "sha256", "sha384", "sha512"]
Encoding = Literal["hex", "base64", "base64url"]
KeyEncoding = Literal["text", "hex", "base64"]
TimeUnit = Literal["s", "ms", "iso"]
# What a signed text is made of; see `SignatureRule.signed`.
PARTS = ("body", "timestamp", "id", "method", "url", "form")
MAX_SIGNATURES = 20
MAX_FORM_FIELDS = 1000


class WebhookRefusal(Exception):  # noqa: N818 - no error of anybody's here: the delivery is refused
    """A delivery that is not accepted.

    Args:
        reason: One word for counters and tests: `unsigned`, `signature`, `timestamp`, `token`, `unreadable`,
            `handshake`.
        sentence: What is wrong, without any value of the delivery or the secret.
    """

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request of a service, read to its end.

    Attributes:
        method: Upper-case method.
        url: The URL that the service was given, with the query that it came with.
        headers: As received.
        query: Decoded pairs of the query.
        body: Bytes, exactly as received.
    """

    method: str
    url: str
    headers: Headers = ()
    query: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """Return the value of a header; None when it is absent, and also when there are several."""
        wanted = name.lower()
        found = [value for key, value in self.headers if key.lower() == wanted]
        return found[0] if len(found) == 1 else None

    def parameter(self, name: str) -> str | None:
        """Return the value of a query parameter; None when it is absent or there are several."""
        found = [value for key, value in self.query if key == name]
        return found[0] if len(found) == 1 else None

    def __repr__(self) -> str:
        return f"Delivery({self.method}, {len(self.headers)} headers, {len(self.body)} bytes)"


@dataclass(frozen=True, slots=True)
class SignatureRule:
    """A delivery carries an HMAC (RFC 2104) of itself in a header.

    Attributes:
        header: Header with the signature.
        signed: Template of the signed text: ``{body}``, ``{timestamp}.{body}``, ``v0:{timestamp}:{body}``,
            ``{method}{url}{body}{timestamp}``, ``{url}{form}`` (form fields sorted by name, names and values joined
            without anything between).
        hash_name: Hash of the HMAC.
        encoding: How the signature is written.
        prefix: Text before it (``sha256=``).
        separator: What stands between several signatures of one header; None where there is one.
        pairs: Whether the header is a list ``t=…,v1=…``; then `separator` stands between the pairs.
        signature_key: Key of the signature in such a list; it may stand several times.
        timestamp_key: Key of the timestamp in such a list.
        timestamp_header: Header with the timestamp, else; None where nothing is dated.
        timestamp_unit: Seconds or milliseconds since 1970, or an ISO 8601 date.
        tolerance_s: Most seconds between the timestamp and now, in either direction (> 0).
        id_header: Header of ``{id}`` in the signed text.
        key_encoding: How the secret stands for the key's bytes.
        key_prefix: Text at the secret's beginning that is not part of it (``whsec_``).
    """

    header: str
    signed: str = "{body}"
    hash_name: HashName = "sha256"
    encoding: Encoding = "hex"
    prefix: str = ""
    separator: str | None = None
    pairs: bool = False
    signature_key: str = "v1"
    timestamp_key: str | None = None
    timestamp_header: str | None = None
    timestamp_unit: TimeUnit = "s"
    tolerance_s: float = 300.0
    id_header: str | None = None
    key_encoding: KeyEncoding = "text"
    key_prefix: str = ""


@dataclass(frozen=True, slots=True)
class TokenRule:
    """A delivery carries the secret itself.

    Attributes:
        place: Where: a header, the query, or the body (then `find` returns it).
        name: Name of the header or parameter.
        prefix: Text before it (``Bearer ``).
        find: Returns the texts that the body holds; all must be the secret. None unless `place` is the body.
    """

    place: Literal["header", "query", "body"]
    name: str = ""
    prefix: str = ""
    find: Callable[[bytes], Sequence[str]] | None = None


@dataclass(frozen=True, slots=True)
class BasicRule:
    """A delivery carries a user name and the secret as its password (RFC 7617).

    Attributes:
        user: The user name.
    """

    user: str


Rule = SignatureRule | TokenRule | BasicRule


@dataclass(frozen=True, slots=True)
class Verified:
    """A delivery that is the service's own.

    Attributes:
        content_digest: SHA-256, in hex, of what was verified: the same for each replay of it.
        timestamp: When the service has sent it, UTC epoch seconds; None where it is not dated.
    """

    content_digest: str
    timestamp: float | None = None


def verify(delivery: Delivery, rule: Rule, secrets: Sequence[Secret], now: float) -> Verified:
    """Check that a delivery is the service's own.

    Args:
        delivery: What came.
        rule: How the service proves itself.
        secrets: The secret, and an older one that is still accepted while it is being replaced.
        now: Current time, UTC epoch seconds.
    Raises:
        WebhookRefusal: It is not, or it is too old.
    """
    accepted = [secret for secret in secrets if secret]
    if not accepted:
        raise WebhookRefusal("unsigned", "there is no webhook secret in the connection to verify it with")
    if isinstance(rule, SignatureRule):
        return _verify_signature(delivery, rule, accepted, now)
    given = _given_tokens(delivery, rule)
    wanted = [_token_text(rule, secret) for secret in accepted]
    if not given or not all(_is_among(text, wanted) for text in given):
        raise WebhookRefusal("token", "it does not carry the webhook secret where the connector says")
    return Verified(hashlib.sha256(b"body:" + delivery.body).hexdigest())


def sign(text: bytes, secret: Secret, rule: SignatureRule) -> bytes:
    """Return the HMAC of a text, as bytes.

    Raises:
        WebhookRefusal: The secret is not in the form that the service gives it in.
    """
    return hmac.new(_key_of(secret, rule), text, rule.hash_name).digest()


def encode_signature(digest: bytes, encoding: Encoding) -> str:
    """Return a signature as it is written; hex in lower case, base64url without padding."""
    if encoding == "hex":
        return digest.hex()
    if encoding == "base64":
        return base64.b64encode(digest).decode("ascii")
    return base64.urlsafe_b64encode(digest).decode("ascii").rstrip("=")


def build_signed_text(delivery: Delivery, rule: SignatureRule, timestamp: str) -> bytes:
    """Return the bytes that a service signs.

    Raises:
        WebhookRefusal: Something that is signed is not there.
    """
    values: dict[str, Callable[[], bytes]] = {
        "body": lambda: delivery.body,
        "timestamp": timestamp.encode,
        "id": lambda: _needed_id(delivery, rule),
        "method": delivery.method.encode,
        "url": delivery.url.encode,
        "form": lambda: _sorted_form(delivery.body),
    }
    pieces: list[bytes] = []
    # Split, not formatted: a body may hold braces.
    for number, piece in enumerate(_split(rule.signed)):
        pieces.append(values[piece]() if number % 2 else piece.encode())
    return b"".join(pieces)


def _split(template: str) -> list[str]:
    """Return fixed texts and names of parts, in turn."""
    found: list[str] = []
    rest = template
    while "{" in rest:
        fixed, _, rest = rest.partition("{")
        name, _, rest = rest.partition("}")
        found += [fixed, name]
    return [*found, rest]


def template_problem(template: str) -> str | None:
    """Say what is wrong with the template of a signed text; None when it can be used."""
    if template.count("{") != template.count("}"):
        return "has a brace without its other half"
    names = _split(template)[1::2]
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        return f"names '{{{unknown[0]}}}'. Allowed: {', '.join(f'{{{name}}}' for name in PARTS)}"
    if "body" not in names and "form" not in names:
        return "leaves the body out, so that anybody who has seen one delivery could send others; add {body}"
    return None


def _verify_signature(delivery: Delivery, rule: SignatureRule, secrets: Iterable[Secret], now: float) -> Verified:
    given, timestamp = read_signatures(delivery, rule)
    text = build_signed_text(delivery, rule, timestamp or "")
    match: bytes | None = None
    for secret in secrets:
        expected = sign(text, secret, rule)
        for one in given:
            if hmac.compare_digest(expected, one):
                match = expected
    if match is None:
        raise WebhookRefusal("signature", "its signature is not that of its content with the webhook secret")
    # Looked at after the signature: who cannot sign learns nothing of clocks.
    sent_at = None if timestamp is None else check_time(timestamp, rule, now)
    return Verified(hashlib.sha256(b"signature:" + match).hexdigest(), sent_at)


def read_signatures(delivery: Delivery, rule: SignatureRule) -> tuple[list[bytes], str | None]:
    """Return the signatures of a delivery, decoded, and its timestamp as it was written.

    Raises:
        WebhookRefusal: One of them is not there, or is there twice.
    """
    value = delivery.header(rule.header)
    if not value:
        raise WebhookRefusal("unsigned", f"it has no header '{rule.header}', or has it twice")
    timestamp = delivery.header(rule.timestamp_header) if rule.timestamp_header else None
    texts = value.split(rule.separator) if rule.separator else [value]
    if rule.pairs:
        pairs = [(name.strip(), text.strip()) for name, _, text in (one.partition("=") for one in texts)]
        texts = [text for name, text in pairs if name == rule.signature_key]
        times = [text for name, text in pairs if name == rule.timestamp_key]
        if rule.timestamp_key:
            timestamp = times[0] if len(times) == 1 else None
    if (rule.timestamp_key or rule.timestamp_header) and not timestamp:
        raise WebhookRefusal("timestamp", "it does not say, or does not say once, when it was sent")
    decoded = [_decode(text.strip(), rule) for text in texts[:MAX_SIGNATURES]]
    return [one for one in decoded if one is not None], timestamp


def _decode(text: str, rule: SignatureRule) -> bytes | None:
    """Return a signature's bytes; None where it is written in another way."""
    if not text.startswith(rule.prefix):
        return None
    body = text[len(rule.prefix) :]
    try:
        if rule.encoding == "hex":
            return bytes.fromhex(body) if body.isalnum() else None
        raw = body.encode("ascii")
        raw += b"=" * (-len(raw) % 4)
        altchars = b"-_" if rule.encoding == "base64url" else None
        return base64.b64decode(raw, altchars, validate=True)
    except (ValueError, binascii.Error):
        return None


def check_time(text: str, rule: SignatureRule, now: float) -> float:
    """Return when a delivery was sent, UTC epoch seconds.

    Raises:
        WebhookRefusal: It was too long ago, or is in the future, or cannot be read.
    """
    try:
        sent_at = _read_time(text, rule.timestamp_unit)
    except (ValueError, OverflowError):
        raise WebhookRefusal("timestamp", "its timestamp cannot be read") from None
    if not math.isfinite(sent_at) or abs(now - sent_at) > rule.tolerance_s:
        raise WebhookRefusal(
            "timestamp",
            f"it was sent more than {rule.tolerance_s:.0f} s ago, or its clock is ahead of this server's by that much",
        )
    return sent_at


def _read_time(text: str, unit: TimeUnit) -> float:
    if unit == "iso":
        found = parse_iso_time(text)
        if found is None:
            raise ValueError("no time, or no zone")
        return found
    if len(text) > 20 or not text.replace(".", "", 1).isdigit() or not text.isascii():
        raise ValueError("no number")
    return float(text) / (1000.0 if unit == "ms" else 1.0)


def _key_of(secret: Secret, rule: SignatureRule) -> bytes:
    text = secret.reveal().removeprefix(rule.key_prefix)
    try:
        if rule.key_encoding == "hex":
            return bytes.fromhex(text)
        if rule.key_encoding == "base64":
            return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (ValueError, binascii.Error):
        raise WebhookRefusal(
            "signature", f"the webhook secret in the connection is not {rule.key_encoding}, as the connector wants it"
        ) from None
    return text.encode()


def _needed_id(delivery: Delivery, rule: SignatureRule) -> bytes:
    value = delivery.header(rule.id_header) if rule.id_header else None
    if not value:
        raise WebhookRefusal("unsigned", f"it has no header '{rule.id_header}', which is part of what is signed")
    return value.encode()


def _sorted_form(body: bytes) -> bytes:
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FORM_FIELDS)
    except ValueError:
        raise WebhookRefusal("unreadable", "its body is not a form") from None
    return "".join(f"{name}{value}" for name, value in sorted(pairs)).encode()


def _given_tokens(delivery: Delivery, rule: TokenRule | BasicRule) -> Sequence[str]:
    if isinstance(rule, BasicRule):
        value = find_header(delivery.headers, "Authorization") or ""
        return [value.partition(" ")[2].strip()] if value.lower().startswith("basic ") else []
    if rule.find is not None:
        return rule.find(delivery.body)
    value = (delivery.header(rule.name) if rule.place == "header" else delivery.parameter(rule.name)) or ""
    return [value.removeprefix(rule.prefix)] if value.startswith(rule.prefix) else []


def _token_text(rule: TokenRule | BasicRule, secret: Secret) -> str:
    if isinstance(rule, BasicRule):
        return base64.b64encode(f"{rule.user}:{secret.reveal()}".encode()).decode("ascii")
    return secret.reveal()


def _is_among(text: str, wanted: Iterable[str]) -> bool:
    """Compare with each, in a time that does not depend on where they differ."""
    found = [hmac.compare_digest(text.encode("utf-8", "surrogatepass"), one.encode()) for one in wanted]
    return any(found)
