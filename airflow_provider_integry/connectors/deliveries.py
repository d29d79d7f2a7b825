"""One delivery of a webhook, read as its connector says: is it a challenge, what has happened, what is the payload?

Nothing here is secret but the keys that a challenge may be signed with; nothing here decides who sent it, which
`auth.webhook_signatures` does first.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast
from urllib.parse import parse_qsl

import msgspec
from pydantic import JsonValue

from airflow_provider_integry.auth.webhook_keys import AnyRule
from airflow_provider_integry.auth.webhook_signatures import (
    Delivery,
    TokenRule,
    WebhookRefusal,
    encode_signature,
    sign,
)
from airflow_provider_integry.auth.wire import find_header
from airflow_provider_integry.connectors.expressions import search
from airflow_provider_integry.connectors.triggers import Challenge, EventField, Webhook
from airflow_provider_integry.connectors.verifications import HmacVerification, TokenVerification, Verification
from airflow_provider_integry.secret import Secret

MAX_TEXT = 255
MAX_FORM_FIELDS = 1000
# What may be repeated to whoever asks; no JSON and no form with two fields is among it, so that a signed
# challenge is never a signed delivery.
_CHALLENGE = re.compile(r"[A-Za-z0-9 ._~:+/-]{1,1024}={0,2}")
_SIGNED_CHALLENGE = re.compile(r"[A-Za-z0-9._~+/-]{1,512}={0,2}")
_HANDSHAKE = re.compile(r"[A-Za-z0-9._~+/=-]{16,255}")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a challenge is answered with.

    Attributes:
        content_type: Media type; None where there is no body.
        body: The text.
        headers: Further headers.
    """

    content_type: str | None
    body: str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """What a delivery says.

    Attributes:
        event_id: The service's id of it; None where it has none.
        event_type: What has happened; None where it does not say.
        is_wanted: Whether it is one of the types that start flows.
        payload: JSON value that flows are given.
    """

    event_id: str | None
    event_type: str | None
    is_wanted: bool
    payload: JsonValue


def build_rule(verification: Verification) -> AnyRule:
    """Return what verifies deliveries."""
    if not isinstance(verification, TokenVerification):
        return verification.rule
    if verification.place != "body":
        return TokenRule(verification.place, verification.name, verification.prefix)
    name = verification.name
    return TokenRule("body", name, find=lambda body: _find_texts(body, name))


def find_handshake(webhook: Webhook, delivery: Delivery) -> Secret | None:
    """Return the secret that the service sends before it signs anything with it; None where it is a delivery.

    Raises:
        WebhookRefusal: It is nothing that is kept as a secret.
    """
    if webhook.handshake is None or delivery.method != "POST":
        return None
    value = delivery.header(webhook.handshake.header)
    if value is None:
        return None
    if not _HANDSHAKE.fullmatch(value):
        raise WebhookRefusal("unreadable", "its secret is too short or too long, or holds characters of no secret")
    return Secret(value)


def answer_handshake(webhook: Webhook, secret: Secret) -> Reply:
    """Return what a handshake is answered with: the same secret in the same header."""
    assert webhook.handshake is not None
    return Reply(None, "", ((webhook.handshake.header, secret.reveal()),))


def find_challenge(webhook: Webhook, delivery: Delivery) -> str | int | None:
    """Return the challenge in a request; None where it is a delivery.

    Raises:
        WebhookRefusal: It is a challenge with a text that is not repeated to anybody.
    """
    challenge = webhook.challenge
    if challenge is None or challenge.method != delivery.method:
        return None
    value = _challenge_value(challenge, delivery)
    if value is None:
        return None
    allowed = _SIGNED_CHALLENGE if challenge.hmac else _CHALLENGE
    if isinstance(value, str) and not allowed.fullmatch(value):
        raise WebhookRefusal("unreadable", "its challenge holds characters that are not repeated, or is too long")
    return value


def answer_challenge(webhook: Webhook, delivery: Delivery, value: str | int, secrets: Sequence[Secret]) -> Reply:
    """Return what a challenge is answered with.

    Args:
        webhook: The trigger; it declares a challenge.
        delivery: The request.
        value: The challenge in it.
        secrets: The webhook secret first.
    Raises:
        WebhookRefusal: It does not carry the secret, where it has to.
    """
    challenge = webhook.challenge
    assert challenge is not None
    if challenge.secret_param is not None:
        given = (delivery.parameter(challenge.secret_param) or "").encode("utf-8", "surrogatepass")
        # All are compared, so that the time says nothing of which one fits.
        fits = [hmac.compare_digest(given, secret.reveal().encode()) for secret in secrets]
        if not any(fits):
            raise WebhookRefusal("token", "its challenge does not carry the webhook secret")
    if challenge.answer == "empty":
        return Reply(None, "")
    answer = _sign_challenge(webhook, challenge, str(value), secrets) if challenge.hmac else value
    if challenge.answer == "text":
        return Reply("text/plain", str(answer))
    found: dict[str, str | int] = {challenge.echo_key: value} if challenge.echo_key else {}
    return Reply("application/json", json.dumps({**found, challenge.answer_key: answer}))


def read_delivery(webhook: Webhook, delivery: Delivery) -> WebhookEvent:
    """Return what a verified delivery says.

    Raises:
        WebhookRefusal: The body is neither a JSON object or list nor a form, or the connector does not fit it.
    """
    body = parse_body(delivery)
    event_type = _read_field(webhook.event_type, delivery, body)
    payload = body if webhook.payload is None else _select(webhook.payload, body)
    return WebhookEvent(
        event_id=_read_field(webhook.event_id, delivery, body),
        event_type=event_type,
        is_wanted=not webhook.events or event_type in webhook.events,
        payload=payload,
    )


def parse_body(delivery: Delivery) -> JsonValue:
    """Return a body as JSON; a form becomes an object of texts, and of lists where a name stands several times.

    Raises:
        WebhookRefusal: It is neither.
    """
    kind = (find_header(delivery.headers, "Content-Type") or "").split(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return _parse_form(delivery.body)
    try:
        found = msgspec.json.decode(delivery.body.removeprefix(_BOM))
    except (ValueError, RecursionError):
        found = None
    # A bare text or number could be a challenge that was signed.
    if not isinstance(found, dict | list):
        raise WebhookRefusal("unreadable", "its body is no JSON object or list, and no form")
    return cast("JsonValue", found)


def _parse_form(body: bytes) -> JsonValue:
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FORM_FIELDS)
    except ValueError:
        raise WebhookRefusal("unreadable", "its body is not a form") from None
    found: dict[str, list[JsonValue]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _challenge_value(challenge: Challenge, delivery: Delivery) -> str | int | None:
    if challenge.place == "query":
        return delivery.parameter(challenge.name)
    if challenge.place == "header":
        return delivery.header(challenge.name)
    try:
        body = parse_body(delivery)
    except WebhookRefusal:
        return None
    if _search(challenge.when or "", body) is not True:
        return None
    value = _search(challenge.name, body)
    is_number = isinstance(value, int) and not isinstance(value, bool) and not challenge.hmac
    return value if isinstance(value, str) or is_number else None  # type: ignore[return-value]


def _sign_challenge(webhook: Webhook, challenge: Challenge, value: str, secrets: Sequence[Secret]) -> str:
    assert isinstance(webhook.verify, HmacVerification)
    if not secrets:
        raise WebhookRefusal("unsigned", "there is no webhook secret in the connection to answer with")
    prefix = webhook.verify.prefix if challenge.hmac_prefix is None else challenge.hmac_prefix
    return prefix + encode_signature(sign(value.encode(), secrets[0], webhook.verify.rule), webhook.verify.encoding)


def _read_field(field: EventField | None, delivery: Delivery, body: JsonValue) -> str | None:
    if field is None:
        return None
    value = delivery.header(field.name) if field.place == "header" else _search(field.name, body)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value)
    if not text or len(text) > MAX_TEXT or not text.isprintable():
        raise WebhookRefusal("unreadable", f"its '{field.name}' is empty, too long, or holds control characters")
    return text


def _select(expression: str, body: JsonValue) -> JsonValue:
    try:
        return search(expression, body)
    except ValueError:
        raise WebhookRefusal("unreadable", f"'payload: {expression}' of the connector does not fit its body") from None


def _search(expression: str, body: JsonValue) -> JsonValue:
    try:
        return search(expression, body)
    except ValueError:
        return None


def _find_texts(body: bytes, expression: str) -> Sequence[str]:
    """Return the texts that an expression selects; none where one of them is something else."""
    try:
        found = _search(expression, cast("JsonValue", msgspec.json.decode(body.removeprefix(_BOM))))
    except (ValueError, RecursionError):
        return ()
    texts = found if isinstance(found, list) else [found]
    return [text for text in texts if isinstance(text, str)] if all(isinstance(one, str) for one in texts) else ()
