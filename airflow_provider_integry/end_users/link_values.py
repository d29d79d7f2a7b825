"""What connect links are made of and end with, and the rules that need no database."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

from airflow_provider_integry.auth.end_user_identity import check_user_id
from airflow_provider_integry.authorizations.connections import FoundConnection
from airflow_provider_integry.authorizations.grant import ID_PREFIX
from airflow_provider_integry.authorizations.subject import MAX_NAME
from airflow_provider_integry.end_users.link_store import Binding, Link, digest_of
from airflow_provider_integry.end_users.principals import Admin, Principal
from airflow_provider_integry.end_users.return_urls import add_query, check_origin, check_return_url
from airflow_provider_integry.end_users.workspace import Workspace
from airflow_provider_integry.errors import ConnectLinkError, EndUserIdentityError, LinkRequestError
from airflow_provider_integry.secret import Secret

FinishOutcome = Literal["connected", "held", "denied", "failed"]
LIFE_S = 900.0
MAX_LIFE_S = 86_400.0
MIN_LIFE_S = 30.0
# Somebody who begins in the last second has this long at the service.
FINISH_S = 600.0
# For how long the host application may fetch what is held.
COMPLETION_S = 300.0
MAX_STATE = 500


class MadeLink(NamedTuple):
    """A new link.

    Attributes:
        id: Names it to whoever made it.
        url: What the end user opens; told once.
        expires_at: Until when, UTC epoch seconds of the database's clock.
    """

    id: str
    url: str
    expires_at: float


class Finished(NamedTuple):
    """What came of a link.

    Attributes:
        link: The link as it is now.
        status: `connected`, `held` until the host application fetches it, `denied` or `failed`.
        url: Where the browser goes, with `status`, `connected_account_id`, `state` and `code` in its query; None
            for our own page.
        origin: Whose page is told by `postMessage`; None for nobody's.
        message: What the page is told.
    """

    link: Link
    status: str
    url: str | None
    origin: str | None
    message: Mapping[str, str | None]


def check_user(found: FoundConnection, end_user: str, account: str | None) -> None:
    """Refuse an end user or an account for whom a connection can have no link.

    Raises:
        LinkRequestError: It is not possible; the error says why.
    """
    try:
        check_user_id(end_user)
    except EndUserIdentityError as error:
        raise LinkRequestError("end_user", f"cannot be used: {error.detail}.") from None
    if account is None:
        return
    if found.settings is None or not found.settings.end_users.has_several:
        raise LinkRequestError("account", "cannot be given: the connection allows one account per user.")
    if not 1 <= len(account) <= MAX_NAME or not account.isprintable() or account.startswith(ID_PREFIX):
        problem = f"must be 1 to {MAX_NAME} printable characters, not beginning with '{ID_PREFIX}'."
        raise LinkRequestError("account", problem)


def check_way_back(
    workspace: Workspace, binding: Binding, return_url: str | None, origin: str | None, state: str | None
) -> None:
    """Refuse places and texts that a browser must not be sent to, or back with.

    Raises:
        LinkRequestError: One of them is wrong.
    """
    if return_url is not None:
        check_return_url(return_url, workspace.return_urls, allow_http=workspace.allow_http)
    if origin is not None:
        check_origin(origin, workspace.allowed_origins)
    if binding == "code" and return_url is None and origin is None:
        raise LinkRequestError("return_url", "is missing: the code that ends a link of binding 'code' goes there.")
    if state is not None and (len(state) > MAX_STATE or not state.isprintable()):
        raise LinkRequestError("state", f"has more than {MAX_STATE} characters, or some that cannot be printed.")


def choose_binding(by: Principal | Admin, workspace: Workspace, binding: Binding | None) -> Binding:
    """Return how a link makes sure of its end user.

    Raises:
        LinkRequestError: It may not be made sure of like that.
    """
    if binding is None:
        return "login" if workspace.login_url else "code"
    if binding not in get_args(Binding):
        raise LinkRequestError("binding", f"is '{binding[:20]}'; use one of: {', '.join(get_args(Binding))}.")
    if binding == "login" and not workspace.login_url:
        raise LinkRequestError("binding", "is 'login', and the workspace has no login URL.")
    if binding == "holder" and not isinstance(by, Admin):
        raise LinkRequestError("binding", "is 'holder', which only somebody who may edit the connection may choose.")
    return binding


def check_usable(link: Link | None) -> Link:
    """Return a link with which something can be begun.

    Raises:
        ConnectLinkError: There is none, or it has ended.
    """
    if link is None:
        raise ConnectLinkError("unknown")
    if link.revoked_at is not None:
        raise ConnectLinkError("revoked")
    if link.done_at is not None:
        raise ConnectLinkError("used")
    if link.is_expired:
        raise ConnectLinkError("expired")
    return link


def check_browser(link: Link, browser_key: Secret) -> Link:
    """Return a link that a browser has taken.

    Raises:
        ConnectLinkError: Another one has, or none.
    """
    if not hmac.compare_digest(link.browser_digest or "", digest_of("browser", browser_key.reveal())):
        raise ConnectLinkError("other_browser")
    return link


def is_same(left: str, right: str) -> bool:
    """Compare as opaque texts: no folding, no trimming, no numbers for digits."""
    return left.encode("utf-8", "surrogatepass") == right.encode("utf-8", "surrogatepass")


def build_finished(link: Link, code: Secret | None) -> Finished:
    """Return what browser and page are told of a link.

    Args:
        link: The link.
        code: With which the host application fetches what is held; told once.
    """
    told = {
        "status": link.status,
        "connected_account_id": link.connected_id,
        "state": link.state,
        "code": code.reveal() if code else None,
    }
    url = add_query(link.return_url, told) if link.return_url else None
    message = {"type": "integry.connect", "link": link.id, "conn_id": link.conn_id, **told}
    return Finished(link, link.status, url, link.origin, message)
