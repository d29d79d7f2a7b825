"""What a task and the API server say to each other about all end users of a connection, version 1."""

from __future__ import annotations

from typing import Annotated

import msgspec

END_USERS_PATH = "/v1/end-users"
# What the proof of such a request is for: it is of no use for credentials, and theirs are of none for it.
USE = "end-users"
MAX_END_USERS = 1000

# Databases refuse NUL in a text.
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern=r"^[^\x00]*$")]
Word = Annotated[str, msgspec.Meta(max_length=32)]
RowId = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class EndUsersRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """Ask which end users have something kept for a connection, a page at a time.

    Attributes:
        conn_id: The connection.
        include: Those that stand like one of these: names of `Readiness`.
        account: Those with this account; None for the default one.
        has_all_accounts: Whether each account is listed, whatever its name.
        after_id: Where the last answer has stopped; 0 to begin.
        limit: Rows that are looked at; an answer holds at most so many.
    """

    conn_id: Text
    include: Annotated[list[Word], msgspec.Meta(max_length=16)]
    account: Text | None = None
    has_all_accounts: bool = False
    after_id: RowId = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_END_USERS)] = MAX_END_USERS


class ListedEndUser(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One end user with one account, by their names here; nothing of what the service knows them by."""

    end_user: str
    readiness: str
    account: str | None = None


class EndUsersAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """One page.

    Attributes:
        end_users: Those that are wanted, in the order in which they first appeared.
        left_out: How many others there are on this page, by how they stand.
        next_id: To go on with; None after the last page.
    """

    end_users: list[ListedEndUser]
    left_out: dict[str, int] = {}
    next_id: int | None = None
