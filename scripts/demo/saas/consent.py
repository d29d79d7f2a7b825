"""The calendar's consent page: Authlib's authorization code grant (RFC 6749 section 4.1) with proof keys (RFC 7636)."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, grants
from authlib.oauth2.rfc7636 import CodeChallenge
from flask import Flask, Response, render_template_string, request
from typing_extensions import override

if TYPE_CHECKING:
    from scripts.demo.saas.oauth2 import Client, Grants

CODE_LIFE_S = 60.0
# Who can say yes; a real service would have them log in.
PEOPLE = ("Grace Hopper", "Ada Lovelace")
# As careful services do: nobody can put the page into a frame and have its button pressed.
_HEADERS = {
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Acme: allow access?</title><style>
body{font:16px/1.5 system-ui,sans-serif;background:#eef;color:#223;display:grid;place-items:center;min-height:90vh}
main{background:#fff;padding:2rem 3rem;border-radius:12px;max-width:26rem}button{font:inherit;padding:.4rem 1.4rem}
</style></head><body><main><h1>Acme Calendar</h1>
<p><strong>{{ client_id }}</strong> asks for access to your calendar: <code>{{ scope }}</code></p>
<form method="post" action="/oauth/authorize">
{% for name, value in params %}<input type="hidden" name="{{ name }}" value="{{ value }}">
{% endfor %}<fieldset><legend>You are</legend>
{% for person in people %}<label>
<input type="radio" name="person" value="{{ person }}"{% if loop.first %} checked{% endif %}> {{ person }}</label><br>
{% endfor %}</fieldset>
<p><button name="decision" value="allow">Allow</button> <button name="decision" value="deny">Deny</button></p>
</form></main></body></html>"""


@dataclass
class Code(AuthorizationCodeMixin):
    """A code that waits to be traded for tokens, once."""

    text: str = field(repr=False)
    client_id: str
    redirect_uri: str
    scope: str
    person: str
    code_challenge: str | None = field(repr=False)
    code_challenge_method: str | None
    expires_at: float

    @override
    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    @override
    def get_scope(self) -> str:
        return self.scope


class Codes:
    """All codes that were not used yet."""

    def __init__(self) -> None:
        self._all: dict[str, Code] = {}
        self._lock = threading.Lock()

    def add(self, code: Code) -> None:
        """Keep a code."""
        with self._lock:
            self._all[code.text] = code

    def take(self, text: str, client_id: str) -> Code | None:
        """Return a code and forget it; None when it is unknown, expired or another client's."""
        with self._lock:
            found = self._all.pop(text, None)
        return found if found and found.client_id == client_id and found.expires_at > time.time() else None


def add_consent(app: Flask, server: AuthorizationServer, grants_: Grants) -> None:
    """Give the application a consent page at ``/oauth/authorize``, and let its server trade codes."""
    codes = Codes()

    class CodeGrant(grants.AuthorizationCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")

        @override
        def save_authorization_code(self, code: str, request: Any) -> None:
            codes.add(_build_code(code, request))
            grants_.note(code)

        @override
        def query_authorization_code(self, code: str, client: Client) -> Code | None:
            return codes.take(code, client.client_id)

        @override
        def delete_authorization_code(self, authorization_code: Code) -> None:
            """Do nothing: it was forgotten when it was taken."""

        @override
        def authenticate_user(self, authorization_code: Code) -> str:
            return authorization_code.person

    server.register_grant(CodeGrant, [CodeChallenge(required=True)])
    app.add_url_rule("/oauth/authorize", view_func=lambda: _ask(server), methods=["GET"], endpoint="ask")
    app.add_url_rule("/oauth/authorize", view_func=lambda: _decide(server), methods=["POST"], endpoint="decide")


def _build_code(text: str, oauth: Any) -> Code:
    data = oauth.payload.data
    return Code(
        text,
        oauth.client.client_id,
        oauth.payload.redirect_uri,
        oauth.scope or "",
        oauth.user,
        data.get("code_challenge"),
        data.get("code_challenge_method"),
        time.time() + CODE_LIFE_S,
    )


def _ask(server: AuthorizationServer) -> Any:
    try:
        grant = server.get_consent_grant()
    except OAuth2Error as error:
        return server.handle_error_response(None, error)
    page = render_template_string(
        _PAGE,
        client_id=grant.request.payload.client_id,
        scope=grant.request.scope,
        params=list(request.args.items(multi=True)),
        people=PEOPLE,
    )
    return Response(page, headers=_HEADERS)


def _decide(server: AuthorizationServer) -> Any:
    try:
        grant = server.get_consent_grant()
    except OAuth2Error as error:
        return server.handle_error_response(None, error)
    person = request.form.get("person") if request.form.get("decision") == "allow" else None
    return server.create_authorization_response(
        grant.request, grant_user=person if person in PEOPLE else None, grant=grant
    )
