"""Which answers of an API mean that the token has expired, where that is not only 401."""

from __future__ import annotations

import json
from dataclasses import dataclass

from airflow_provider_integry.errors import CredentialFormatError

# 401 always counts. These pass by themselves, and are waited for instead.
_OTHER_MEANING = frozenset({408, 425, 429})
MAX_BODY = 64 * 1024


@dataclass(frozen=True, slots=True)
class ExpiryRule:
    """What an API answers beside 401 when a token has expired.

    Attributes:
        statuses: Further statuses, 4xx.
        expression: JMESPath that must be true in the JSON of such an answer; None when the status is enough.
            Other statuses are not looked into.
    Raises:
        CredentialFormatError: A status that cannot mean this, or an expression without a status.
    """

    statuses: frozenset[int] = frozenset()
    expression: str | None = None

    def __post_init__(self) -> None:
        for status in self.statuses:
            if not 400 <= status <= 499 or status in _OTHER_MEANING:
                raise CredentialFormatError(
                    "expired_statuses", f"{status} cannot mean an expired token; give statuses from 400 to 499"
                )
        if self.expression and not self.statuses:
            raise CredentialFormatError("expired_when", "needs the statuses to look into; fill in 'expired_statuses'")

    def needs_body(self, status: int) -> bool:
        """Whether the answer has to be read before it can be judged."""
        return self.expression is not None and status in self.statuses

    def covers(self, status: int, body: bytes = b"") -> bool:
        """Return whether an answer means that the token has expired.

        Args:
            status: HTTP status.
            body: The answer's body where `needs_body`; one of over 64 KiB, or that is no JSON, does not count.
        """
        if status not in self.statuses:
            return False
        return self.expression is None or _is_true(self.expression, body)


def _is_true(expression: str, body: bytes) -> bool:
    """Return whether an expression selects something true, as JMESPath has it: neither empty, false nor null."""
    # Lazy for start-up cost: few connections have an expression.
    import jmespath
    from jmespath.exceptions import JMESPathError

    if len(body) > MAX_BODY:
        return False
    try:
        found = jmespath.search(expression, json.loads(body))
    except (ValueError, RecursionError, JMESPathError):
        return False
    # JMESPath's truth: 0 is true, unlike Python's.
    return found is not None and found is not False and found not in ("", [], {})
