"""What a task and the broker say to each other: the bodies of requests and answers, version 1."""

from __future__ import annotations

import msgspec

PROBLEM_TYPE = "application/problem+json"
CREDENTIALS_PATH = "/v1/credentials"
STATUS_PATH = "/v1/status"
KEEP_ALIVE_PATH = "/v1/keep-alive"
HEALTH_PATH = "/health"
# Most seconds that the broker lets one request wait; it then says "ask again".
PATIENCE_S = 8.0
MAX_STATUS_ITEMS = 1000


class CredentialsRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """Ask for a token.

    Attributes:
        conn_id, end_user, account: For which authorization.
        rejected: Fingerprint of a token that the API has just refused.
    """

    conn_id: str
    end_user: str | None = None
    account: str | None = None
    rejected: str | None = None


class CredentialsAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A token. Times are relative, so that clocks need not agree.

    Attributes:
        access_token: The token.
        token_type: As the token endpoint told it.
        expires_in_s: Seconds until it ends; None when unknown or never.
        ask_after_s: Seconds after which to ask again, though it may still work.
        proof_key: PEM of the key that it is bound to (RFC 9449); None for plain tokens.
        scopes: Granted scopes; None when not known.
    """

    access_token: str
    token_type: str
    expires_in_s: float | None
    ask_after_s: float
    proof_key: str | None = None
    scopes: list[str] | None = None


class StatusItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One authorization to tell the status of, with the proof that the caller may ask."""

    conn_id: str
    proof: str
    end_user: str | None = None
    account: str | None = None


class StatusRequest(msgspec.Struct, frozen=True):
    """Ask for the status of some authorizations."""

    authorizations: list[StatusItem]


class Status(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where one authorization stands. Times are UTC epoch seconds.

    Attributes:
        readiness: A `Readiness`.
        reason: Why it is not ready.
        account_id, account_name: Who authorized, where known.
        scopes: Granted scopes; None when not known.
        expires_in_s: Seconds until the current token ends; None when unknown or never.
        refreshed_at: When it was obtained.
        grant_ends_at: When the grant itself ends, where known.
    """

    readiness: str
    reason: str = ""
    account_id: str | None = None
    account_name: str | None = None
    scopes: list[str] | None = None
    expires_in_s: float | None = None
    refreshed_at: float | None = None
    grant_ends_at: float | None = None


class StatusAnswer(msgspec.Struct, frozen=True):
    """One status for each item of the request, in its order; None where there is no right to know."""

    authorizations: list[Status | None]


class KeepAliveRequest(msgspec.Struct, frozen=True):
    """Ask the broker to renew grants that nobody has used for a while.

    Attributes:
        idle_s: Seconds without a renewal after which a grant is renewed.
        warn_s: Grants whose absolute end is at most this many seconds away are named.
        after_id: Where the last answer has stopped; 0 to begin.
    """

    idle_s: float
    warn_s: float
    after_id: int = 0


class EndingGrant(msgspec.Struct, frozen=True):
    """A grant that ends whatever is done, until somebody authorizes again."""

    authorization_id: int
    conn_id: str
    ends_at: float


class KeepAliveAnswer(msgspec.Struct, frozen=True):
    """What one step of keeping alive has done.

    Attributes:
        renewed, failed, lost: How many grants.
        next_id: To go on with; None when all were seen.
        ending: Grants that end soon; only in the first answer.
    """

    renewed: int
    failed: int
    lost: int
    next_id: int | None
    ending: list[EndingGrant]


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error (RFC 9457).

    Attributes:
        type: URN of the kind of problem.
        title: The kind in words.
        status: HTTP status.
        detail: What happened and what to do.
        retryable: Whether asking again may help.
        error: The error of this package, as `errors_wire` writes it; None for problems of the request itself.
    """

    type: str
    title: str
    status: int
    detail: str
    retryable: bool = False
    error: dict[str, object] | None = None
