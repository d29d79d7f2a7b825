"""Reading for many requests at once: those that ask while a query runs share the next one.

A thread and a connection cost the API server more than a row does. With one query under way, the next
one answers everybody who has come meanwhile; nobody gets a row that was read before they asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from airflow_provider_integry.authorizations.grant import Authorization
from airflow_provider_integry.authorizations.steps import run_in_thread


class RowReader:
    """Reads authorizations by their digests; used on one event loop.

    Args:
        find_many: Returns those that there are of some digests; may block.
    """

    def __init__(self, find_many: Callable[[Sequence[str]], dict[str, Authorization]]) -> None:
        self._find_many = find_many
        self._waiting: set[str] = set()
        self._next: asyncio.Task[dict[str, Authorization]] | None = None
        self._turn = asyncio.Lock()

    async def find(self, digest: str) -> Authorization | None:
        """Return one authorization as it is now; None where there is none.

        Raises:
            StoreError: It cannot be read.
        """
        self._waiting.add(digest)
        if self._next is None:
            self._next = asyncio.create_task(self._read())
        # Shielded: the others still want it when this one is given up.
        rows = await asyncio.shield(self._next)
        return rows.get(digest)

    async def _read(self) -> dict[str, Authorization]:
        async with self._turn:
            # Whoever asks from here on gets the next query.
            digests, self._waiting, self._next = sorted(self._waiting), set(), None
            return await run_in_thread(lambda: self._find_many(digests))
