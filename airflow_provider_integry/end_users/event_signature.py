"""How events for host applications are signed, and how that is checked; pure, the clock is an argument."""

from __future__ import annotations

import hashlib
import hmac
import re

from airflow_provider_integry.errors import EventSignatureError
from airflow_provider_integry.secret import Secret

SIGNATURE_HEADER = "X-Integry-Signature"
_SIGNATURE = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})")


def sign_event(app_secret: Secret, body: str, moment: int) -> str:
    """Return the value of the signature's header: ``t=MOMENT,v1=HEX``.

    Args:
        app_secret: The host application's.
        body: What is sent.
        moment: When it is signed, UTC epoch seconds; the receiver refuses old ones.
    """
    return f"t={moment},v1={_digest(app_secret, body.encode(), moment)}"


def check_event(app_secret: Secret, signature: str, body: bytes, *, now: float, tolerance_s: float) -> None:
    """Check that an event comes from whoever knows the app secret.

    Args:
        app_secret: The host application's.
        signature: Value of the signature's header; empty where there is none.
        body: What was sent, as it came.
        now: Current time, UTC epoch seconds.
        tolerance_s: Seconds by which the moment of the signature may differ.
    Raises:
        EventSignatureError: It does not, or it is too old.
    """
    found = _SIGNATURE.fullmatch(signature)
    if not found:
        raise EventSignatureError(f"header {SIGNATURE_HEADER} is missing, or not 't=SECONDS,v1=HEX'")
    moment = int(found[1])
    if not hmac.compare_digest(_digest(app_secret, body, moment), found[2]):
        raise EventSignatureError("its signature is another one")
    if abs(now - moment) > tolerance_s:
        raise EventSignatureError(f"it was signed more than {tolerance_s:g} seconds from now; compare the clocks")


def _digest(app_secret: Secret, body: bytes, moment: int) -> str:
    key = app_secret.reveal().encode("utf-8", "surrogatepass")
    return hmac.new(key, b"%d." % moment + body, hashlib.sha256).hexdigest()
