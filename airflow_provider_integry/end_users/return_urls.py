"""Where a browser may be sent when somebody is done: pure checks on text.

What decides is compared part by part after strict parsing, because browsers and servers read odd URLs in
more than one way: what is odd is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import unquote, urlencode, urlsplit

from airflow_provider_integry.errors import LinkRequestError, UrlNotAllowedError
from airflow_provider_integry.urls import check_url, origin_of

MAX_URL = 2000


def check_return_url(url: str, allowed: Iterable[str], *, allow_http: bool = False) -> str:
    """Return a URL to which a browser may be sent back.

    Args:
        url: What is asked for.
        allowed: URLs of the workspace: scheme, host and port must be the same, and the path must be the same or
            below.
        allow_http: Whether http is accepted.
    Raises:
        LinkRequestError: It may not.
    """
    problem = find_path_problem(url)
    try:
        check_url(url, "return_url", allow_http=allow_http)
    except UrlNotAllowedError as error:
        problem = error.problem
    if problem is None and any(_covers(one, url) for one in allowed):
        return url
    raise LinkRequestError(
        "return_url",
        f"{problem or 'is not among the return URLs of the workspace'}; see the workspace's 'return_urls'.",
    )


def find_path_problem(url: str) -> str | None:
    """Say why a URL could be read in two ways, or is too long; None where it is plain."""
    if len(url) > MAX_URL:
        return f"has more than {MAX_URL} characters"
    if not url.isascii() or url != url.strip():
        return "holds characters that are not percent-encoded"
    if "#" in url:
        return "has a fragment"
    try:
        path = urlsplit(url).path
    except ValueError:
        return "cannot be read as a URL"
    *folders, last = path.removeprefix("/").split("/")
    if any(not one or _is_odd(one) for one in folders) or _is_odd(last):
        return "has a path that can be read in more than one way"
    return None


def check_origin(origin: str, allowed: Iterable[str]) -> str:
    """Return an origin whose pages may be told what came of it.

    Raises:
        LinkRequestError: It is not one of the workspace's.
    """
    if origin not in set(allowed):
        raise LinkRequestError("origin", "is not among the allowed origins of the workspace.")
    return origin


def add_query(url: str, values: Mapping[str, str | None]) -> str:
    """Return a URL with further parameters; None is left out."""
    query = urlencode({name: value for name, value in values.items() if value is not None})
    return f"{url}{'&' if '?' in url else '?'}{query}"


def _covers(allowed: str, url: str) -> bool:
    if origin_of(allowed) != origin_of(url):
        return False
    above, path = urlsplit(allowed).path.rstrip("/"), urlsplit(url).path
    return path.rstrip("/") == above or path.startswith(f"{above}/")


def _is_odd(segment: str) -> bool:
    once = unquote(segment)
    twice = unquote(once)
    is_dots = any(text.split(";", 1)[0] in (".", "..") for text in (segment, once, twice))
    return is_dots or any(char in twice for char in "/\\") or any(ord(char) < 33 for char in twice)
