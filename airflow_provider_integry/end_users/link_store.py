"""The repository of connect links, and of what is accepted once."""

from __future__ import annotations

import hashlib
import re
import secrets as random_secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Double, and_, delete, insert, literal, select, update
from sqlalchemy.exc import IntegrityError

from airflow_provider_integry.authorizations.crypto import seal_data, unseal_data
from airflow_provider_integry.authorizations.database_errors import database_errors
from airflow_provider_integry.authorizations.end_user_tables import link as table
from airflow_provider_integry.authorizations.end_user_tables import used_token as used
from airflow_provider_integry.authorizations.tables import epoch_now

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

Binding = Literal["login", "code", "holder"]
LinkOutcome = Literal["open", "claimed", "denied", "failed", "held", "taken", "connected"]
LinkStatus = Literal["open", "claimed", "denied", "failed", "held", "connected", "expired", "revoked"]
# For how long after its end a link's outcome can be asked for.
SHOWN_S = 86_400.0
_LINK_ID = re.compile(r"li_[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Link:
    """One link; the columns are explained in `end_user_tables.py`. Times are UTC epoch seconds of the database's clock.

    Attributes:
        now: The database's clock when it was read.
    """

    id: str
    conn_id: str
    team_name: str | None
    end_user: str
    account: str | None
    workspace: str
    binding: Binding
    return_url: str | None
    state: str | None
    origin: str | None
    browser_digest: str | None = field(repr=False)
    claimed_at: float | None
    proved_at: float | None
    outcome: LinkOutcome
    message: str | None
    consent_id: str | None
    connected_id: str | None
    sealed: str | None = field(repr=False)
    completion_until: float | None
    created_by: str
    created_at: float
    expires_at: float
    done_at: float | None
    revoked_at: float | None
    now: float

    @property
    def is_expired(self) -> bool:
        """Whether it is too late to begin anything with it."""
        return self.now >= self.expires_at

    @property
    def needs_login(self) -> bool:
        """Whether the browser has yet to come back from the host application's login."""
        return self.binding == "login" and self.proved_at is None

    def open(self) -> dict[str, Any]:
        """Decrypt the credentials that are held.

        Raises:
            UnreadableGrantError: They cannot be decrypted.
        """
        return unseal_data(self.sealed or "", f"link-{self.id}")

    @property
    def status(self) -> LinkStatus:
        """Where it stands, for whoever made it."""
        if self.outcome == "held" or self.outcome == "taken":  # noqa: PLR1714 - so that types are narrowed
            return "held"
        if self.outcome == "connected":
            return "connected"
        if self.revoked_at is not None:
            return "revoked"
        if self.outcome in ("open", "claimed") and self.is_expired:
            return "expired"
        return self.outcome


_NAMES = tuple(item.name for item in fields(Link) if item.name != "now")


def make_link_id() -> str:
    """Return the random id of a link."""
    return f"li_{random_secrets.token_hex(16)}"


def digest_of(kind: Literal["link", "browser", "completion", "token"], text: str) -> str:
    """Return what is kept of a secret text: SHA-256, in hex, another one for each kind."""
    return hashlib.sha256(f"{kind}:{text}".encode("utf-8", "surrogatepass")).hexdigest()


def seal_held(link_id: str, data: Mapping[str, Any]) -> str:
    """Encrypt credentials that a link holds.

    Raises:
        StoreNotReadyError: Airflow has no Fernet key.
    """
    return seal_data(data, f"link-{link_id}")


class LinkStore:
    """Reads and writes links.

    Args:
        get_engine: Returns the engine of Airflow's database; asked at each use.
    """

    def __init__(self, get_engine: Callable[[], Engine]) -> None:
        self._get_engine = get_engine

    def add(self, link_id: str, life_s: float, values: Mapping[str, Any]) -> Link:
        """Make a link, and remove those that nobody asks for any more.

        Raises:
            StoreError: It cannot be written.
        """
        now = epoch_now()
        row = {
            "id": link_id,
            "outcome": "open",
            "created_at": now,
            "expires_at": now + literal(life_s, Double),
            **values,
        }
        with self._writing() as connection:
            connection.execute(delete(table).where(table.c.expires_at < epoch_now() - literal(SHOWN_S, Double)))
            # What was held and never fetched.
            is_late = and_(table.c.completion_until < epoch_now(), table.c.sealed.is_not(None))
            connection.execute(update(table).where(is_late).values(sealed=None))
            connection.execute(insert(table).values(row))
        made = self.find(link_id)
        assert made is not None
        return made

    def find(self, link_id: str) -> Link | None:
        """Return a link by its id; None where there is none."""
        return self._find(table.c.id == link_id) if _LINK_ID.fullmatch(link_id) else None

    def find_by_token(self, token: str) -> Link | None:
        """Return the link of a URL; None where there is none."""
        return self._find(table.c.token_digest == digest_of("link", token))

    def find_by_completion(self, code: str) -> Link | None:
        """Return the link whose result a code fetches; None where there is none."""
        return self._find(table.c.completion_digest == digest_of("completion", code))

    def change(self, link: Link, before: Mapping[str, Any], values: Mapping[str, Any]) -> Link | None:
        """Change a link where some columns are still as expected; return it, or None where they are not.

        Args:
            link: The link.
            before: Columns and what they must be.
            values: Columns and what they become.
        """
        conditions = [
            table.c[name].is_(None) if value is None else table.c[name] == value for name, value in before.items()
        ]
        statement = update(table).where(table.c.id == link.id, *conditions).values(**values)
        with self._writing() as connection:
            if connection.execute(statement).rowcount != 1:
                return None
        return self.find(link.id)

    def use_once(self, text: str, life_s: float) -> bool:
        """Remember that something was used; return whether that was the first time.

        Args:
            text: What names it.
            life_s: For how many seconds it could be used again.
        """
        row = {"digest": digest_of("token", text), "expires_at": epoch_now() + literal(life_s, Double)}
        with self._writing() as connection:
            connection.execute(delete(used).where(used.c.expires_at < epoch_now()))
        try:
            with self._writing() as connection:
                connection.execute(insert(used).values(row))
        except IntegrityError:
            return False
        return True

    def _find(self, condition: Any) -> Link | None:
        columns = [*(table.c[name] for name in _NAMES), epoch_now().label("now")]
        with database_errors(), self._get_engine().connect() as connection:
            row = connection.execute(select(*columns).where(condition)).first()
        return None if row is None else Link(*row)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with database_errors(), self._get_engine().begin() as connection:
            yield connection
