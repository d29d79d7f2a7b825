"""Events for host applications: whoever does not know the secret, or comes late, is not believed."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from airflow_provider_integry.end_users.event_signature import check_event, sign_event
from airflow_provider_integry.errors import EventSignatureError
from airflow_provider_integry.secret import Secret

SECRET = Secret("s" * 40)
SENT = b'{"end_user": "\xc3\xa9"}'
BODY = SENT.decode()


def check(signature, body=SENT, now=1000.0, secret=SECRET):
    check_event(secret, signature, body, now=now, tolerance_s=300.0)


def test_the_signature_is_an_hmac_of_moment_and_body():
    expected = hmac.new(b"s" * 40, f"1000.{BODY}".encode(), hashlib.sha256).hexdigest()

    assert sign_event(SECRET, BODY, 1000) == f"t=1000,v1={expected}"


@pytest.mark.parametrize("now", [700.0, 1000.0, 1300.0])
def test_a_fresh_one_is_believed(now):
    check(sign_event(SECRET, BODY, 1000), now=now)


@pytest.mark.parametrize(
    ("signature", "changed"),
    [
        ("", {}),
        ("t=1000", {}),
        ("t=1000,v1=", {}),
        ("t=1000,v1=" + "0" * 64, {}),
        (sign_event(SECRET, BODY, 1000).upper(), {}),
        (sign_event(SECRET, BODY, 1000) + ",v2=x", {}),
        (sign_event(SECRET, BODY, 1000).replace("t=1000", "t=1001"), {}),
        (sign_event(Secret("x" * 40), BODY, 1000), {}),
        (sign_event(SECRET, BODY, 1000), {"body": SENT + b" "}),
        (sign_event(SECRET, BODY, 1000), {"now": 1301.0}),
        (sign_event(SECRET, BODY, 1000), {"now": 699.0}),
        ("t=" + "9" * 13 + ",v1=" + "0" * 64, {}),
    ],
)
def test_anything_else_is_not(signature, changed):
    with pytest.raises(EventSignatureError):
        check(signature, **changed)
