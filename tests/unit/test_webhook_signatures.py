"""Signatures of webhooks: published vectors, and everything that is not exactly one of them."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from airflow_provider_integry.auth.webhook_signatures import (
    BasicRule,
    Delivery,
    SignatureRule,
    TokenRule,
    WebhookRefusal,
    build_signed_text,
    encode_signature,
    sign,
    template_problem,
    verify,
)
from airflow_provider_integry.secret import Secret

NOW = 1_700_000_000.0
GITHUB = SignatureRule("X-Hub-Signature-256", prefix="sha256=")
# https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
GITHUB_SECRET = Secret("It's a Secret to Everybody")
GITHUB_SIGNATURE = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
# https://github.com/standard-webhooks/standard-webhooks, and Svix before it
STANDARD = SignatureRule(
    "webhook-signature",
    signed="{id}.{timestamp}.{body}",
    encoding="base64",
    prefix="v1,",
    separator=" ",
    timestamp_header="webhook-timestamp",
    id_header="webhook-id",
    key_encoding="base64",
    key_prefix="whsec_",
)
STANDARD_SECRET = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
# https://docs.stripe.com/webhooks#verify-manually
STRIPE = SignatureRule(
    "Stripe-Signature", signed="{timestamp}.{body}", pairs=True, separator=",", timestamp_key="t", tolerance_s=300
)
# https://docs.slack.dev/authentication/verifying-requests-from-slack
SLACK = SignatureRule(
    "X-Slack-Signature",
    signed="v0:{timestamp}:{body}",
    prefix="v0=",
    timestamp_header="X-Slack-Request-Timestamp",
)


def deliver(body=b"{}", query=(), **headers):
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Delivery("POST", "https://hooks.example.com/integry/public/webhooks/1", pairs, query, body)


def refused(delivery, rule, *secrets, now=NOW):
    with pytest.raises(WebhookRefusal) as caught:
        verify(delivery, rule, secrets or [Secret("s")], now)
    return caught.value.reason


@pytest.mark.parametrize(
    ("hash_name", "expected"),
    [
        # RFC 4231 section 4.3, RFC 2202 section 3
        ("sha256", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        ("sha1", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
    ],
)
def test_published_macs_come_out(hash_name, expected):
    rule = SignatureRule("h", hash_name=hash_name)

    assert sign(b"what do ya want for nothing?", Secret("Jefe"), rule).hex() == expected


def test_githubs_own_example_is_accepted():
    found = verify(deliver(b"Hello, World!", x_hub_signature_256=GITHUB_SIGNATURE), GITHUB, [GITHUB_SECRET], NOW)

    assert found.timestamp is None
    assert len(found.content_digest) == 64


def test_the_example_of_standard_webhooks_is_accepted():
    # The vector of the project's own libraries.
    delivery = deliver(
        b'{"test": 2432232314}',
        webhook_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        webhook_timestamp="1614265330",
        webhook_signature="v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    )

    assert verify(delivery, STANDARD, [STANDARD_SECRET], 1614265330.0).timestamp == 1614265330.0
    assert refused(delivery, STANDARD, STANDARD_SECRET, now=1614265330.0 + 301) == "timestamp"
    assert refused(delivery, STANDARD, STANDARD_SECRET, now=1614265330.0 - 301) == "timestamp"


def test_slacks_example_is_accepted():
    # The values of Slack's page.
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    delivery = deliver(body, x_slack_signature=signature, x_slack_request_timestamp="1531420618")

    assert verify(delivery, SLACK, [Secret("8f742231b10e8888abcd99yyyzzz85a5")], 1531420618.0).timestamp == 1531420618.0


def stripe(body, *secrets, at=NOW, key="v1"):
    macs = [hmac.new(one.encode(), f"{at:.0f}.".encode() + body, hashlib.sha256).hexdigest() for one in secrets]
    return ",".join([f"t={at:.0f}", *(f"{key}={mac}" for mac in macs), "v0=6ffb"])


def test_a_list_of_signatures_needs_one_that_fits_and_one_time():
    body = b'{"id": "evt_1"}'
    rolled = deliver(body, stripe_signature=stripe(body, "new", "old"))

    for secret in ("new", "old"):
        assert verify(rolled, STRIPE, [Secret(secret)], NOW + 10).timestamp == NOW
    assert refused(rolled, STRIPE, Secret("other")) == "signature"
    assert refused(deliver(body, stripe_signature=stripe(body, "new", key="v0")), STRIPE, Secret("new")) == "signature"
    doubled = f"t={NOW:.0f}," + stripe(body, "new")
    assert refused(deliver(body, stripe_signature=doubled), STRIPE, Secret("new")) == "timestamp"
    moved = stripe(body, "new").replace(f"t={NOW:.0f}", f"t={NOW + 1:.0f}")
    assert refused(deliver(body, stripe_signature=moved), STRIPE, Secret("new")) == "signature"


def test_the_old_secret_is_accepted_while_it_is_replaced():
    delivery = deliver(b"Hello, World!", x_hub_signature_256=GITHUB_SIGNATURE)

    assert verify(delivery, GITHUB, [Secret("new"), GITHUB_SECRET], NOW)


@pytest.mark.parametrize(
    "signature",
    [
        "", "sha256=", "sha256=00", GITHUB_SIGNATURE[:-1], GITHUB_SIGNATURE + "0", GITHUB_SIGNATURE[7:],
        GITHUB_SIGNATURE.replace("sha256", "sha1"), "sha256=" + "é" * 64, "sha256=" + "7" * 100_000,
        "sha256=" + " " * 64, f"{GITHUB_SIGNATURE} {GITHUB_SIGNATURE}",
    ],
)  # fmt: skip
def test_everything_but_the_signature_is_refused(signature):
    delivery = deliver(b"Hello, World!", x_hub_signature_256=signature)

    assert refused(delivery, GITHUB, GITHUB_SECRET) in ("signature", "unsigned")


@pytest.mark.parametrize("body", [b"", b"Hello, World", b"Hello, World! ", b"Hello, World!\x00"])
def test_another_body_is_refused(body):
    assert refused(deliver(body, x_hub_signature_256=GITHUB_SIGNATURE), GITHUB, GITHUB_SECRET) == "signature"


def test_a_header_that_stands_twice_is_none():
    twice = Delivery("POST", "u", (("X-Hub-Signature-256", GITHUB_SIGNATURE),) * 2, (), b"Hello, World!")

    assert refused(twice, GITHUB, GITHUB_SECRET) == "unsigned"


def test_two_ways_to_write_one_signature_are_one_delivery():
    lower = verify(deliver(b"Hello, World!", x_hub_signature_256=GITHUB_SIGNATURE), GITHUB, [GITHUB_SECRET], NOW)
    shouted = "sha256=" + GITHUB_SIGNATURE[7:].upper()
    upper = verify(deliver(b"Hello, World!", x_hub_signature_256=shouted), GITHUB, [GITHUB_SECRET], NOW)

    assert upper.content_digest == lower.content_digest


@pytest.mark.parametrize("secrets", [[], [Secret("")]])
def test_without_a_secret_nothing_is_accepted(secrets):
    with pytest.raises(WebhookRefusal, match="no webhook secret"):
        verify(deliver(authorization="Basic Og=="), BasicRule(""), secrets, NOW)


def test_the_url_and_sorted_form_fields_can_be_signed():
    # https://www.twilio.com/docs/usage/security#validating-requests
    rule = SignatureRule("X-Twilio-Signature", signed="{url}{form}", hash_name="sha1", encoding="base64")
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    body = b"Digits=1234&To=%2B18005551212&From=%2B14158675309&Caller=%2B14158675309&CallSid=CA1234567890ABCDE"
    delivery = Delivery("POST", url, (("X-Twilio-Signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8="),), (), body)

    assert (
        build_signed_text(delivery, rule, "")
        == (url + "CallSidCA1234567890ABCDECaller+14158675309Digits1234From+14158675309To+18005551212").encode()
    )
    assert verify(delivery, rule, [Secret("12345")], NOW)


@pytest.mark.parametrize(
    ("unit", "text"),
    [("s", "1700000000"), ("s", "1700000000.5"), ("ms", "1700000000123"), ("iso", "2023-11-14T22:13:20Z")],
)
def test_times_are_read_in_their_unit(unit, text):
    rule = SignatureRule("S", signed="{timestamp}{body}", timestamp_header="T", timestamp_unit=unit)
    mac = hmac.new(b"s", text.encode() + b"{}", hashlib.sha256).hexdigest()

    assert abs(verify(deliver(s=mac, t=text), rule, [Secret("s")], NOW).timestamp - NOW) < 1


@pytest.mark.parametrize("text", ["", "now", "-1", "1e9", "nan", "inf", "9" * 30, "٣", "2023-11-14T22:13:20"])
@pytest.mark.parametrize("unit", ["s", "ms", "iso"])
def test_times_that_cannot_be_read_are_refused(unit, text):
    rule = SignatureRule("S", signed="{timestamp}{body}", timestamp_header="T", timestamp_unit=unit)
    mac = hmac.new(b"s", text.encode() + b"{}", hashlib.sha256).hexdigest()

    assert refused(deliver(s=mac, t=text), rule) == "timestamp"


def test_tokens_are_compared_wherever_they_stand():
    for rule, delivery in (
        (TokenRule("header", "X-Gitlab-Token"), deliver(x_gitlab_token="tök")),
        (TokenRule("header", "Authorization", "Bearer "), deliver(authorization="Bearer tök")),
        (TokenRule("query", "token"), deliver(query=(("token", "tök"),))),
        (TokenRule("body", "x", find=lambda body: ["tök", "tök"]), deliver()),
    ):
        assert verify(delivery, rule, [Secret("tök")], NOW)
        assert refused(delivery, rule, Secret("to")) == "token"
    assert refused(deliver(), TokenRule("header", "X-Gitlab-Token"), Secret("t")) == "token"
    assert refused(deliver(authorization="t"), TokenRule("header", "Authorization", "Bearer "), Secret("t")) == "token"
    assert refused(deliver(), TokenRule("body", "x", find=lambda body: ["t", "u"]), Secret("t")) == "token"
    assert refused(deliver(), TokenRule("body", "x", find=lambda body: []), Secret("t")) == "token"


def test_basic_needs_both_user_and_secret():
    text = base64.b64encode("ada:pässword".encode()).decode()

    assert verify(deliver(authorization=f"Basic {text}"), BasicRule("ada"), [Secret("pässword")], NOW)
    assert refused(deliver(authorization=f"Basic {text}"), BasicRule("bob"), Secret("pässword")) == "token"
    assert refused(deliver(authorization=f"Bearer {text}"), BasicRule("ada"), Secret("pässword")) == "token"


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{timestamp}", "leaves the body out"),
        ("{boddy}", "names '{boddy}'"),
        ("{body", "other half"),
        ("x", "body out"),
    ],
)
def test_templates_that_sign_too_little_are_refused(template, problem):
    assert problem in template_problem(template)


def test_braces_in_a_body_are_no_template():
    delivery = deliver(b'{"a": "{timestamp}"}')

    assert build_signed_text(delivery, SignatureRule("h", signed="v0:{timestamp}:{body}"), "5") == (
        b'v0:5:{"a": "{timestamp}"}'
    )


@pytest.mark.parametrize(("encoding", "text"), [("hex", "fbff"), ("base64", "+/8="), ("base64url", "-_8")])
def test_signatures_are_written_in_their_encoding(encoding, text):
    assert encode_signature(b"\xfb\xff", encoding) == text


def test_nothing_of_a_delivery_is_shown():
    assert repr(deliver(b"secret-body", x_token="secret-header")) == "Delivery(POST, 1 headers, 11 bytes)"
