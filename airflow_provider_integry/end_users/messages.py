"""What host applications send and get: the bodies of requests and answers, version 1. Times are RFC 3339, UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

PREFIX = "/public/v1"
# As the problems of the broker have it.
PROBLEM_TYPE = "application/problem+json"
MAX_BODY = 64 * 1024
MAX_STATUS_ITEMS = 500
MAX_PAGE = 500
PAGE = 100
# Headers with which a page shows for whom it asks; percent-encoded, since headers carry ASCII alone.
APP_KEY, USER_ID, USER_HASH = "X-Integry-App-Key", "X-Integry-User-Id", "X-Integry-User-Hash"
# In front of a session, so that it is told from a token that the host application has signed.
SESSION_PREFIX = "is_"
URN = "urn:integry:problem:"
TITLES = {
    "bad-request": "The request cannot be read",
    "identity": "Nobody has shown who asks",
    "origin": "The page is not one of the workspace's",
    "secret-in-browser": "The app secret is in a browser",
    "wrong-principal": "Not for the one who asks",
    "not-found": "Not found",
    "method": "No such method",
    "too-large": "The request is too large",
    "implicit-authorization": "The credentials are not taken",
    "link-request": "The link cannot be made like this",
    "connect-link": "The link cannot be used",
    "account-move": "The account cannot take that place",
    "not-connected": "The account is not connected",
    "rate-limit": "Too many requests",
    "failed": "Failed",
    "service": "The service does not answer",
    "unavailable": "Not now",
}

ConnId = Annotated[str, Meta(min_length=1, max_length=250, description="Id of the Airflow connection.")]
EndUser = Annotated[str, Meta(min_length=1, max_length=255, description="Your user's id, taken as it is.")]
AccountName = Annotated[
    str, Meta(min_length=1, max_length=255, description="Name among several accounts of one user; null for the first.")
]
AccountId = Annotated[str, Meta(pattern="^ca_[0-9a-f]{32}$", description="Public id of a connected account.")]
LinkId = Annotated[str, Meta(pattern="^li_[0-9a-f]{32}$", description="Id of a connect link; no secret.")]
Readiness = Literal["pending", "ready", "needs_reauthorization", "revoked", "unreachable"]


class AppField(Struct, frozen=True):
    """A field that an end user fills in.

    Attributes:
        name: Its name in `fields` of a new account.
        label, description: What to show.
        is_secret: Whether it is typed unseen.
        is_required: Whether it has to be filled in.
    """

    name: str
    label: str
    description: str
    is_secret: bool
    is_required: bool


class App(Struct, frozen=True):
    """A connection that end users can connect accounts to.

    Attributes:
        conn_id: The connection.
        name, description, logo: What to show; the last two null when empty.
        kind: `consent`: the user allows it at the service, by a link; `form`: fields are filled in.
        fields: What is filled in; empty for a consent.
        accounts_per_user: Whether a user may have several accounts.
        is_listed: Whether the marketplace shows it.
        is_host: Whether it is the host application's own API, whose credentials come silently.
    """

    conn_id: str
    name: str
    description: str | None
    logo: str | None
    kind: Literal["consent", "form"]
    fields: list[AppField]
    accounts_per_user: Literal["one", "several"]
    is_listed: bool
    is_host: bool


class Apps(Struct, frozen=True):
    """All apps of a workspace."""

    apps: list[App]


class Account(Struct, frozen=True):
    """An account of an end user at a service.

    Attributes:
        id: Its public id.
        conn_id, end_user, account: Whose it is, and where; `account` null for the first one.
        readiness: Where it stands.
        reason: Why; empty when it is ready.
        account_id, account_name: What the service calls it; null where it has not told.
        is_default: Whether calls that name no account use it.
        created_at, changed_at: When it was first connected, and when its credentials last changed.
    """

    id: str
    conn_id: str
    end_user: str
    account: str | None
    readiness: Readiness
    reason: str
    account_id: str | None
    account_name: str | None
    is_default: bool
    created_at: datetime
    changed_at: datetime


class Accounts(Struct, frozen=True):
    """A part of a list.

    Attributes:
        accounts: What is in it; there may be fewer than asked for, and more behind them.
        next: What to send as `after` for the next part; null at the end.
    """

    accounts: list[Account]
    next: str | None


class AppAuth(Struct, frozen=True, forbid_unknown_fields=True):
    """A user's credential for the host application's own API.

    Attributes:
        api_key: The key, token or password. Secret.
        auth_id: User name where the API wants one; else the account's name where a user may have several.
        extras: Further fields, by their name, such as `host` for the address of the user's own server.
    """

    api_key: Annotated[str, Meta(min_length=1)]
    auth_id: str | None = None
    extras: dict[str, str] = {}


class NewAccount(Struct, frozen=True, forbid_unknown_fields=True):
    """Create an account out of credentials that are known, or replace the one that is there.

    Attributes:
        conn_id: The connection; null for the host application's own, as its workspace names it.
        end_user: For whom; an end user may leave it out, and name nobody else.
        account: Which of several accounts.
        fields: What is filled in, by name; or
        app_auth: the same in short.
        verify: Whether the service is asked first whether they work; always for end users.
    """

    conn_id: ConnId | None = None
    end_user: EndUser | None = None
    account: AccountName | None = None
    fields: dict[str, str] | None = None
    app_auth: AppAuth | None = None
    verify: bool = True


class StatusItem(Struct, frozen=True, forbid_unknown_fields=True):
    """An account that is asked for."""

    conn_id: ConnId
    end_user: EndUser
    account: AccountName | None = None


class StatusRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Ask for many accounts at once."""

    accounts: Annotated[list[StatusItem], Meta(max_length=MAX_STATUS_ITEMS)]


class StatusAnswer(Struct, frozen=True):
    """The accounts in the order in which they were asked for; null where there is none."""

    accounts: list[Account | None]


class Tested(Struct, frozen=True):
    """What came of a test.

    Attributes:
        is_ok: Whether the account works, as far as it could be tried.
        is_tried: Whether the service itself was asked.
        is_other_account: Whether the credential belongs to another account than before.
        message: The same in words.
        account: The account as it is now.
    """

    is_ok: bool
    is_tried: bool
    is_other_account: bool
    message: str
    account: Account


class Migration(Struct, frozen=True, forbid_unknown_fields=True):
    """Let one account take the place of another of the same user and connection."""

    from_id: AccountId = msgspec.field(name="from")
    to_id: AccountId = msgspec.field(name="to")


class NewLink(Struct, frozen=True, forbid_unknown_fields=True):
    """Ask for a link with which an end user connects an account.

    Attributes:
        conn_id: The connection.
        end_user: For whom; an end user may leave it out, and name nobody else.
        account: Which of several accounts.
        binding: How it is made sure that it is that user who goes through with it: `login`: by your login page;
            `code`: you redeem a code that comes back with the user's browser. Null for `login` where the workspace
            has a login page, else `code`.
        return_url: Where the browser goes in the end; one of the workspace's.
        origin: Whose page is told by `postMessage`; one of the workspace's.
        state: Text that goes back along.
        life_s: Seconds for which the link can be opened.
    """

    conn_id: ConnId
    end_user: EndUser | None = None
    account: AccountName | None = None
    binding: Literal["login", "code"] | None = None
    return_url: str | None = None
    origin: str | None = None
    state: Annotated[str, Meta(max_length=500)] | None = None
    life_s: Annotated[float, Meta(ge=30, le=86400)] = 900


class MadeLink(Struct, frozen=True):
    """A new link.

    Attributes:
        id: Its id, to ask what became of it.
        url: What the user opens. Secret, and told once.
        expires_at: Until when it can be opened.
    """

    id: str
    url: str
    expires_at: datetime


class LinkState(Struct, frozen=True):
    """What became of a link.

    Attributes:
        id: The link.
        conn_id, end_user, account: What it is for.
        status: Where it stands; `held` until its code is redeemed. After `denied` and `failed` it may be tried again.
        message: Why nothing was connected; null where there is nothing to say.
        connected_account_id: The account; null where there is none yet.
        expires_at: Until when it can be opened.
    """

    id: str
    conn_id: str
    end_user: str
    account: str | None
    status: Literal["open", "claimed", "denied", "failed", "held", "connected", "expired", "revoked"]
    message: str | None
    connected_account_id: str | None
    expires_at: datetime


class Redemption(Struct, frozen=True, forbid_unknown_fields=True):
    """Fetch what a link of binding `code` holds, for the user who is signed in.

    Attributes:
        code: What came with the user's browser; good once.
        end_user: Who is signed in there; an end user may leave it out.
    """

    code: Annotated[str, Meta(min_length=1, max_length=100)]
    end_user: EndUser | None = None


class Session(Struct, frozen=True):
    """A session of an end user, for a script in a page.

    Attributes:
        session: What to send as Bearer. Secret.
        end_user: Whose it is.
        expires_in_s: Seconds for which it works.
    """

    session: str
    end_user: str
    expires_in_s: int


class Nothing(Struct, frozen=True):
    """A body without fields."""


class Problem(Struct, frozen=True, omit_defaults=True):
    """An error (RFC 9457).

    Attributes:
        type: URN of the kind of problem.
        title: The kind in words.
        status: HTTP status.
        detail: What is wrong and what to do; holds nothing secret.
        retryable: Whether the same request may succeed later.
        reason: What is wrong in one word, for programs.
        field: The field that is wrong.
    """

    type: str
    title: str
    status: int
    detail: str
    retryable: bool = False
    reason: str | None = None
    field: str | None = None


class Event(Struct, frozen=True):
    """What has happened to an account, as host applications are told at their events URL.

    Attributes:
        id: Names the event; the same one may be delivered twice.
        type: What has happened.
        created_at: When.
        app_key: Whose event it is.
        conn_id, end_user, account, connected_account_id: Which account.
        from_connected_account_id: The account in whose place it is, after a migration.
    """

    id: str
    type: Literal["account.connected", "account.disconnected", "account.lost", "account.migrated"]
    created_at: datetime
    app_key: str
    conn_id: str
    end_user: str
    account: str | None
    connected_account_id: str | None
    from_connected_account_id: str | None = None
