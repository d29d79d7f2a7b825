"""Authorizations that were begun: one row from the click until a quarter of an hour later.

What comes back from the service names a row by the digest of its state. A row is taken once, by one
statement: of two callbacks with one state, one goes on.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets as random_secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Double, and_, delete, insert, literal, select, update

from airflow_provider_integry.authorizations.crypto import seal_data, unseal_data
from airflow_provider_integry.authorizations.database_errors import database_errors
from airflow_provider_integry.authorizations.tables import consent as table
from airflow_provider_integry.authorizations.tables import epoch_now
from airflow_provider_integry.secret import Secret

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

Outcome = Literal["pending", "taken", "ready", "denied", "failed", "other_account", "declined", "held"]
# For how long a callback is waited for, and for how long its outcome is shown after that.
LIFE_S = 600.0
SHOWN_S = 900.0


@dataclass(frozen=True, slots=True)
class Consent:
    """One row; the columns are explained in `tables.py`. Times are UTC epoch seconds of the database's clock."""

    id: str
    state_digest: str | None
    browser_digest: str | None
    digest: str
    conn_id: str
    team_name: str | None
    end_user: str | None
    account: str | None
    binding: str
    context: str
    user_name: str
    outcome: Outcome
    sealed: str | None = field(repr=False)
    message: str | None
    account_id: str | None
    account_name: str | None
    created_at: float
    expires_at: float
    link_id: str | None
    session_digest: str | None
    now: float

    @property
    def is_over(self) -> bool:
        """Whether its outcome is shown no more, and no question about it is answered."""
        return self.now > self.expires_at

    @property
    def is_expired(self) -> bool:
        """Whether no callback is taken any more."""
        return self.now > self.created_at + LIFE_S

    def belongs_to(self, user: str | None, browser: Secret | None = None) -> bool:
        """Return whether somebody has begun it.

        Args:
            user: Who is logged in to Airflow; None for an end user.
            browser: Key of an end user's browser.
        """
        if self.session_digest is None:
            return user is not None and self.user_name == user[:255]
        given = digest_browser(browser.reveal()) if browser else ""
        return hmac.compare_digest(self.session_digest, given)

    def open(self) -> dict[str, Any]:
        """Decrypt what only the end of the conversation needs.

        Raises:
            UnreadableGrantError: It cannot be decrypted.
        """
        return unseal_data(self.sealed or "", f"consent-{self.id}")


_NAMES = tuple(item.name for item in fields(Consent) if item.name != "now")


def make_id() -> str:
    """Return the random id of a row."""
    return random_secrets.token_hex(16)


def digest_state(kind: Literal["state", "oauth_token"], text: str) -> str:
    """Return the name under which a row is found by what the service sends back."""
    return hashlib.sha256(f"{kind}:{text}".encode("utf-8", "surrogatepass")).hexdigest()


def digest_browser(text: str) -> str:
    """Return what is kept of the cookie of a browser."""
    return hashlib.sha256(f"browser:{text}".encode("utf-8", "surrogatepass")).hexdigest()


class ConsentStore:
    """Reads and writes authorizations that were begun.

    Args:
        get_engine: Returns the engine of Airflow's database; asked at each use.
    """

    def __init__(self, get_engine: Callable[[], Engine]) -> None:
        self._get_engine = get_engine

    def add(self, consent_id: str, values: Mapping[str, Any], data: Mapping[str, Any]) -> None:
        """Make a row, and remove those whose outcome nobody asks for any more.

        Args:
            consent_id: Its id.
            values: Columns.
            data: What is encrypted.
        Raises:
            StoreError: It cannot be written.
        """
        now = epoch_now()
        row = {
            "id": consent_id,
            "outcome": "pending",
            "created_at": now,
            "expires_at": now + literal(LIFE_S + SHOWN_S, Double),
            "sealed": seal_data(data, f"consent-{consent_id}"),
            **values,
        }
        with self._writing() as connection:
            connection.execute(delete(table).where(table.c.expires_at < epoch_now()))
            connection.execute(insert(table).values(row))

    def find(self, consent_id: str) -> Consent | None:
        """Return a row by its id; None where there is none."""
        return self._find(table.c.id == consent_id)

    def find_by_state(self, state_digest: str) -> Consent | None:
        """Return the row that a callback belongs to; None where there is none."""
        return self._find(table.c.state_digest == state_digest)

    def find_newest(self, digest: str, since: float) -> Consent | None:
        """Return the row that was made last for an authorization; None where none was made after a moment.

        Args:
            digest: Which authorization.
            since: The moment, UTC epoch seconds of the database's clock.
        """
        newest = select(table.c.id).where(table.c.digest == digest, table.c.created_at >= since)
        newest = newest.order_by(table.c.created_at.desc(), table.c.id).limit(1)
        return self._find(table.c.id == newest.scalar_subquery())

    def find_held(self, link_id: str) -> Consent | None:
        """Return the row of a link whose grant is held; None where there is none."""
        return self._find(and_(table.c.link_id == link_id, table.c.outcome == "held"))

    def move(
        self, row: Consent, before: Outcome, after: Outcome, data: Mapping[str, Any] | None = None, **values: Any
    ) -> bool:
        """Bring a row from one outcome to the next; return whether it was this caller who did.

        Args:
            row: The row.
            before: What it must be.
            after: What it becomes.
            data: What is encrypted from now on; nothing where it is left out.
            values: Further columns.
        """
        sealed = {} if after == "taken" else {"sealed": seal_data(data, f"consent-{row.id}") if data else None}
        statement = (
            update(table)
            .where(table.c.id == row.id, table.c.outcome == before)
            .values(outcome=after, **sealed, **values)
        )
        with self._writing() as connection:
            return connection.execute(statement).rowcount == 1

    def _find(self, condition: Any) -> Consent | None:
        columns = [*(table.c[name] for name in _NAMES), epoch_now().label("now")]
        with database_errors(), self._get_engine().connect() as connection:
            row = connection.execute(select(*columns).where(condition)).first()
        return None if row is None else Consent(*row)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with database_errors(), self._get_engine().begin() as connection:
            yield connection
