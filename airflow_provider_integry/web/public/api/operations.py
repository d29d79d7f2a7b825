"""ONE table of what the API can do: its routes and its OpenAPI document are made from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from airflow_provider_integry.end_users import messages

Who = Literal["anybody", "host", "end_user"]
HOST_USER = "7e0c5c0e-ada"
_ACCOUNT = "ca_0123456789abcdef0123456789abcdef"
_LINK = "li_0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class Parameter:
    """A part of a query.

    Attributes:
        name: Its name.
        schema: JSON schema of its text, as far as one text is concerned.
        description: What it does.
    """

    name: str
    schema: dict[str, Any]
    description: str


@dataclass(frozen=True)
class Operation:
    """One method of one path.

    Attributes:
        name: Id of the operation, and the name of the function in `handlers.py` that does it.
        method, path: Where it is; the path below `messages.PREFIX`.
        summary, description: What it does.
        answer: Structure of the answer; None for none, which is status 204.
        request: Structure of the body; None for none.
        status: Status of the answer.
        who: Who may ask: the host application's server and its users, or one of the two alone.
        problems: Names of the problems that are its own, by status.
        query: Parts of the query that it knows.
        example: An example of the request's body.
    """

    name: str
    method: Literal["GET", "POST", "DELETE"]
    path: str
    summary: str
    description: str
    answer: type[Any] | None
    request: type[Any] | None = None
    status: int = 200
    who: Who = "anybody"
    problems: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    query: tuple[Parameter, ...] = ()
    example: dict[str, Any] | None = None


def _text(name: str, description: str, most: int = 255) -> Parameter:
    return Parameter(name, {"type": "string", "minLength": 1, "maxLength": most}, description)


_FOUND = {404: ("not-found",)}
_TRIED = {404: ("not-found",), 503: ("service", "unavailable")}
_PAGING = (
    _text("conn_id", "Accounts of this connection alone.", 250),
    _text("end_user", "Accounts of this user alone; end users see their own in any case."),
    Parameter(
        "readiness",
        {"type": "string", "enum": ["pending", "ready", "needs_reauthorization", "revoked", "unreachable"]},
        "Accounts that stand like this alone.",
    ),
    _text("after", "`next` of the part before.", 500),
    Parameter(
        "limit", {"type": "integer", "minimum": 1, "maximum": messages.MAX_PAGE, "default": messages.PAGE}, "At most."
    ),
)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "list_apps",
        "GET",
        "/apps",
        "List the apps",
        "The connections of the workspace. A server sees all of them, an end user those that are listed and the host"
        " application's own.",
        messages.Apps,
    ),
    Operation(
        "get_app",
        "GET",
        "/apps/{conn_id}",
        "Get one app",
        "One connection of the workspace, also one that is not listed.",
        messages.App,
        problems=_FOUND,
    ),
    Operation(
        "list_accounts",
        "GET",
        "/accounts",
        "List connected accounts",
        "A part of the list, in the order in which they were connected. Send `next` as `after` for the next part.",
        messages.Accounts,
        query=_PAGING,
        problems=_FOUND,
    ),
    Operation(
        "create_account",
        "POST",
        "/accounts",
        "Create or replace an account",
        "Implicit authorization: the host application passes on a credential that it has. It is created, or takes the"
        " place of the one that is there, at once. Nothing is stored where it is refused; `reason` says why.",
        messages.Account,
        messages.NewAccount,
        201,
        problems={404: ("not-found",), 422: ("implicit-authorization",), 503: ("service", "unavailable")},
        example={"end_user": HOST_USER, "app_auth": {"api_key": "USERS-API-KEY"}},
    ),
    Operation(
        "get_account",
        "GET",
        "/accounts/{id}",
        "Get one account",
        "Where it stands now; the service is not asked.",
        messages.Account,
        problems=_FOUND,
    ),
    Operation(
        "disconnect_account",
        "DELETE",
        "/accounts/{id}",
        "Disconnect an account",
        "Forget the credential, and tell the service so where it can be told.",
        None,
        status=204,
        problems=_TRIED,
    ),
    Operation(
        "test_account",
        "POST",
        "/accounts/{id}/test",
        "Test an account",
        "Ask the service who the account is. An account that does not work is an answer, not a problem.",
        messages.Tested,
        messages.Nothing,
        problems=_TRIED,
        example={},
    ),
    Operation(
        "make_default",
        "POST",
        "/accounts/{id}/default",
        "Make an account the default",
        "Calls for this user and connection that name no account use it from now on.",
        messages.Account,
        messages.Nothing,
        problems={404: ("not-found",), 409: ("account-move",)},
        example={},
    ),
    Operation(
        "migrate_account",
        "POST",
        "/accounts/migrate",
        "Let an account take another's place",
        "Flows that used the old account use the new one; the old one is forgotten here. Both are of one user and one"
        " connection.",
        messages.Account,
        messages.Migration,
        problems={404: ("not-found",), 409: ("account-move",)},
        example={"from": _ACCOUNT, "to": _ACCOUNT.replace("0", "f")},
    ),
    Operation(
        "read_status",
        "POST",
        "/status",
        "Ask for many accounts",
        f"Up to {messages.MAX_STATUS_ITEMS} accounts, by connection and user.",
        messages.StatusAnswer,
        messages.StatusRequest,
        example={"accounts": [{"conn_id": "crm", "end_user": HOST_USER}]},
    ),
    Operation(
        "make_link",
        "POST",
        "/links",
        "Make a connect link",
        "A link with which the user connects an account: single use, for one browser, with a short life.",
        messages.MadeLink,
        messages.NewLink,
        201,
        problems={404: ("not-found",), 422: ("link-request",)},
        example={"conn_id": "crm", "end_user": HOST_USER, "return_url": "https://app.example.com/connected"},
    ),
    Operation(
        "redeem_code",
        "POST",
        "/links/redeem",
        "Redeem a code",
        "Fetch what a link of binding `code` holds, for the user who is signed in where the code came back. A code"
        " that comes for another user is used up, and what was held is dropped.",
        messages.Account,
        messages.Redemption,
        problems={404: ("not-found",), 409: ("connect-link",), 422: ("implicit-authorization",)},
        example={"code": "CODE-FROM-THE-RETURN-URL", "end_user": HOST_USER},
    ),
    Operation(
        "get_link",
        "GET",
        "/links/{id}",
        "Ask what became of a link",
        "Where it stands, for a day after its end.",
        messages.LinkState,
        problems=_FOUND,
    ),
    Operation(
        "revoke_link",
        "DELETE",
        "/links/{id}",
        "Take a link back",
        "Nobody can use it any more; one that was used is left as it is.",
        None,
        status=204,
        problems=_FOUND,
    ),
    Operation(
        "open_session",
        "POST",
        "/sessions",
        "Open a session",
        "A token of yours is good for one request; a page that makes several trades it for a session.",
        messages.Session,
        messages.Nothing,
        201,
        "end_user",
        example={},
    ),
)
EXAMPLES = {"id": {"/accounts": _ACCOUNT, "/links": _LINK}, "conn_id": {"/apps": "crm"}}
