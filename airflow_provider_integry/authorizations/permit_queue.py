"""The broker's side of permits: those who ask while one change of a row is under way share the next one."""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple

from airflow_provider_integry.authorizations.messages import PermitAnswer, PermitAsk
from airflow_provider_integry.authorizations.permit_state import Caps
from airflow_provider_integry.authorizations.permit_store import PermitStore
from airflow_provider_integry.authorizations.steps import run_in_thread

MAX_QUEUES = 10_000


class _Waiting(NamedTuple):
    ask: PermitAsk
    answer: asyncio.Future[PermitAnswer]


class PermitQueue:
    """Grants permits; used on one event loop.

    Args:
        store: Where they are kept.
    """

    def __init__(self, store: PermitStore) -> None:
        self._store = store
        self._waiting: dict[tuple[str, Caps], list[_Waiting]] = {}
        self._tasks: dict[tuple[str, Caps], asyncio.Task[None]] = {}
        self._turns = Turns()

    async def ask(self, digest: str, caps: Caps, ask: PermitAsk) -> PermitAnswer:
        """Answer one process; nobody waits in here for room.

        Raises:
            StoreError: The row cannot be read or changed.
        """
        key = (digest, caps)
        answer: asyncio.Future[PermitAnswer] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append(_Waiting(ask, answer))
        if key not in self._tasks:
            self._tasks[key] = asyncio.create_task(self._work(digest, caps))
        return self._turns.spread(digest, caps, await answer)

    async def _work(self, digest: str, caps: Caps) -> None:
        key = (digest, caps)
        try:
            while batch := self._waiting.pop(key, None):
                await self._serve(digest, caps, batch)
        finally:
            del self._tasks[key]

    async def _serve(self, digest: str, caps: Caps, batch: list[_Waiting]) -> None:
        asks = [one.ask for one in batch]
        try:
            answers = await run_in_thread(lambda: self._store.serve(digest, caps, asks))
        except BaseException as error:  # noqa: BLE001 - each of those who wait is told
            for one in batch:
                if not one.answer.done():
                    one.answer.set_exception(error)
            return
        for one, answer in zip(batch, answers, strict=True):
            if not one.answer.done():
                one.answer.set_result(answer)


class Turns:
    """Spreads those who have to come back: each is told a later moment than the one before.

    It decides nothing: who comes back and finds no room is told another moment.
    """

    def __init__(self) -> None:
        self._last: dict[str, float] = {}

    def spread(self, digest: str, caps: Caps, answer: PermitAnswer) -> PermitAnswer:
        """Return an answer whose wait is that one's turn."""
        if not answer.wait_s:
            return answer
        now = time.monotonic()
        at = max(now + answer.wait_s, self._last.get(digest, 0.0) + caps.spacing_s)
        if len(self._last) > MAX_QUEUES:
            self._last = {name: last for name, last in self._last.items() if last > now}
        self._last[digest] = at
        return PermitAnswer(wait_s=at - now)
