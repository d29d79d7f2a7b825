"""Tell host applications what has happened, after the answer was sent."""

from __future__ import annotations

import asyncio
import logging

from airflow_provider_integry.authorizations.messages import KEEP_ALIVE_PATH
from airflow_provider_integry.authorizations.steps import arun_steps, run_in_thread
from airflow_provider_integry.end_users.outbox import Outbox
from airflow_provider_integry.web.headers import Application, Message, Receive, Send

log = logging.getLogger(__name__)
# An event that is due later than this is left to whatever happens next, or to the DAG that keeps grants alive.
PATIENCE_S = 900.0


class TellsHosts:
    """An ASGI application around another one that sends events out of the outbox.

    Events of this process are sent at once, and tried again for a quarter of an hour. What other processes left,
    and what fails for longer, is tried whenever the DAG that keeps grants alive calls.

    Args:
        app: The application inside.
        outbox: Where events are kept.
    """

    def __init__(self, app: Application, outbox: Outbox) -> None:
        self._app = app
        self._outbox = outbox
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        await self._app(scope, receive, send)
        is_keeper = scope.get("type") == "http" and str(scope.get("path", "")).endswith(KEEP_ALIVE_PATH)
        if (self._outbox.has_news or is_keeper) and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        try:
            while True:
                await arun_steps(self._outbox.deliver())
                wait_s = await run_in_thread(self._outbox.read_wait)
                if wait_s is None or wait_s > PATIENCE_S:
                    return
                await self._wait(wait_s)
        except Exception:
            # They are kept: the next one who comes by tries again.
            log.exception("Host applications could not be told what has happened.")

    async def _wait(self, wait_s: float) -> None:
        """Wait until the next event is due, or something new has happened."""
        ends_at = asyncio.get_running_loop().time() + max(1.0, wait_s)
        while not self._outbox.has_news and asyncio.get_running_loop().time() < ends_at:
            await asyncio.sleep(1.0)
