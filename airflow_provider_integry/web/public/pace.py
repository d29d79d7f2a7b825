"""How fast an end user may try things out: what they type is tried at a service, and guessing must not pay.

Each API server counts for itself, as for the API of host applications.
"""

from __future__ import annotations

import math
import time
from functools import cache

from airflow_provider_integry.web.public.api.limits import Limit
from airflow_provider_integry.web.public.branding import Brand
from airflow_provider_integry.web.public.rendering import PublicError

# In a minute: credentials that are tried through one link, and conversations that one end user begins.
TRIES, BEGINNINGS = 10, 20


def count_try(link_id: str, brand: Brand, back: str) -> None:
    """Count that credentials are tried.

    Args:
        link_id: The link through which they came.
        brand: Whose page says that it is too much.
        back: Path below the public prefix to go on from.
    Raises:
        PublicError: It is too much; status 429.
    """
    _take(_tries(), link_id, brand, back)


def count_beginning(workspace: str, end_user: str, brand: Brand, back: str) -> None:
    """Count that a conversation with a service begins.

    Args:
        workspace: Conn id of the host application.
        end_user: Its user.
        brand: Whose page says that it is too much.
        back: Path below the public prefix to go on from.
    Raises:
        PublicError: It is too much; status 429.
    """
    _take(_beginnings(), f"{len(workspace)}:{workspace}{end_user}", brand, back)


def _take(limit: Limit, caller: str, brand: Brand, back: str) -> None:
    verdict = limit.take(caller, time.monotonic())
    if verdict is None or verdict.is_taken:
        return
    seconds = math.ceil(verdict.wait_s)
    raise PublicError(
        429, "This was tried often", f"Wait {seconds} seconds and try again.", brand, (back, "Try again"), seconds
    )


@cache
def _tries() -> Limit:
    return Limit("tries", TRIES)


@cache
def _beginnings() -> Limit:
    return Limit("beginnings", BEGINNINGS)
