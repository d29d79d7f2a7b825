"""The provider's own tables, in Airflow's database.

Times are UTC epoch seconds, as floats, and are taken from the database's clock (`epoch_now`), so
that several API servers agree whatever their own clocks say. Texts that name something are compared
through digests, because some databases fold case or trim spaces.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, MetaData, String, Table, Text, TypeDecorator
from sqlalchemy.dialects.mysql import MEDIUMTEXT
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

# Constraints are named, so that migrations can name them on every database.
metadata = MetaData(
    naming_convention={
        "ix": "idx_%(table_name)s_%(column_0_name)s",
        "uq": "%(table_name)s_%(column_0_name)s_uq",
        "pk": "%(table_name)s_pkey",
    }
)
VERSION_TABLE = "alembic_version_integry"
_LONG_TEXT = Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb")
# SQLite numbers rows by itself only in INTEGER columns.
_ROW_ID = BigInteger().with_variant(Integer, "sqlite")

authorization = Table(
    "integry_authorization",
    metadata,
    Column("id", _ROW_ID, primary_key=True, autoincrement=True),
    # SHA-256, in hex, of connection, team, end user and account: what makes the row unique.
    Column("digest", String(64), nullable=False, unique=True),
    Column("conn_id", String(250), nullable=False),
    Column("team_name", String(50)),
    Column("end_user", String(255)),
    Column("account", String(255)),
    Column("conn_type", String(50), nullable=False),
    # What the grant was given to (client, endpoints, host): used with anything else it is refused.
    Column("binding", String(64), nullable=False),
    # Whether it is lost when it is lost: it cannot be obtained again from the connection alone.
    Column("is_grant", Boolean, nullable=False),
    # Beginnings of the SHA-256 of the refresh tokens that were pasted into the connection, to notice a new
    # one; see `grant.is_known_seed`.
    Column("seed", String(64)),
    Column("state", String(16), nullable=False),
    # Encrypted; see crypto.py.
    # MySQL's TEXT would end at 64 KiB.
    Column("sealed", _LONG_TEXT),
    # Counts every change of the row: the fencing token.
    Column("version", BigInteger, nullable=False),
    # Counts the grants that were stored.
    Column("generation", BigInteger, nullable=False),
    Column("lease_owner", String(64)),
    Column("lease_until", Double),
    Column("token_fingerprint", String(16)),
    Column("expires_at", Double),
    # From here on a refresh is tried while the token is handed out; from `require_at` on it is waited for.
    Column("advise_at", Double),
    Column("require_at", Double),
    Column("refreshed_at", Double),
    # When it was last renewed because the API had refused its token.
    Column("forced_at", Double),
    # The end that nothing but a new consent moves; None when unknown.
    Column("grant_ends_at", Double),
    # Where each renewal moves the end: how long the service lets a grant lie idle.
    Column("idle_limit_s", Double),
    Column("scopes", Text),
    Column("account_id", String(255)),
    Column("account_name", String(255)),
    # A request whose answer never came: the refresh token may be used up.
    Column("unknown_since", Double),
    Column("is_rotating", Boolean, nullable=False),
    Column("failures", Integer, nullable=False),
    # Until then nothing is tried, unless the connection has changed: SHA-256 of what it was.
    Column("cool_until", Double),
    Column("cool_for", String(64)),
    Column("error", Text),
    Column("error_at", Double),
    Column("created_at", Double, nullable=False),
    # What others call it by: "ca_" and 32 random hex digits. Empty only in rows that an older version of this
    # provider has made beside this one.
    Column("public_id", String(40)),
    # Account of the same end user whose credentials are used in the place of these; "" for the default one.
    Column("use_account", String(255)),
    Index("idx_integry_authorization_refreshed_at", "refreshed_at"),
    Index("idx_integry_authorization_public_id", "public_id", unique=True),
    # Not the connection first: databases would take it for a shorter way through the list of authorizations.
    Index("idx_integry_authorization_page", "is_grant", "conn_id", "id"),
    # For the list of authorizations: most of what it asks of a row is in here, so that the encrypted parts
    # of all the others stay unread.
    Index("idx_integry_authorization_standing", "conn_id", "team_name", "is_grant", "binding", "state", "error_at"),
    Index("idx_integry_authorization_end_user", "end_user", "account"),
    Index("idx_integry_authorization_account_name", "account_name"),
)

# Authorizations that were begun and are not over for longer than a quarter of an hour.
consent = Table(
    "integry_consent",
    metadata,
    # Random text under which its outcome is shown.
    Column("id", String(32), primary_key=True),
    # SHA-256, in hex, of what the service sends back: the state, or the temporary token of OAuth 1.0a.
    Column("state_digest", String(64), unique=True),
    # SHA-256, in hex, of the cookie of the browser in which it was begun.
    Column("browser_digest", String(64)),
    # Which authorization it is for; see integry_authorization.
    Column("digest", String(64), nullable=False),
    Column("conn_id", String(250), nullable=False),
    Column("team_name", String(50)),
    Column("end_user", String(255)),
    Column("account", String(255)),
    Column("binding", String(64), nullable=False),
    # Last part of the redirect URI.
    Column("context", String(300), nullable=False),
    # Who began it.
    Column("user_name", String(255), nullable=False),
    Column("outcome", String(16), nullable=False),
    # Encrypted: the verifier or temporary token, and a grant that waits for an answer; see consents.py.
    Column("sealed", _LONG_TEXT),
    # The outcome in words, and the account.
    Column("message", Text),
    Column("account_id", String(255)),
    Column("account_name", String(255)),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False, index=True),
)

# How much of the limits of an API's connector is used up at the moment; see permit_state.py.
permit = Table(
    "integry_permit",
    metadata,
    # SHA-256, in hex, of an authorization and what is limited.
    Column("digest", String(64), primary_key=True),
    # Counts every change of the row.
    Column("version", BigInteger, nullable=False),
    Column("state", _LONG_TEXT, nullable=False),
    # When nothing in it matters any more.
    Column("idle_at", Double, nullable=False, index=True),
)


class epoch_now(FunctionElement[float]):  # noqa: N801 - SQL functions are written in lower case
    """The database's clock, UTC epoch seconds with a fraction."""

    type = Double()
    inherit_cache = True


@compiles(epoch_now)
def _epoch_now(element: epoch_now, compiler: Any, **options: Any) -> str:
    # Not now(): that one stands still within a transaction.
    return "EXTRACT(EPOCH FROM clock_timestamp())::double precision"


@compiles(epoch_now, "sqlite")
def _epoch_now_sqlite(element: epoch_now, compiler: Any, **options: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(epoch_now, "mysql")
@compiles(epoch_now, "mariadb")
def _epoch_now_mysql(element: epoch_now, compiler: Any, **options: Any) -> str:
    # Not UNIX_TIMESTAMP(SYSDATE()): that takes local time back to UTC, and is an hour off in the hour that
    # summer time ends with.
    return "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1e6)"


class _Exact(TypeDecorator[str]):
    """A text that some databases return as bytes."""

    impl = Text
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Any) -> str | None:
        return value.decode() if isinstance(value, bytes) else value


class exactly(FunctionElement[str]):  # noqa: N801 - as above
    """A text as it is written, to group by: some databases take `CRM`, `crm` and `crm ` for the same."""

    type = _Exact()
    inherit_cache = True


@compiles(exactly)
def _exactly(element: exactly, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


@compiles(exactly, "mysql")
@compiles(exactly, "mariadb")
def _exactly_mysql(element: exactly, compiler: Any, **options: Any) -> str:
    return f"CAST(CONVERT({compiler.process(element.clauses, **options)} USING utf8mb4) AS BINARY)"
