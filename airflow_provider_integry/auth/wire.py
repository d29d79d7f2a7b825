"""One HTTP request and one HTTP response, as plain values.

The cores of this package speak in these; `transport/` turns them into real traffic.
"""

from __future__ import annotations

import email.utils
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

Headers = tuple[tuple[str, str], ...]
# ISO 8601 in its usual forms: date and time, with or without separators, seconds and their fraction; a zone.
_ISO_TIME = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)[Tt ](\d\d):?(\d\d)(?::?(\d\d)(?:[.,](\d{1,9}))?)?\s?(?:([Zz])|([+-])(\d\d):?(\d\d)?)",
    re.ASCII,
)


def redact_url(url: str) -> str:
    """Build a form of a URL that may be shown: no user info, no fragment, query names only."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "<unreadable URL>"
    if ":" in host:
        host = f"[{host}]"
    names = "&".join(f"{name}=***" for name, _ in parse_qsl(parts.query, keep_blank_values=True))
    return urlunsplit((parts.scheme, host + port, parts.path, names, ""))


def find_header(headers: Headers, name: str) -> str | None:
    """Return the first value of a header, whatever its case; None when it is absent."""
    wanted = name.lower()
    return next((value for key, value in headers if key.lower() == wanted), None)


def parse_retry_after(value: str | None, now: float | None) -> float | None:
    """Return the seconds that a Retry-After header asks for; None when absent or unreadable.

    Args:
        value: Seconds or an HTTP date.
        now: Current time, UTC epoch seconds; without it a date is not understood.
    Source: RFC 9110 section 10.2.3.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit() and len(text) <= 10:
        return float(text)
    if not text or now is None:
        return None
    at = parse_http_date(text)
    return None if at is None else max(0.0, at - now)


def parse_http_date(text: str) -> float | None:
    """Return the UTC epoch seconds of an HTTP date; None when it is none.

    Source: RFC 9110 section 5.6.7.
    """
    try:
        return email.utils.parsedate_to_datetime(text).timestamp() if text else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def parse_iso_time(text: str) -> float | None:
    """Return the UTC epoch seconds of an ISO 8601 time; None when it is none, or names no zone.

    Not `datetime.fromisoformat`, which knows neither ``Z`` nor every number of digits before Python 3.11.
    """
    match = _ISO_TIME.fullmatch(text)
    if match is None:
        return None
    *moment, second, fraction, _, sign, zone_hours, zone_minutes = match.groups()
    offset = timedelta(hours=int(zone_hours or 0), minutes=int(zone_minutes or 0))
    try:
        zone = timezone(-offset if sign == "-" else offset)
        year, month, day, hour, minute = map(int, moment)
        whole = datetime(year, month, day, hour, minute, int(second or 0), tzinfo=zone)
        return whole.timestamp() + float(f"0.{fraction or 0}")
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request to send.

    Attributes:
        method: Upper-case method.
        url: Absolute URL, percent-encoded.
        headers: Name and value pairs in sending order.
        body: Bytes to send, or None.
    """

    method: str
    url: str
    headers: Headers = ()
    body: bytes | None = field(default=None)

    def header(self, name: str) -> str | None:
        """Return the first value of a header, whatever its case."""
        return find_header(self.headers, name)

    def with_header(self, name: str, value: str) -> HttpRequest:
        """Return a copy in which `name` has exactly this value."""
        wanted = name.lower()
        kept = tuple(pair for pair in self.headers if pair[0].lower() != wanted)
        return replace(self, headers=(*kept, (name, value)))

    def with_query(self, pairs: Iterable[tuple[str, str]]) -> HttpRequest:
        """Return a copy with these pairs in the query, each replacing a pair of the same name."""
        new = list(pairs)
        names = {name for name, _ in new}
        parts = urlsplit(self.url)
        kept = [piece for piece in parts.query.split("&") if piece and _query_name(piece) not in names]
        query = "&".join([*kept, urlencode(new)]) if new else "&".join(kept)
        return replace(self, url=urlunsplit((parts.scheme, parts.netloc, parts.path, query, parts.fragment)))

    def __repr__(self) -> str:
        names = ", ".join(name for name, _ in self.headers)
        size = "no body" if self.body is None else f"{len(self.body)} bytes"
        return f"HttpRequest({self.method} {redact_url(self.url)}, headers=[{names}], {size})"


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An answer that was read to its end.

    Attributes:
        status: HTTP status code.
        headers: Name and value pairs as received.
        body: Decoded bytes (transfer and content encoding undone).
        url: URL that answered, after redirects.
    """

    status: int
    headers: Headers = ()
    body: bytes = b""
    url: str = ""

    def header(self, name: str) -> str | None:
        """Return the first value of a header, whatever its case."""
        return find_header(self.headers, name)

    @property
    def content_type(self) -> str:
        """Media type in lower case without parameters; empty when not told."""
        return (self.header("Content-Type") or "").split(";")[0].strip().lower()

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def __repr__(self) -> str:
        return f"HttpResponse({self.status} {redact_url(self.url)}, {self.content_type}, {len(self.body)} bytes)"


def _query_name(piece: str) -> str:
    pairs = parse_qsl(piece, keep_blank_values=True)
    return pairs[0][0] if pairs else ""
