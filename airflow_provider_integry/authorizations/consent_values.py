"""What goes into the use cases of consent and comes out of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from airflow_provider_integry.secret import Secret


class Visit(NamedTuple):
    """Where an end user begins an authorization.

    Attributes:
        link_id: The link that led there.
        browser: Key of the browser, as a cookie keeps it: nobody else sees the outcome.
        holds: Whether the grant waits, at its end, for a word of the host application: it alone knows whether
            the person in front of that browser is the one who was meant.
    """

    link_id: str
    browser: Secret
    holds: bool = False


class Begun(NamedTuple):
    """An authorization that was begun.

    Attributes:
        consent_id: Name under which its outcome is shown.
        url: The consent page.
        browser_key: What the browser has to bring back with the callback, as a cookie.
    """

    consent_id: str
    url: str
    browser_key: Secret


@dataclass(frozen=True, slots=True)
class Callback:
    """What a browser brings from the service.

    Attributes:
        context: Last part of the address it came to.
        query: Its query, or the posted form, as it came.
        pairs: The same, decoded.
        cookies: The browser's cookies.
    """

    context: str
    query: str
    pairs: Sequence[tuple[str, str]]
    cookies: Mapping[str, str]
