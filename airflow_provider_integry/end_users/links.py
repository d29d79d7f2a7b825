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

import secrets as random_secrets
from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_integry.authorizations.connections import FoundConnection
from airflow_provider_integry.end_users.audit import record_link
from airflow_provider_integry.end_users.link_store import Binding, Link, LinkStore, digest_of, make_link_id, seal_held
from airflow_provider_integry.end_users.link_values import (
    COMPLETION_S,
    FINISH_S,
    LIFE_S,
    MAX_LIFE_S,
    MIN_LIFE_S,
    Finished,
    FinishOutcome,
    MadeLink,
    build_finished,
    check_browser,
    check_usable,
    check_user,
    check_way_back,
    choose_binding,
    is_same,
)
from airflow_provider_integry.end_users.principals import Admin, Principal
from airflow_provider_integry.end_users.workspace import Workspace
from airflow_provider_integry.end_users.workspaces import Directory
from airflow_provider_integry.errors import ConnectLinkError, EndUserNotFoundError, LinkRequestError
from airflow_provider_integry.secret import Secret

LINK_PATH = "/integry/public/connect"


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

    def make(  # noqa: PLR0913 - what a link says of itself, by name
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
        found, workspace = self._find_app(by, conn_id, end_user)
        check_user(found, end_user, account)
        chosen = choose_binding(by, workspace, binding)
        check_way_back(workspace, chosen, return_url, origin, state)
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
        return check_usable(self._store.find_by_token(token) if len(token) <= 100 else None)

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
            link = claimed or check_usable(self._store.find(link.id))
        return check_browser(link, browser_key)

    def find_open(self, link_id: str) -> Link:
        """Return a link by its id, for pages that check the browser in the next step, and change nothing.

        Raises:
            ConnectLinkError: It cannot be used.
        """
        return check_usable(self._store.find(link_id) if len(link_id) <= 40 else None)

    def resume(self, link_id: str, browser_key: Secret) -> Link:
        """Return a link that this browser has taken, while something can still be begun with it.

        Raises:
            ConnectLinkError: It cannot be used, or not in this browser.
        """
        return check_browser(check_usable(self._store.find(link_id)), browser_key)

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
        is_own = (workspace.conn_id, workspace.team) == (link.workspace, link.team_name)
        if not is_own or principal.end_user is None or not is_same(principal.end_user, link.end_user):
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
            check_browser(link, browser_key)
        if outcome in ("connected", "held"):
            return self._end(link, outcome, connected_id)
        changed = self._store.change(link, {"done_at": None}, {"outcome": outcome, "message": message})
        if changed is None:
            raise ConnectLinkError("used")
        return build_finished(changed, None)

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
        return build_finished(check_browser(link, browser_key), None)

    def find(self, by: Principal, link_id: str) -> Link:
        """Return a link of a host application; an end user sees those that are for it.

        Raises:
            EndUserNotFoundError: There is none.
        """
        link = self._store.find(link_id) if len(link_id) <= 40 else None
        place = (by.workspace.conn_id, by.workspace.team)
        if link is None or (link.workspace, link.team_name) != place:
            raise EndUserNotFoundError("link")
        if by.end_user is not None and not is_same(by.end_user, link.end_user):
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
        return taken, who is not None and is_same(who, link.end_user)

    def hold_again(self, link: Link, code: str) -> None:
        """Let what a link holds be fetched once more: it could not be stored now."""
        values = {"outcome": "held", "completion_digest": digest_of("completion", code)}
        self._store.change(link, {"outcome": "taken"}, values)

    def settle(self, link: Link, status: FinishOutcome, connected_id: str | None, message: str | None = None) -> None:
        """Note what came of what a link held; nothing is held any more."""
        values = {"outcome": status, "connected_id": connected_id, "message": message, "sealed": None}
        changed = self._store.change(link, {"outcome": "taken"}, values)
        if changed is not None:
            record_link(f"link_{status}", changed)

    # -- inside ------------------------------------------------------------------------------------

    def _find_app(self, by: Principal | Admin, conn_id: str, end_user: str) -> tuple[FoundConnection, Workspace]:
        found = self._directory.find_app(conn_id)
        named = found.settings.end_users.workspace if found and found.settings else None
        workspace = self._directory.find(named) if named else None
        if found is not None and workspace is not None and workspace.team == found.team:
            if isinstance(by, Admin):
                return found, workspace
            is_own = (workspace.conn_id, workspace.team) == (by.workspace.conn_id, by.workspace.team)
            if is_own and (by.end_user is None or is_same(by.end_user, end_user)):
                return found, workspace
        if isinstance(by, Admin):
            problem = "names no workspace; fill in its field 'workspace', with a connection of the same team."
            raise LinkRequestError("conn_id", f"'{conn_id}' {problem}")
        raise EndUserNotFoundError("app")

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
            "sealed": sealed,
        }
        code = Secret(random_secrets.token_urlsafe(32)) if outcome == "held" else None
        if code is not None:
            values["completion_digest"] = digest_of("completion", code.reveal())
            values["completion_until"] = link.now + COMPLETION_S
        changed = self._store.change(link, {"done_at": None, "revoked_at": None}, values)
        if changed is None:
            raise ConnectLinkError("used" if link.revoked_at is None else "revoked")
        record_link(f"link_{outcome}", changed)
        return build_finished(changed, code)


__all__ = ["FINISH_S", "FinishOutcome", "Finished", "Links", "MadeLink"]
