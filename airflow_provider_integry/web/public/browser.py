"""A visitor's browser: where it sees our public pages, what it keeps for them, and what it may send to them.

Nothing here knows Airflow's login, its cookie, or where Airflow itself is: a proxy may show nothing but the
public prefix, under another name. A change needs a POST, an Origin of that name, and a token that fits a
cookie of the same browser, which other sites cannot read.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from urllib.parse import urlsplit

from fastapi import Request, Response

from airflow_provider_integry import config
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.web.pages.forms import read_fields
from airflow_provider_integry.web.refusals import PageError
from airflow_provider_integry.web.security import CSRF_FIELD, base_url_of, csrf_key, is_from

PUBLIC_PATH = "/integry/public"
# Names a browser as long as its window is open: links that it claimed and consents that it began are its own.
KEY_COOKIE = "integry_browser"
_KEY_CHARS = 43


def public_url(request: Request) -> str:
    """Return the address of our public pages as browsers and services see it, without a slash at its end.

    Raises:
        PageError: Neither [integry] public_url nor [api] base_url is set, and this is not the machine itself.
    """
    return (config.public_url() or base_url_of(request)) + PUBLIC_PATH


def public_prefix(request: Request) -> str:
    """Return the path of our public pages as browsers see it."""
    where = config.public_url()
    if where is None:
        return str(request.scope.get("root_path", "")).rstrip("/") + "/public"
    return urlsplit(where).path.rstrip("/") + PUBLIC_PATH


def key_of(request: Request) -> Secret | None:
    """Return the key of a browser; None for one that we have not seen yet."""
    text = request.cookies.get(KEY_COOKIE, "")
    return Secret(text) if len(text) == _KEY_CHARS and text.isascii() else None


def make_key() -> Secret:
    """Return the key of a browser that has none."""
    return Secret(secrets.token_urlsafe(32))


async def csrf_of(key: Secret) -> str:
    """Return the token that the forms in a browser carry."""
    return hmac.new(await csrf_key(), f"public:{key.reveal()}".encode(), hashlib.sha256).hexdigest()


async def read_public_form(request: Request, most_bytes: int | None = None) -> tuple[dict[str, str], Secret]:
    """Return the fields of a form that changes something, and the key of the browser that sends it.

    Raises:
        PageError: It did not come from one of our own public pages in this browser, or cannot be read.
    """
    if not is_from(request, config.public_url()):
        raise PageError(
            403,
            "This request came from elsewhere",
            "It was not sent by one of our own pages. Open the page again and repeat what you did.",
        )
    key = key_of(request)
    form = await (read_fields(request) if most_bytes is None else read_fields(request, most_bytes))
    given = form.pop(CSRF_FIELD, "").encode("utf-8", "surrogatepass")
    if key is None or not hmac.compare_digest(given, (await csrf_of(key)).encode()):
        raise PageError(
            403,
            "This form is no longer valid",
            "Your browser was closed in between, or keeps no cookies for this page. Allow cookies, open the page"
            " again and repeat what you did.",
        )
    return form, key


def keep(
    request: Request, response: Response, name: str, value: str, max_age_s: int | None = None, path: str = ""
) -> None:
    """Set a cookie that scripts cannot read, that other sites cannot send with a POST, and that Airflow never gets.

    Args:
        request: The conversation.
        response: The same.
        name: The cookie.
        value: Its text.
        max_age_s: Seconds that it lives; None for as long as the browser is open.
        path: What it is for, below the public prefix.
    """
    response.set_cookie(
        name,
        value,
        max_age=max_age_s,
        path=public_prefix(request) + path,
        secure=_is_secure(request),
        httponly=True,
        samesite="lax",
    )


def forget(request: Request, response: Response, name: str, path: str = "") -> None:
    """Remove a cookie that `keep` has set."""
    response.delete_cookie(name, path=public_prefix(request) + path, secure=_is_secure(request), httponly=True)


def _is_secure(request: Request) -> bool:
    return (config.public_url() or str(request.url)).startswith("https:")
