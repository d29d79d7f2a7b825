"""Webhooks in connectors: what is refused when they are loaded, and how a delivery is read."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from pathlib import Path

import pytest

from airflow_provider_integry.auth.webhook_signatures import Delivery, WebhookRefusal, verify
from airflow_provider_integry.connectors import parse_connector
from airflow_provider_integry.connectors.deliveries import (
    answer_challenge,
    build_rule,
    find_challenge,
    parse_body,
    read_delivery,
)
from airflow_provider_integry.connectors.values import find_activity
from airflow_provider_integry.errors import ConnectorFormatError, UnknownActivityError
from airflow_provider_integry.secret import Secret

TEXT = """
name: hooks
title: Hooks
activities:
  changed:
    kind: trigger
    mode: webhook
    verify: VERIFY
    MORE
"""
HMAC = "{kind: hmac, header: X-Signature}"


def load(verify=HMAC, more="title: Changed"):
    return parse_connector(TEXT.replace("VERIFY", verify).replace("MORE", more), "hooks")


def webhook(verify=HMAC, more="title: Changed"):
    return load(verify, more).activities["changed"]


def deliver(body=b"{}", method="POST", query=(), **headers):
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Delivery(method, "https://x", pairs, query, body)


@pytest.mark.parametrize(
    ("verify", "more", "problem"),
    [
        ("{kind: hmac}", "", "'activities.changed.verify.header': is missing"),
        ("{kind: none}", "", "Allowed: hmac, public_key, jwt, token, basic"),
        ("{kind: public_key, header: X}", "", "'activities.changed.verify.algorithm': is missing"),
        ("{kind: public_key, header: X, algorithm: rsa_sha1}", "", "rsa_sha256"),
        ("{kind: public_key, header: X, algorithm: ed25519, signed: '{timestamp}'}", "", "leaves the body out"),
        ("{kind: public_key, header: X, algorithm: ed25519, public_key: abc}", "", "is no public key"),
        ("{kind: jwt, algorithm: ES256}", "", "'activities.changed.verify.body_claim': is missing"),
        ("{kind: jwt, algorithm: none, body_claim: h}", "", "HS256"),
        ("{kind: jwt, algorithm: HS256, body_claim: h, public_key: abc}", "", "has no use with 'HS256'"),
        ("{kind: basic, user: a}", "handshake: {header: X-Hook-Secret}", "kind: hmac"),
        (HMAC, "handshake: {header: X-Hook-Secret}\n    challenge: {name: c}", "has one of them"),
        ("{kind: hmac, header: 'X Y'}", "", "is no header name"),
        ("{kind: hmac, header: X, hash: md5}", "", "sha1"),
        ("{kind: hmac, header: X, signed: '{timestamp}'}", "", "leaves the body out"),
        ("{kind: hmac, header: X, signed: '{timestamp}{body}'}", "", "belong together"),
        ("{kind: hmac, header: X, timestamp: {header: T}}", "", "belong together"),
        ("{kind: hmac, header: X, signed: '{timestamp}{body}', timestamp: {}}", "", "either 'header' or 'key'"),
        ("{kind: hmac, header: X, signed: '{timestamp}{body}', timestamp: {key: t}}", "", "'activities.changed.verify"),
        ("{kind: hmac, header: X, signed: '{id}{body}'}", "", "id_header"),
        ("{kind: hmac, header: X, signed: '{timestamp}{body}', timestamp: {key: t, tolerance_s: 0}}", "", "at least 1"),
        ("{kind: token, in: body, name: 'a['}", "", "is not a JMESPath expression"),
        ("{kind: basic}", "", "'activities.changed.verify.user': is missing"),
        (HMAC, "events: [a]", "event_type"),
        (HMAC, "replays: id", "event_id"),
        (HMAC, "challenge: {method: GET, in: body, name: c, when: x}", "has none"),
        (HMAC, "challenge: {method: POST, in: body, name: c}", "tells a challenge from a delivery"),
        (HMAC, "challenge: {name: c, when: x}", "has no use here"),
        (HMAC, "challenge: {name: c, echo_key: e}", "answer: json"),
        ("{kind: basic, user: a}", "challenge: {name: c, hmac: true}", "kind: hmac"),
        ("{kind: hmac, header: X, signed: '{form}'}", "challenge: {name: c, hmac: true}", "could be a signed form"),
        (HMAC, "path: /x", "is not a known key"),
    ],
)  # fmt: skip
def test_webhooks_that_verify_too_little_are_refused(verify, more, problem):
    with pytest.raises(ConnectorFormatError) as caught:
        load(verify, more)

    assert problem in str(caught.value)


def test_a_webhook_is_nothing_that_is_called():
    with pytest.raises(UnknownActivityError):
        find_activity(load(), "changed")


def test_fields_of_a_delivery_are_read_where_the_connector_says():
    more = ("event_id: {in: body, name: meta.id}", "event_type: {name: X-Event}", "events: [made]", "payload: data")
    spec = webhook(more="\n    ".join(more))

    found = read_delivery(spec, deliver(b'{"meta": {"id": 7}, "data": [1]}', X_Event="made"))
    other = read_delivery(spec, deliver(b'{"meta": {"id": true}}', X_Event="ping"))

    assert (found.event_id, found.event_type, found.is_wanted, found.payload) == ("7", "made", True, [1])
    assert (other.event_id, other.event_type, other.is_wanted, other.payload) == (None, "ping", False, None)


@pytest.mark.parametrize("value", ["", "x" * 256, "a\x00b"])
def test_ids_that_cannot_be_kept_are_refused(value):
    spec = webhook(more="event_id: {name: X-Id}")

    with pytest.raises(WebhookRefusal):
        read_delivery(spec, deliver(X_Id=value))


def test_forms_become_objects():
    kind = "application/x-www-form-urlencoded; charset=utf-8"

    assert parse_body(deliver(b"a=1&b=2&a=%C3%A9&c=", Content_Type=kind)) == {"a": ["1", "é"], "b": "2", "c": ""}
    for body in (b"\xff", b"a=%FF"):
        with pytest.raises(WebhookRefusal):
            parse_body(deliver(body, Content_Type=kind))


def test_a_token_in_the_body_must_be_in_all_of_its_parts():
    rule = build_rule(webhook("{kind: token, in: body, name: 'value[].clientState'}").verify)

    assert verify(deliver(b'{"value": [{"clientState": "s"}, {"clientState": "s"}]}'), rule, [Secret("s")], 0.0)
    mixed = b'{"value": [{"clientState": "s"}, {"clientState": "t"}]}'
    for body in (b"{}", b'{"value": []}', mixed, b"x", b'{"value": [{"clientState": 1}]}'):
        with pytest.raises(WebhookRefusal):
            verify(deliver(body), rule, [Secret("s")], 0.0)


def test_a_challenge_with_its_own_text_in_the_answer():
    # https://developers.zoom.us/docs/api/webhooks/#validate-your-webhook-endpoint
    verify_with = (
        "{kind: hmac, header: x-zm-signature, prefix: 'v0=', signed: 'v0:{timestamp}:{body}',"
        " timestamp: {header: x-zm-request-timestamp}}"
    )
    spec = webhook(
        verify_with,
        "challenge: {method: POST, in: body, name: payload.plainToken, when: event == 'endpoint.url_validation',"
        " hmac: true, hmac_prefix: '', answer: json, echo_key: plainToken, answer_key: encryptedToken}",
    )
    body = b'{"payload": {"plainToken": "qgg8vlvZRS6UYooatFL8Aw"}, "event": "endpoint.url_validation"}'
    asked = deliver(body)

    reply = answer_challenge(spec, asked, find_challenge(spec, asked), [Secret("abc")])

    assert reply.content_type == "application/json"
    mac = hmac.new(b"abc", b"qgg8vlvZRS6UYooatFL8Aw", hashlib.sha256).hexdigest()
    assert json.loads(reply.body) == {"plainToken": "qgg8vlvZRS6UYooatFL8Aw", "encryptedToken": mac}
    assert find_challenge(spec, deliver(b'{"event": "meeting.started", "payload": {"plainToken": "x"}}')) is None


# -- what the documentation shows ---------------------------------------------------------------------

PAGE = (Path(__file__).parents[3] / "docs/pages/how-to/webhooks.md").read_text(encoding="utf-8")
VERIFY = re.findall(r"(?<!`)`(\{kind: .*?\})`(?!`)", PAGE)
CHALLENGES = re.findall(r"`{1,2}(\{(?:method|name|in): .*?\})`{1,2} \|", PAGE)


def test_the_documentation_shows_a_line_for_each_kind():
    assert {re.match(r"\{kind: (\w+)", one)[1] for one in VERIFY} == {"hmac", "public_key", "jwt", "token", "basic"}
    assert len(CHALLENGES) >= 5


@pytest.mark.parametrize("verify", VERIFY)
def test_each_line_of_the_documentation_verifies(verify):
    assert webhook(verify).verify


@pytest.mark.parametrize("challenge", CHALLENGES)
def test_each_challenge_of_the_documentation_is_one(challenge):
    assert webhook(HMAC, f"challenge: {challenge}").challenge


def test_the_handshake_of_the_documentation_is_one():
    [handshake] = re.findall(r"`handshake: (\{.*?\})`", PAGE)

    assert webhook(HMAC, f"handshake: {handshake}").handshake.header == "X-Hook-Secret"
