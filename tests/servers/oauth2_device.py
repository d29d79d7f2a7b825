"""The device flow (RFC 8628) of an authorization server, Authlib's: codes, the page to type them into, polling."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc8628 import DeviceAuthorizationEndpoint, DeviceCodeGrant, DeviceCredentialDict
from flask import Flask, Response, render_template_string, request

from servers.oauth2 import AUTH_METHODS

DEVICE_PATHS = frozenset({"/device_authorization", "/device"})
_DEVICE_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Connect a device</title></head>
<body>
<p id="told">{{ told }}</p><form method="post" action="/device">
<label>Code <input name="user_code" value="{{ code }}"></label><label>Account <input name="user" value=""></label>
<button id="allow" name="decision" value="allow">Allow</button>
<button id="deny" name="decision" value="deny">Deny</button></form></body></html>"""


@dataclass
class DeviceDesk:
    """State of the device flow.

    Attributes:
        interval_s: Seconds that polls have to be apart; asking sooner is answered with slow_down.
        lifetime_s: Life of a code.
        tells_interval: Whether the answer names the interval; left out it means five seconds.
        uri_name: What the address is called in the answer; some services spell it ``verification_url``.
        has_complete: Whether the address with the code in it is told.
        credentials: What was handed out, by device code.
        decisions: User and whether they allowed it, by user code.
        polls: Times of polls (monotonic seconds), by device code.
        slow_downs: How often a poll came too soon.
    """

    interval_s: float = 1
    lifetime_s: float = 600
    tells_interval: bool = True
    uri_name: Literal["verification_uri", "verification_url"] = "verification_uri"
    has_complete: bool = True
    credentials: dict[str, DeviceCredentialDict] = field(default_factory=dict)
    decisions: dict[str, tuple[str, bool]] = field(default_factory=dict)
    polls: dict[str, list[float]] = field(default_factory=dict)
    slow_downs: int = 0

    def decide(self, user_code: str, user: str = "ada", *, allows: bool = True) -> None:
        """Allow or deny, as the page does."""
        self.decisions[user_code] = (user, allows)

    def newest_code(self) -> str:
        """Return the user code that was handed out last."""
        return str(list(self.credentials.values())[-1]["user_code"])

    def extend(self, app: Flask, server: AuthorizationServer, find_user: Callable[[], str]) -> None:
        """Add grant, endpoint and page to a server."""
        server.register_endpoint(type("Devices", (_Devices,), {"desk": self}))
        server.register_grant(type("DeviceCodes", (_DeviceCodes,), {"desk": self}))

        @app.post("/device_authorization")
        def start_device() -> Response:
            return server.create_endpoint_response("device_authorization")

        @app.get("/device")
        def show_device() -> str:
            return render_template_string(_DEVICE_PAGE, told="", code=request.args.get("user_code", ""))

        @app.post("/device")
        def decide_device() -> tuple[str, int]:
            code = request.form.get("user_code", "").strip().upper()
            if code not in {one["user_code"] for one in self.credentials.values()}:
                return render_template_string(_DEVICE_PAGE, told="There is no such code.", code=code), 400
            self.decide(code, find_user(), allows=request.form.get("decision") == "allow")
            return render_template_string(_DEVICE_PAGE, told="Done.", code=""), 200


class _Devices(DeviceAuthorizationEndpoint):  # type: ignore[misc]
    CLIENT_AUTH_METHODS = AUTH_METHODS
    desk: DeviceDesk

    @property
    def EXPIRES_IN(self) -> float:  # noqa: N802 - Authlib's name
        return self.desk.lifetime_s

    @property
    def INTERVAL(self) -> float:  # noqa: N802 - Authlib's name
        return self.desk.interval_s

    def get_verification_uri(self) -> str:
        return f"{request.host_url}device"

    def save_device_credential(self, client_id: str, scope: str | None, data: dict[str, Any]) -> None:
        kept = {**data, "client_id": client_id, "scope": scope, "expires_at": time.time() + self.desk.lifetime_s}
        self.desk.credentials[data["device_code"]] = DeviceCredentialDict(kept)
        if not self.desk.tells_interval:
            data.pop("interval")
        if not self.desk.has_complete:
            data.pop("verification_uri_complete")
        data[self.desk.uri_name] = data.pop("verification_uri")


class _DeviceCodes(DeviceCodeGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS
    desk: DeviceDesk

    def query_device_credential(self, device_code: str) -> DeviceCredentialDict | None:
        return self.desk.credentials.get(device_code)

    def query_user_grant(self, user_code: str) -> tuple[str, bool] | None:
        return self.desk.decisions.get(user_code)

    def should_slow_down(self, credential: DeviceCredentialDict) -> bool:
        polls = self.desk.polls.setdefault(credential["device_code"], [])
        polls.append(time.monotonic())
        # A tenth of a second of grace: timers and networks are not exact.
        is_early = len(polls) > 1 and polls[-1] - polls[-2] < self.desk.interval_s - 0.1
        self.desk.slow_downs += is_early
        return is_early
