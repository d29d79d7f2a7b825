"""What host applications and their users may see: the connections of a workspace, and the accounts of its users.

What a principal may not see does not exist: the error is the same as for what is not there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from airflow_provider_integry.auth.readiness import Readiness
from airflow_provider_integry.authorizations.accounts import Located, locate_many
from airflow_provider_integry.authorizations.connections import FoundConnection
from airflow_provider_integry.authorizations.crypto import seal_data, unseal_data
from airflow_provider_integry.authorizations.grant import ID_PREFIX, Authorization, AuthorizationKey
from airflow_provider_integry.authorizations.store import AuthorizationStore
from airflow_provider_integry.authorizations.subject import check_names
from airflow_provider_integry.end_users.accounts import (
    App,
    ConnectedAccount,
    Page,
    build_account,
    build_app,
    defaults_of,
    key_of,
)
from airflow_provider_integry.end_users.principals import Principal
from airflow_provider_integry.end_users.workspaces import Directory
from airflow_provider_integry.errors import EndUserNotFoundError, NotAuthorizedError, UnreadableGrantError

MAX_PAGE = 500
MAX_STATUSES = 500
# Rows that one question looks at, however few of them fit it.
_MOST_ROWS = 5000
_ACCOUNT_ID = re.compile(f"{ID_PREFIX}[0-9a-f]{{32}}")


class Reader:
    """Answers questions; its methods block.

    Args:
        store: Where authorizations are kept.
        directory: Knows workspaces and connections.
    """

    def __init__(self, store: AuthorizationStore, directory: Directory) -> None:
        self._store = store
        self._directory = directory

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
        if end_user is not None and not _can_be_kept(AuthorizationKey("any", None, end_user)):
            return Page([], None)
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

    # -- inside ------------------------------------------------------------------------------------

    def _narrow(self, by: Principal, end_user: str | None) -> str | None:
        """Return the end user that is asked about; an end user asks about itself."""
        if by.end_user is None:
            return end_user
        if end_user is not None and end_user != by.end_user:
            raise EndUserNotFoundError("account")
        return by.end_user

    def _find(self, by: Principal, account_id: str) -> tuple[Authorization, FoundConnection]:
        row = self._store.find_by_public_id(account_id) if _ACCOUNT_ID.fullmatch(account_id) else None
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
