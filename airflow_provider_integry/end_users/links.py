"""Connect links: made for one end user and one connection, taken by one browser, used once.

Looking at a link changes nothing, so programs that follow links do no harm. Who opens a link is not known, so
its `binding` says how it is made sure that its end user is the one who goes through with it:

login: the browser has to come back from the host application's login as that very user.
code: what was given is held until the host application fetches it for its signed-in user, with a code that
    comes with the browser.
holder: whoever has the link is believed. Somebody who is sent another's link would give away an account of
    their own, so this is for people who may edit the connection, and who hand the link over themselves.
"""

from __future__ import annotations

import hmac
import secrets as random_secrets
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, get_args

from airflow_provider_integry.auth.end_user_identity import check_user_id
from airflow_provider_integry.authorizations.subject import MAX_NAME
from airflow_provider_integry.end_users.audit import record_link
from airflow_provider_integry.end_users.link_store import Binding, Link, LinkStore, digest_of, make_link_id, seal_held
from airflow_provider_integry.end_users.principals import Admin, Principal
from airflow_provider_integry.end_users.return_urls import add_query, check_origin, check_return_url
from airflow_provider_integry.end_users.workspace import Workspace
from airflow_provider_integry.end_users.workspaces import Directory
from airflow_provider_integry.errors import (
    ConnectLinkError,
    EndUserIdentityError,
    EndUserNotFoundError,
    LinkRequestError,
)
from airflow_provider_integry.secret import Secret

FinishOutcome = Literal["connected", "held", "denied", "failed"]
LINK_PATH = "/integry/public/connect"
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


class Links:
    """Makes links and follows them to their end.

    Args:
        store: Where they are kept.
        directory: Knows workspaces and connections.
        public_url: Returns where browsers of end users reach us; None where Airflow does not know its address.
    """

    def __init__(self, store: LinkStore, directory: Directory, public_url: Callable[[], str | None]) -> None:
        self._store = store
        self._directory = directory
        self._public_url = public_url

    def make(
        self,
        by: Principal | Admin,
        conn_id: str,
        end_user: str,
        *,
        account: str | None = None,
        binding: Binding | None = None,
        return_url: str | None = None,
        origin: str | None = None,
        state: str | None = None,
        life_s: float = LIFE_S,
    ) -> MadeLink:
        """Make a link.

        Args:
            by: Who asks.
            conn_id: What is to be connected.
            end_user: For whom; an end user may ask for nobody else.
            account: Which of several accounts; None for the default one.
            binding: How it is made sure that it is that user; None for `login` where the workspace has a login
                page, else `code`.
            return_url: Where the browser goes in the end; one of the workspace's.
            origin: Whose page is told by `postMessage`; one of the workspace's.
            state: Text that goes back along.
            life_s: Seconds (30 to 86,400) for which it can be opened.
        Raises:
            EndUserNotFoundError: There is no such connection, or not for the one who asks.
            LinkRequestError: Something else is wrong; it says what.
            StoreError: It cannot be kept.
        """
        workspace = self._find_workspace(by, conn_id, end_user)
        self._check_user(conn_id, workspace, end_user, account)
        chosen = _choose_binding(by, workspace, binding)
        if return_url is not None:
            check_return_url(return_url, workspace.return_urls, allow_http=workspace.allow_http)
        if origin is not None:
            check_origin(origin, workspace.allowed_origins)
        if chosen == "code" and return_url is None and origin is None:
            raise LinkRequestError("return_url", "is missing: the code that ends a link of binding 'code' goes there.")
        if state is not None and (len(state) > MAX_STATE or not state.isprintable()):
            raise LinkRequestError("state", f"has more than {MAX_STATE} characters, or some that cannot be printed.")
        if not MIN_LIFE_S <= life_s <= MAX_LIFE_S:
            raise LinkRequestError("life_s", f"is {life_s:g}; give {MIN_LIFE_S:g} to {MAX_LIFE_S:g} seconds.")
        token, link_id = Secret(random_secrets.token_urlsafe(32)), make_link_id()
        values = {
            "token_digest": digest_of("link", token.reveal()),
            "conn_id": conn_id,
            "team_name": workspace.team,
            "end_user": end_user,
            "account": account,
            "workspace": workspace.conn_id,
            "binding": chosen,
            "return_url": return_url,
            "origin": origin,
            "state": state,
            "created_by": by.user[:255] if isinstance(by, Admin) else by.name,
        }
        url = f"{self._find_public_url()}{LINK_PATH}?link={token.reveal()}"
        made = self._store.add(link_id, life_s, values)
        record_link("link_made", made)
        return MadeLink(link_id, url, made.expires_at)

    def look(self, token: str) -> Link:
        """Return the link of a URL, and change nothing.

        Raises:
            ConnectLinkError: It cannot be used.
        """
        return _usable(self._store.find_by_token(token) if len(token) <= 100 else None)

    def claim(self, token: str, browser_key: Secret) -> Link:
        """Give a link to a browser; the same one may come back until the link ends.

        Args:
            token: The text in its URL.
            browser_key: Secret text of at least 256 bits that this browser keeps as a cookie.
        Raises:
            ConnectLinkError: It cannot be used, or not in this browser.
        """
        link = self.look(token)
        if link.browser_digest is None:
            values = {
                "browser_digest": digest_of("browser", browser_key.reveal()),
                "claimed_at": link.now,
                "outcome": "claimed",
            }
            claimed = self._store.change(link, {"browser_digest": None, "revoked_at": None}, values)
            link = claimed or _usable(self._store.find(link.id))
        return _of_browser(link, browser_key)

    def find_open(self, link_id: str) -> Link:
        """Return a link by its id, for pages that check the browser in the next step, and change nothing.

        Raises:
            ConnectLinkError: It cannot be used.
        """
        return _usable(self._store.find(link_id) if len(link_id) <= 40 else None)

    def resume(self, link_id: str, browser_key: Secret) -> Link:
        """Return a link that this browser has taken, while something can still be begun with it.

        Raises:
            ConnectLinkError: It cannot be used, or not in this browser.
        """
        return _of_browser(_usable(self._store.find(link_id)), browser_key)

    def prove(self, link_id: str, browser_key: Secret, principal: Principal) -> Link:
        """Note that this browser has come back from the login as somebody.

        Args:
            link_id: The link.
            browser_key: The browser's secret.
            principal: Who it came back as.
        Raises:
            ConnectLinkError: That is somebody else than the link's end user, or the link cannot be used.
        """
        link = self.resume(link_id, browser_key)
        workspace = principal.workspace
        is_same = (workspace.conn_id, workspace.team) == (link.workspace, link.team_name)
        if not is_same or principal.end_user is None or not _same(principal.end_user, link.end_user):
            raise ConnectLinkError("other_user")
        if link.proved_at is not None:
            return link
        return self._store.change(link, {"proved_at": None}, {"proved_at": link.now}) or self.resume(
            link_id, browser_key
        )

    def enter(self, link_id: str, browser_key: Secret) -> tuple[Link, Principal]:
        """Return a link with which this browser may connect an account now, and for whom.

        Raises:
            ConnectLinkError: It cannot be used, not in this browser, or not before somebody has signed in.
        """
        link = self.resume(link_id, browser_key)
        if link.needs_login:
            raise ConnectLinkError("login")
        return link, self.principal_of(link)

    def principal_of(self, link: Link) -> Principal:
        """Return whom a link is for.

        Raises:
            ConnectLinkError: Its workspace is gone.
        """
        return Principal(self.workspace_of(link), link.end_user, "link")

    def workspace_of(self, link: Link) -> Workspace:
        """Return the host application that a link is from.

        Raises:
            ConnectLinkError: It is gone.
        """
        workspace = self._directory.find(link.workspace)
        if workspace is None or workspace.team != link.team_name:
            raise ConnectLinkError("connection")
        return workspace

    def begin_consent(self, link: Link, consent_id: str) -> None:
        """Note which conversation with the service belongs to a link; a later one takes its place."""
        self._store.change(link, {"done_at": None}, {"consent_id": consent_id})

    def finish(
        self,
        link_id: str,
        outcome: FinishOutcome,
        connected_id: str | None = None,
        *,
        browser_key: Secret | None = None,
        message: str | None = None,
    ) -> Finished:
        """Note what came of a link. `connected` and `held` end it; the others may be tried again until it ends.

        Args:
            link_id: The link.
            outcome: `held` where what was given waits for the host application to fetch it.
            connected_id: Public id of the account, where it is stored.
            browser_key: The browser's secret; None where that was checked already, as a consent's callback is.
            message: Why nothing was connected; no secret.
        Raises:
            ConnectLinkError: It has ended, or is not this browser's.
        """
        link = self._store.find(link_id)
        if link is None:
            raise ConnectLinkError("unknown")
        if browser_key is not None:
            _of_browser(link, browser_key)
        if outcome in ("connected", "held"):
            return self._end(link, outcome, connected_id)
        changed = self._store.change(link, {"done_at": None}, {"outcome": outcome, "message": message})
        if changed is None:
            raise ConnectLinkError("used")
        return _build_finished(changed, None)

    def hold_form(self, link: Link, held: Mapping[str, Any]) -> Finished:
        """End a link, and keep what was typed, encrypted, until the host application fetches it.

        Raises:
            ConnectLinkError: It has ended.
        """
        return self._end(link, "held", None, seal_held(link.id, held))

    def shown(self, link_id: str, browser_key: Secret) -> Finished:
        """Return what came of a link, for the browser that has it; its code is not told a second time.

        Raises:
            ConnectLinkError: There is no such link, or not in this browser.
        """
        link = self._store.find(link_id)
        if link is None:
            raise ConnectLinkError("unknown")
        return _build_finished(_of_browser(link, browser_key), None)

    def find(self, by: Principal, link_id: str) -> Link:
        """Return a link of a host application; an end user sees those that are for it.

        Raises:
            EndUserNotFoundError: There is none.
        """
        link = self._store.find(link_id) if len(link_id) <= 40 else None
        place = (by.workspace.conn_id, by.workspace.team)
        if link is None or (link.workspace, link.team_name) != place:
            raise EndUserNotFoundError("link")
        if by.end_user is not None and not _same(by.end_user, link.end_user):
            raise EndUserNotFoundError("link")
        return link

    def revoke(self, by: Principal | Admin, link_id: str) -> Link:
        """Take a link back; one that was used is left as it is.

        Raises:
            EndUserNotFoundError: There is none.
        """
        link = self._store.find(link_id) if isinstance(by, Admin) else self.find(by, link_id)
        if link is None:
            raise EndUserNotFoundError("link")
        if link.revoked_at is not None or link.done_at is not None:
            return link
        changed = self._store.change(link, {"revoked_at": None, "done_at": None}, {"revoked_at": link.now})
        if changed is not None:
            record_link("link_revoked", changed)
        return changed or link

    def take_held(self, by: Principal, code: str, end_user: str | None) -> tuple[Link, bool]:
        """Return a link that holds what a code fetches, once, and whether it is fetched for its own end user.

        A code that comes for somebody else is used up as well: whoever went through with the link was not its end
        user, and what is held has to be dropped.

        Raises:
            EndUserNotFoundError: There is none, it was used, or it has expired.
        """
        link = self._store.find_by_completion(code) if len(code) <= 100 else None
        place = (by.workspace.conn_id, by.workspace.team)
        if link is None or (link.workspace, link.team_name) != place or link.now > (link.completion_until or 0):
            raise EndUserNotFoundError("code")
        taken = self._store.change(link, {"outcome": "held"}, {"outcome": "taken", "completion_digest": None})
        if taken is None:
            raise EndUserNotFoundError("code")
        who = by.end_user if by.end_user is not None else end_user
        return taken, who is not None and _same(who, link.end_user)

    def settle(self, link: Link, status: FinishOutcome, connected_id: str | None, message: str | None = None) -> None:
        """Note what came of what a link held; nothing is held any more."""
        values = {"outcome": status, "connected_id": connected_id, "message": message, "sealed": None}
        changed = self._store.change(link, {"outcome": "taken"}, values)
        if changed is not None:
            record_link(f"link_{status}", changed)

    # -- inside ------------------------------------------------------------------------------------

    def _find_workspace(self, by: Principal | Admin, conn_id: str, end_user: str) -> Workspace:
        found = self._directory.find_app(conn_id)
        named = found.settings.end_users.workspace if found and found.settings else None
        workspace = self._directory.find(named) if named else None
        is_whole = workspace is not None and found is not None and workspace.team == found.team
        if isinstance(by, Admin):
            if workspace is None or not is_whole:
                problem = "names no workspace; fill in its field 'workspace', with a connection of the same team."
                raise LinkRequestError("conn_id", f"'{conn_id}' {problem}")
            return workspace
        own = (by.workspace.conn_id, by.workspace.team)
        if workspace is None or not is_whole or (workspace.conn_id, workspace.team) != own:
            raise EndUserNotFoundError("app")
        if by.end_user is not None and not _same(by.end_user, end_user):
            raise EndUserNotFoundError("app")
        return workspace

    def _check_user(self, conn_id: str, workspace: Workspace, end_user: str, account: str | None) -> None:
        try:
            check_user_id(end_user)
        except EndUserIdentityError as error:
            raise LinkRequestError("end_user", f"cannot be used: {error.detail}.") from None
        if account is None:
            return
        app = self._directory.find_app(conn_id)
        if app is None or app.settings is None or not app.settings.end_users.has_several:
            raise LinkRequestError("account", "cannot be given: the connection allows one account per user.")
        if not 1 <= len(account) <= MAX_NAME or not account.isprintable() or account.startswith("ca_"):
            raise LinkRequestError(
                "account", f"must be 1 to {MAX_NAME} printable characters, not beginning with 'ca_'."
            )

    def _find_public_url(self) -> str:
        url = self._public_url()
        if url is None:
            problem = "cannot be told where to go: set option [integry] public_url, or [api] base_url."
            raise LinkRequestError("url", problem)
        return url

    def _end(self, link: Link, outcome: FinishOutcome, connected_id: str | None, sealed: str | None = None) -> Finished:
        if link.now > link.expires_at + FINISH_S:
            raise ConnectLinkError("expired")
        values: dict[str, Any] = {
            "outcome": outcome,
            "done_at": link.now,
            "message": None,
            "connected_id": connected_id,
        }
        code = Secret(random_secrets.token_urlsafe(32)) if outcome == "held" else None
        if code is not None:
            values["completion_digest"] = digest_of("completion", code.reveal())
            values["completion_until"] = link.now + COMPLETION_S
        changed = self._store.change(link, {"done_at": None, "revoked_at": None}, values)
        if changed is None:
            raise ConnectLinkError("used" if link.revoked_at is None else "revoked")
        record_link(f"link_{outcome}", changed)
        return _build_finished(changed, code)


def _choose_binding(by: Principal | Admin, workspace: Workspace, binding: Binding | None) -> Binding:
    if binding is None:
        return "login" if workspace.login_url else "code"
    if binding not in get_args(Binding):
        raise LinkRequestError("binding", f"is '{binding[:20]}'; use one of: {', '.join(get_args(Binding))}.")
    if binding == "login" and not workspace.login_url:
        raise LinkRequestError("binding", "is 'login', and the workspace has no login URL.")
    if binding == "holder" and not isinstance(by, Admin):
        raise LinkRequestError("binding", "is 'holder', which only somebody who may edit the connection may choose.")
    return binding


def _usable(link: Link | None) -> Link:
    if link is None:
        raise ConnectLinkError("unknown")
    if link.revoked_at is not None:
        raise ConnectLinkError("revoked")
    if link.done_at is not None:
        raise ConnectLinkError("used")
    if link.is_expired:
        raise ConnectLinkError("expired")
    return link


def _of_browser(link: Link, browser_key: Secret) -> Link:
    if not hmac.compare_digest(link.browser_digest or "", digest_of("browser", browser_key.reveal())):
        raise ConnectLinkError("other_browser")
    return link


def _same(left: str, right: str) -> bool:
    """Compare as opaque texts: no folding, no trimming, no numbers for digits."""
    return left.encode("utf-8", "surrogatepass") == right.encode("utf-8", "surrogatepass")


def _build_finished(link: Link, code: Secret | None) -> Finished:
    told = {
        "status": link.status,
        "connected_account_id": link.connected_id,
        "state": link.state,
        "code": code.reveal() if code else None,
    }
    url = add_query(link.return_url, told) if link.return_url else None
    message = {"type": "integry.connect", "link": link.id, "conn_id": link.conn_id, **told}
    return Finished(link, link.status, url, link.origin, message)
