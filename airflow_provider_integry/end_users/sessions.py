"""Who a browser belongs to, as far as we know: a signed text for a cookie, and the token of its forms.

The key is derived from this installation's secret and the host application's. So a session ends when either
of them is changed, and no session of one workspace can be taken for another's.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets as random_secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import jwt
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from airflow_provider_integry.auth.end_user_identity import check_user_id
from airflow_provider_integry.end_users.workspace import Workspace
from airflow_provider_integry.errors import EndUserIdentityError
from airflow_provider_integry.secret import Secret

LIFE_S = 3600
MAX_TEXT = 4096
_ALGORITHM = "HS256"
_AUDIENCE = "integry-end-user-session"
# A cookie of ours is no bearer token, and the other way round.
Purpose = Literal["cookie", "script"]
MAX_DISPLAY_NAME = 100
_CLAIMS = ["aud", "workspace", "user_id", "iat", "exp", "jti"]


@dataclass(frozen=True, slots=True)
class Session:
    """An end user who has signed in at the host application.

    Attributes:
        workspace: The host application.
        end_user: Which of its users.
        issued_at: When, UTC epoch seconds.
        expires_at: Until when.
        text: What the browser keeps, as a cookie or in a script's memory.
        csrf_token: What its forms carry along.
        name: What a page may show of the user, at most 100 characters; None where nobody has told.
    """

    workspace: Workspace
    end_user: str
    issued_at: float
    expires_at: float
    text: Secret = field(repr=False)
    csrf_token: Secret = field(repr=False)
    name: str | None = field(default=None, repr=False)

    @property
    def digest(self) -> str:
        """SHA-256, in hex, that names the session where it must not be known."""
        return hashlib.sha256(f"session:{self.text.reveal()}".encode()).hexdigest()

    def check_csrf(self, given: str) -> bool:
        """Return whether a form comes from a page of this session."""
        return hmac.compare_digest(self.csrf_token.reveal().encode(), given.encode("utf-8", "surrogatepass"))


class Sessions:
    """Makes and reads sessions.

    Args:
        find_secret: Returns the installation's secret.
        find_workspace: Returns a workspace by the id of its connection.
    """

    def __init__(self, find_secret: Callable[[], Secret], find_workspace: Callable[[str], Workspace | None]) -> None:
        self._find_secret = find_secret
        self._find_workspace = find_workspace

    def make(
        self, workspace: Workspace, end_user: str, *, now: float, name: str | None = None, purpose: Purpose = "cookie"
    ) -> Session:
        """Return a new session.

        Args:
            workspace: The host application that has told who it is.
            end_user: Its user.
            now: UTC epoch seconds.
            name: What a page may show of the user.
            purpose: `cookie` for pages of ours, `script` for calls out of pages of the host application.
        """
        claims = {
            "aud": _AUDIENCE,
            "workspace": workspace.conn_id,
            # Browsers keep cookies of four kilobytes; JSON would take twelve characters for one of some alphabets.
            "user_id": base64.urlsafe_b64encode(check_user_id(end_user).encode()).decode(),
            "iat": int(now),
            "exp": int(now) + LIFE_S,
            "jti": random_secrets.token_hex(16),
        }
        if name and (shown := "".join(char for char in name if char.isprintable())[:MAX_DISPLAY_NAME]):
            claims["name"] = base64.urlsafe_b64encode(shown.encode("utf-8", "replace")).decode()
        text = jwt.encode(claims, self._derive(workspace, purpose), algorithm=_ALGORITHM)
        return self._build(workspace, end_user, claims, text)

    def read(self, text: str, *, now: float, purpose: Purpose = "cookie") -> Session | None:
        """Return the session of a text; None where it is none, of another purpose, or has ended.

        Args:
            text: The cookie, or what a script has sent.
            now: UTC epoch seconds.
            purpose: What it was made for.
        """
        if not text or len(text) > MAX_TEXT:
            return None
        options: Any = {"require": _CLAIMS, "verify_exp": False, "verify_iat": False}
        try:
            named = jwt.decode(text, options={"verify_signature": False}).get("workspace")
            workspace = self._find_workspace(named) if isinstance(named, str) else None
            if workspace is None:
                return None
            key = self._derive(workspace, purpose)
            claims = jwt.decode(text, key, algorithms=[_ALGORITHM], audience=_AUDIENCE, options=options)
            end_user = check_user_id(base64.urlsafe_b64decode(claims["user_id"]).decode())
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError, EndUserIdentityError):
            return None
        if not claims["iat"] - 60 <= now < claims["exp"] or claims["exp"] - claims["iat"] > LIFE_S:
            return None
        return self._build(workspace, end_user, claims, text)

    def _build(self, workspace: Workspace, end_user: str, claims: dict[str, Any], text: str) -> Session:
        token = hmac.new(self._derive(workspace, "forms"), text.encode(), hashlib.sha256).hexdigest()
        named = claims.get("name")
        return Session(
            workspace=workspace,
            end_user=end_user,
            issued_at=float(claims["iat"]),
            expires_at=float(claims["exp"]),
            text=Secret(text),
            csrf_token=Secret(token),
            name=base64.urlsafe_b64decode(named).decode() if named else None,
        )

    def _derive(self, workspace: Workspace, purpose: str) -> bytes:
        material = json.dumps([self._find_secret().reveal(), workspace.app_secret.reveal()]).encode()
        info = json.dumps([_AUDIENCE, purpose, workspace.conn_id, workspace.team]).encode()
        return HKDF(SHA256(), length=32, salt=None, info=info).derive(material)
