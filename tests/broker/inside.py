"""The store, the journal and the refresher in the test's own process, against a real database file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from airflow_provider_integry.authorizations.grant import Authorization, AuthorizationKey
from airflow_provider_integry.authorizations.journal import Journal
from airflow_provider_integry.authorizations.refresh import HandedOut, Refresher
from airflow_provider_integry.authorizations.steps import run_steps
from airflow_provider_integry.authorizations.store import AuthorizationStore
from airflow_provider_integry.authorizations.subject import Subject, build_subject
from airflow_provider_integry.authorizations.tables import metadata
from airflow_provider_integry.settings import RawConnection, parse_connection


class Heard:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def refreshed(self, row: Authorization, seconds: float) -> None:
        self.words.append("refreshed")

    def recovered(self, row: Authorization) -> None:
        self.words.append("recovered")

    def failed(self, row: Authorization, error: Exception) -> None:
        self.words.append(f"failed {type(error).__name__}")

    def lost(self, row: Authorization, cause: str) -> None:
        self.words.append(f"lost {cause}")

    def imported(self, row: Authorization, subject: Subject) -> None:
        self.words.append("imported")

    def authorized(self, row: Authorization, owner: str) -> None:
        self.words.append("authorized")


class Inside:
    """One process with the database; `ask` does what `dag.test()` does.

    Args:
        folder: Where database and journal are.
        token_url: Base URL of the authorization server.
        refresh_token: What is pasted into the connection.
    """

    def __init__(self, folder: Path, token_url: str, refresh_token: str | None) -> None:
        self.engine = create_engine(f"sqlite:///{folder / 'grants.db'}", poolclass=NullPool)
        metadata.create_all(self.engine)
        self.store = AuthorizationStore(lambda: self.engine)
        self.journal_folder = folder / "journal"
        self.heard = Heard()
        self.refresher = Refresher(self.store, Journal(self.journal_folder), self.heard)
        self.retry_window_s = 0.0
        self.fields: dict[str, Any] = {
            "exchange_url": f"{token_url}/token",
            "client_id": "client-1",
            "client_secret": "secret-1",
            "allow_http": True,
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
        }
        self._host = token_url

    @property
    def subject(self) -> Subject:
        """What the connection says now."""
        extra = {name: value for name, value in self.fields.items() if value is not None}
        raw = RawConnection("acme", "integry_oauth2", self._host, None, None, None, None, json.dumps(extra))
        built = build_subject(parse_connection(raw), AuthorizationKey("acme"))
        return replace(built, retry_window_s=self.retry_window_s)

    def ask(self, rejected: str | None = None, *, wait_s: float = 5.0) -> HandedOut:
        """Return a token that is good now, as a process with the database gets it."""
        return run_steps(self.refresher.hand_out(self.subject, rejected, wait_s=wait_s))

    def renew_ahead(self) -> None:
        """Do what the broker does in the background for a token that is due."""
        run_steps(self.refresher.renew(self.subject, self.row))

    @property
    def row(self) -> Authorization:
        """The one row."""
        found = self.store.find(AuthorizationKey("acme").digest)
        assert found is not None
        return found

    @property
    def journal(self) -> list[str]:
        """Names of what is in the journal."""
        return sorted(path.name for path in self.journal_folder.glob("*"))

    def set(self, **columns: str) -> None:
        """Change columns to SQL expressions."""
        changes = ", ".join(f"{name} = {value}" for name, value in columns.items())
        with self.engine.begin() as connection:
            connection.execute(text(f"UPDATE integry_authorization SET {changes}"))

    def pass_time(self, seconds: float) -> None:
        """Let that much time go by for the row."""
        columns = (
            "expires_at", "advise_at", "require_at", "refreshed_at", "cool_until", "unknown_since", "lease_until",
            "error_at",
        )  # fmt: skip
        self.set(**{name: f"{name} - {seconds}" for name in columns})
