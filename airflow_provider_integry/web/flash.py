"""One message from a form's answer to the page that comes next, in an encrypted cookie that lives for a minute."""

from __future__ import annotations

import time
from typing import Literal

import msgspec
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from fastapi import Request, Response

from airflow_provider_integry.authorizations.crypto import seal_data, unseal_data
from airflow_provider_integry.errors import UnreadableGrantError
from airflow_provider_integry.web.security import cookie_path, set_cookie

COOKIE = "integry_message"
LIFE_S = 60
# A browser keeps cookies of 4096 bytes; encryption and UTF-8 make a text longer.
_MOST_CHARS = 600

FlashKind = Literal["success", "error", "info"]


class Flash(msgspec.Struct, frozen=True):
    """What is said.

    Attributes:
        kind: How it is shown.
        text: The message; no secret.
    """

    kind: FlashKind
    text: str


def write(request: Request, response: Response, user: BaseUser, message: Flash) -> None:
    """Let the next page show a message."""
    text = message.text if len(message.text) <= _MOST_CHARS else f"{message.text[: _MOST_CHARS - 1]}…"
    data = {"kind": message.kind, "text": text, "until": time.time() + LIFE_S}
    set_cookie(request, response, COOKIE, seal_data(data, _place(user)), LIFE_S)


def read(request: Request, user: BaseUser) -> list[Flash]:
    """Return what there is to say to somebody: one message, or none."""
    sealed = request.cookies.get(COOKIE)
    if not sealed:
        return []
    try:
        data = unseal_data(sealed, _place(user))
        found = msgspec.convert({name: data.get(name) for name in ("kind", "text")}, Flash)
        is_fresh = float(data["until"]) >= time.time()
    except (UnreadableGrantError, msgspec.ValidationError, KeyError, TypeError, ValueError):
        return []
    return [found] if is_fresh else []


def forget(request: Request, response: Response) -> None:
    """Remove the message, which was shown."""
    response.delete_cookie(COOKIE, path=cookie_path(request))


def _place(user: BaseUser) -> str:
    return f"message for {user.get_id()}"
