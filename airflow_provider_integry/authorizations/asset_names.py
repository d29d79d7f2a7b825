"""Names and URIs of the assets that tell DAGs about authorizations; the one place that makes them.

Whoever sends an event and whoever waits for it write these texts through `airflow.sdk.Asset`, so both have the
URI as Airflow stores it. Texts of people are percent-encoded (RFC 3986 section 2.1, as UTF-8), so that different
ones never meet: "1", " 1", "é" in either of its forms, "a/../b", "%2F".
"""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple
from urllib.parse import quote

# Airflow refuses names and URIs of more than 1500 characters. A part longer than this, once it is encoded, is
# replaced by its SHA-256; a colon is never in an encoded text, so no text looks like one that was replaced.
MAX_PART = 600
_HASHED = "sha256:"


class AssetNames(NamedTuple):
    """How one asset is called.

    Attributes:
        name: Unique in Airflow, ASCII, at most 1500 characters.
        uri: The same, to be given to `Asset`.
    """

    name: str
    uri: str


def ready_names(conn_id: str, end_user: str | None = None) -> AssetNames:
    """Return what the asset is called that has an event when an authorization becomes ready.

    Args:
        conn_id: The Airflow connection.
        end_user: The end user; None for the connection's own account.
    Raises:
        ValueError: A text is empty, or holds half of a character.
    """
    return _build("authorization", conn_id, end_user)


def lost_names(conn_id: str, end_user: str | None = None) -> AssetNames:
    """Return what the asset is called that has an event when an authorization is lost or revoked.

    Arguments and errors are those of `ready_names`.
    """
    return _build("authorization-lost", conn_id, end_user)


def any_names(conn_id: str) -> AssetNames:
    """Return what the asset is called that has an event when any authorization of a connection becomes ready.

    Raises:
        ValueError: The text is empty, or holds half of a character.
    """
    return _build("authorization-any", conn_id, None)


def webhook_names(conn_id: str, activity: str, end_user: str | None = None) -> AssetNames:
    """Return what the asset is called that has an event for each delivery of a webhook.

    Args:
        conn_id: The Airflow connection.
        activity: The trigger of its connector.
        end_user: The end user whose webhook it is; None for the connection's own.
    Raises:
        ValueError: A text is empty, or holds half of a character.
    """
    return _build("webhook", conn_id, end_user, _encode("activity", activity))


def poll_names(conn_id: str, activity: str, end_user: str | None = None, name: str | None = None) -> AssetNames:
    """Return what the asset is called that has an event for new records of a poll.

    Args:
        conn_id: The Airflow connection.
        activity: The trigger of its connector.
        end_user: The end user whose records they are; None for the connection's own account.
        name: What tells it from other polls of the same activity; None for the only one.
    Raises:
        ValueError: A text is empty, or holds half of a character.
    """
    further = [_encode("activity", activity)] + ([] if name is None else [_encode("name", name)])
    return _build("poll" if name is None else "poll-named", conn_id, end_user, *further)


def _build(kind: str, conn_id: str, end_user: str | None, *further: str) -> AssetNames:
    parts = [_encode("conn_id", conn_id), *further]
    if end_user is not None:
        parts.append(_encode("end_user", end_user))
    return AssetNames(":".join(("integry", kind, *parts)), f"integry://{kind}/{'/'.join(parts)}")


def _encode(what: str, text: Any) -> str:
    if not isinstance(text, str) or not text:
        raise ValueError(f"{what} is {text!r}; give a text of at least one character.")
    try:
        encoded = quote(text, safe="")
    except UnicodeEncodeError:
        raise ValueError(f"{what} holds half of a character; give a text that can be written as UTF-8.") from None
    return encoded if len(encoded) <= MAX_PART else _HASHED + hashlib.sha256(text.encode()).hexdigest()
