"""Where a redirect leads, and whether it is followed: pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import quote, urldefrag, urljoin, urlsplit

from airflow_provider_integry.auth.wire import HttpRequest, redact_url
from airflow_provider_integry.errors import RedirectRefusedError
from airflow_provider_integry.transport.guard import HostGuard, is_downgrade

REDIRECT_STATUS = frozenset({301, 302, 303, 307, 308})
_BODY_HEADERS = frozenset({"content-type", "content-length", "content-encoding", "transfer-encoding"})


def resolve_location(url: str, location: str) -> str:
    """Return where a Location header leads, percent-encoded and without its fragment.

    Raises:
        RedirectRefusedError: It is no URL.
    """
    try:
        target, _ = urldefrag(urljoin(url, location.strip()))
        urlsplit(target)
    except ValueError:
        raise RedirectRefusedError(redact_url(url), "redirects to something that is no URL") from None
    # What is a URL already stays as it is; servers also send spaces and letters outside ASCII.
    return quote(target, safe="!#$%&'()*+,/:;=?@[]~\\")


def plan_redirect(
    request: HttpRequest, status: int, location: str, guard: HostGuard, carriers: Iterable[str]
) -> HttpRequest:
    """Return the request that follows a redirect, without any credential on it.

    Args:
        request: What was sent.
        status: 301, 302, 303, 307 or 308.
        location: The Location header.
        guard: Which hosts may have the credential.
        carriers: Lower-case names of headers that hold it.
    Raises:
        RedirectRefusedError: It leaves https, or leads to a host that may not have the credential.
    Source: RFC 9110 section 15.4.
    """
    url = resolve_location(request.url, location)
    if is_downgrade(request.url, url):
        raise RedirectRefusedError(redact_url(request.url), "redirects from https to http; it was not followed")
    if not guard.allows(url):
        problem = f"redirects to {redact_url(url)}, which may not have this connection's credential; not followed"
        raise RedirectRefusedError(redact_url(request.url), problem)
    dropped = {name.lower() for name in carriers} | {"cookie", "authorization"}
    drops_body = (status == 303 and request.method != "HEAD") or (status in (301, 302) and request.method == "POST")
    if drops_body:
        dropped |= _BODY_HEADERS
        request = replace(request, method="GET", body=None)
    headers = tuple(pair for pair in request.headers if pair[0].lower() not in dropped)
    return replace(request, url=url, headers=headers)
