"""The root of the tree."""

from __future__ import annotations

from typing import ClassVar


class IntegryError(Exception):
    """Base of every error of this package."""

    retryable: ClassVar[bool] = False
