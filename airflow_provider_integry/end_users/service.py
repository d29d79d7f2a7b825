"""The use cases of host applications and their users: see, connect, try, disconnect, choose and migrate accounts.

What a principal may not see does not exist: the error is the same as for what is not there. A host application
sees the end users of the connections that name its workspace; an end user sees itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple, Protocol

from airflow_provider_integry.auth.readiness import Readiness
from airflow_provider_integry.authorizations.accounts import Located, locate_many
from airflow_provider_integry.authorizations.check import CheckResult, check_authorization
from airflow_provider_integry.authorizations.connections import FoundConnection
from airflow_provider_integry.authorizations.crypto import seal_data, unseal_data
from airflow_provider_integry.authorizations.entered import account_fields, store_entered
from airflow_provider_integry.authorizations.grant import Authorization, AuthorizationKey
from airflow_provider_integry.authorizations.journal import Journal
from airflow_provider_integry.authorizations.refresh import Events, Refresher
from airflow_provider_integry.authorizations.revoke import RevokeOutcome, revoke_authorization
from airflow_provider_integry.authorizations.steps import Do, Steps
from airflow_provider_integry.authorizations.store import AuthorizationStore
from airflow_provider_integry.authorizations.subject import check_names
from airflow_provider_integry.end_users.accounts import (
    App,
    ConnectedAccount,
    Page,
    build_account,
    build_app,
    defaults_of,
    find_subject,
    key_of,
)
from airflow_provider_integry.end_users.defaults import choose_default, redirect
from airflow_provider_integry.end_users.implicit import (
    Prepared,
    dump_prepared,
    find_implicit,
    load_prepared,
    map_app_auth,
    prepare,
)
from airflow_provider_integry.end_users.link_store import Link
from airflow_provider_integry.end_users.links import Finished, Links
from airflow_provider_integry.end_users.outbox import Outbox
from airflow_provider_integry.end_users.principals import Principal
from airflow_provider_integry.end_users.workspaces import Directory
from airflow_provider_integry.errors import (
    EndUserNotFoundError,
    ImplicitAuthorizationError,
    IntegryError,
    NotAuthorizedError,
    UnreadableGrantError,
)
from airflow_provider_integry.secret import Secret

MAX_PAGE = 500
MAX_STATUSES = 500
# Rows that one question looks at, however few of them fit it.
_MOST_ROWS = 5000


class HeldGrants(Protocol):
    """What was given through a link and waits for the host application."""

    def release(self, link_id: str, *, owner: str) -> Steps[Authorization | None]:
        """Store it; None where nothing is held (any more)."""

    def drop(self, link_id: str) -> Steps[bool]:
        """Give it back and forget it; return whether there was anything."""


class Parts(NamedTuple):
    """What the service works with."""

    store: AuthorizationStore
    journal: Journal
    events: Events
    refresher: Refresher
    directory: Directory
    links: Links
    held: HeldGrants
    outbox: Outbox


class EndUsers:
    """Answers host applications and their users. Methods block, but for those that return `Steps`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._store = parts.store
        self._directory = parts.directory

    # -- apps --------------------------------------------------------------------------------------

    def apps(self, by: Principal, *, listed_only: bool = False) -> list[App]:
        """Return what can be connected, by name.

        Args:
            by: Who asks.
            listed_only: Whether to leave out what the marketplace does not show.
        """
        host = by.workspace.host_connection
        found = [build_app(one, host) for one in self._directory.list_apps(by.workspace).values()]
        shown = [one for one in found if one is not None and (one.is_listed or not listed_only)]
        return sorted(shown, key=lambda one: (one.name.casefold(), one.conn_id))

    def app(self, by: Principal, conn_id: str) -> App:
        """Return one of them, as it is now.

        Raises:
            EndUserNotFoundError: There is none.
        """
        app = build_app(self.find_app(by, conn_id), by.workspace.host_connection)
        if app is None:
            raise EndUserNotFoundError("app")
        return app

    def find_app(self, by: Principal, conn_id: str) -> FoundConnection:
        """Return a connection of the workspace.

        Raises:
            EndUserNotFoundError: There is none.
        """
        found = self._directory.find_app(conn_id)
        own = found.settings.end_users.workspace if found and found.settings else None
        if found is None or own != by.workspace.conn_id or found.team != by.workspace.team:
            raise EndUserNotFoundError("app")
        return found

    # -- accounts ----------------------------------------------------------------------------------

    def accounts(
        self,
        by: Principal,
        *,
        conn_id: str | None = None,
        end_user: str | None = None,
        readiness: Readiness | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> Page:
        """Return accounts in the order in which they were first connected.

        Args:
            by: Who asks.
            conn_id: Only of this connection.
            end_user: Only of this end user.
            readiness: Only those that stand like this; None for all that are not revoked.
            after: `next` of the part before.
            limit: Most accounts, 1 to 500.
        Raises:
            EndUserNotFoundError: There is no such connection or page, or the end user is another one.
        """
        apps = self._directory.list_apps(by.workspace)
        if conn_id is not None:
            apps = {conn_id: self.find_app(by, conn_id)}
        end_user = self._narrow(by, end_user)
        position, limit = self._read_position(by, after), max(1, min(limit, MAX_PAGE))
        state = {Readiness.REVOKED: "revoked", Readiness.READY: "active"}.get(readiness) if readiness else None
        items: list[ConnectedAccount] = []
        looked = 0
        while apps and looked < _MOST_ROWS:
            rows = self._store.page(sorted(apps), end_user=end_user, state=state, after_id=position, limit=limit)
            looked += len(rows)
            for row, account in zip(rows, self._describe(by, rows, apps), strict=True):
                position = row.id
                if account is not None and _fits(account, readiness):
                    items.append(account)
                if len(items) == limit:
                    break
            is_cut = len(items) == limit and bool(rows) and position != rows[-1].id
            if len(rows) < limit and not is_cut:
                return Page(items, None)
            if len(items) == limit:
                break
        return Page(items, self._write_position(by, position) if apps else None)

    def account(self, by: Principal, account_id: str) -> ConnectedAccount:
        """Return one account, whatever its readiness.

        Raises:
            EndUserNotFoundError: There is none, or not for the one who asks.
        """
        row, found = self._find(by, account_id)
        return self._build(found, row)

    def statuses(self, by: Principal, asked: Sequence[tuple[str, str, str | None]]) -> list[ConnectedAccount | None]:
        """Return what calls for some end users would use, in one query (and a second one for replaced accounts).

        Args:
            by: Who asks.
            asked: Connection, end user, and account or its public id, None for the default; at most 500.
        Returns:
            The accounts in the same order; None where there is none, or not for the one who asks.
        """
        apps = self._directory.list_apps(by.workspace)
        keys = []
        numbers = []
        for number, (conn_id, end_user, account) in enumerate(asked[:MAX_STATUSES]):
            if conn_id in apps and by.end_user in (None, end_user):
                key = key_of(apps[conn_id], end_user, account)
                if _can_be_kept(key):
                    keys.append(key)
                    numbers.append(number)
        answers: list[ConnectedAccount | None] = [None] * len(asked)
        located = locate_many(self._store, keys) if keys else []
        for number, one in zip(numbers, located, strict=True):
            row = one.row if isinstance(one, Located) else None
            if row is not None and row.state != "revoked":
                # Whatever names it: it is what is used.
                answers[number] = build_account(apps[row.conn_id], row, None)
        return answers

    # -- changes -----------------------------------------------------------------------------------

    def prepare(
        self,
        by: Principal,
        conn_id: str,
        end_user: str,
        fields: Mapping[str, str | Secret],
        *,
        account: str | None = None,
        verify: bool = True,
    ) -> Steps[Prepared]:
        """Check credentials as `create` does, and store nothing."""
        self._narrow(by, end_user)
        found: FoundConnection = yield Do(partial(find_implicit, self._directory, by, conn_id, account))
        return (yield from prepare(found, end_user, fields, account, is_tried=verify))

    def create(
        self,
        by: Principal,
        conn_id: str,
        end_user: str,
        fields: Mapping[str, str | Secret],
        *,
        account: str | None = None,
        verify: bool = True,
    ) -> Steps[ConnectedAccount]:
        """Connect an account with credentials that the host application has, in the place of any that is there.

        Args:
            by: Who asks.
            conn_id: The connection.
            end_user: For whom.
            fields: Credentials by field; see `App.fields`, and `map_app_auth` for the shape of the script.
            account: Which of several accounts; None for the first one.
            verify: Whether to ask the service whose they are.
        Raises:
            ImplicitAuthorizationError: They are not taken; `reason` says why. Nothing was stored.
            EndUserNotFoundError: An end user asks for somebody else.
            TransportError: The service does not answer.
            StoreError: They cannot be stored.
        """
        ready = yield from self.prepare(by, conn_id, end_user, fields, account=account, verify=verify)
        parts = self._parts
        row: Authorization = yield from store_entered(
            parts.store, parts.journal, parts.events, ready.subject, ready.entered, ready.account, owner=by.name
        )
        return (yield Do(partial(self.account, by, row.public_id or "")))

    def create_implicit(
        self,
        by: Principal,
        end_user: str,
        api_key: Secret,
        *,
        auth_id: str | None = None,
        extras: Mapping[str, str] | None = None,
    ) -> Steps[ConnectedAccount]:
        """Connect a user's account at the host application itself; as `create`, for the workspace's host connection.

        Args:
            by: Who asks.
            end_user: For whom.
            api_key, auth_id, extras: As `map_app_auth` has them.
        Raises:
            ImplicitAuthorizationError: There is no host connection, or the credential is not taken.
            TransportError, StoreError: As for `create`.
        """
        conn_id = by.workspace.host_connection
        if conn_id is None:
            problem = "The workspace names no host connection; whoever looks after Airflow fills in that field."
            raise ImplicitAuthorizationError("unknown_connection", problem)
        found: FoundConnection = yield Do(partial(find_implicit, self._directory, by, conn_id, None))
        assert found.settings is not None
        fields = map_app_auth(account_fields(found.settings), api_key.reveal(), auth_id, extras)
        return (yield from self.create(by, conn_id, end_user, fields))

    def enter(self, link: Link, by: Principal, fields: Mapping[str, str | Secret]) -> Steps[Finished]:
        """Connect an account with what was typed into the form of a link, or hold it for the host application.

        Args:
            link: What `Links.enter` has returned, with whom it is for.
            by: The same.
            fields: What was typed, by field.
        Raises:
            ImplicitAuthorizationError: It is not taken; nothing was stored, and the form may be filled in again.
            ConnectLinkError: The link has ended.
            TransportError, StoreError: As for `create`.
        """
        parts, account = self._parts, link.account
        if link.binding != "code":
            made = yield from self.create(by, link.conn_id, link.end_user, fields, account=account)
            return (yield Do(partial(parts.links.finish, link.id, "connected", made.id)))
        ready = yield from self.prepare(by, link.conn_id, link.end_user, fields, account=account)
        return (yield Do(partial(parts.links.hold_form, link, dump_prepared(ready))))

    def test(self, by: Principal, account_id: str) -> Steps[CheckResult]:
        """Try an account against its API.

        Raises:
            EndUserNotFoundError: There is none.
            StoreError: Kept grants cannot be read.
        """
        row, found = yield Do(partial(self._find, by, account_id))
        try:
            subject = find_subject(found, row.end_user, row.account)
        except IntegryError as error:
            return CheckResult(is_ok=False, message=str(error), error=error)
        return (yield from check_authorization(self._parts.refresher, found.settings, subject))

    def disconnect(self, by: Principal, account_id: str, *, is_local_only: bool = False) -> Steps[RevokeOutcome]:
        """Give an account back to its service, where it takes that, and wipe it here in any case.

        Args:
            by: Who asks.
            account_id: Its public id.
            is_local_only: Whether to leave the service alone.
        Raises:
            EndUserNotFoundError: There is none.
            StoreError: It cannot be wiped.
        """
        row, found = yield Do(partial(self._find, by, account_id))
        key = key_of(found, row.end_user, row.account)
        try:
            subject = find_subject(found, row.end_user, row.account)
        except IntegryError:
            subject = None
        parts = self._parts
        return (
            yield from revoke_authorization(
                parts.store,
                parts.journal,
                parts.refresher,
                subject,
                key,
                owner=by.name,
                is_local_only=is_local_only,
            )
        )

    def set_default(self, by: Principal, account_id: str) -> ConnectedAccount:
        """Make calls that name no account use this one.

        Raises:
            EndUserNotFoundError: There is none.
            AccountMoveError: It is revoked.
        """
        row, found = self._find(by, account_id)
        choose_default(self._store, row, key_of(found, row.end_user or "", None))
        return self.account(by, account_id)

    def migrate(self, by: Principal, from_id: str, to_id: str) -> Steps[ConnectedAccount]:
        """Let all that names one account use another one of the same end user, and wipe the first one here.

        The service is not told: it may take the end of one grant for the end of both.

        Raises:
            EndUserNotFoundError: There is no such account.
            AccountMoveError: They are of different connections or end users, or the new one is revoked.
        """
        before, found = yield Do(partial(self._find, by, from_id))
        after, _ = yield Do(partial(self._find, by, to_id))
        yield Do(partial(redirect, self._store, before, after))
        if before.state != "revoked":
            yield from self.disconnect(by, from_id, is_local_only=True)
        yield Do(partial(self._parts.outbox.add_migrated, by.workspace, before, after))
        return (yield Do(partial(self.account, by, to_id)))

    def redeem(self, by: Principal, code: str, *, end_user: str | None = None) -> Steps[ConnectedAccount]:
        """Store what a link holds, for the user that the host application has signed in.

        Args:
            by: Who asks.
            code: What came with the browser.
            end_user: Who is signed in there; an end user asks for itself.
        Raises:
            EndUserNotFoundError: There is no such code, or it is for somebody else, and what was held is dropped.
            StoreError: It cannot be stored.
        """
        links, held = self._parts.links, self._parts.held
        link, is_theirs = yield Do(partial(links.take_held, by, code, end_user))
        if not is_theirs:
            yield from held.drop(link.id)
            message = "It was fetched for another end user than the one it was made for, and dropped."
            yield Do(partial(links.settle, link, "failed", None, message))
            raise EndUserNotFoundError("code")
        row: Authorization | None
        if link.sealed:
            row = yield from self._release_form(by, link)
        else:
            row = yield from held.release(link.id, owner=by.name)
        if row is None:
            yield Do(partial(links.settle, link, "failed", None, "What was held was not there any more."))
            raise EndUserNotFoundError("code")
        yield Do(partial(links.settle, link, "connected", row.public_id))
        return (yield Do(partial(self.account, by, row.public_id or "")))

    # -- inside ------------------------------------------------------------------------------------

    def _release_form(self, by: Principal, link: Link) -> Steps[Authorization]:
        """Store what was typed into the form of a link; the connection may have been changed meanwhile."""
        entered, account = load_prepared(link.open())
        ready = yield from self.prepare(by, link.conn_id, link.end_user, entered, account=link.account, verify=False)
        parts = self._parts
        return (
            yield from store_entered(
                parts.store, parts.journal, parts.events, ready.subject, entered, account, owner=by.name
            )
        )

    def _narrow(self, by: Principal, end_user: str | None) -> str | None:
        """Return the end user that is asked about; an end user asks about itself."""
        if by.end_user is None:
            return end_user
        if end_user is not None and end_user != by.end_user:
            raise EndUserNotFoundError("account")
        return by.end_user

    def _find(self, by: Principal, account_id: str) -> tuple[Authorization, FoundConnection]:
        row = self._store.find_by_public_id(account_id) if len(account_id) <= 40 else None
        if row is None or row.end_user is None or not row.is_grant or by.end_user not in (None, row.end_user):
            raise EndUserNotFoundError("account")
        try:
            found = self.find_app(by, row.conn_id)
        except EndUserNotFoundError:
            raise EndUserNotFoundError("account") from None
        if row.team_name != found.team:
            raise EndUserNotFoundError("account")
        return row, found

    def _build(self, found: FoundConnection, row: Authorization) -> ConnectedAccount:
        default = row if row.account is None else self._store.find(key_of(found, row.end_user or "", None).digest)
        return build_account(found, row, default)

    def _describe(
        self, by: Principal, rows: Sequence[Authorization], apps: Mapping[str, FoundConnection]
    ) -> list[ConnectedAccount | None]:
        named = [row for row in rows if row.account is not None and row.end_user is not None]
        digests = {key_of(apps[row.conn_id], row.end_user or "", None).digest for row in named}
        defaults = defaults_of(rows, self._store.find_many(sorted(digests)) if digests else {})
        return [
            build_account(apps[row.conn_id], row, default) if self._may_see(by, row) else None
            for row, default in zip(rows, defaults, strict=True)
        ]

    def _may_see(self, by: Principal, row: Authorization) -> bool:
        return row.end_user is not None and row.team_name == by.workspace.team and by.end_user in (None, row.end_user)

    def _write_position(self, by: Principal, row_id: int) -> str:
        # Encrypted: numbers of rows tell how many accounts other host applications have.
        return seal_data({"after": row_id}, f"page-{by.workspace.conn_id}")

    def _read_position(self, by: Principal, text: str | None) -> int:
        if text is None:
            return 0
        try:
            return int(unseal_data(text, f"page-{by.workspace.conn_id}")["after"])
        except (UnreadableGrantError, KeyError, ValueError, TypeError):
            raise EndUserNotFoundError("page") from None


def _fits(account: ConnectedAccount, readiness: Readiness | None) -> bool:
    return account.readiness is readiness if readiness else account.readiness is not Readiness.REVOKED


def _can_be_kept(key: AuthorizationKey) -> bool:
    try:
        check_names(key)
    except NotAuthorizedError:
        return False
    return True
