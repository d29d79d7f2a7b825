"""Who asks: a host application, one of its users, or somebody of this Airflow; and how they show it."""

from __future__ import annotations

import hashlib
import logging
import secrets as random_secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from airflow_provider_integry.auth.end_user_identity import (
    LEEWAY_S,
    Identity,
    check_secret,
    check_user_hash,
    check_user_id,
    peek_app_key,
    read_identity,
)
from airflow_provider_integry.end_users.link_store import LinkStore
from airflow_provider_integry.end_users.workspace import Brand, Workspace
from airflow_provider_integry.end_users.workspaces import Directory
from airflow_provider_integry.errors import EndUserIdentityError
from airflow_provider_integry.secret import Secret

log = logging.getLogger(__name__)
How = Literal["secret", "token", "hash", "session", "link"]


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, after that was checked.

    Attributes:
        workspace: The host application.
        end_user: Which of its users; None for the application itself, which may act for all of them.
        how: How that was shown.
    """

    workspace: Workspace
    end_user: str | None
    how: How

    @property
    def name(self) -> str:
        """What the audit log says: the workspace, never a person."""
        return f"integry:{self.workspace.conn_id}"[:255]


@dataclass(frozen=True, slots=True)
class Admin:
    """Somebody of this Airflow who may edit the connection in question; the caller has checked that.

    Attributes:
        user: Their name, for the audit log.
    """

    user: str


class Identities:
    """Checks what a call or a browser brings along; every refusal is the same error, in about the same time.

    Args:
        directory: Knows the workspaces.
        store: Knows which tokens were used.
        now: This machine's clock, UTC epoch seconds.
    """

    def __init__(self, directory: Directory, store: LinkStore, now: Callable[[], float] = time.time) -> None:
        self._directory = directory
        self._store = store
        self._now = now
        nobody = Workspace("", None, "", Secret(random_secrets.token_hex(32)), Brand(""))
        self._nobody = nobody

    def by_secret(self, app_key: str, app_secret: str) -> Principal:
        """Return the host application that shows its secret.

        Raises:
            EndUserIdentityError: There is none of that key, or the secret is another one.
        """
        workspace = self._find(app_key)
        check_secret(workspace.app_secret, app_secret)
        return self._accept(workspace, None, "secret")

    def by_hash(self, app_key: str, user_id: str, given: str) -> Principal:
        """Return the user whose hash is shown.

        Raises:
            EndUserIdentityError: There is no application of that key, or the hash is another one.
        """
        workspace = self._find(app_key)
        check_user_hash(workspace.app_secret, user_id, given)
        return self._accept(workspace, user_id, "hash")

    def by_token(self, token: str, *, needs_user: bool = False) -> tuple[Principal, Identity]:
        """Return who a token was signed for, once; may block.

        Args:
            token: JWT in compact form.
            needs_user: Whether it must be for a user.
        Raises:
            EndUserIdentityError: It is not accepted, or was used before.
            StoreError: Nobody can tell whether it was used.
        """
        now = self._now()
        workspace = self._find(peek_app_key(token))
        identity = read_identity(token, workspace.app_key, workspace.app_secret, now)
        if needs_user and identity.user_id is None:
            raise EndUserIdentityError("claims", "claim 'user_id' is missing")
        principal = self._accept(workspace, identity.user_id, "token")
        named = hashlib.sha256(f"{workspace.app_key}\n{identity.jti}".encode()).hexdigest()
        if not self._store.use_once(named, identity.expires_at + 2 * LEEWAY_S - now):
            raise EndUserIdentityError("replayed", "the token was used before")
        return principal, identity

    def _find(self, app_key: str) -> Workspace:
        """Return the workspace of an app key; one that nothing fits where there is none."""
        return self._directory.find_by_key(app_key) or replace(self._nobody, app_key=app_key)

    def _accept(self, workspace: Workspace, end_user: str | None, how: How) -> Principal:
        if not workspace.conn_id:
            raise EndUserIdentityError("unknown", "there is no workspace of that app key")
        return Principal(workspace, check_user_id(end_user) if end_user is not None else None, how)
