"""What a task and the broker say to each other: the bodies of requests and answers, version 1."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

PROBLEM_TYPE = "application/problem+json"
CREDENTIALS_PATH = "/v1/credentials"
STATUS_PATH = "/v1/status"
KEEP_ALIVE_PATH = "/v1/keep-alive"
PERMITS_PATH = "/v1/permits"
HEALTH_PATH = "/health"
# Most seconds that the broker lets one request wait; it then says "ask again".
PATIENCE_S = 8.0
MAX_STATUS_ITEMS = 1000
# A grant that is kept alive is renewed at most this often, whoever asks.
LEAST_IDLE_S = 3600.0
MAX_PENDING = 100

RowId = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
PermitName = Annotated[str, msgspec.Meta(max_length=32)]
Span = Annotated[float, msgspec.Meta(ge=0, le=1e10)]


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

    There is no refresh token in it, and no secret of the application.

    Attributes:
        access_token: The token.
        token_type: As the token endpoint told it.
        expires_in_s: Seconds until it ends; None when unknown or never.
        ask_after_s: Seconds after which to ask again, though it may still work.
        proof_key: PEM of the key that it is bound to (RFC 9449); None for plain tokens.
        scopes: Granted scopes; None when not known.
        kept: What is kept with the grant beside its tokens; None where that is nothing.
        token_secret: OAuth 1.0a: what requests are signed with beside the token; None for other tokens.
        entered: What the end user has entered, by field; the token is empty then. None for tokens.
    """

    access_token: str
    token_type: str
    expires_in_s: float | None
    ask_after_s: float
    proof_key: str | None = None
    scopes: list[str] | None = None
    token_secret: str | None = None
    kept: dict[str, str] | None = None
    entered: dict[str, str] | None = None


class PermitAsk(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one process says about its permits.

    Attributes:
        wanted: Requests that it wants to send; 0 for none.
        permit_id: Name of the permit that it wants.
        lease_s: Seconds after which the permit counts as given back, whatever becomes of the process.
        returned_id: Permit that it gives back; None for none.
        used: Requests that it has sent with that one.
    """

    wanted: RowId = 0
    permit_id: PermitName = ""
    lease_s: Annotated[float, msgspec.Meta(ge=0, le=86400.0)] = 0.0
    returned_id: PermitName | None = None
    used: RowId = 0


class PermitRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """Ask for a permit to send requests to an API, or give one back, or both.

    Attributes:
        conn_id, end_user, account: For which authorization.
        bucket: What is limited: a connector, or one of its activities.
        requests, per_s, concurrency: The limit; see `permit_state.Caps`.
        ask: What is wanted and given back.
    """

    conn_id: str
    bucket: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    ask: PermitAsk
    requests: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    per_s: Annotated[float, msgspec.Meta(ge=0, le=31 * 86400.0)] = 0.0
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    end_user: str | None = None
    account: str | None = None


class PermitAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether requests may be sent.

    Attributes:
        count: How many; 0 for none.
        wait_s: Seconds after which to ask again, where there are none.
    """

    count: int = 0
    wait_s: float = 0.0


# Thousands of these come and go with each look of a triggerer, and are no part of a cycle: Python's garbage collector
# stops the event loop for what it has to go through.
class StatusItem(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One authorization to tell the status of, with the proof that the caller may ask."""

    conn_id: str
    proof: str
    end_user: str | None = None
    account: str | None = None


class StatusRequest(msgspec.Struct, frozen=True):
    """Ask for the status of some authorizations."""

    authorizations: list[StatusItem]


class Status(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
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


class KeepAliveRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """Ask the broker to renew grants that nobody has used for a while.

    Attributes:
        idle_s: Seconds without a renewal after which a grant is renewed.
        warn_s: Grants whose absolute end is at most this many seconds away are named.
        after_id: Where the last answer has stopped; 0 to begin.
        pending: What the last answer has left unfinished.
    """

    idle_s: Annotated[float, msgspec.Meta(ge=LEAST_IDLE_S, le=1e10)]
    warn_s: Span
    after_id: RowId = 0
    pending: Annotated[list[RowId], msgspec.Meta(max_length=MAX_PENDING)] = []


class EndingGrant(msgspec.Struct, frozen=True):
    """A grant that ends whatever is done, until somebody authorizes again; the end is UTC epoch seconds."""

    authorization_id: int
    conn_id: str
    ends_at: float


class UnkeptGrant(msgspec.Struct, frozen=True):
    """A grant that could not be kept alive.

    Attributes:
        authorization_id, conn_id: Which one.
        reason: One word: the class of the error, the cause of a loss, `connection_missing` or `connection_changed`.
        is_passing: Whether the next try may succeed without anybody's doing.
    """

    authorization_id: int
    conn_id: str
    reason: str
    is_passing: bool = True


class KeepAliveAnswer(msgspec.Struct, frozen=True):
    """What one step of keeping alive has done.

    Attributes:
        renewed: How many grants.
        failed: Grants that are as they were, because of an error.
        lost: Grants that turned out to be lost.
        skipped: Grants whose connection is missing, or was changed after they were authorized.
        pending: Ids of grants that are still being renewed; ask again and name them.
        next_id: To go on with; None when all were seen.
        ending: Grants that end soon; only in the first answer.
    """

    renewed: int
    failed: list[UnkeptGrant]
    lost: list[UnkeptGrant]
    skipped: list[UnkeptGrant]
    pending: list[int]
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
    error: dict[str, Any] | None = None
