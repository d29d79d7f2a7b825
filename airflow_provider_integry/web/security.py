"""Who may see and do what on our pages, and how a browser is kept from being tricked into it.

Airflow's auth manager decides on people. A change needs three things that another site cannot bring
together: a POST, an Origin that is Airflow's own, and a token that fits both the person and a cookie of
the same browser.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import defaultdict
from functools import cache
from typing import Annotated, Any
from urllib.parse import urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import ConnectionDetails
from airflow.api_fastapi.core_api.security import get_user
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from fastapi import Depends, Request, Response

from airflow_provider_integry import config
from airflow_provider_integry.authorizations.airflow_store import ensure_installation_secret
from airflow_provider_integry.authorizations.steps import run_in_thread
from airflow_provider_integry.web.refusals import PageError, not_found, read_only

# Who is logged in to Airflow; the route answers 401 otherwise.
User = Annotated[BaseUser, Depends(get_user)]
Place = tuple[str, str | None]
CSRF_COOKIE = "integry_csrf"
CSRF_FIELD = "csrf"
_CSRF_INFO = b"integry-csrf-1"
_COOKIE_CHARS = 43
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
# For how long the key of the tokens is remembered.
_KEY_LIFE_S = 10.0


def may_see(user: BaseUser, conn_id: str, team: str | None) -> bool:
    """Return whether somebody may read a connection."""
    return _is_authorized(user, conn_id, team, "GET")


def may_edit(user: BaseUser, conn_id: str, team: str | None) -> bool:
    """Return whether somebody may change a connection, and so authorize it and revoke that."""
    return _is_authorized(user, conn_id, team, "PUT")


def require_seen(user: BaseUser, conn_id: str, team: str | None) -> None:
    """Answer as if a connection did not exist, unless somebody may read it.

    Raises:
        PageError: Status 404.
    """
    if not may_see(user, conn_id, team):
        raise not_found()


def require_edit(user: BaseUser, conn_id: str, team: str | None) -> None:
    """Refuse what somebody may not do.

    Raises:
        PageError: Status 404 without the right to read the connection, 403 without the right to change it.
    """
    require_seen(user, conn_id, team)
    if not may_edit(user, conn_id, team):
        raise read_only(conn_id)


def choose_visible(user: BaseUser, places: set[Place], *, method: Any = "GET") -> set[Place]:
    """Return those of some (connection, team) pairs that somebody may read, or change.

    Auth managers are asked in bulk, which many answer at once. Connections may come from the environment or
    a secrets backend, and rows may be of a team that their connection has left: it is names that are asked for.
    """
    by_team: dict[str | None, set[str]] = defaultdict(set)
    for conn_id, team in places:
        by_team[team].add(conn_id)
    manager = get_auth_manager()
    return {
        (conn_id, team)
        for team, conn_ids in by_team.items()
        for conn_id in manager.filter_authorized_connections(
            conn_ids=conn_ids, user=user, method=method, team_name=team
        )
        if conn_id in conn_ids
    }


def _is_authorized(user: BaseUser, conn_id: str, team: str | None, method: Any) -> bool:
    details = ConnectionDetails(conn_id=conn_id, team_name=team)
    return get_auth_manager().is_authorized_connection(method=method, details=details, user=user)


async def issue_csrf(request: Request, response_cookies: dict[str, str], user: BaseUser) -> str:
    """Return the token that a form on a page must carry.

    Args:
        request: For the page.
        response_cookies: Gets the browser's cookie, where it has none yet.
        user: Who is logged in.
    """
    cookie = request.cookies.get(CSRF_COOKIE, "")
    if len(cookie) != _COOKIE_CHARS:
        cookie = response_cookies.setdefault(CSRF_COOKIE, secrets.token_urlsafe(32))
    return _sign(await csrf_key(), user, cookie)


async def check_post(request: Request, user: BaseUser, form: dict[str, str]) -> None:
    """Refuse a change that did not come from one of our own pages, opened by the same person in this browser.

    Raises:
        PageError: Status 403.
    """
    check_origin(request)
    cookie = request.cookies.get(CSRF_COOKIE, "")
    expected = _sign(await csrf_key(), user, cookie)
    if len(cookie) != _COOKIE_CHARS or not hmac.compare_digest(form.get(CSRF_FIELD, "").encode(), expected.encode()):
        raise PageError(
            403,
            "This form is no longer valid",
            "It was opened by somebody else, or before you logged in. Open the page again and repeat what you did.",
        )


def check_origin(request: Request) -> None:
    """Refuse a request that another site has caused (Origin, and Sec-Fetch-Site where the browser sends it).

    Raises:
        PageError: Status 403.
    """
    where = config.base_url()
    if not is_from(request, where):
        advice = f" Airflow's own address is {where} (option [api] base_url)." if _is_web_url(where) else ""
        raise PageError(
            403,
            "This request came from elsewhere",
            f"Changes are accepted from Airflow's own pages alone.{advice} Open the page there and try again.",
        )


def is_from(request: Request, where: str | None) -> bool:
    """Return whether a browser sent a request from one of the pages below an address.

    Args:
        request: With Origin, and Sec-Fetch-Site where the browser sends it.
        where: The address; where it is no web address, what the request says of where it was sent to.
    """
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site")
    if origin is None or site not in (None, "same-origin"):
        return False
    if _is_web_url(where):
        return _origin_of(str(where)) == _origin_of(origin)
    # A proxy may have taken TLS away: the scheme that is seen here says nothing.
    return origin.partition("://")[2].lower() == request.headers.get("host", "").lower() != ""


def base_url_of(request: Request) -> str:
    """Return where Airflow is, as browsers and services reach it, without a slash at its end.

    A request says where it was sent to, and anybody can write that: only for the machine itself it is believed.

    Raises:
        PageError: Option [api] base_url is not set, and this is no address of the machine itself.
    """
    where = config.base_url()
    if _is_web_url(where):
        return str(where).rstrip("/")
    url = request.url
    if url.hostname not in _LOOPBACK:
        raise PageError(
            409,
            "Airflow does not know its own address",
            "The service has to be told where to send browsers back to. Set option [api] base_url"
            " (AIRFLOW__API__BASE_URL) to the address at which people open Airflow.",
        )
    outer = str(request.scope.get("root_path", "")).removesuffix("/integry")
    return f"{url.scheme}://{url.netloc}{outer}".rstrip("/")


def is_secure(request: Request) -> bool:
    """Return whether the browser talks to Airflow through TLS, as far as is known."""
    return request.url.scheme == "https" or (config.base_url() or "").startswith("https:")


def cookie_path(request: Request) -> str:
    """Return the path that our cookies are for: the prefix under which our pages are."""
    return str(request.scope.get("root_path", "")) or "/"


def set_cookie(request: Request, response: Response, name: str, value: str, max_age_s: int | None = None) -> None:
    """Set a cookie that scripts cannot read and other sites cannot send with a POST."""
    response.set_cookie(
        name,
        value,
        max_age=max_age_s,
        path=cookie_path(request),
        secure=is_secure(request),
        httponly=True,
        samesite="lax",
    )


def _is_web_url(url: str | None) -> bool:
    return bool(url) and str(url).startswith(("http://", "https://"))


def _origin_of(url: str) -> tuple[str, str, int | None] | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    return parts.scheme, parts.hostname or "", port or {"https": 443, "http": 80}.get(parts.scheme)


def _sign(key: bytes, user: BaseUser, cookie: str) -> str:
    text = f"{len(cookie)}:{cookie}{user.get_id()}"
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


class _KeyHolder:
    """Remembers the key of the tokens for a while."""

    def __init__(self) -> None:
        self._key, self._until = b"", 0.0

    async def get(self) -> bytes:
        if time.monotonic() >= self._until:
            installation = await run_in_thread(ensure_installation_secret)
            material = installation.reveal().encode()
            self._key = HKDF(SHA256(), length=32, salt=None, info=_CSRF_INFO).derive(material)
            self._until = time.monotonic() + _KEY_LIFE_S
        return self._key


@cache
def _key_holder() -> _KeyHolder:
    return _KeyHolder()


async def csrf_key() -> bytes:
    """Return the key of the tokens that forms carry."""
    return await _key_holder().get()
