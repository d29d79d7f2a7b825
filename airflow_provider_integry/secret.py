"""A string that does not show itself.

Every credential inside this package is a `Secret` from the moment it is read until it is put on
the wire. The one way to get the text is `.reveal()`, so that ``grep reveal`` lists every place
where a secret leaves its wrapper.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterable
from typing import Any, NoReturn
from urllib.parse import quote, quote_plus

MASK = "***"


class Secret:
    """Hold a secret text; `str`, `repr`, `format` and copies never show it.

    Pickling and JSON encoding are refused: a secret that is written somewhere must be revealed and
    encrypted on purpose.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str | Secret) -> None:
        self._value: str = value.reveal() if isinstance(value, Secret) else value

    def reveal(self) -> str:
        """Return the text itself."""
        return self._value

    def fingerprint(self) -> str:
        """Name this secret without showing it: 16 hex digits of its SHA-256."""
        return hashlib.sha256(self._value.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    def __repr__(self) -> str:
        return MASK

    def __str__(self) -> str:
        return MASK

    def __format__(self, format_spec: str) -> str:
        return MASK

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        """Compare in constant time; a plain string is never equal to a secret."""
        if not isinstance(other, Secret):
            return NotImplemented
        mine = self._value.encode("utf-8", "surrogatepass")
        theirs = other._value.encode("utf-8", "surrogatepass")
        return hmac.compare_digest(mine, theirs)

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("A Secret cannot be pickled: reveal and encrypt it on purpose instead.")


# Long unbroken runs are keys, tokens and signatures far more often than words ...
_TOKEN_LIKE = re.compile(r"[A-Za-z0-9_\-.+/=~%]{20,}")
# ... but error codes such as invalid_client_credentials are worth showing.
_ERROR_CODE = re.compile(r"[a-z]{1,14}(_[a-z]{1,14})+\.?")
_LONGEST_CODE = 48


def encoded_forms(secret: Secret) -> tuple[str, ...]:
    """Return the texts in which a secret travels or is echoed, longest first.

    The text itself, percent- and form-encoded, inside JSON, and in base64.
    """
    text = secret.reveal()
    raw = text.encode("utf-8", "surrogatepass")
    forms = {
        text,
        quote(raw, safe=""),
        quote_plus(raw),
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        base64.b64encode(raw).decode("ascii"),
        base64.urlsafe_b64encode(raw).decode("ascii"),
    }
    return tuple(sorted(forms - {""}, key=len, reverse=True))


def build_excerpt(text: str, *, hide: Iterable[Secret] = (), limit: int = 200) -> str:
    """Build a piece of somebody else's text that may be shown in an error or a log.

    Args:
        text: Text of a server's answer.
        hide: Secrets that were sent to that server, which it may echo.
        limit: Most characters to keep.
    Returns:
        One line in which known secrets and anything that looks like a token are ``***``; an error code in
        words joined with ``_`` is none.
    """
    # Longest first, so that no secret leaves the tail of a longer one behind; and before anything is
    # cut off, so that none leaves its beginning.
    for form in sorted({form for secret in hide for form in encoded_forms(secret)}, key=len, reverse=True):
        text = text.replace(form, MASK)
    line = " ".join("".join(char if char.isprintable() else " " for char in text[: limit * 20]).split())
    # Blank first, cut later: a token cut in two would be too short to be noticed.
    line = _TOKEN_LIKE.sub(_blank, line)
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def _blank(match: re.Match[str]) -> str:
    text = match.group()
    return text if len(text) <= _LONGEST_CODE and _ERROR_CODE.fullmatch(text) else MASK
