"""The use cases of host applications and their users: see, connect, try, disconnect, choose and migrate accounts.

A host application sees the end users of the connections that name its workspace; an end user sees itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple, Protocol

from airflow_provider_integry.authorizations.check import CheckResult, check_authorization
from airflow_provider_integry.authorizations.connections import FoundConnection
from airflow_provider_integry.authorizations.entered import account_fields, store_entered
from airflow_provider_integry.authorizations.events import record
from airflow_provider_integry.authorizations.grant import Authorization
from airflow_provider_integry.authorizations.journal import Journal
from airflow_provider_integry.authorizations.refresh import Events, Refresher
from airflow_provider_integry.authorizations.revoke import RevokeOutcome, revoke_authorization
from airflow_provider_integry.authorizations.steps import Do, Steps
from airflow_provider_integry.authorizations.store import AuthorizationStore
from airflow_provider_integry.end_users.accounts import (
    ConnectedAccount,
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
from airflow_provider_integry.end_users.reading import MAX_PAGE, MAX_STATUSES, Reader
from airflow_provider_integry.end_users.workspaces import Directory
from airflow_provider_integry.errors import (
    ConnectLinkError,
    EndUserNotFoundError,
    ImplicitAuthorizationError,
    IntegryError,
)
from airflow_provider_integry.secret import Secret


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


class EndUsers(Reader):
    """Answers host applications and their users. Methods block, but for those that return `Steps`."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts.store, parts.directory)
        self._parts = parts

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
        found: ConnectedAccount = yield Do(partial(self.account, by, row.public_id or ""))
        return found

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
            api_key: The credential.
            auth_id: The account's name at the service, where a form has a user name.
            extras: Further fields by name.
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
            finished: Finished = yield Do(partial(parts.links.finish, link.id, "connected", made.id))
            return finished
        ready = yield from self.prepare(by, link.conn_id, link.end_user, fields, account=account)
        finished = yield Do(partial(parts.links.hold_form, link, dump_prepared(ready)))
        return finished

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
        record("made_default", row, owner=by.name)
        return self.account(by, account_id)

    def migrate(self, by: Principal, from_id: str, to_id: str) -> Steps[ConnectedAccount]:
        """Let all that names one account use another one of the same end user, and wipe the first one here.

        The service is not told: it may take the end of one grant for the end of both.

        Raises:
            EndUserNotFoundError: There is no such account.
            AccountMoveError: They are of different connections or end users, or the new one is revoked.
        """
        before, _ = yield Do(partial(self._find, by, from_id))
        after, _ = yield Do(partial(self._find, by, to_id))
        yield Do(partial(redirect, self._store, before, after))
        yield Do(partial(record, "migrated", before, owner=by.name, to=str(after.id)))
        if before.state != "revoked":
            yield from self.disconnect(by, from_id, is_local_only=True)
        yield Do(partial(self._parts.outbox.add_migrated, by.workspace, before, after))
        found: ConnectedAccount = yield Do(partial(self.account, by, to_id))
        return found

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
        try:
            row = yield from self._release(by, link)
        except IntegryError as error:
            # What may go better the next time can be fetched again with the same code.
            again = partial(links.hold_again, link, code)
            yield Do(again if error.retryable else partial(links.settle, link, "failed", None, str(error)))
            raise
        if row is None:
            yield Do(partial(links.settle, link, "failed", None, "What was held was not there any more."))
            raise EndUserNotFoundError("code")
        yield Do(partial(links.settle, link, "connected", row.public_id))
        found: ConnectedAccount = yield Do(partial(self.account, by, row.public_id or ""))
        return found

    # -- inside ------------------------------------------------------------------------------------

    def _release(self, by: Principal, link: Link) -> Steps[Authorization | None]:
        """Store what a link holds; None where that is not there any more."""
        if not link.sealed:
            return (yield from self._parts.held.release(link.id, owner=by.name))
        held = load_prepared(link.open())
        ready = yield from self.prepare(
            by, link.conn_id, link.end_user, held.entered, account=link.account, verify=False
        )
        if ready.subject.binding != held.binding:
            # Edited meanwhile: what was typed for one host is not sent to another.
            raise ConnectLinkError("connection")
        parts, subject = self._parts, ready.subject
        return (
            yield from store_entered(
                parts.store, parts.journal, parts.events, subject, held.entered, held.account, owner=by.name
            )
        )


__all__ = ["MAX_PAGE", "MAX_STATUSES", "EndUsers", "HeldGrants", "Parts"]
