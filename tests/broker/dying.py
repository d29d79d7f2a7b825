"""What lets a process with a broker kill itself at one point of a refresh, once.

Variables of its environment, all optional:

- ``TEST_DIE_AT``: one of `kills.POINTS`; the process kills itself (SIGKILL) when it first gets there.
- ``TEST_DIE_MARK``: a file that is made then; it dies only where there is none yet.
- ``TEST_LEASE_S``, ``TEST_CONVERSATION_S``: shorten a lease and a conversation.
"""

from __future__ import annotations

import functools
import os
import signal
from typing import Any

from airflow_provider_integry.authorizations import refresh
from airflow_provider_integry.authorizations.journal import Journal
from airflow_provider_integry.authorizations.store import AuthorizationStore
from airflow_provider_integry.transport import aio


def die(point: str) -> None:
    """End this process at once where that is wanted, once."""
    if os.environ.get("TEST_DIE_AT") != point:
        return
    try:
        os.close(os.open(os.environ["TEST_DIE_MARK"], os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def arm() -> None:
    """Put the points into the functions that a refresh is made of ("in_flight" is the test's own affair)."""
    claim, change = AuthorizationStore.claim, AuthorizationStore.change
    write, remove, afetch = Journal.write, Journal.remove, aio.afetch

    @functools.wraps(claim)
    def claim_or_die(*args: Any, **named: Any) -> Any:
        die("before_lease")
        claimed = claim(*args, **named)
        if claimed is not None:
            die("after_lease")
        return claimed

    @functools.wraps(change)
    def change_or_die(self: Any, row: Any, values: Any, **named: Any) -> bool:
        is_done = change(self, row, values, **named)
        if is_done and "sealed" in values:
            die("after_commit")
        return is_done

    @functools.wraps(afetch)
    async def afetch_or_die(*args: Any, **named: Any) -> Any:
        die("before_sending")
        response = await afetch(*args, **named)
        die("after_response")
        return response

    @functools.wraps(write)
    def write_or_die(*args: Any) -> None:
        write(*args)
        die("after_journal")

    @functools.wraps(remove)
    def remove_or_die(*args: Any) -> None:
        remove(*args)
        die("after_removal")

    AuthorizationStore.claim, AuthorizationStore.change = claim_or_die, change_or_die
    Journal.write, Journal.remove, aio.afetch = write_or_die, remove_or_die, afetch_or_die


def shorten() -> None:
    """Shorten what would make tests long."""
    refresh.LEASE_S = float(os.environ.get("TEST_LEASE_S", refresh.LEASE_S))
    refresh.CONVERSATION_S = float(os.environ.get("TEST_CONVERSATION_S", refresh.CONVERSATION_S))
