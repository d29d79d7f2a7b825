"""What a host application, or one of its users, asks for cannot be had."""

from __future__ import annotations

from typing import Literal

from airflow_provider_integry.errors.authorization import AuthorizationError
from airflow_provider_integry.errors.configuration import ConfigurationError

IdentityReason = Literal["unreadable", "signature", "claims", "expired", "replayed", "user_id", "unknown"]
ImplicitReason = Literal[
    "unsupported_type", "other_workspace", "unknown_connection", "several_accounts", "fields", "refused"
]
LinkReason = Literal["unknown", "expired", "used", "revoked", "other_browser", "other_user", "login", "connection"]


class EndUserError(AuthorizationError):
    """A host application's request cannot be fulfilled."""


class EndUserIdentityError(EndUserError):
    """Nobody has shown who they are: a secret, hash or token that is not accepted.

    Callers are told the message alone, which is always the same; `reason` is for the log.

    Args:
        reason: What is wrong, in one word.
        detail: The same in words, for the log; holds nothing of the token.
    """

    def __init__(self, reason: IdentityReason, detail: str) -> None:
        super().__init__(
            "App key, user and signature do not fit together, or have expired. Sign in again at the application that"
            " sent you here."
        )
        self.reason = reason
        self.detail = detail


class EndUserNotFoundError(EndUserError):
    """There is no such connection, account or link, or not for the one who asks.

    Args:
        what: One word: `app`, `account`, `link`, `code` or `page`.
    """

    def __init__(self, what: str) -> None:
        super().__init__(f"There is no such {what} here. Check its id, and whose it is.")
        self.what = what


class ImplicitAuthorizationError(EndUserError):
    """Credentials that a host application passes on are not taken; nothing was stored.

    Args:
        reason: In one word, for programs.
        problem: What is wrong and what to do; holds nothing of what was passed.
        field: The field that is wrong; None where it is not about one.
    """

    def __init__(self, reason: ImplicitReason, problem: str, field: str | None = None) -> None:
        where = f"Field '{field}': " if field else ""
        super().__init__(f"{where}{problem}")
        self.reason = reason
        self.problem = problem
        self.field = field


class ConnectLinkError(EndUserError):
    """A connect link that cannot be used (any more).

    Args:
        reason: In one word, for programs.
    """

    def __init__(self, reason: LinkReason) -> None:
        super().__init__(_LINK_PROBLEMS[reason])
        self.reason = reason


class LinkRequestError(ConfigurationError):
    """A connect link that cannot be made like this.

    Args:
        field: What is wrong: `end_user`, `account`, `binding`, `return_url`, `origin`, `state`, `life_s`, `conn_id`.
        problem: What is wrong with it and what to do.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"No link was made: '{field}' {problem}")
        self.field = field
        self.problem = problem


class AccountMoveError(ConfigurationError):
    """An account that cannot take the place of another.

    Args:
        problem: Why, and what to do.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(f"Nothing was changed: {problem}")
        self.problem = problem


class EventSignatureError(EndUserError):
    """A delivery at a host application's events URL that does not come from its Airflow.

    Args:
        problem: Why not; holds nothing of the delivery.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(f"The event is not believed: {problem}. Answer with status 400, and do nothing.")
        self.problem = problem


class HostApiError(EndUserError):
    """The API for host applications refuses what a host application's server asks.

    Args:
        name: The kind of problem, such as `not-found`, as the API's OpenAPI document has them.
        status: HTTP status; 0 where nothing was sent.
        detail: What is wrong and what to do.
        reason: The same in one word; None where the name says it.
        field: The field that is wrong; None where it is not about one.
    """

    def __init__(
        self, name: str, status: int, detail: str, *, reason: str | None = None, field: str | None = None
    ) -> None:
        super().__init__(detail)
        self.name = name
        self.status = status
        self.detail = detail
        self.reason = reason
        self.field = field


class HostApiUnavailableError(HostApiError):
    """It does not answer now, or there were too many requests."""

    retryable = True


_AGAIN = "Ask for a new one where you got it."
_LINK_PROBLEMS: dict[LinkReason, str] = {
    "unknown": f"This link is not known here. {_AGAIN}",
    "expired": f"This link has expired. {_AGAIN}",
    "used": f"This link was used already. {_AGAIN}",
    "revoked": f"This link was taken back. {_AGAIN}",
    "other_browser": f"This link was opened in another browser, and works in that one alone. {_AGAIN}",
    "other_user": (
        "This link is for somebody else than the one who is signed in. Sign in as the user who asked for it, or ask"
        " for a link of your own."
    ),
    "login": "Sign in at the application that sent you here before you go on.",
    "connection": f"What this link leads to was changed meanwhile. {_AGAIN}",
}
