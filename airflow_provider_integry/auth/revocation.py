"""Grants given back (RFC 7009): what to send, and what the answer means."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from airflow_provider_integry.auth.oauth2 import Moment, OAuth2Settings, build_client_request
from airflow_provider_integry.auth.token_errors import describe_type, find_error, is_unavailable
from airflow_provider_integry.auth.wire import HttpRequest, HttpResponse, parse_retry_after
from airflow_provider_integry.secret import Secret, build_excerpt

TokenHint = Literal["refresh_token", "access_token"]
# Services that answer with an error where RFC 7009 section 2.2 wants a 200: there is no such token (any more).
_ALREADY_GONE = frozenset({"invalid_token", "token_revoked", "token_expired"})


class RevocationAnswer(NamedTuple):
    """What a revocation endpoint said.

    Attributes:
        verdict: done: the token is of no use any more. unsupported: this kind of token cannot be revoked.
            later: the server asks to try again. refused: anything else.
        detail: Status and code in words; empty when it is done.
        retry_after_s: Seconds that the server asks to wait; None when it does not say.
    """

    verdict: Literal["done", "unsupported", "later", "refused"]
    detail: str = ""
    retry_after_s: float | None = None


def is_of_same_site(url: str, known_urls: Iterable[str | None]) -> bool:
    """Return whether a URL is on the site of one of the others: the same host, or one with the same parent domain.

    A refresh token goes back to where it came from and nowhere else, whoever edits the field that says where
    that is. Services spread their endpoints over hosts of one domain (``oauth.x.com``, ``api.x.com``).
    """
    host = _host_of(url)
    return any(host == known or _site_of(host) == _site_of(known) for known in map(_host_of, filter(None, known_urls)))


def _host_of(url: str) -> str:
    return (urlsplit(url).hostname or "").rstrip(".").lower()


def _site_of(host: str) -> str:
    """Return the parent domain that one owner has, as far as names tell; an address is its own."""
    labels = host.split(".")
    if ":" in host or len(labels) < 3 or labels[-1].isdigit():
        return host
    # Countries sell names below 'co.uk' and 'com.au'.
    is_country = len(labels[-1]) == 2 and re.fullmatch("com|net|org|edu|gov|[a-z]{1,2}", labels[-2])
    return ".".join(labels[-3:] if is_country else labels[-2:])


def build_revocation_request(
    settings: OAuth2Settings, url: str, token: Secret, hint: TokenHint, moment: Moment | None = None
) -> HttpRequest:
    """Build the request that gives one token back.

    Args:
        settings: The client, which authenticates as at the token endpoint.
        url: The revocation endpoint.
        token: What is given back.
        hint: Which kind of token it is.
        moment: Time and unique text, for assertions.
    Source: RFC 7009 section 2.1.
    """
    return build_client_request(settings, url, {"token": token.reveal(), "token_type_hint": hint}, moment)


def parse_revocation(
    response: HttpResponse, *, sent: Sequence[Secret] = (), now: float | None = None
) -> RevocationAnswer:
    """Read the answer of a revocation endpoint.

    A token that the server does not know is no error: it is of no use, which is all that was asked for.

    Args:
        response: The answer.
        sent: Secrets of the request, to be hidden should the server echo them.
        now: Current time, UTC epoch seconds; only for a Retry-After that is a date.
    Source: RFC 7009 section 2.2.
    """
    code, description = find_error(_decode(response))
    name = (code or "").lower()
    if response.is_success and not code:
        return RevocationAnswer("done")
    if name in _ALREADY_GONE:
        return RevocationAnswer("done")
    detail = _describe(response, code, description, sent)
    if name == "unsupported_token_type":
        return RevocationAnswer("unsupported", detail)
    if is_unavailable(response.status):
        return RevocationAnswer("later", detail, parse_retry_after(response.header("Retry-After"), now))
    return RevocationAnswer("refused", detail)


def _decode(response: HttpResponse) -> object:
    try:
        return json.loads(response.body)
    except (ValueError, RecursionError):
        return None


def _describe(response: HttpResponse, code: str | None, description: str, sent: Sequence[Secret]) -> str:
    parts = [f"status {response.status}"]
    if code:
        parts.append(f"'{build_excerpt(code, hide=sent, limit=80)}'")
        parts += [f"({text})"] if (text := build_excerpt(description, hide=sent)) else []
    else:
        parts.append(f"(no error code, {describe_type(response)})")
    return " ".join(parts)
