"""The tables of end users: connect links, tokens that were used, and events for host applications.

Times and texts are as in `tables.py`. Who needs all tables takes `metadata` from here: this module comes last.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Index, Integer, String, Table, Text
from sqlalchemy.dialects.mysql import MEDIUMTEXT

from airflow_provider_integry.authorizations.trigger_tables import metadata

__all__ = ["link", "metadata", "outbox", "used_token"]
_LONG_TEXT = Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb")
_ROW_ID = BigInteger().with_variant(Integer, "sqlite")

# Connect links, until some time after they can be used.
link = Table(
    "integry_link",
    metadata,
    # "li_" and random text: names the link to whoever made it, and opens nothing.
    Column("id", String(40), primary_key=True),
    # SHA-256, in hex, of the text in the link's URL.
    Column("token_digest", String(64), nullable=False, unique=True),
    Column("conn_id", String(250), nullable=False),
    Column("team_name", String(50)),
    Column("end_user", String(255), nullable=False),
    Column("account", String(255)),
    # Connection of the host application.
    Column("workspace", String(250), nullable=False),
    # How it is made sure that it is the end user who goes through with it: `login`, `code` or `holder`.
    Column("binding", String(16), nullable=False),
    # Where the browser goes in the end, what goes along, and whose page is told.
    Column("return_url", Text),
    Column("state", Text),
    Column("origin", String(300)),
    # SHA-256, in hex, of the cookie of the browser that took it.
    Column("browser_digest", String(64)),
    Column("claimed_at", Double),
    # When that browser came back from the host application's login as the end user.
    Column("proved_at", Double),
    # `open`, `claimed`, `denied`, `failed`, `held` until the host application fetches it, then `taken`, `connected`.
    Column("outcome", String(16), nullable=False),
    Column("message", Text),
    # The conversation with the service, where it is one; see integry_consent.
    Column("consent_id", String(32)),
    # Public id of the account that was connected.
    Column("connected_id", String(40)),
    # Encrypted: credentials that were typed and are held. A grant that is held is in its consent's row.
    Column("sealed", _LONG_TEXT),
    # SHA-256, in hex, of the code with which what is held is fetched, and until when.
    Column("completion_digest", String(64), unique=True),
    Column("completion_until", Double),
    Column("created_by", String(255), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("done_at", Double),
    Column("revoked_at", Double),
    Index("idx_integry_link_expires_at", "expires_at"),
)

# What is accepted once.
used_token = Table(
    "integry_used_token",
    metadata,
    # SHA-256, in hex, of app key and name of the token.
    Column("digest", String(64), primary_key=True),
    # When it is refused for its age alone.
    Column("expires_at", Double, nullable=False, index=True),
)

# Events for host applications that are not delivered yet.
outbox = Table(
    "integry_outbox",
    metadata,
    Column("id", _ROW_ID, primary_key=True, autoincrement=True),
    # "ev_" and random text: the same in every try.
    Column("event_id", String(40), nullable=False),
    Column("workspace", String(250), nullable=False),
    Column("team_name", String(50)),
    # JSON with ids alone; signed when it is sent.
    Column("body", Text, nullable=False),
    # When it is tried next; moved ahead by whoever tries.
    Column("due_at", Double, nullable=False, index=True),
    Column("tries", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
)
